"""From a fit to the noise maps and everything that is told with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import REGIONS
from obverse.darks.gathered import Gathered
from obverse.darks.model import NAMES, ORDER
from obverse.darks.noise_maps import Maps, NoiseMaps
from obverse.darks.offsets import bias_offset
from obverse.darks.scatter import read_noise_of
from obverse.darks.solving import Fit
from obverse.darks.verdicts import StackReport, suspects, warn_of
from obverse.darks.weights import Pooled

__all__ = ["Weighted", "products"]

Array = NDArray[Any]

_SENSOR = REGIONS.index("sensor")


@dataclass(frozen=True)
class Weighted:
    """What the fit knew of the noise.

    Parameters
    ----------
    labels
        Kind of each pixel (row, column).
    pooled
        Variances of one frame, and the noise profiles.
    exact
        Kinds whose frames have no scatter at all; None where the errors come from residuals anyway.
    stages
        Stages of the register.
    """

    labels: NDArray[np.uint8]
    pooled: Pooled
    exact: NDArray[np.bool_] | None
    stages: int


def products(
    stacks: Gathered, weighted: Weighted, fit: Fit, k_gain: float | None, skipped: tuple[str, ...]
) -> NoiseMaps:
    """Return the noise maps of a fit."""
    sensor = stacks.areas.mask("sensor")
    covariance = _covariance(stacks, weighted, fit)
    inside = _SensorNumbers.of(fit.maps, covariance[:3], sensor)
    errors, cross = np.sqrt(covariance[:3], out=covariance[:3]), covariance[3:]
    offset, low, up = bias_offset(stacks, fit.maps, errors, _weights(stacks, weighted), k_gain)
    reports = _reports(stacks, weighted, fit)
    fpn, cic, dark = fit.maps
    telemetry = stacks.areas.mask("telemetry")
    for plane in (dark, errors[2], cross[1], cross[2]):  # no dark current where nothing waits
        plane[~sensor & ~telemetry] = 0.0
    return NoiseMaps(
        fpn,
        np.where(cic < 0, 0.0, cic),
        np.where(dark < 0, 0.0, dark),
        errors[0],
        errors[1],
        errors[2],
        np.where(stacks.usable > 3, np.uint32(0), stacks.lost),
        cross=cross,
        unclipped=Maps(fpn, cic, dark),
        geometry=stacks.areas.geometry,
        bias_offset=offset,
        bias_offset_low=low,
        bias_offset_up=up,
        bias_offset_error=max(up - offset, offset - low),
        read_noise=read_noise_of(weighted.pooled.measured[:, _SENSOR], stacks.design, inside.means, weighted.stages),
        chi_square=fit.quality[0],
        r_squared=fit.quality[2],
        unreliable=stacks.unreliable,
        means=inside.means,
        medians=inside.medians,
        map_variances=inside.variances,
        stacks=reports,
        n_frames=round(sum(stacks.used)),
        skipped=skipped,
        profile=weighted.pooled.profiles.get(_SENSOR),
    )


def _covariance(stacks: Gathered, weighted: Weighted, fit: Fit) -> NDArray[np.float32]:
    """Return the covariance of F, C and D, six planes."""
    if weighted.exact is None:
        design = stacks.design
        unweighted = np.linalg.inv(design.T @ design)
        return np.stack([fit.quality[1] * np.float32(unweighted[i, j]) for i, j in ORDER])
    covariance = fit.inverses
    there = np.bincount(weighted.labels.ravel(), minlength=len(weighted.exact)) > 0
    there[0] = False  # telemetry
    for label in np.flatnonzero(weighted.exact & there):
        here = weighted.labels == label  # no scatter has told an error: how well it fits must
        covariance[:, here] *= np.nanmean(fit.quality[0][here])
    return covariance


def _weights(stacks: Gathered, weighted: Weighted) -> Array:
    """Return the weight of each stack in the mean over stacks of what the prescan tells."""
    v = weighted.pooled.variances[:, REGIONS.index("prescan")]
    return np.ones(len(v)) if weighted.exact is None or not (v > 0).all() else np.asarray(stacks.used) / v


@dataclass(frozen=True)
class _SensorNumbers:
    """Means, medians and mean variances of the maps over the sensor, before clipping."""

    means: dict[str, float]
    medians: dict[str, float]
    variances: dict[str, float]

    @classmethod
    def of(cls, maps: Array, variances: Array, sensor: NDArray[np.bool_]) -> _SensorNumbers:
        known = sensor & np.isfinite(maps[0])
        if not known.any():
            nothing = dict.fromkeys(NAMES, float("nan"))
            return cls(nothing, nothing, nothing)
        inside = [plane[known] for plane in maps]
        own = [plane[known] for plane in variances]
        return cls(
            {name: float(values.mean()) for name, values in zip(NAMES, inside, strict=True)},
            {name: float(np.median(values)) for name, values in zip(NAMES, inside, strict=True)},
            {name: float(values.mean(dtype=np.float64)) for name, values in zip(NAMES, own, strict=True)},
        )


def _reports(stacks: Gathered, weighted: Weighted, fit: Fit) -> tuple[StackReport, ...]:
    """Return what each stack was and how it fits; warns of those that break the one noise profile."""
    design, pooled = stacks.design, weighted.pooled
    levels = [
        suspects(fit.statistics[:, label], v, design) if (v := pooled.variances[:, label]).any() else []
        for label in range(1, len(REGIONS))
    ]
    chi = _chi_squares(fit.statistics[:, _SENSOR], weighted.exact is not None)
    verdicts = warn_of(stacks.settings, levels, chi, pooled.ratios[:, 1 : len(REGIONS)])
    profile = pooled.profiles.get(_SENSOR)
    expected = profile.variance(design[:, 1], design[:, 2] / design[:, 1]) if profile else np.full(len(chi), np.nan)
    off = levels[_SENSOR - 1]
    return tuple(
        StackReport(
            s.time, stacks.gains[i], s.k_gain, stacks.frames[i], stacks.used[i],
            float(pooled.measured[i, _SENSOR]), float(expected[i]), float(chi[i]),
            off[i].residual if off else float("nan"), off[i].significance if off else float("nan"), verdicts[i],
        )
        for i, s in enumerate(stacks.settings)
    )  # fmt: skip


def _chi_squares(sums: Array, in_units: bool) -> Array:
    """Return the mean chi-square of a sensor pixel of each stack; NaN where the weights are in no unit."""
    told = (sums[:, 3] > 0) & in_units
    return sums[:, 2] / np.where(told, sums[:, 3], np.nan)
