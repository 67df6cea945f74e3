"""The container: one array of pixels with its unit, axes, flags and variances."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.flags import UNUSABLE, Flag

__all__ = ["AXES", "Frame"]

AXES = ("integration", "segment", "jump", "resultant", "amplifier", "row", "column")
"""Every axis that a frame may have, in the only order in which they may stand."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Frame:
    """Pixels, and all that must travel with them.

    Parameters
    ----------
    data
        Pixels; the trailing axes are (row, column) [`unit`]. The frame keeps a read-only view.
    unit
        ``"DN"``, ``"electron"``, ``"electron/s"`` ...
    axes
        Names of the axes of `data`, a subset of `AXES` in that order.
    flags
        What is wrong with each element, the shape of `data`, uint8 (first eight bits of `Flag`).
    pixel_flags
        What is wrong with each pixel for the whole exposure, (row, column), uint32 `Flag`.
    variances
        Variance of `data` by component [`unit` squared], each the shape of `data`; None until an estimator
        makes them. What is *shared* between exposures (``flat``, ``dark``) is listed in `shared`.
    exposure
        What was set before the shutter opened.
    undone
        Names of the effects that have been undone already: no step runs twice.
    companions
        Frames that travel along, by name.
    cargo
        What only `obverse.io` reads (headers, tables).
    shared
        For a shared variance component, the digest of the reference that it came from.

    Raises
    ------
    UsageError
        If axes, flags or variances do not fit the data.

    Examples
    --------
    >>> frame = Frame(np.ones((4, 6), "f4"), "DN", ("row", "column"))
    >>> frame.shape, frame.variance is None
    ((4, 6), True)
    """

    data: NDArray[Any]
    unit: str
    axes: tuple[str, ...] = ("row", "column")
    flags: NDArray[np.uint8] | None = None
    pixel_flags: NDArray[np.uint32] | None = field(default=None, kw_only=True)
    variances: Mapping[str, NDArray[Any]] | None = field(default=None, kw_only=True)
    exposure: Exposure = field(default_factory=Exposure, kw_only=True)
    undone: tuple[str, ...] = field(default=(), kw_only=True)
    companions: Mapping[str, Frame] = field(default_factory=lambda: _NOTHING, kw_only=True)
    cargo: Any = field(default=None, kw_only=True)
    shared: Mapping[str, str] = field(default_factory=lambda: _NOTHING, kw_only=True)

    def __post_init__(self) -> None:
        data = np.asarray(self.data)
        _refuse_bad_axes(self.axes, data)
        self._set("data", _read_only(data))
        if self.flags is not None:
            self._set("flags", _read_only(_shaped("flags", self.flags, data.shape, np.uint8)))
        if self.pixel_flags is not None:
            self._set("pixel_flags", _read_only(_shaped("pixel_flags", self.pixel_flags, data.shape[-2:], np.uint32)))
        if self.variances is not None:
            self._set("variances", MappingProxyType({k: _plane(k, v, data) for k, v in self.variances.items()}))
        self._set("companions", MappingProxyType(dict(self.companions)))
        self._set("shared", MappingProxyType(dict(self.shared)))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    @property
    def variance(self) -> NDArray[Any] | None:
        """Sum of the variance components [`unit` squared], or None before an estimator has made them."""
        if self.variances is None:
            return None
        total = np.zeros(self.shape, np.float32)
        for plane in self.variances.values():
            total = total + plane
        return total

    @property
    def error(self) -> NDArray[Any] | None:
        """One standard deviation [`unit`], or None before an estimator has made the variances."""
        variance = self.variance
        return None if variance is None else np.sqrt(variance)

    def replace(self, **changes: Any) -> Frame:
        """Return a frame with some fields changed.

        Examples
        --------
        >>> Frame(np.ones((2, 2)), "DN").replace(unit="electron").unit
        'electron'
        """
        return replace(self, **changes)

    def flagged(self, where: ArrayLike, flag: Flag) -> Frame:
        """Return a frame with `flag` set on the elements `where` (broadcast to the data) is true.

        Examples
        --------
        >>> frame = Frame(np.array([[1.0, 9.0]]), "DN")
        >>> frame.flagged(frame.data > 5, Flag.SATURATED).flags
        array([[0, 2]], dtype=uint8)
        """
        old = np.zeros(self.shape, np.uint8) if self.flags is None else self.flags
        return self.replace(flags=old | np.where(where, np.uint8(flag), np.uint8(0)))

    def unusable(self) -> NDArray[np.bool_]:
        """Elements of an image that must not be used, (row, column): NaN, DO_NOT_USE, or a read that is `UNUSABLE`.

        A pixel that saturated late in its ramp has a rate; a read that is saturated has no charge to tell.
        """
        bad = ~np.isfinite(self.data)
        if self.flags is not None:
            bad = bad | ((self.flags & np.uint8(UNUSABLE)) != 0)
        if self.pixel_flags is not None:
            bad = bad | ((self.pixel_flags & Flag.DO_NOT_USE) != 0)
        return bad

    def digest(self) -> str:
        """Hash of all that the frame says of the sky (cargo left out), equal for equal frames."""
        state = hashlib.sha256(
            repr((self.unit, self.axes, self.exposure, self.undone, sorted(self.shared.items()))).encode()
        )
        for name, array in self._arrays():
            state.update(f"|{name}|{array.dtype.str}|{array.shape}|".encode())
            state.update(np.ascontiguousarray(array).tobytes())
        for name in sorted(self.companions):
            state.update(f"|{name}|{self.companions[name].digest()}".encode())
        return state.hexdigest()

    @classmethod
    def from_ccddata(cls, ccd: Any, **more: Any) -> Frame:
        """Take an astropy CCDData: data, unit, mask (as DO_NOT_USE) and uncertainty; see `obverse.bridges`."""
        from obverse.bridges import from_ccddata

        return from_ccddata(ccd, **more)

    def to_ccddata(self) -> Any:
        """Give an astropy CCDData: data, unit, mask of unusable pixels, variance; see `obverse.bridges`."""
        from obverse.bridges import to_ccddata

        return to_ccddata(self)

    def planes(self) -> dict[str, NDArray[Any]]:
        """Return every array by name: ``data``, ``flags``, ``pixel_flags``, ``variance <component>``."""
        return dict(self._arrays())

    def with_planes(self, planes: Mapping[str, NDArray[Any]]) -> Frame:
        """Return the frame with all its arrays exchanged for those of `planes`, named as `planes` names them."""
        prefix = "variance "
        variances = {name.removeprefix(prefix): a for name, a in planes.items() if name.startswith(prefix)}
        return self.replace(
            data=planes["data"],
            flags=planes.get("flags"),
            pixel_flags=planes.get("pixel_flags"),
            variances=variances if self.variances is not None else None,
        )

    def rows(self, start: int, stop: int) -> Frame:
        """Return the rows `start` to `stop`, companions cut alike."""
        cut = {name: array[..., start:stop, :] for name, array in self._arrays()}
        companions = {name: companion.rows(start, stop) for name, companion in self.companions.items()}
        return self.with_planes(cut).replace(companions=companions)

    def _arrays(self) -> list[tuple[str, NDArray[Any]]]:
        named: list[tuple[str, NDArray[Any] | None]] = [
            ("data", self.data),
            ("flags", self.flags),
            ("pixel_flags", self.pixel_flags),
        ]
        named += [(f"variance {k}", v) for k, v in sorted((self.variances or {}).items())]
        return [(name, array) for name, array in named if array is not None]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}={n}" for name, n in zip(self.axes, self.shape, strict=True))
        return f"<Frame {self.exposure.id!r} {self.data.dtype} ({axes}) [{self.unit}] undone={self.undone}>"


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _refuse_bad_axes(axes: tuple[str, ...], data: NDArray[Any]) -> None:
    if axes != tuple(name for name in AXES if name in axes) or axes[-2:] != ("row", "column"):
        raise UsageError(f"Frame: axes {axes} must be some of {AXES}, in this order, ending in row and column")
    if len(axes) != data.ndim:
        raise UsageError(f"Frame: {len(axes)} axes {axes} do not fit data of shape {data.shape}")


def _shaped(name: str, array: ArrayLike, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    made = np.asarray(array)
    if made.dtype != dtype:
        made = made.astype(dtype)
    if made.shape != shape:
        raise UsageError(f"Frame: {name} has shape {made.shape}, the data need {shape}")
    return made


def _plane(name: str, plane: ArrayLike, data: NDArray[Any]) -> NDArray[Any]:
    """Give a variance plane the shape of the data; an independent one is never broadcast over more pixels."""
    made = np.asarray(plane)
    if made.shape != data.shape:
        raise UsageError(
            f"Frame: variance {name!r} has shape {made.shape}, the data {data.shape}; "
            "spreading one variance over many pixels hides their correlation, so give each pixel its own"
        )
    return _read_only(made)
