"""Noise maps from stacks of darks: generalised least squares in every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import REGIONS, geometry_of, resolved
from obverse.darks.dataset import Dataset, Prepare
from obverse.darks.gathered import Gathered, gathered
from obverse.darks.hot_groups import hot_groups
from obverse.darks.noise_maps import NoiseMaps
from obverse.darks.products import Weighted, products
from obverse.darks.reading import Reading
from obverse.darks.refusals import WrongArgumentError
from obverse.darks.settings import refuse_bad_exposure, refuse_bad_settings, sorted_stacks
from obverse.darks.solving import Fit, solved
from obverse.darks.tails import Threshold, refuse_bad_threshold, without_cut_tails
from obverse.darks.weights import LABELS, pooled_variances, weights_of, with_hot_groups
from obverse.errors import UsageError
from obverse.register.excess_noise import STAGES

__all__ = ["calibrate_darks_lsq"]

_WHO = "calibrate_darks_lsq"
_WEIGHTINGS = {"generalised": 1, "none": 0, "frames": 2}


def calibrate_darks_lsq(
    dataset: Any,
    detector: Any = None,
    weighting: bool | str = True,
    *,
    cr_threshold: Threshold | None = None,
    particles: float | None = None,
    skip_bad: bool = False,
    prepare: Prepare | None = None,
    overrides: Mapping[str, str] | None = None,
    ignore_checksum: bool = False,
    memory_limit: int = 2**27,
    threads: int | None = None,
) -> NoiseMaps:
    r"""Fit fixed pattern, clock-induced charge and dark current to stacks of dark frames.

    .. math:: \bar y_i = F + g_i C + g_i t_i D, \qquad \mathrm{Var}(\bar y_i) = \frac{v_i}{N_i}

    in every pixel, over the stacks :math:`i` of one EM gain :math:`g_i` and exposure time :math:`t_i`. :math:`v_i` is
    the variance of one frame, pooled over all pixels of a region (and over groups of hot pixels), :math:`N_i` the
    frames that count.

    Parameters
    ----------
    dataset
        Dark frames [electron behind the register]: a list of `Frame`, or of paths. Of paths the headers are read
        first and then every frame once, so that memory does not grow with their number. Bias subtracted, cosmic rays
        flagged, linear, in electron (``recipe.until("gain")``), neither divided by the EM gain nor desmeared.
    detector
        A Detector, its name or TOML file, a Geometry, or None: then the whole frame is sensor, and there is no
        prescan. A Detector also says how its files write keywords.
    weighting
        True: inverse variances. False or ``"none"``: all stacks alike. ``"frames"``: by the number of frames, as
        corgidrp 5 has it. The latter two give the errors that corgidrp gives.
    cr_threshold
        Level above which cosmic rays were flagged [electron behind the register], for all stacks, or by
        (time, gain). Stacks in which it lies within the dark electrons' own tail are left out, with a warning.
    particles
        Electrons before the register that no dark pixel gathers in one frame, unless it is hot: values beyond are
        left out of pixels where they are rare. At low gain a particle makes no plateau, so that no cosmic-ray flag
        tells it; 30 is a good choice. None counts every value that is not flagged.
    skip_bad
        Leave out frames that cannot be read, or must not be used, with a warning and a place in `NoiseMaps.skipped`.
    prepare
        What is done to each frame when it has been read: raw ones take ``recipe.until("gain").run``.
    overrides, ignore_checksum
        Of paths: keywords that are missing or wrong, and whether a wrong checksum is only worth a warning; as
        `obverse.io.read` has them. Errors that files of Roman's coronagraph hold in a unit of their own (ERR) stay
        unread, and so does the checksum of that unit.
    memory_limit
        Bytes of mean frames that are kept in memory; more go to a temporary file.
    threads
        Worker threads, None for one a processor; their number changes nothing.

    Returns
    -------
    NoiseMaps
        In the layout of the file; NaN in telemetry rows, and in pixels with fewer than four usable stacks.

    Raises
    ------
    CalDarksLSQException
        If the stacks cannot tell three maps apart; the condition is named.
    UsageError
        If something was done to a frame that must not be, or an argument is anything else. Where a file has been
        refused the line begins with its name.
    DataError
        If a file cannot be read.

    Notes
    -----
    Limits: one detector for all stacks is assumed; a stack that contradicts is named in a warning. Within a region
    all pixels but hot ones are taken to be equally noisy; hot is what stands out by 5 errors and 25 electrons in the
    campaign, and warm pixels below that have errors that are too small. The error of the gains is not in the maps'.
    A pixel that fills the register in several frames of a stack loses that stack, with every weighting: the frames that
    are left would be those of few electrons (corgidrp keeps them).
    Errors that come with the frames are not added: the scatter of a stack holds them.
    Reference: Nemati 2020, Proc. SPIE 11443, 114435F (the model); docs/adr/0016-noise-maps.md (the weights).

    Examples
    --------
    >>> from obverse import Exposure, Frame
    >>> def dark(gain, time):
    ...     level = 21.0 + gain * (0.02 + time * 0.001)
    ...     exposure = Exposure(f"{gain} {time}", time, em_gain=gain, k_gain=8.7)
    ...     return Frame(np.full((2, 2), level), "electron", exposure=exposure)
    >>> frames = [dark(g, t) for g in (2.0, 1000.0) for t in (2.0, 100.0) for _ in range(3)]
    >>> maps = calibrate_darks_lsq(frames)
    >>> float(maps.fpn[0, 0]), float(maps.cic[0, 0]), float(maps.dark_current[0, 0])
    (21.0, 0.02, 0.001)
    """
    power = _WEIGHTINGS[_weighting(weighting)]
    refuse_bad_threshold(cr_threshold)
    _refuse_bad_particles(particles)
    chosen = resolved(_WHO, detector)
    reading = Reading(chosen, overrides or {}, ignore_checksum, errors=False)
    data = Dataset.of(_WHO, dataset, geometry_of(chosen), skip_bad=skip_bad, prepare=prepare, reading=reading)
    data.accept(refuse_bad_exposure)
    every = sorted_stacks(data)
    refuse_bad_settings(list(every))
    stages, k_gain = _told(chosen)
    stacks, skipped = without_cut_tails(every, cr_threshold, stages)
    refuse_bad_settings(list(stacks))
    found = gathered(data, stacks, particles=particles, memory_limit=memory_limit, threads=threads)
    refuse_bad_settings(found.settings)
    weighted, fit = _fitted(found, power, stages, threads)
    return products(found, weighted, fit, k_gain, (*data.skipped, *map(str, skipped)))


def _weighting(given: bool | str) -> str:
    words = {True: "generalised", False: "none"}
    if isinstance(given, bool):
        return words[given]
    if given in ("none", "frames"):
        return given
    raise UsageError(f"calibrate_darks_lsq: weighting is {given!r}, it must be True, False, 'none' or 'frames'")


def _refuse_bad_particles(particles: Any) -> None:
    if particles is not None and not (isinstance(particles, Real) and float(particles) > 0):
        raise WrongArgumentError(f"{_WHO}: particles is {particles!r}, it must be electrons above 0, or None")


def _told(detector: Any) -> tuple[int, float | None]:
    """Return the stages of the register and the k gain that a detector says, where it says them."""
    has = getattr(detector, "has", lambda _: False)
    stages = int(detector.effect("em_gain").stages) if has("em_gain") else STAGES
    return stages, float(np.mean(detector.effect("gain").gain)) if has("gain") else None


def _fitted(found: Gathered, power: int, stages: int, threads: int | None) -> tuple[Weighted, Fit]:
    labels = found.areas.labels
    if power == 1:
        return _generalised(found, labels, stages, threads)
    even = np.broadcast_to(np.arange(LABELS) < len(REGIONS), (len(found.settings), LABELS)).astype(np.float64)
    pooled = pooled_variances(found.pooled(labels), found.design, stages)
    fit = solved(found, labels, even, power, statistics=True, threads=threads)
    return Weighted(labels, pooled, None, stages), fit


def _generalised(found: Gathered, labels: NDArray[np.uint8], stages: int, threads: int | None) -> tuple[Weighted, Fit]:
    """Fit twice: the first fit tells which pixels are hot, so that the second knows how noisy they are."""
    pooled = pooled_variances(found.pooled(labels), found.design, stages)
    first = solved(found, labels, weights_of(pooled.variances)[0], 1, statistics=False, threads=threads)
    errors = np.sqrt(first.inverses[1]), np.sqrt(first.inverses[2])
    marked, excess = hot_groups(labels, first.maps, errors, found.seconds)
    del first, errors  # planes of a whole file, before as many are made again
    pooled = pooled_variances(found.pooled(marked), found.design, stages)
    sensor = REGIONS.index("sensor")
    variances = with_hot_groups(pooled.variances, excess, len(REGIONS), sensor, found.design, stages)
    table, exact = weights_of(variances)
    fit = solved(found, marked, table, 1, statistics=True, threads=threads)
    return Weighted(marked, pooled, exact, stages), fit
