r"""Ramps of which one resultant is left: the charge over the time since the reset.

.. math::

    a = \frac{g R_k}{\bar t_k}, \qquad \mathrm{var}(a) = \frac{\sigma^2}{N_k \bar t_k^2}
        + (a^+ + a_{dark}) \frac{\tau_k}{\bar t_k^2}

It takes the counts to be zero at the reset, so it is right only behind a good bias subtraction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag
from obverse.ramps.inputs import Cube
from obverse.ramps.result import RampFit

__all__ = ["Lone", "filled", "lone_of", "no_lone", "put"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Lone:
    """The pixels of one integration whose rate comes from a single resultant, one value each.

    Parameters
    ----------
    where
        Their places, (row, column) bool.
    index
        The resultant; 0 also where the zero frame stands for it.
    charge
        Its charge [electron].
    time, tau, reads
        Its mean time, its tau [s] and how many reads it averages.
    """

    where: NDArray[np.bool_]
    index: NDArray[np.intp]
    charge: Array
    time: Array
    tau: Array
    reads: Array

    @property
    def rate(self) -> Array:
        """Charge over time [electron/s]."""
        return self.charge / self.time

    @property
    def form(self) -> Array:
        """Photon variance for one electron/s [1/s]."""
        return self.tau / self.time**2

    def read_form(self) -> Array:
        """Read variance for one electron^2 of read noise [1/s^2]."""
        return 1 / (self.reads * self.time**2)


def no_lone(shape: tuple[int, ...]) -> Lone:
    """Return what an image without lone resultants has."""
    none = np.zeros(0)
    return Lone(np.zeros(shape, np.bool_), np.zeros(0, np.intp), none, none, none, none)


def lone_of(cube: Cube, rate: Array, zero_frame: Array | None) -> Lone:
    """Find, in one integration, the pixels without a rate that have one good resultant, or a good zero frame."""
    counts = cube.counts[0]
    good = np.isfinite(counts)
    if cube.flags is not None:
        good = good & ((cube.flags[0] & np.uint8(UNUSABLE | Flag.JUMP_DET)) == 0)
    wanting = ~np.isfinite(rate) & _sensible(cube)
    any_good = good.any(axis=0)
    index = np.where(any_good, good.argmax(axis=0), 0)
    value = np.take_along_axis(counts, index[None], axis=0)[0].astype(np.float64)
    from_zero = np.zeros(rate.shape, np.bool_)
    if zero_frame is not None:
        from_zero = ~any_good & np.isfinite(zero_frame) & (zero_frame != 0)
        value = np.where(from_zero, zero_frame, value)
    where = wanting & (any_good | from_zero)
    k, zero, pattern = index[where], from_zero[where], cube.pattern
    first_read = pattern.times[0][0]
    gain = np.broadcast_to(cube.gain, rate.shape)[where]
    return Lone(
        where,
        k,
        (value[where] * gain).astype(rate.dtype),
        np.where(zero, first_read, pattern.tbar[k]),
        np.where(zero, first_read, pattern.tau[k]),
        np.where(zero, 1, pattern.n_reads[k]),
    )


def _sensible(cube: Cube) -> NDArray[np.bool_]:
    known = np.isfinite(cube.gain) & (cube.gain > 0) & np.isfinite(cube.read_noise) & np.isfinite(cube.dark_rate)
    sensible: NDArray[np.bool_] = known & ((cube.pixel_flags & np.uint32(Flag.DO_NOT_USE)) == 0)
    return sensible


def filled(fit: RampFit, lone: Lone, cube: Cube) -> RampFit:
    """Return the fit of one integration with the rates of lone resultants put in."""
    if not lone.where.any():
        return fit
    noise, dark = (np.broadcast_to(plane, fit.rate.shape)[lone.where] for plane in (cube.read_noise, cube.dark_rate))
    photons = (np.maximum(lone.rate, 0) + dark) * lone.form
    entered: dict[str, Any] = {
        "rate": lone.rate,
        "var_poisson": photons,
        "var_read": noise**2 * lone.read_form(),
        "pedestal": 0.0,  # as it was taken to be
        "flags": fit.flags[lone.where] & ~np.uint32(Flag.DO_NOT_USE),
    }
    if fit.chi2 is not None:
        entered["chi2"] = 0.0  # no degree of freedom is left
    changed: dict[str, Any] = {name: put(getattr(fit, name), lone.where, values) for name, values in entered.items()}
    return replace(fit, **changed)


def put(plane: Array, where: NDArray[np.bool_], values: Any) -> Array:
    """Return the plane with some values exchanged."""
    made = plane.copy()
    made[where] = values
    return made
