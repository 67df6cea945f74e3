"""Does an array look like raw counts? What a header cannot say, judged from the pixels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, ObverseWarning
from obverse.flags import Flag

__all__ = ["judge_raw"]

_SAMPLE = 64  # rows looked at for the byte order


def judge_raw(data: NDArray[Any], where: str, saturation: float | None = None) -> NDArray[np.uint8] | None:
    """Flag what is wrong with raw counts; None where nothing is.

    Parameters
    ----------
    data
        Raw counts, (row, column) [DN].
    where
        ``<file>: <HDU>``, for messages.
    saturation
        Counts at which the detector saturates [DN]; the top of the integer type where it is not given.

    Raises
    ------
    DataError
        If all pixels are NaN, or integer counts are negative, as when BZERO was lost.

    Examples
    --------
    >>> judge_raw(np.array([[1, 2], [3, 5]], "u2"), "a.fits: PRIMARY") is None
    True
    """
    flags = np.zeros(data.shape, np.uint8)
    if data.dtype.kind == "f":
        _judge_floats(data, where, flags)
    else:
        _judge_integers(data, where)
    _judge_constant(data, where, flags, saturation)
    return flags if flags.any() else None


def _judge_floats(data: NDArray[Any], where: str, flags: NDArray[np.uint8]) -> None:
    bad = ~np.isfinite(data)
    if bad.all():
        raise DataError(f"{where}/data: all pixels are NaN, fetch the file again")
    if bad.any():
        flags[bad] |= np.uint8(Flag.DO_NOT_USE)
        _warn(f"{where}/data: {int(bad.sum())} pixels are NaN or infinite, they are flagged DO_NOT_USE")
    if np.any(data[~bad] != np.rint(data[~bad])):
        _warn(f"{where}/data: raw counts are not whole numbers, something was done to them before")


def _judge_integers(data: NDArray[Any], where: str) -> None:
    if data.dtype.kind == "i" and data.min() < 0:
        raise DataError(f"{where}/BZERO: raw counts down to {data.min()}, BZERO was lost: restore it in the header")
    if _swapped(data):
        _warn(f"{where}/data: smoother with its bytes the other way round, check who wrote the file")


def _swapped(data: NDArray[Any]) -> bool:
    """Natural images are smooth; in the wrong byte order their noise sits in the high byte."""
    sample = np.ascontiguousarray(data[:_SAMPLE])
    if sample.dtype.itemsize == 1 or sample.shape[-1] < 2:
        return False
    return bool(8 * _roughness(_other_order(sample)) < _roughness(sample))


def _other_order(sample: NDArray[Any]) -> NDArray[Any]:
    """Swap the bytes as they stand in the file, before BZERO."""
    if sample.dtype.kind != "u":
        return sample.byteswap()
    top = sample.dtype.type(1 << (8 * sample.dtype.itemsize - 1))
    swapped: NDArray[Any] = (sample ^ top).byteswap() ^ top
    return swapped


def _roughness(sample: NDArray[Any]) -> float:
    return float(np.median(np.abs(np.diff(sample.astype(np.float64), axis=-1))))


def _judge_constant(data: NDArray[Any], where: str, flags: NDArray[np.uint8], saturation: float | None) -> None:
    low, high = np.nanmin(data), np.nanmax(data)
    top = saturation if saturation is not None else _top(data)
    if top is not None and low >= top:
        flags |= np.uint8(Flag.SATURATED)
        _warn(f"{where}/data: every pixel is saturated, all are flagged SATURATED")
    elif low == high and data.size > 1:
        flags |= np.uint8(Flag.DO_NOT_USE)
        _warn(f"{where}/data: every pixel is {low}, all are flagged DO_NOT_USE")


def _top(data: NDArray[Any]) -> float | None:
    return float(np.iinfo(data.dtype).max) if data.dtype.kind == "u" else None


def _warn(what: str) -> None:
    warnings.warn(what, ObverseWarning, stacklevel=3)
