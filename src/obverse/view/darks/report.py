"""The page that `obverse measure darks` leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.model import TERMS
from obverse.darks.noise_maps import NoiseMaps
from obverse.darks.report import (
    MAP_HEADER,
    STACK_HEADER,
    HotPixel,
    fact_rows,
    hot_pixels,
    map_rows,
    stack_rows,
    weighted_by_noise,
)
from obverse.view import page as html
from obverse.view import pictures
from obverse.view.darks import map_pictures, stack_pictures
from obverse.view.darks.worth import budget_parts, worth_parts

if TYPE_CHECKING:
    from obverse.jobs.measuring_darks import DarkCampaign

__all__ = ["page_of"]

Array = NDArray[Any]

_MOST_HOT = 30
"""Rows of the table of hot pixels."""


def page_of(done: DarkCampaign, made: Mapping[str, str]) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    done
        What was measured.
    made
        How: words for the end of the page.
    """
    maps = done.maps
    image = maps.image
    parts = [
        *_measured(done),
        html.section("The maps"),
        html.figure(pictures.images(_panels(image)), _MAPS),
        html.figure(map_pictures.error_images(_map_panels(image)), _OF_ERRORS),
        html.section("Are the errors right?"),
        html.paragraph(_MODEL + (_ERRORS if weighted_by_noise(maps) else _UNWEIGHTED)),
        html.figure(map_pictures.map_histograms(_map_panels(image)), _HISTOGRAMS),
        *_quality(maps, image),
        html.section("Do all stacks tell of one detector?"),
        html.paragraph(_STACKS),
        html.figure(stack_pictures.stack_grids(_points(maps)), _GRIDS),
        html.table(STACK_HEADER, stack_rows(maps)),
        *budget_parts(maps),
        *worth_parts(maps),
        *_hot(hot_pixels(maps)),
    ]
    return html.page("Noise maps of an EMCCD", _lead(done), parts, _footer(done, made))


_MAPS = (
    "Rows and columns of the image area: fixed pattern F, clock-induced charge C and dark current D as fitted, not "
    "clipped at zero. Stretched by an arcsinh about the median."
)
_OF_ERRORS = "Their errors: larger where cosmic rays, and what trails behind them, have taken frames away."
_MODEL = "A dark frame is F + g C + g t D at EM gain g and exposure time t. "
_ERRORS = (
    "The stacks are weighted with the noise of their frames, pooled over all pixels; the errors follow from those "
    "weights, and the scatter of a map checks them. A map that is wider than its errors has a structure of its own, "
    "which the darks have seen."
)
_UNWEIGHTED = (
    "The stacks are not weighted with their noise, so that noisy stacks of high gain count as much as quiet ones, and "
    "the errors come from the residuals of each pixel alone: they are those that corgidrp gives, for comparison. Trust "
    "them where the histograms do. Without the noise there is no chi-square."
)
_HISTOGRAMS = (
    "Pixels of the image area, and the normal law of their errors about the median. C and D lean to the right: few "
    "electrons, multiplied by chance, have a long tail, and hot pixels stand in it."
)
_QUALITY = (
    "How well F + g C + g t D describes the stacks of each pixel. The law is that of normal noise; multiplied "
    "electrons have longer tails, so that more pixels lie beyond it."
)
_STACKS = (
    "One F, C and D must serve every stack. The level of a stack is compared with what the other stacks say of it, in "
    "its own errors; its pattern shows in the chi-square of its pixels. What is common to many pixels of a frame, as "
    "the noise of the prescan in a row, is not in the errors of a level: a few sigmas there need not mean much."
)
_GRIDS = "Framed are stacks that break the one noise profile: the maps hold their error, leave them out."


def _lead(done: DarkCampaign) -> str:
    maps = done.maps
    frames = sum(stack.frames for stack in maps.stacks)
    fitting = sum(stack.verdict == "fits" for stack in maps.stacks)
    told = "all of which fit" if fitting == len(maps.stacks) else f"{fitting} of which fit"
    cic, dark = (np.nanmean(getattr(maps.image.unclipped, key)) for key in ("cic", "dark_current"))
    return (
        f"{frames:,} dark frames of {done.belief.name.removesuffix('-measured')} in {len(maps.stacks)} stacks, {told}: "
        f"{cic:.3g} electrons of clock-induced charge a frame, and a mean dark current of "
        f"{dark:.3g} electron/s ({3600 * dark:.3g} an hour)."
    )


def _measured(done: DarkCampaign) -> list[str]:
    maps = done.maps
    parts = [
        html.section("What was measured"),
        html.table(MAP_HEADER, map_rows(maps)),
        html.table(("of the detector", "value"), fact_rows(maps)),
    ]
    others = {kind: n for kind, n in done.kinds.items() if kind not in ("dark", "bias")}
    if others:
        named = ", ".join(f"{n} {kind}" for kind, n in others.items())
        parts.append(html.paragraph(f"Not all frames say that they are darks: {named}. The maps hold their light."))
    if maps.skipped:
        parts.append(html.paragraph(f"Left out: {', '.join(maps.skipped)}."))
    return parts


def _panels(image: NoiseMaps) -> dict[str, tuple[Array, str]]:
    return {f"{term.letter}, {term.name}": (getattr(image.unclipped, term.key), term.unit) for term in TERMS}


def _map_panels(image: NoiseMaps) -> list[map_pictures.MapPanel]:
    return [
        map_pictures.MapPanel(title, unit, values, getattr(image, f"{term.key}_error"))
        for term, (title, (values, unit)) in zip(TERMS, _panels(image).items(), strict=True)
    ]


def _quality(maps: NoiseMaps, image: NoiseMaps) -> list[str]:
    freedom = len(maps.stacks) - 3
    if image.chi_square is None or freedom < 1 or not weighted_by_noise(maps):
        return []
    return [html.figure(map_pictures.chi_square_plot(image.chi_square, freedom), _QUALITY)]


def _points(maps: NoiseMaps) -> list[stack_pictures.StackPoint]:
    return [
        stack_pictures.StackPoint(s.time, s.gain, s.significance, s.chi_square, s.verdict == "fits")
        for s in maps.stacks
    ]


def _hot(pixels: list[HotPixel]) -> list[str]:
    title = html.section("Hot pixels")
    if not pixels:
        return [title, html.paragraph("No pixel of the image area stands ten robust scatters above the median of D.")]
    rows = [
        (f"{p.row}", f"{p.column}", f"{p.dark_current:.4g}", f"{p.error:.2g}", f"{p.dark_current / p.error:.1f}")
        for p in pixels[:_MOST_HOT]
    ]
    more = f" The {_MOST_HOT} hottest of them:" if len(pixels) > _MOST_HOT else ""
    word = "pixel stands" if len(pixels) == 1 else "pixels stand"
    told = f"{len(pixels)} {word} ten robust scatters above the median of D, and five of their own errors.{more}"
    header = ("row", "column", "D [electron/s]", "error", "D / error")
    return [title, html.paragraph(told), html.table(header, rows)]


def _footer(done: DarkCampaign, made: Mapping[str, str]) -> str:
    return (
        f"Made by obverse {version('obverse')}. Detector {made['DETNAME']}, belief {made['DETSHA'][:16]}; weighting "
        f"{done.weighting}; {sum(done.kinds.values()):,} files read, {len(done.maps.skipped)} left out. Maps: "
        f"{done.maps.digest()[:16]}."
    )
