"""Raw ramps from electrons that have been counted already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.chain import Run
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.history import History
from obverse.kernels.apportion import MOST
from obverse.ma_tables import ma_table
from obverse.pattern import ReadPattern
from obverse.quantities import plain
from obverse.readout import UpTheRamp

__all__ = ["simulate_l1"]


def simulate_l1(
    counts: ArrayLike,
    pattern: ReadPattern | int | str | Iterable[Iterable[float]],
    *,
    seed: int,
    detector: Detector | str | None = None,
    exposure: Exposure | None = None,
    history: History | None = None,
    threads: int | None = None,
    left: NDArray[Any] | None = None,
) -> Frame:
    r"""Share out counted electrons among the reads of a ramp and read it out: level 1.

    .. math::

        (n_1, \dots, n_m) \sim \mathrm{Multinomial}\left(n;\ \frac{t_j - t_{j-1}}{t_m}\right), \qquad
        R_k = \frac{1}{N_k} \sum_{j \in k} \mathrm{read}\left(\sum_{i \le j} n_i\right)

    Parameters
    ----------
    counts
        :math:`n`, whole electrons that gather from the reset to the last read, light, sky and dark current together;
        (row, column) of the sensor, whose reference pixels collect none of them, or of the part that sees light.
    pattern
        Read pattern, the number or name of a multi-accumulation table of Roman (`obverse.ma_tables`), or lists of read
        numbers.
    seed
        The same seed and exposure id give the same bytes.
    detector
        What reads them out, an `obverse.Detector` or its name; None is ``"roman_wfi"``. It is given the size of
        `counts`. Its light and charge effects whose rate is steady are not applied: they are counted already.
    exposure
        What else is known of the exposure: its id, start, filter.
    history
        What earlier exposures left behind.
    threads
        Worker threads; they change nothing but the time.
    left
        An array (row, column) of the sensor that takes the charge which stands in the pixels at the end [electron].

    Returns
    -------
    Frame
        Raw ramps (integration, resultant, row, column) uint16 [DN], one integration.

    Raises
    ------
    UsageError
        If counts are negative, broken or no numbers, or do not fit the detector; if it is not read up the ramp, or the
        pattern is none.

    Notes
    -----
    Limits: a pixel holds at most 2e9 electrons. Only one strip of rows of all reads is held at a time, unless an effect
    that couples neighbours acts on each read.
    Reference: the order of the steps is that of romanisim 0.15, with interpixel capacitance, which it leaves out.

    Examples
    --------
    >>> raw = simulate_l1(np.full((64, 64), 4000), [[1], [2, 3], [4]], seed=1)
    >>> raw.shape, raw.data.dtype
    ((1, 3, 64, 64), dtype('uint16'))
    """
    electrons = _whole(counts)
    known = detector if isinstance(detector, Detector) else Detector.load(detector or "roman_wfi")
    readout = known.readout
    if not isinstance(readout, UpTheRamp):
        raise UsageError(f"simulate_l1: detector {known.name!r} is not read up the ramp")
    fitted = _fitting(known, electrons.shape)
    reads = _pattern(pattern, readout.read_time)
    told = replace(exposure or Exposure(), pattern=reads, exposure_time=None, integrations=1)
    told = replace(told, detector=told.detector or known.name)
    run = Run(fitted.chain, told, seed, history=history, threads=threads, left=left)
    return readout.ramps(run, [fitted.geometry.on_sensor(electrons) * fitted.geometry.sensitive])


def _whole(counts: ArrayLike) -> NDArray[Any]:
    """Refuse what no count of electrons can be."""
    known = plain("simulate_l1: counts", counts, "electron")
    try:
        given = np.asarray(known)
    except ValueError:
        raise UsageError("simulate_l1: counts have rows of several lengths, they must be (row, column)") from None
    if given.ndim != 2 or not given.size or given.dtype.kind not in "iuf":
        raise UsageError(f"simulate_l1: counts are {given.dtype} of {given.shape}, they must be whole (row, column)")
    bad = (given < 0) | (given > MOST)
    if given.dtype.kind == "f":
        bad |= ~(given == np.rint(given))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UsageError(
            f"simulate_l1: counts[{row}, {column}] is {given[row, column]} ({bad.sum()} such pixels); electrons are "
            f"whole numbers from 0 to {MOST:.0e}: draw Poisson numbers of an expected image first, or use expose"
        )
    return given


def _pattern(pattern: ReadPattern | int | str | Iterable[Iterable[float]], read_time: float) -> ReadPattern:
    if isinstance(pattern, ReadPattern):
        return pattern
    if isinstance(pattern, str):
        return ReadPattern.named(pattern)
    if isinstance(pattern, int | np.integer):
        return ma_table(int(pattern))
    try:
        groups = [list(map(float, group)) for group in pattern]
    except (TypeError, ValueError):
        raise UsageError(
            f"simulate_l1: the pattern is {pattern!r}; it must be a ReadPattern, the number or name of a "
            "multi-accumulation table, or lists of read numbers such as [[1], [2, 3]]"
        ) from None
    return ReadPattern(groups, read_time)


def _fitting(detector: Detector, shape: tuple[int, ...]) -> Detector:
    """Return the detector, of its own size where the counts are those of the sensor or of its part that sees light."""
    geometry = detector.geometry
    whole = shape in (geometry.shape, geometry.sensitive[geometry.lit].shape)
    return detector if whole else detector.resized((shape[0], shape[1]))
