"""Which read pattern to take for a range of fluxes and an exposure time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import Table

from obverse.design.candidates import Candidate, candidates
from obverse.design.expectation import expected, fluxes
from obverse.design.sensor import Sensor, noise_of
from obverse.design.small import small
from obverse.detector import Detector
from obverse.errors import UsageError

__all__ = ["suggest"]

_COLUMNS = {
    "pattern": ("", "name"),
    "groups": ("", "resultants of each ramp"),
    "ramps": ("", "ramps in the exposure"),
    "ramp_time": ("s", "time of the last read of a ramp"),
    "merit": ("", "error over that of photons alone, geometric mean over the range"),
    "worst": ("", "the largest such ratio in the range"),
    "error_low": ("electron/s", "error at the faint end, of all ramps together"),
    "error_high": ("electron/s", "error at the bright end, of all ramps together"),
    "saturation": ("electron/s", "flux from which on the last read of a ramp is saturated"),
    "hit": ("", "share of ramps that a cosmic ray hits"),
    "resultants": ("", "resultants in the exposure"),
    "volume": ("Mbyte", "size of the raw exposure of the whole sensor"),
}


def suggest(
    detector: Detector,
    low: float,
    high: float,
    seconds: float,
    *,
    names: Sequence[str] = (),
    groups: int | None = None,
    saturating: bool = False,
    by: str = "merit",
) -> Table:
    r"""Rank read patterns by the error that they leave, over that which photons alone would.

    .. math::

        r(f) = \sqrt{\frac{\mathrm{var}(f)}{n\, (1 - L(f))} \Big/ \frac{f}{T}}, \qquad
        \mathrm{merit} = \exp \langle \ln r \rangle, \qquad \mathrm{worst} = \max r

    over nine fluxes f evenly spaced in their logarithm: n ramps fit into the time T, var is the variance of one
    (`expected`), and L what cosmic rays take of its information. A perfect detector that is never reset has r = 1.

    Parameters
    ----------
    detector
        What is read.
    low, high
        Range of light, behind the quantum efficiency [electron/s].
    seconds
        T, the whole exposure, with a read for the reset before each ramp [s].
    names
        Patterns to try; none: those of the detector (`obverse.design.candidates.names_for`).
    groups
        Most resultants that a ramp may have.
    saturating
        Take patterns, too, whose last reads are saturated at the bright end, as long as they leave a rate.
    by
        ``"merit"`` or ``"worst"``.

    Returns
    -------
    Table
        Best first: ``pattern``, ``groups``, ``ramps``, ``ramp_time``, ``merit``, ``worst``, the errors at both ends,
        ``saturation``, ``hit``, ``resultants``, ``volume``.

    Raises
    ------
    UsageError
        If no pattern fits into the time, or all saturate.

    Notes
    -----
    Limits: one pixel of steady light, and the clean error of the optimal fit. Several ramps are averaged with equal
    weights; overheads are the resets alone.

    Examples
    --------
    >>> best = suggest(Detector.load("roman_wfi"), 0.1, 100.0, 150.0)[0]
    >>> print(best["pattern"], best["ramps"])
    MA110 1
    """
    _refuse_bad_wish(low, high, seconds, by)
    light = fluxes(low, high, per_decade=8 / np.log10(high / low))
    rows = [_row(*each, light, seconds, detector) for each in _tried(detector, seconds, tuple(names), groups)]
    kept = [row for row, full, rate in rows if full or (saturating and rate)]
    if not kept:
        raise UsageError(_all_saturate(high, [row for row, *_ in rows]))
    table = Table(rows=kept, names=list(_COLUMNS))
    table.sort(by)
    for name, (unit, description) in _COLUMNS.items():
        table[name].unit, table[name].description = unit or None, description
    return table


def _refuse_bad_wish(low: float, high: float, seconds: float, by: str) -> None:
    if not (0 < low < high and seconds > 0):
        raise UsageError(f"suggest: a range of {low} to {high} electron/s and a time of {seconds} s make no sense")
    if by not in ("merit", "worst"):
        raise UsageError(f"suggest: ranks by 'merit' or 'worst', not by {by!r}")


def _tried(
    detector: Detector, seconds: float, names: tuple[str, ...], groups: int | None
) -> Iterator[tuple[Candidate, Sensor]]:
    """Yield all candidates, each with a typical pixel as it reads it."""
    sensor = Sensor.of(detector)
    (piece,) = small((32, 32), detector)
    found = list(candidates(detector, seconds, names, groups))
    if not found:
        raise UsageError(f"suggest: no pattern of {detector.name!r} with two resultants fits into {seconds} s")
    for each in found:
        yield each, replace(sensor, read_noise=noise_of(piece, each.pattern))


def _row(
    candidate: Candidate, sensor: Sensor, light: Any, seconds: float, detector: Detector
) -> tuple[dict[str, Any], bool, bool]:
    """Return a row of the table, whether nothing saturates at the bright end, and whether there is a rate at all."""
    pattern, n = candidate.pattern, candidate.integrations
    table = expected(pattern, light, sensor)
    error = np.asarray(table["error"] / np.sqrt(n * (1 - table["hit_loss"])))
    ratio = error / np.sqrt(light / seconds)
    resultants = len(pattern) * n
    row = {
        "pattern": candidate.name,
        "groups": len(pattern),
        "ramps": n,
        "ramp_time": pattern.times[-1][-1],
        "merit": float(np.exp(np.log(ratio).mean())),
        "worst": float(ratio.max()),
        "error_low": float(error[0]),
        "error_high": float(error[-1]),
        "saturation": table.meta["saturation_last_read"],
        "hit": float(table["hit"][0]),
        "resultants": resultants,
        "volume": resultants * np.prod(detector.geometry.file_shape) * 2e-6,
    }
    return row, bool(table["used"][-1] == len(pattern)), bool(table["used"][-1] > 1)


def _all_saturate(high: float, rows: Sequence[dict[str, Any]]) -> str:
    best = max(rows, key=lambda row: row["saturation"])
    return (
        f"suggest: every pattern saturates below {high:g} electron/s; {best['pattern']} with {best['groups']} "
        f"resultants comes furthest, {best['saturation']:.4g} electron/s: lower the bright end, or allow ramps that "
        "saturate on their way (--saturating)"
    )
