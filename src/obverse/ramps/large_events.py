"""Snowballs: large round events with a saturated core, of which a jump search sees only the bright part."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.effects.snowballs import Snowballs
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.pattern import ReadPattern
from obverse.ramps.ellipses import Ellipse, draw, ellipses

__all__ = ["expand_large_events"]


def expand_large_events(
    flags: ArrayLike, pattern: ReadPattern, snowballs: Snowballs | None = None
) -> NDArray[np.uint8]:
    r"""Grow the flags of snowballs, whose faint outer part no jump search finds.

    A connected region of jumps in one resultant, with the ellipse of `Ellipse`, is a snowball if a region that is new
    in saturation, in this resultant or the next, has its centre inside, or if it lies near an edge. Its axes
    :math:`b \ge a` become

    .. math:: a' = f a, \qquad b' = b + (f - 1) a

    and what is inside is flagged JUMP_DET where it is not saturated. New saturated cores above a width are grown by a
    constant and flagged SATURATED to the end of the integration; the core itself is flagged JUMP_DET at the beginning
    of the next one.

    Parameters
    ----------
    flags
        Flags after saturation check and jump search, ([integration,] resultant, row, column) uint8.
    pattern
        When the resultants were read.
    snowballs
        What is a snowball; None for the defaults, which are those of near-infrared H2RG detectors.

    Returns
    -------
    The flags with more of them set, uint8, the shape of `flags`. No flag is taken away.

    Raises
    ------
    UsageError
        If the flags have not three or four axes, or not as many resultants as the pattern.

    Notes
    -----
    Contract: `Flags` JUMP_DET. Where there is no cosmic ray, the false alarms of the jump search do not touch five at
    a time: under 1e-6 of all resultants of clean pixels are flagged (none of 8e6). Where there are cosmic rays, those
    near an edge whose tracks cover `jump_area` pixels are grown like snowballs: in 512 x 512 pixels, a fifth of which
    lie near an edge, at 8 particles/(cm2 s) and 100 s a resultant, 7e-4 of all resultants, beside 2.3e-3 that are hit.

    Limits: an ellipse is what is drawn, with its centre and axes as they are, not rounded to pixels; the other
    differences from stcal's are in `docs/differences.md`.

    Reference: Regan 2023, JWST-STScI-008545 (snowballs in the JWST near-infrared detectors).

    Examples
    --------
    >>> flags = np.zeros((3, 60, 60), "u1")
    >>> flags[1, 27:34, 27:34] = Flag.JUMP_DET
    >>> flags[1:, 29:32, 29:32] = Flag.SATURATED
    >>> grown = expand_large_events(flags, ReadPattern.even(3))
    >>> [int((f == Flag.JUMP_DET).sum()) for f in (flags[1], grown[1])]
    [40, 176]
    """
    given = np.asarray(flags)
    if given.ndim not in (3, 4) or given.dtype != np.uint8 or given.shape[-3] != len(pattern):
        raise UsageError(
            f"expand_large_events: flags are {given.dtype} of shape {given.shape}, they must be uint8 of "
            f"([integration,] {len(pattern)} resultants, row, column)"
        )
    what = Snowballs() if snowballs is None else snowballs
    made = given.reshape(-1, *given.shape[-3:]).copy()
    early = pattern.tbar <= what.persistence * (1 + 1e-9)
    early[0] = False  # no difference leads to the first resultant
    for i, ramp in enumerate(made):
        cores = _expand(ramp, what)
        if i + 1 < len(made):
            made[i + 1, early] |= np.where(cores, np.uint8(Flag.JUMP_DET), np.uint8(0))
    return made.reshape(given.shape)


def _expand(ramp: NDArray[np.uint8], what: Snowballs) -> NDArray[np.bool_]:
    """Grow what is in one integration, (resultant, row, column), in place; returns where saturated cores were."""
    cores = np.zeros(ramp.shape[1:], bool)
    for k in range(1, len(ramp)):
        new = _new_saturation(ramp, k)
        soon = _new_saturation(ramp, k + 1) if k + 1 < len(ramp) else np.zeros_like(new)
        jumps = (ramp[k] & (Flag.JUMP_DET | Flag.SATURATED)) == Flag.JUMP_DET
        regions = ellipses(jumps, what.jump_area) if jumps.any() else []
        centres = ellipses(new, what.core_area) if new.any() else []
        inside = centres + (ellipses(soon, what.core_area) if regions and soon.any() else [])
        _grow_cores(ramp, k, centres, what, cores)
        _grow_jumps(ramp[k], [r for r in regions if _is_snowball(r, inside, cores.shape, what.edge)], what)
    return cores


def _new_saturation(ramp: NDArray[np.uint8], k: int) -> NDArray[np.bool_]:
    saturated: NDArray[np.bool_] = (ramp[k] & ~ramp[k - 1] & Flag.SATURATED) != 0
    return saturated


def _is_snowball(region: Ellipse, cores: list[Ellipse], shape: tuple[int, ...], edge: float) -> bool:
    near = [x < edge or x > size - edge for x, size in zip((region.row, region.column), shape, strict=True)]
    return any(near) or any(bool(region.holds(core.row, core.column)) for core in cores)


def _grow_cores(
    ramp: NDArray[np.uint8], k: int, cores: list[Ellipse], what: Snowballs, seen: NDArray[np.bool_]
) -> None:
    wide = [core for core in cores if core.width > what.core_width]
    if not wide:
        return
    grown = np.zeros(seen.shape, bool)
    for core in wide:
        draw(grown, core.grown(what.core_growth, what.widest))
        draw(seen, core)
    ramp[k:, grown] |= np.uint8(Flag.SATURATED)


def _grow_jumps(plane: NDArray[np.uint8], regions: list[Ellipse], what: Snowballs) -> None:
    grown = np.zeros(plane.shape, bool)
    for region in regions:
        draw(grown, region.grown((what.growth - 1) * region.width, what.widest))
    grown &= (plane & Flag.SATURATED) == 0
    plane[grown] |= np.uint8(Flag.JUMP_DET)
