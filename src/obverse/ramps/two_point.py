"""The two-point difference search: what it may be told, and its kernels run over strips of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.kernels._sorting import network
from obverse.kernels.differences import median_rows
from obverse.kernels.sigma_clip import clip_rows
from obverse.kernels.two_point import search_rows
from obverse.pattern import ReadPattern
from obverse.ramps.after_jumps import Jumps, flag_after, flag_neighbours
from obverse.ramps.inputs import Cube
from obverse.ramps.likelihood import constants as of_differences
from obverse.ramps.sweep import still
from obverse.tiles import run_rows

__all__ = ["TwoPoint", "median_rates", "search"]

Array = NDArray[Any]

_NOTHING = np.zeros((0, 0, 0), np.uint8)

_ROUNDING = 1 + 1e-6  # a ratio that equals its limit but for rounding is no jump


@dataclass(frozen=True)
class TwoPoint:
    """What the two-point difference search may be told.

    Parameters
    ----------
    sigma
        Limit of the ratio with four or more usable differences [standard deviations].
    sigma_four_groups, sigma_three_groups
        The limit with three and with two usable differences (ramps of four and of three groups).
    single_pass_from
        Usable differences, averaged over the integrations, from which one pass is enough.
    minimum_groups
        Ramps of fewer resultants are not searched, unless they are clipped.
    clip_from
        Integrations from which an even pattern is searched by sigma clipping.
    clip_across
        What is clipped together: ``"integrations"``, the same difference of all integrations, or
        ``"exposure"``, all differences.
    neighbours
        Ratios between which a jump takes its four neighbours along, or None.
    after_jumps
        Pairs (smallest jump [electron], time [s]): resultants that follow such a jump within the time are
        flagged too.

    Raises
    ------
    UsageError
        If a limit is not a positive number, or `clip_across` not one of the two words.

    Examples
    --------
    >>> TwoPoint.of(5.0).sigma
    5.0
    """

    sigma: float = 4.0
    sigma_four_groups: float = 5.0
    sigma_three_groups: float = 6.0
    single_pass_from: int = 10
    minimum_groups: int = 3
    clip_from: int = 100
    clip_across: str = "integrations"
    neighbours: tuple[float, float] | None = (10.0, 1000.0)
    after_jumps: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("sigma", "sigma_four_groups", "sigma_three_groups"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise UsageError(f"TwoPoint: {name} is {value}, it must be a positive number")
        if self.clip_across not in ("integrations", "exposure"):
            raise UsageError(f"TwoPoint: clip_across is {self.clip_across!r}, it must be 'integrations' or 'exposure'")

    @classmethod
    def of(cls, sigma: float | None) -> TwoPoint:
        """Return the defaults, with another limit where `sigma` is not None."""
        return cls() if sigma is None else replace(cls(), sigma=sigma)

    def clips(self, pattern: ReadPattern, integrations: int) -> bool:
        """Whether there are integrations enough, of equal differences, to clip."""
        numbers = of_differences(pattern)
        return integrations >= self.clip_from and bool(np.allclose(numbers[:3], numbers[:3, :1]))


def constants(pattern: ReadPattern, integrations: int = 1) -> NDArray[np.float64]:
    r"""Numbers of the differences that depend on the read pattern alone: :math:`1/D`, :math:`A/D^2`, :math:`B/D^2`.

    Parameters
    ----------
    pattern
        The read pattern.
    integrations
        How many times it is run through.

    Returns
    -------
    (3, integration * (resultant - 1)); the letters are those of `obverse.ramps.likelihood.constants`.

    Examples
    --------
    >>> constants(ReadPattern.even(3, frame_time=2.0))
    array([[0.5, 0.5],
           [0.5, 0.5],
           [0.5, 0.5]])
    """
    d, a, b = of_differences(pattern)[:3]
    return np.tile(np.array([1 / d, a / d**2, b / d**2]), integrations)


def search(cube: Cube, options: TwoPoint | None = None, threads: int | None = None) -> NDArray[np.uint8]:
    """Flag the jumps of a checked cube; `find_jumps` says how.

    Parameters
    ----------
    cube
        Checked arguments.
    options
        What to look for; None for the defaults.
    threads
        Worker threads; the result does not depend on them.

    Returns
    -------
    The flags of the cube, (integration, resultant, row, column) uint8, with JUMP_DET added.
    """
    options = TwoPoint() if options is None else options
    integrations, resultants, n_rows, n_columns = cube.counts.shape
    clips = resultants > 1 and options.clips(cube.pattern, integrations)
    found = np.zeros(cube.counts.shape, np.uint8) if cube.flags is None else cube.flags.copy()
    if resultants < 2 or (resultants < options.minimum_groups and not clips):
        return found
    jumps = (_clip if clips else _search)(cube, options, found.reshape(-1, n_rows, n_columns), threads)
    if options.neighbours is not None:
        flag_neighbours(found, jumps, *options.neighbours)
    for electrons, seconds in options.after_jumps:
        flag_after(found, jumps, cube.pattern.tbar, electrons, seconds)
    return found


def median_rates(cube: Cube, threads: int | None = None) -> Array:
    """Median of the usable differences over their times, of all integrations, (row, column) [electron/s].

    Infinite or NaN where no difference is usable.
    """
    n_rows, n_columns = cube.counts.shape[-2:]
    out = np.empty((n_rows, n_columns), cube.gain.dtype)
    arrays, places, numbers = _arrays(cube)
    exchanges = network(len(places))

    def work(start: int, stop: int) -> None:
        median_rows(*arrays, places, numbers, exchanges, out, start, stop)

    _run(n_rows, work, threads)
    return out


def _search(cube: Cube, options: TwoPoint, found: Array, threads: int | None) -> Jumps:
    arrays, places, numbers = _arrays(cube)
    exchanges = network(len(places))
    sigmas = np.array([options.sigma_three_groups, options.sigma_four_groups, options.sigma])
    limits = (sigmas**2 * _ROUNDING).astype(numbers.dtype)
    single = numbers.dtype.type(options.single_pass_from * cube.counts.shape[0])
    parts: dict[int, Array] = {}

    def work(start: int, stop: int) -> None:
        parts[start] = search_rows(*arrays, places, numbers, exchanges, limits, single, found, start, stop)

    _run(found.shape[1], work, threads)
    return Jumps.of(parts.values())


def _clip(cube: Cube, options: TwoPoint, found: Array, threads: int | None) -> Jumps:
    arrays, places, numbers = _arrays(cube)
    lists = places.reshape(cube.counts.shape[0], -1).T
    lists = np.ascontiguousarray(lists if options.clip_across == "integrations" else lists.reshape(1, -1))
    exchanges = network(lists.shape[1])
    sigma = numbers.dtype.type(options.sigma)
    parts: dict[int, Array] = {}

    def work(start: int, stop: int) -> None:
        parts[start] = clip_rows(*arrays, lists, numbers, exchanges, sigma, found, start, stop)

    _run(found.shape[1], work, threads)
    return Jumps.of(parts.values())


def _arrays(cube: Cube) -> tuple[tuple[Array, Array, Any], NDArray[np.int64], Array]:
    """Arguments that the kernels share: arrays, earlier resultant of each difference, constants."""
    integrations, resultants, n_rows, n_columns = cube.counts.shape
    shape = (integrations * resultants, n_rows, n_columns)
    flags = _NOTHING if cube.flags is None else cube.flags.reshape(shape)
    maps = (cube.gain, cube.read_noise, cube.dark_rate, cube.pixel_flags)
    pixels = tuple(still(plane) for plane in maps)
    places = np.arange(shape[0]).reshape(integrations, resultants)[:, :-1].ravel()
    numbers = constants(cube.pattern, integrations).astype(cube.gain.dtype)
    return (still(cube.counts.reshape(shape)), still(flags), pixels), places, numbers


def _run(n_rows: int, work: Any, threads: int | None) -> None:
    with np.errstate(all="ignore"):  # infinity stands for what is missing; only an uncompiled kernel warns
        run_rows(n_rows, work, threads)
