"""Frames as others know them: astropy's CCDData, imported only when asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["from_ccddata", "to_ccddata"]

_UNITS = {
    "adu": "DN",
    "DN": "DN",
    "electron": "electron",
    "electron / s": "electron/s",
    "ph": "photon",
    "ph / s": "photon/s",
}


def to_ccddata(frame: Frame) -> Any:
    """Turn an image into a CCDData: unusable pixels become its mask, the sum of the variances its uncertainty.

    Raises
    ------
    UsageError
        If the frame is no image (row, column): a CCDData has no place for reads.

    Examples
    --------
    >>> to_ccddata(Frame(np.ones((2, 3), "f4"), "electron")).unit
    Unit("electron")
    """
    from astropy.nddata import CCDData, VarianceUncertainty

    if frame.axes != ("row", "column"):
        raise UsageError(f"to_ccddata: the frame has axes {frame.axes}, a CCDData has (row, column) alone")
    unit = "adu" if frame.unit == "DN" else frame.unit.replace("photon", "ph")
    variance = frame.variance
    uncertainty = None if variance is None else VarianceUncertainty(variance)
    meta = {"EXPID": frame.exposure.id, "UNDONE": ", ".join(frame.undone)}
    return CCDData(np.array(frame.data), unit=unit, mask=frame.unusable(), uncertainty=uncertainty, meta=meta)


def from_ccddata(ccd: Any, **more: Any) -> Frame:
    """Turn a CCDData into a frame; what it cannot say (exposure, what was undone) goes into `more`.

    Raises
    ------
    UsageError
        If its unit is none that a detector has.

    Examples
    --------
    >>> from astropy.nddata import CCDData
    >>> from_ccddata(CCDData(np.ones((2, 3)), unit="adu")).unit
    'DN'
    """
    unit = _UNITS.get(str(ccd.unit))
    if unit is None:
        raise UsageError(f"from_ccddata: unit {str(ccd.unit)!r}, it must be one of {', '.join(_UNITS)}")
    flags = None if ccd.mask is None else np.where(ccd.mask, np.uint32(Flag.DO_NOT_USE), np.uint32(0))
    variances = None
    if ccd.uncertainty is not None:
        from astropy.nddata import VarianceUncertainty

        variances = {"total": ccd.uncertainty.represent_as(VarianceUncertainty).array}
    return Frame(np.asarray(ccd.data), unit, pixel_flags=flags, variances=variances, **more)
