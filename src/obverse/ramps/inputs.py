"""The door of the ramp functions: arguments become arrays that fit together, or one line says why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.pattern import ReadPattern
from obverse.quantities import plain

__all__ = ["Counts", "Cube", "zero_frames"]

Array = NDArray[Any]
Counts = ArrayLike | Frame


@dataclass(frozen=True)
class Cube:
    """Checked arguments of a ramp fit.

    Parameters
    ----------
    counts
        (integration, resultant, row, column) [DN]; uint16, float32 or float64, C-contiguous, native bytes.
    flags
        The same shape, uint8; None where nothing is flagged.
    pattern
        When each resultant was read.
    gain, read_noise, dark_rate
        (row, column), of length 1 along the axes on which they do not depend [electron/DN, electron,
        electron/s].
    pixel_flags
        (row, column), of length 1 in the same way, uint32.
    shape
        Shape of the counts as they were given.
    """

    counts: Array
    flags: NDArray[np.uint8] | None
    pattern: ReadPattern
    gain: Array
    read_noise: Array
    dark_rate: Array
    pixel_flags: NDArray[np.uint32]
    shape: tuple[int, ...]

    @classmethod
    def of(
        cls,
        counts: Counts,
        pattern: ReadPattern | None,
        gain: ArrayLike,
        read_noise: ArrayLike,
        flags: ArrayLike | None = None,
        pixel_flags: ArrayLike | None = None,
        dark_rate: ArrayLike = 0.0,
    ) -> Cube:
        """Check the arguments of `fit_ramps` and bring them into one form; the counts are not copied."""
        if isinstance(counts, Frame):
            counts, pattern, flags, pixel_flags = _unpacked(counts, pattern, flags, pixel_flags)
        if isinstance(counts, np.ma.MaskedArray):
            counts, flags = _unmasked(counts, flags)
        if not isinstance(pattern, ReadPattern):
            raise UsageError(f"fit_ramps: pattern is {pattern!r}, it must be a ReadPattern")
        given = np.asarray(plain("fit_ramps: counts", counts, "DN"))
        _refuse_odd_shape(given.shape)
        cube = _four_axes(_readable(given))
        _refuse_misfit(given.shape, cube, pattern)
        image = cube.shape[-2:]
        dtype = np.float64 if cube.dtype == np.float64 else np.float32
        return cls(
            counts=cube,
            flags=_flags(flags, given.shape, cube.shape),
            pattern=pattern,
            gain=_parameter("gain", gain, image, dtype, lowest=0.0, exclusive=True),
            read_noise=_parameter("read_noise", read_noise, image, dtype, lowest=0.0),
            dark_rate=_parameter("dark_rate", dark_rate, image, dtype, lowest=0.0),
            pixel_flags=_pixel_flags(pixel_flags, image),
            shape=given.shape,
        )

    def integration(self, i: int) -> Cube:
        """One integration alone."""
        flags = None if self.flags is None else self.flags[i : i + 1]
        return replace(self, counts=self.counts[i : i + 1], flags=flags)

    def integrations(self) -> list[Cube]:
        """Each integration alone."""
        return [self.integration(i) for i in range(self.counts.shape[0])]

    @property
    def marks(self) -> NDArray[np.uint8]:
        """The flags, zeros where nothing is flagged."""
        return np.zeros(self.counts.shape, np.uint8) if self.flags is None else self.flags

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one plane of results, in the axes that the counts were given in."""
        return self.shape[-2:] if len(self.shape) > 2 else self.shape[1:]


def _unmasked(counts: Any, flags: ArrayLike | None) -> tuple[Array, Array]:
    """Turn the mask of a numpy array into flags: what it hides is not to be used."""
    masked = np.ma.getmaskarray(counts)
    marks = np.zeros(counts.shape, np.uint8) if flags is None else np.asarray(flags)
    return np.ma.getdata(counts), marks | np.where(masked, 1, 0).astype(marks.dtype)


def zero_frames(zero_frame: ArrayLike | None, cube: Cube) -> Array | None:
    """Bring the first reads into (integration, row, column) [DN]."""
    if zero_frame is None:
        return None
    given = np.asarray(plain("fit_ramps: zero_frame", zero_frame, "DN"), np.float64)
    shape = (cube.counts.shape[0], *cube.counts.shape[2:])
    integrations = shape[:1] if len(cube.shape) == 4 else ()
    if given.shape != integrations + cube.image_shape:
        raise UsageError(f"fit_ramps: zero_frame has shape {given.shape}, it must be one read of each ramp, {shape}")
    return given.reshape(shape)


