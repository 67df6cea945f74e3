r"""What is known of the pedestal beforehand, and what it adds to the rate.

The differences alone leave the charge b at time zero free. With :math:`v_0 = \sigma^2/N_0 + f \tau_0` the variance of
the first resultant and :math:`c = f (\bar t_0 - \tau_0) - \sigma^2/N_0` its covariance with the first difference,

.. math::

    \hat b = R_0 - a \bar t_0 - c\, q_0, \qquad m = \bar t_0 - c\, x_0, \qquad
    C_{bb} = v_0 - c^2 (V^{-1})_{00} + m^2/s, \qquad C_{ab} = -m/s

(letters of `obverse.fit_ramps` and `obverse.find_jumps`), and a prior :math:`b = b_0 \pm s_0` changes the rate by

.. math::

    a' = a + \frac{C_{ab}}{C_{bb} + s_0^2} (b_0 - \hat b), \qquad
    \mathrm{var}(a') = \mathrm{var}(a) - \frac{C_{ab}^2}{C_{bb} + s_0^2}, \qquad
    \chi^2{}' = \chi^2 + \frac{(b_0 - \hat b)^2}{C_{bb} + s_0^2} .

Reference: Brandt 2024, PASP 136 045004, section on the pedestal, where it is one more "difference".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.quantities import plain
from obverse.ramps.inputs import Cube
from obverse.ramps.result import RampFit
from obverse.ramps.strips import cut, over_strips

__all__ = ["Prior", "fit_strips", "with_prior"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Prior:
    """Mean and standard deviation of the pedestal, numbers or (row, column) [electron]."""

    mean: Array
    sigma: Array

    @classmethod
    def of(cls, given: tuple[ArrayLike, ArrayLike] | None, image: tuple[int, ...]) -> Prior | None:
        """Check what the caller gave."""
        if given is None:
            return None
        if not (isinstance(given, tuple) and len(given) == 2):
            raise UsageError(f"fit_ramps: pedestal_prior is {given!r}, it must be a pair (mean, sigma) [electron]")
        mean, sigma = (np.asarray(plain("fit_ramps: pedestal_prior", part, "electron"), np.float64) for part in given)
        for part in (mean, sigma):
            if part.shape not in ((), image):
                raise UsageError(f"fit_ramps: pedestal_prior has shape {part.shape}, it must be a number or {image}")
        if not (np.isfinite(mean).all() and (sigma > 0).all()):
            raise UsageError("fit_ramps: pedestal_prior needs finite means and a sigma above 0")
        return cls(mean, sigma)

    def rows(self, rows: slice) -> Prior:
        """What is known of some rows."""
        return Prior(cut(self.mean, rows), cut(self.sigma, rows))


def fit_strips(cube: Cube, fit: Callable[[Cube, slice], RampFit], threads: int | None) -> RampFit:
    """Fit one integration strip by strip, for the planes that the prior needs are more than the fit has.

    Parameters
    ----------
    cube
        One integration.
    fit
        Takes some rows of it, and which they are; returns their fit, with chi-square.
    threads
        Worker threads.
    """
    image, dtype = cube.counts.shape[2:], cube.gain.dtype
    rate, var_poisson, var_read, pedestal, chi2 = (np.empty(image, dtype) for _ in range(5))
    flags, marks = np.empty(image, np.uint32), np.empty(cube.counts.shape, np.uint8)
    whole = RampFit(rate, var_poisson, var_read, flags, marks, pedestal, chi2)

    def work(strip: Cube, rows: slice) -> None:
        part = fit(strip, rows)
        marks[:, :, rows] = part.resultant_flags
        for name, plane in part.planes().items():
            whole.planes()[name][rows] = plane

    over_strips(cube, work, threads)
    return whole


@np.errstate(divide="ignore", invalid="ignore")  # NaN where no difference is left
def with_prior(fit: RampFit, extra: Array, cube: Cube, prior: Prior) -> RampFit:
    """Return the fit of one integration with what the prior adds; its variances keep their proportion.

    Parameters
    ----------
    fit
        Fit of the differences.
    extra
        The planes beyond the fifth of `obverse.kernels.likelihood.fit_rows`.
    cube
        One integration.
    prior
        What is known of the pedestal.
    """
    x, q, inverse, u, s, counts = extra.astype(np.float64)
    t, tau, share = cube.pattern.tbar[0], cube.pattern.tau[0], 1 / cube.pattern.n_reads[0]
    read = np.maximum(np.asarray(cube.read_noise, np.float64) ** 2, 1e-6)
    c = u * (t - tau) - share  # in units of the read variance, as all that follows
    m = t - c * x
    estimate = cube.gain * cube.counts[0, 0].astype(np.float64) - fit.rate * t - c * q
    spread = read * (share + u * tau - c**2 * inverse + m**2 / s)
    covariance = -read * m / s
    known = (counts > 0) & np.isfinite(fit.rate)  # without the first difference the pedestal tells nothing
    total = np.where(known, spread + prior.sigma**2, np.inf)
    step = np.where(known, prior.mean - estimate, 0.0)
    shrink = 1 - covariance**2 / total / (fit.var_poisson + fit.var_read)
    planes: dict[str, Any] = {
        "rate": fit.rate + covariance / total * step,
        "var_poisson": fit.var_poisson * shrink,
        "var_read": fit.var_read * shrink,
        "chi2": np.asarray(fit.chi2) + step**2 / total,
        "pedestal": np.where(known, estimate + spread / total * step, fit.pedestal),
    }
    return replace(fit, **{name: plane.astype(fit.rate.dtype) for name, plane in planes.items()})
