"""Completeness and bias: many stars of known flux into one frame, and what is found of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.injection.inject import inject_sources, level_of
from obverse.injection.places import nearest_distance
from obverse.injection.placing import chosen_detector, frame_of, on_frame, origin_of, star_of
from obverse.injection.rates import flux_unit
from obverse.injection.recovered import MATCH, Image, found, measured
from obverse.injection.wanted import Plan, Room, rounds
from obverse.pattern import ReadPattern
from obverse.scene import Sources
from obverse.scene.star import Star

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["grid"]


def grid(
    frame: Frame | str | os.PathLike[str],
    *,
    psf: Star,
    seed: int,
    fluxes: ArrayLike | None = None,
    magnitudes: ArrayLike | None = None,
    zero_point: float | None = None,
    per_flux: int = 64,
    spacing: float | None = None,
    beside: Any = None,
    distances: Sequence[float] | None = None,
    detector: Detector | str | None = None,
    sigma: float = 5.0,
    half: int = 5,
    level: str | None = None,
    pattern: ReadPattern | None = None,
    threads: int | None = None,
) -> Table:
    """Inject stars of known flux again and again, and measure each: flux at the known place, and a blind search.

    A raw frame is calibrated after each injection, so that what the calibration does to stars is in the result.

    Parameters
    ----------
    frame
        What to inject into: see `obverse.inject_sources`.
    psf
        Light of the stars, injected and fitted.
    seed
        Of places and electrons.
    fluxes
        (flux,) [electron/s], or `magnitudes` with the magnitude of 1 electron/s, `zero_point`.
    per_flux
        Stars of each flux, and of each distance.
    spacing
        Least distance between two injected stars [pixel]; None: three times the side of a stamp.
    beside
        Sources that are there already; with `distances` [pixel] stars are put so far from one of them.
    detector, level, pattern, threads
        See `obverse.inject_sources`.
    sigma
        Limit of the blind search.
    half
        Half the side of the stamps that are fitted [pixel].

    Returns
    -------
    Table
        One row a star: ``row``, ``column`` [pixel], ``flux``, ``magnitude`` where it was given, ``distance`` to the
        nearest neighbour, injected or known (`beside`) [pixel], ``recovered`` and its ``error`` [electron/s],
        ``found`` (the blind search found it and nothing was found there before), and ``flag``.
        `obverse.injection.curves` sums it up.

    Raises
    ------
    UsageError
        If no fluxes are given, or no star fits into the frame.

    Notes
    -----
    Limits: the fitted psf is the injected one, so that its own error is not in the result. Neighbours that are not in
    `beside` are in the bias, but not in ``distance``.

    Examples
    --------
    >>> import obverse as ob
    >>> from obverse.scene import gaussian
    >>> ccd = ob.Detector.load("generic_ccd").resized((96, 96))
    >>> raw = ccd.expose(1.0, ob.Exposure("field", 100.0), seed=1)
    >>> stars = grid(raw, psf=gaussian(2.5), seed=2, fluxes=[200.0], per_flux=4, detector=ccd)
    >>> len(stars), bool(stars["found"].all()), float(abs(stars["recovered"] / stars["flux"] - 1).max()) < 0.05
    (4, True, True)
    """
    target = frame_of(frame, detector)
    belief = chosen_detector(target, detector, frame)
    if per_flux < 1 or not sigma > 0 or (spacing is not None and not spacing >= 0):
        raise UsageError(
            f"grid: per_flux={per_flux}, sigma={sigma}, spacing={spacing}: at least one star of each flux, a limit "
            "above 0 and no negative distance are wanted"
        )
    plan = Plan.of(fluxes, magnitudes, zero_point, per_flux, distances)
    there = _known(beside, target, belief)
    room = Room(belief.geometry.lit, there, spacing or 3.0 * (2 * half + 1), half + 1.0)
    star = star_of(psf).moved(
        *origin_of(target, belief)
    )  # the places of one that differs over the field count as sources do
    field = _Field(target, belief, star, half, sigma)
    how = {"psf": star, "detector": belief, "level": level, "pattern": pattern, "threads": threads}
    groups = enumerate(rounds(room, plan, np.random.default_rng([seed, 1])))
    return _stacked([field.tried(stars, some, there, {**how, "seed": seed + i}) for i, (stars, some) in groups])


class _Field:
    """A frame, and how stars are measured in it."""

    def __init__(self, frame: Frame, detector: Detector, psf: Star, half: int, sigma: float) -> None:
        self.frame, self.detector, self.psf = frame, detector, psf
        self.half, self.sigma = half, sigma
        self.origin = np.array(origin_of(frame, detector))
        self.before = self._image(frame)

    def _image(self, frame: Frame) -> Image:
        done = self.detector.calibrate(frame) if level_of(frame) == "L1" else frame
        return Image.of(done, flux_unit(done, self.detector))

    def tried(self, stars: Sources, plan: Plan, known: NDArray[Any], how: dict[str, Any]) -> Table:
        """Inject stars in pixels of the sensor, and measure them."""
        new, table = inject_sources(self.frame, stars, origin=(0, 0), **how)
        image = self._image(new)
        places = np.array([stars.row, stars.column])
        flux, error = measured(image, stars, self.psf, self.half)
        seen, there = (found(i, stars, self.psf, self.half, self.sigma) for i in (image, self.before))
        table["row"], table["column"] = places - self.origin[:, None]
        apart = np.minimum(nearest_distance(places, known), nearest_distance(places, places, same=True))
        if np.isfinite(plan.magnitude).any():
            table["magnitude"] = plan.magnitude
        table["distance"] = apart
        if np.isfinite(plan.distance).any():
            table["wanted"] = plan.distance
        table["recovered"], table["error"], table["found"] = flux, error, seen & ~there
        table.meta |= {"sigma": self.sigma, "match": MATCH}
        return table


def _known(beside: Any, frame: Frame, detector: Detector) -> NDArray[Any]:
    """Return where sources are already, (row or column, source) in pixels of the sensor."""
    if beside is None:
        return np.zeros((2, 0))
    there = on_frame(beside, origin_of(frame, detector))
    return np.array([there.row, there.column])


def _stacked(tables: list[Table]) -> Table:
    from astropy.table import vstack

    meta = tables[0].meta
    for table in tables:
        table.meta = {}
    whole = vstack(tables)
    whole["id"] = np.arange(len(whole))
    whole.meta = meta
    return whole