def _unpacked(frame: Frame, pattern: ReadPattern | None, flags: Any, pixel_flags: Any) -> tuple[Any, Any, Any, Any]:
    if frame.unit != "DN" or "resultant" not in frame.axes or "amplifier" in frame.axes:
        raise UsageError(f"fit_ramps: needs a frame in DN with axes (resultant, row, column), got {frame!r}")
    return (
        frame.data,
        frame.exposure.pattern if pattern is None else pattern,
        frame.flags if flags is None else flags,
        frame.pixel_flags if pixel_flags is None else pixel_flags,
    )


def _readable(counts: Array) -> Array:
    """Native, contiguous, and of a type that has a kernel; uint16, float32 and float64 pass as they are."""
    if counts.dtype.kind not in "uif":
        raise UsageError(f"fit_ramps: counts are of type {counts.dtype}, they must be numbers")
    small = counts.dtype.itemsize < 4
    dtype = counts.dtype.newbyteorder("=")
    if dtype not in (np.uint16, np.float32, np.float64):
        dtype = np.dtype(np.float32 if small else np.float64)
    return np.ascontiguousarray(counts, dtype)


def _four_axes(counts: Array) -> Array:
    shapes = {1: (1, -1, 1, 1), 2: (1, counts.shape[0], 1, -1), 3: (1, *counts.shape), 4: counts.shape}
    return counts.reshape(shapes[counts.ndim])


def _refuse_odd_shape(shape: tuple[int, ...]) -> None:
    if not 1 <= len(shape) <= 4:
        raise UsageError(
            f"fit_ramps: counts have {len(shape)} axes, they need (integration, resultant, row, column), "
            "(resultant, row, column), (resultant, column) or (resultant,)"
        )
    if 0 in shape:
        raise UsageError(f"fit_ramps: counts are empty, shape {shape}")


def _refuse_misfit(shape: tuple[int, ...], cube: Array, pattern: ReadPattern) -> None:
    if cube.shape[1] != len(pattern):
        raise UsageError(
            f"fit_ramps: counts of shape {shape} hold {cube.shape[1]} resultants, the pattern {len(pattern)}"
        )


_UNITS = {"gain": "electron/DN", "read_noise": "electron", "dark_rate": "electron/s"}


def _parameter(
    name: str, value: ArrayLike, image: tuple[int, ...], dtype: type, lowest: float, exclusive: bool = False
) -> Array:
    """Bring a number or a map into two axes; a bad pixel of a map is flagged later, a bad number refused."""
    made: Array = np.asarray(plain(f"fit_ramps: {name}", value, _UNITS[name]), dtype)
    _refuse_shape(name, made.shape, image)
    if made.ndim == 0 and not (np.isfinite(made) and made >= lowest and not (exclusive and made == lowest)):
        raise UsageError(
            f"fit_ramps: {name} is {value!r}, it must be a number {'above' if exclusive else 'not below'} 0"
        )
    if not exclusive and (made < lowest).any():
        raise UsageError(f"fit_ramps: {name} is negative in {int((made < lowest).sum())} pixels")
    return np.ascontiguousarray(made.reshape(1, -1) if made.ndim < 2 else made)


def _refuse_shape(name: str, shape: tuple[int, ...], image: tuple[int, ...]) -> None:
    allowed = {(), tuple(image)} | ({image[1:]} if image[0] == 1 else set())
    if shape not in allowed:
        raise UsageError(f"fit_ramps: {name} has shape {shape}, it must be a number or (row, column) = {tuple(image)}")


def _flags(flags: ArrayLike | None, given: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    if flags is None:
        return None
    made = np.asarray(flags)
    if made.shape != given or made.dtype.kind not in "uib":
        raise UsageError(f"fit_ramps: flags are {made.dtype} of shape {made.shape}, the counts need uint8 of {given}")
    if made.dtype != np.uint8:
        if (made.astype(np.int64) & ~np.int64(0xFF)).any():
            raise UsageError("fit_ramps: flags of resultants go up to 255, higher bits belong to pixel_flags")
        made = made.astype(np.uint8)
    return np.ascontiguousarray(made).reshape(shape)


def _pixel_flags(flags: ArrayLike | None, image: tuple[int, ...]) -> NDArray[np.uint32]:
    if flags is None:
        return np.zeros((1, 1), np.uint32)
    made = np.asarray(flags)
    if made.dtype.kind not in "uib":
        raise UsageError(f"fit_ramps: pixel_flags are {made.dtype}, they must be whole numbers")
    _refuse_shape("pixel_flags", made.shape, image)
    made = made.astype(np.uint32, copy=False)
    return np.ascontiguousarray(made.reshape(1, -1) if made.ndim < 2 else made)
