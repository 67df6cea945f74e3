"""Types and options that verbs share; click alone is imported here, so that help answers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "CHECKSUM",
    "DETECTOR",
    "FILES",
    "KINDS",
    "OVERWRITE",
    "REFERENCES",
    "SEED",
    "SET",
    "Numbers",
    "Positive",
    "Range",
    "Shape",
    "light_of_stars",
    "pairs",
    "refuse_given",
]

F = TypeVar("F", bound=Callable[..., Any])


class Positive(click.ParamType[float, str]):
    """A number above zero; not even NaN passes, as it does through `click.FloatRange`."""

    name = "NUMBER"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.fail(f"{value!r} must be a number above 0", param, ctx)
        return number


FILES = click.Path(path_type=Path)
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a header keyword that is missing or wrong."
)
CHECKSUM = click.option(
    "--ignore-checksum", is_flag=True, help="Warn of a wrong checksum instead of refusing the file."
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace older products.")

KINDS = ("bias", "dark", "flat", "ramps", "science")
"""Kinds of exposures, by the names that `measure` looks for."""

SEED = click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
DETECTOR = click.option(
    "--detector", metavar="NAME|TOML", help="Detector, measured or built in.  [default: the one the file names]"
)
REFERENCES = click.option(
    "--reference", "references", multiple=True, type=FILES, help="Reference file, or a directory of them; repeat it."
)
PSF = click.option(
    "--psf", metavar="KIND:NUMBERS|FITS[:N]",
    help="Light of a star: gaussian:FWHM, moffat:FWHM[,BETA], airy:FIRST_ZERO[,OBSCURATION] [pixel], or an image with "
    "N cells to a pixel.",
)  # fmt: skip
BAND = click.option("--band", metavar="NAME", help="Band, which is the column of fluxes in the catalogue.")
WCS = click.option("--wcs", metavar="FITS[:EXT]", help="Header that says where ra and dec of the catalogue lie, in "
                   "pixels of the calibrated image.")  # fmt: skip
ZERO_POINT = click.option(
    "--zero-point", type=float, metavar="MAG", help="AB magnitude of 1 electron/s.  [default: that of a Roman --band]"
)
PIXEL_SCALE = click.option(
    "--pixel-scale", type=Positive(), metavar="ARCSEC", help="Size of a pixel, for radii of galaxies without --wcs."
)


def light_of_stars(command: F) -> F:
    """Add the options that tell how the sources of a catalogue are drawn."""
    for option in reversed((PSF, BAND, WCS, ZERO_POINT, PIXEL_SCALE)):
        command = option(command)
    return command


class Shape(click.ParamType[tuple[int, int], str]):
    """A size as rows x columns: 64x64."""

    name = "ROWSxCOLUMNS"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        rows, _, columns = str(value).partition("x")
        if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
            self.fail(f"{value!r} must look like 64x64, with at least one row and one column", param, ctx)
        return int(rows), int(columns)


class Numbers(click.ParamType[tuple[float, ...], str]):
    """One number or several: 2,10,100."""

    name = "NUMBER[,NUMBER...]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        try:
            return tuple(float(each) for each in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} must be a number, or several as 2,10,100", param, ctx)


class Range(click.ParamType[tuple[float, float], str]):
    """Two numbers from low to high: 0.1:100."""

    name = "LOW:HIGH"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float]:
        try:
            low, high = (float(each) for each in str(value).split(":"))
        except ValueError:
            self.fail(f"{value!r} must look like 0.1:100", param, ctx)
        if not 0 < low < high < float("inf"):
            self.fail(f"{value!r} must rise from a number above 0, as 0.1:100 does", param, ctx)
        return low, high


def refuse_given(names: Sequence[str], advice: str) -> None:
    """Refuse options of the running verb that would be passed over, in one line; `names` are those of its arguments."""
    from obverse.errors import UsageError

    context = click.get_current_context()
    given = [
        each.opts[0]
        for each in context.command.params
        if each.name in names and context.get_parameter_source(each.name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(f"{context.info_name}: {', '.join(given)}: {advice}")


def pairs(overrides: Sequence[str]) -> dict[str, str]:
    """Return keywords to set, from words like KEY=VALUE."""
    from obverse.errors import UsageError

    for text in overrides:
        if "=" not in text:
            raise UsageError(f"--set {text}: must look like KEY=VALUE")
    return dict(text.split("=", 1) for text in overrides)
