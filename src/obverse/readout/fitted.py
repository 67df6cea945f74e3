"""What a ramp fit has beside the rate, as frames that travel with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.exposure import Exposure
from obverse.flags import UNUSABLE, Flag
from obverse.frame import Frame

if TYPE_CHECKING:
    from obverse.ramps import RampFit
    from obverse.ramps.result import Segments

__all__ = ["fitted_companions", "without_differences"]

_OF_GROUPS = Flag.DO_NOT_USE | Flag.SATURATED | Flag.JUMP_DET | Flag.PERSISTENCE


def fitted_companions(fit: RampFit, exposure: Exposure) -> Mapping[str, Frame]:
    """Return ``integrations``, ``pedestal``, ``chi2``, and ``segments`` with ``resultant_flags``, as the fit has them.

    Parameters
    ----------
    fit
        A fit in electrons, with integrations.
    exposure
        The exposure that they belong to.
    """
    each = fit.integrations
    if each is None:
        return {}
    axes = ("integration", "row", "column")
    made = {
        "integrations": Frame(
            each.rate,
            "electron/s",
            axes,
            flags=(each.flags & np.uint32(_OF_GROUPS)).astype(np.uint8),
            variances={"poisson": each.var_poisson, "read": each.var_read},
            exposure=exposure,
        ),
        "pedestal": Frame(each.pedestal, "electron", axes, exposure=exposure),
    }
    if fit.chi2 is not None:
        made["chi2"] = Frame(fit.chi2, "", exposure=exposure)
    if fit.segments is not None:
        made["segments"] = _segments(fit.segments, exposure)
        ramp = ("integration", "resultant", "row", "column")
        made["resultant_flags"] = Frame(fit.resultant_flags, "", ramp, exposure=exposure)
    return made


def without_differences(frame: Frame, zero_frame: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Where no two neighbouring reads are usable, (row, column): a rate there is a charge over its time.

    Parameters
    ----------
    frame
        The ramps.
    zero_frame
        First reads that the fit took for resultants of their own, (integration, row, column), or None.
    """
    good = np.isfinite(frame.data)
    if frame.flags is not None:
        good &= (frame.flags & np.uint8(UNUSABLE)) == 0
    if zero_frame is not None:
        good = np.concatenate([(np.isfinite(zero_frame) & (zero_frame != 0))[:, None], good], axis=1)
    without: NDArray[np.bool_] = ~(good[:, 1:] & good[:, :-1]).any(axis=(0, 1))
    return without


def _segments(segments: Segments, exposure: Exposure) -> Frame:
    axes = ("integration", "segment", "row", "column")

    def frame(data: NDArray[Any], unit: str, axes: tuple[str, ...] = axes, **more: Any) -> Frame:
        return Frame(data, unit, axes, exposure=exposure, **more)

    companions = {
        "error": frame(segments.error, "electron/s"),
        "intercept": frame(segments.intercept, "electron"),
        "intercept_error": frame(segments.intercept_error, "electron"),
        "weight": frame(segments.weight, "s2/electron2"),
    }
    if segments.jumps.size:  # no file holds a plane of no jumps
        companions["jumps"] = frame(segments.jumps, "electron", ("integration", "jump", "row", "column"))
    variances = {"poisson": segments.var_poisson, "read": segments.var_read}
    return frame(segments.rate, "electron/s", variances=variances, companions=companions)
