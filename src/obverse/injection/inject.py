"""The public door: sources into a frame or a file of any level."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse import io
from obverse.detector import Detector
from obverse.effects._coupling import couple
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.injection.arrivals import Arrivals
from obverse.injection.level2 import inject_rates
from obverse.injection.light import Spot, spots
from obverse.injection.placing import chosen_detector, frame_of, mean_efficiency, on_frame, origin_of, star_of
from obverse.injection.rates import response
from obverse.injection.raw import inject_raw
from obverse.injection.single import inject_single
from obverse.injection.told import Told, counted, table_of
from obverse.moment import Moment
from obverse.pattern import ReadPattern
from obverse.scene.star import Star

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["inject_sources", "level_of"]

_LEVELS = ("L1", "L2")


def inject_sources(
    frame: Frame | str | os.PathLike[str],
    sources: Any,
    *,
    seed: int,
    psf: Star | None = None,
    detector: Detector | str | None = None,
    band: str | None = None,
    wcs: Any = None,
    zero_point: float | None = None,
    pixel_scale: float | None = None,
    level: str | None = None,
    pattern: ReadPattern | None = None,
    origin: tuple[int, int] | None = None,
    threads: int | None = None,
) -> tuple[Frame, Table]:
    r"""Put known sources into real data, raw or calibrated, with the noise that their light would have had.

    Raw numbers r (level 1) get the difference of two responses of the detector without noise,

    .. math:: r' = \mathrm{adc}\left(r + \langle \rho(q_j + s_j) - \rho(q_j) \rangle_j\right)

    with q the charge that the frame itself tells of and s the electrons of the sources at each read j. An image of
    rates (level 2) gets, in each pixel that electrons fall on, a ramp that may have been behind its rate
    (`obverse.injection.ramp_noise`) with the electrons on it, fitted again by the same estimator:

    .. math:: d' = w' \cdot (d\,D + n' + s), \qquad w \cdot n' = 0

    Parameters
    ----------
    frame
        Raw counts [DN], an image of rates [electron/s, DN/s, photon/s] or of one exposure [electron, photon] with its
        variances; or a file of one.
    sources
        `obverse.scene.Sources`, a table, or the path of one (`obverse.scene.read_catalogue`). Positions are pixels of
        the observatory's calibrated image, a whole number is the centre of a pixel; a Roman image has no border, so
        that its (0, 0) is (4, 4) of a raw frame, and the same catalogue serves both.
    seed
        With the exposure id and the place of a source in its list it addresses the electrons.
    psf
        Light of a star; there is no default, because everything that is measured of injected sources depends on it.
        The places of one that differs over the field count pixels as the sources do.
    detector
        What is believed of the detector, or its name; None takes the one that the frame names.
    band, wcs, zero_point, pixel_scale
        How to read a catalogue: which column of fluxes, where celestial coordinates lie, the magnitude of 1 electron/s,
        the size of a pixel [arcsec].
    level
        ``"L1"`` or ``"L2"``: refuse the other.
    pattern
        Read pattern of an image of rates that does not say it.
    origin
        Row and column of the frame's sensor that positions count from, if not as above.
    threads
        Worker threads; they change no bit.

    Returns
    -------
    frame
        As it came, but for the pixels that got electrons (raw: and those that see them by interpixel capacitance).
    table
        One row a source: ``id``, ``row``, ``column`` [pixel], ``flux`` [electron/s], ``fraction`` of its light that
        is on the image, ``expected`` and ``electrons`` (mean and drawn, behind the flat, all integrations),
        ``pixels`` that they fell on, and ``flag``, the worst that these have now.

    Raises
    ------
    UsageError
        If the frame is neither raw nor calibrated, or is of another `level`, or nothing says its detector or `psf`.

    Notes
    -----
    Limits: light is steady and nothing else is new: it makes no persistence, bleeding or brighter-fatter shift.
    Level 1: what a number had lost in rounding stays lost, so that the noise of rounding, 1/12 DN squared, counts
    twice; numbers at the ends of the converter stay there. Level 2: pixels that are not usable stay as they are; the
    lost part of a flagged ramp is told from its variances (`obverse.injection.cuts`); neighbours of a pixel that
    saturates anew are not flagged; where the calibration has not undone the coupling of pixels, light is spread by it
    and its noise is not smoothed; `integrations` and other companions that nothing can be said of are dropped.

    Reference: the method of injecting into level 2 is that of romanisim 0.15 (`inject_sources_into_l2`), whose ramps
    are noiseless lines; here they are pinned.

    Examples
    --------
    >>> import obverse as ob
    >>> from obverse.scene import Sources, gaussian
    >>> ccd = ob.Detector.load("generic_ccd").resized((64, 64))
    >>> raw = ccd.expose(2.0, ob.Exposure("field", 100.0), seed=1)
    >>> new, table = ob.inject_sources(raw, Sources([20.0], [30.0], [50.0]), seed=2, psf=gaussian(2.0), detector=ccd)
    >>> table["id", "fraction", "expected"].pprint(show_unit=False)
     id fraction expected
    --- -------- --------
      0    1.000   5000.0
    """
    star = star_of(psf)
    target = frame_of(frame, detector)
    found = level_of(target)
    _refuse_other(target, found, level)
    target = _with_pattern(target, pattern, found)
    belief = chosen_detector(target, detector, frame)
    shape = belief.geometry.shape
    start = origin_of(target, belief) if origin is None else origin
    how = {
        "band": band,
        "wcs": wcs,
        "zero_point": zero_point,
        "pixel_scale": pixel_scale,
        "detector": target.exposure.detector,
    }
    placed = on_frame(sources, start, **how, quantum_efficiency=mean_efficiency(belief))
    arrivals = _arrivals(target, shape, seed)
    coupled = _coupling(target, belief) if found == "L2" else None
    told = list(_drawn(spots(placed, star.moved(*start), shape), arrivals, _light(target, belief), coupled))
    new, seen = _injected(target, arrivals, belief, found, threads)
    new = _recorded(new, f"{counted(len(told))}, seed {seed}, {found}")
    return new, table_of(placed.moved(-start[0], -start[1]), told, seen, seed=seed, frame=target, level=found)


def level_of(frame: Frame) -> str:
    """Return ``"L1"`` of a raw frame, ``"L2"`` of an image with an estimate.

    Raises
    ------
    UsageError
        If it is something between.
    """
    if io.level_of(frame) == "raw":
        return "L1"
    if frame.axes == ("row", "column") and frame.unit != "DN":
        return "L2"
    if frame.axes == ("integration", "row", "column"):
        raise UsageError(
            f"inject_sources: {frame.exposure.id}: holds one image an integration: give that of all, or the raw frame"
        )
    done = ", ".join(frame.undone) or "nothing"
    raise UsageError(
        f"inject_sources: {frame.exposure.id}: is in {frame.unit!r} with {done} undone, neither raw nor an estimate: "
        "give the raw frame, or calibrate it to the end"
    )


def _refuse_other(frame: Frame, found: str, level: str | None) -> None:
    if level is not None and level not in _LEVELS:
        raise UsageError(f"inject_sources: level {level!r}, it must be L1 (raw) or L2 (rates)")
    if level is not None and level != found:
        raise UsageError(
            f"inject_sources: {frame.exposure.id}: is {found} ({frame.unit}), not {level}: leave level out, or give "
            "another frame"
        )


def _with_pattern(frame: Frame, pattern: ReadPattern | None, level: str) -> Frame:
    """Return a frame that knows its read pattern, the given one where it has none."""
    said = frame.exposure.pattern
    if pattern is None or pattern == said:
        return frame
    if level == "L1" or said is not None:
        raise UsageError(f"inject_sources: {frame.exposure.id}: says its own read pattern: leave pattern out")
    return frame.replace(exposure=replace(frame.exposure, pattern=pattern, exposure_time=None))


def _recorded(frame: Frame, what: str) -> Frame:
    """Let a frame that came from a file remember what was done to it, for the provenance of products."""
    if not isinstance(frame.cargo, io.Cargo):
        return frame
    return frame.replace(cargo=replace(frame.cargo, provenance={**frame.cargo.provenance, "INJECTED": what}))


def _arrivals(frame: Frame, shape: tuple[int, int], seed: int) -> Arrivals:
    exposure = frame.exposure
    seconds = exposure.seconds if exposure.pattern is None else 0.0
    return Arrivals.none((exposure.integrations, *shape), exposure.pattern, seconds, seed, exposure.id)


def _light(frame: Frame, detector: Detector) -> NDArray[Any]:
    """Return what of the sources' electrons each pixel gets: the flat, and no reference pixel."""
    names = tuple(e.name for e in detector.chain.at("light") if e.name != "quantum_efficiency")
    return response(detector, Moment.of(frame, detector.geometry), names) * detector.geometry.sensitive


def _coupling(frame: Frame, detector: Detector) -> NDArray[np.float64] | None:
    """Return the coupling of pixels that a calibrated image still has, None where it was undone or there is none."""
    name = "interpixel_capacitance"
    return detector.effect(name).kernel if detector.has(name) and name not in frame.undone else None


def _drawn(
    found: Iterator[Spot], arrivals: Arrivals, light: NDArray[Any], coupled: NDArray[np.float64] | None
) -> Iterator[Told]:
    """Draw the electrons of each source, and remember where they fell."""
    for spot in found:
        rate = spot.rate * light[spot.where]
        if coupled is not None:
            rate = np.maximum(rate + couple(rate, coupled, light[spot.where] > 0), 0.0)
        fell = arrivals.add(spot.number, spot.where, rate)
        expected = float(rate.sum()) * arrivals.seconds * len(arrivals.counts)
        yield Told(spot, float(spot.rate.sum()), expected, int(fell.sum()), fell > 0)


def _injected(
    frame: Frame, arrivals: Arrivals, detector: Detector, level: str, threads: int | None
) -> tuple[Frame, NDArray[np.uint32]]:
    """Return the new frame, and the flags of its pixels on the sensor."""
    if level == "L1":
        return inject_raw(frame, arrivals, detector, threads=threads)
    single = detector.readout.name == "single"
    new = (
        inject_single(frame, arrivals, detector) if single else inject_rates(frame, arrivals, detector, threads=threads)
    )
    flags = np.zeros(new.shape, np.uint32) if new.pixel_flags is None else new.pixel_flags.copy()
    flags[new.unusable()] |= np.uint32(1)
    return new, flags
