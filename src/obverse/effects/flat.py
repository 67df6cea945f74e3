"""Flat field: how the response differs from pixel to pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.contract import Scales
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import divide

__all__ = ["Flat"]

_DEAD = 0.02
"""Responses below this are no sensitivity that light could be divided by: the pixel is dead."""


def _normalised(frame: Frame, sensitive: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return an exposure and its independent variance in units of its mean, NaN where unusable."""
    if frame.variances is None:
        raise UsageError(f"flat: frame {frame.exposure.id!r} has no variances yet: run the recipe up to here first")
    data = np.where(frame.unusable() | ~sensitive, np.nan, frame.data).astype(np.float64)
    level = np.nanmean(data)
    if not level > 0:
        raise UsageError(f"flat: frame {frame.exposure.id!r} has mean {level:.3g} {frame.unit}: no light fell on it")
    own = sum(v for k, v in frame.variances.items() if k not in frame.shared)
    return data / level, np.asarray(own, np.float64) / level**2


@dataclass(frozen=True, eq=False, kw_only=True)
class Flat(Effect):
    r"""Relative response of each pixel, with mean one over the pixels that see light.

    .. math::

        x = f\, e, \qquad \hat e = x / f, \qquad
        \sigma_{\hat e}^2 = \sigma_x^2 / f^2 + \hat e^2\, (\sigma_f / f)^2

    The second term is *shared* by all exposures that use this flat: averaging them does not reduce it.

    Parameters
    ----------
    response
        :math:`f`, a scalar or a map (row, column); NaN or nothing positive marks a pixel without flat.
    error
        :math:`\sigma_f`, a map (row, column), where it was measured.

    Notes
    -----
    Limits: what is pixel *area* (tree rings, edge roll-off) moves light rather than losing it; dividing is then
    right for a smooth sky and wrong for the flux of a star.
    Reference: Baumer, Davis & Roodman 2017, PASP 129, 084502 (what a flat gets wrong).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2)))
    >>> Flat(response=[[0.5, 1.5]]).correct(Frame(np.array([[1.0, 3.0]], "f4"), "electron"), at).data
    array([[2., 2.]], dtype=float32)
    """

    name = "flat"
    contracts = (Scales("a star's flux where the flat holds pixel area instead of sensitivity"),)
    acts_on = "expected"

    response: float | NDArray[np.float64] = param("relative response, mean 1", default=1.0, minimum=0.0)
    error: NDArray[np.float64] | None = param("its error", default=None, minimum=0.0, shape="map")
    site: str = site("light")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Multiply the rate (row, column) by the response; a pixel without flat keeps its light."""
        return charge * np.nan_to_num(at.plane(self.response), nan=1.0)

    def measure(self, frames: Sequence[Frame], at: Moment) -> tuple[Flat, Block]:
        """Measure the response from evenly lit exposures that have been calibrated up to this step.

        Parameters
        ----------
        frames
            Estimates with variances (row, column), whatever their light levels.
        at
            The geometry; the response has mean one over its sensitive pixels.

        Returns
        -------
        effect, block
            A map with its error; NaN where no frame is usable.
        """
        normal = [_normalised(frame, at.geometry.sees_light) for frame in frames]
        response, variance = (np.stack(planes) for planes in zip(*normal, strict=True))
        good = np.isfinite(response)
        n = good.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(good, response, 0.0).sum(axis=0) / n
            error = np.sqrt(np.where(good, variance, 0.0).sum(axis=0)) / n
        mean = np.where(mean > _DEAD, mean, np.nan)
        mean, error = (np.where(at.geometry.sees_light, p, blind) for p, blind in ((mean, 1.0), (error, 0.0)))
        effect = self.replace(response=mean, error=error)
        return effect, Block(("flat.response",), np.nan_to_num(error[None, None] ** 2))

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Divide by the response, carry the error of the flat along."""
        f = at.plane(self.response)
        divided = divide(frame, f)
        if self.error is None or divided.variances is None:
            return divided
        added = divided.data**2 * (at.plane(self.error) / f) ** 2
        return divided.replace(
            variances={**divided.variances, "flat": np.broadcast_to(added, divided.shape)},
            shared={**divided.shared, "flat": self.digest()},
        )
