"""The noise maps: what every dark of a detector is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.darks.areas import Areas
from obverse.darks.model import CROSS, NAMES
from obverse.darks.profile import NoiseProfile
from obverse.darks.refusals import WrongArgumentError
from obverse.darks.verdicts import StackReport
from obverse.geometry import Geometry

if TYPE_CHECKING:
    from obverse.darks.worth import Worth
    from obverse.detector import Detector

__all__ = ["Maps", "NoiseMaps"]

Array = NDArray[Any]
_NAN = float("nan")
_LEFT_OUT: Any = None
"""Default of a plane that is made when it is not given."""


@dataclass(frozen=True, eq=False)
class Maps:
    """F [electron behind the register], C [electron] and D [electron/s], each (row, column)."""

    fpn: Array
    cic: Array
    dark_current: Array


@dataclass(frozen=True, eq=False)
class NoiseMaps:
    r"""Fixed pattern, clock-induced charge and dark current of every pixel, with errors and their covariance.

    .. math:: y = F + g\, C + g\, t\, D

    Parameters
    ----------
    fpn, cic, dark_current
        :math:`F` [electron behind the register], :math:`C` [electron] and :math:`D` [electron/s], (row, column). A
        fit sets what is negative of C and D to 0, and D to 0 outside the sensor; F may be negative.
    fpn_error, cic_error, dark_current_error
        Their errors, in the same units; left out: none.
    flags
        What is wrong with a pixel (row, column) `Flag`.
    cross
        Covariances of F with C, of F with D and of C with D, (3, row, column); left out: none.
    unclipped
        The maps as fitted: their means are unbiased.
    geometry
        Where the parts of the file are; None: all is image area.
    bias_offset, bias_offset_low, bias_offset_up, bias_offset_error
        What the fit leaves in the prescan, its bounds by the errors of the maps, and the larger distance [DN].
    read_noise
        Of one frame, from its scatter [electron]; NaN where it cannot be trusted.
    r_squared, chi_square
        Adjusted coefficient of determination, and chi-square a degree of freedom, of each pixel (row, column).
    unreliable
        In how many stacks fewer than half of the frames of a pixel count (row, column).
    means, medians
        Of the three maps over the sensor, before clipping.
    map_variances
        Mean variance of a pixel of the three maps over the sensor (FPNvar, CICvar, DCvar).
    stacks
        What the fit was made of, and how each stack fits.
    n_frames
        How many frames count in the mean pixel, of all stacks together.
    skipped
        Files and stacks that were left out.
    profile
        The noise of one frame on the sensor.

    Raises
    ------
    WrongArgumentError
        If the planes differ in shape. It is a TypeError too.

    Examples
    --------
    >>> maps = NoiseMaps(np.full((2, 2), 5.0), np.ones((2, 2)), np.full((2, 2), 0.1), cic_error=np.full((2, 2), 0.2))
    >>> maps.covariance[1, 1]
    array([[0.04, 0.04],
           [0.04, 0.04]])
    """

    fpn: Array
    cic: Array
    dark_current: Array
    fpn_error: Array = _LEFT_OUT
    cic_error: Array = _LEFT_OUT
    dark_current_error: Array = _LEFT_OUT
    flags: NDArray[np.uint32] = _LEFT_OUT
    cross: Array | None = field(default=None, kw_only=True)
    unclipped: Maps = field(default=_LEFT_OUT, kw_only=True)
    geometry: Geometry | None = field(default=None, kw_only=True)
    bias_offset: float = field(default=_NAN, kw_only=True)
    bias_offset_low: float = field(default=_NAN, kw_only=True)
    bias_offset_up: float = field(default=_NAN, kw_only=True)
    bias_offset_error: float = field(default=_NAN, kw_only=True)
    read_noise: float = field(default=_NAN, kw_only=True)
    r_squared: Array | None = field(default=None, kw_only=True)
    chi_square: Array | None = field(default=None, kw_only=True)
    unreliable: Array | None = field(default=None, kw_only=True)
    means: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    medians: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    map_variances: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    stacks: tuple[StackReport, ...] = field(default=(), kw_only=True)
    n_frames: int = field(default=0, kw_only=True)
    skipped: tuple[str, ...] = field(default=(), kw_only=True)
    profile: NoiseProfile | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        shape = np.shape(self.fpn)
        for name in NAMES:
            self._take(name, np.asarray(getattr(self, name)))
        for name in ("fpn_error", "cic_error", "dark_current_error", "flags"):
            kind: Any = np.uint32 if name == "flags" else np.float64
            given = getattr(self, name)
            self._take(name, np.zeros(shape, kind) if given is None else np.asarray(given))
        for name in ("cross", "r_squared", "chi_square", "unreliable"):
            if getattr(self, name) is not None:
                self._take(name, np.asarray(getattr(self, name)))
        if self.unclipped is None:
            object.__setattr__(self, "unclipped", Maps(self.fpn, self.cic, self.dark_current))
        for name in NAMES:
            self._refuse_shape(f"unclipped.{name}", getattr(self.unclipped, name))

    def _take(self, name: str, plane: Array) -> None:
        """Take a plane over, write-protected."""
        self._refuse_shape(name, plane)
        view = plane.view()
        view.flags.writeable = False
        object.__setattr__(self, name, view)

    def _refuse_shape(self, name: str, plane: Array) -> None:
        shape = np.shape(self.fpn)
        layers, axes = ((len(CROSS),), "(3, row, column)") if name == "cross" else ((), "(row, column)")
        if np.shape(plane) != (*layers, *shape) or len(shape) != 2:
            raise WrongArgumentError(f"NoiseMaps: {name} has shape {np.shape(plane)}, fpn {shape}: it must be {axes}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.fpn.shape
        return rows, columns

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance of F, C and D in every pixel, (3, 3, row, column)."""
        return self.covariance_at(...)

    def covariance_at(self, where: Any) -> NDArray[np.float64]:
        """Return the covariance of F, C and D in some pixels, (3, 3, ...); `where` is what numpy indexes with."""
        errors = [error[where] for error in (self.fpn_error, self.cic_error, self.dark_current_error)]
        made = np.zeros((3, 3, *errors[0].shape))
        for i, error in enumerate(errors):
            made[i, i] = np.square(error, dtype=np.float64)
        if self.cross is not None:
            for plane, (i, j) in zip(self.cross, CROSS, strict=True):
                made[i, j] = made[j, i] = plane[where]
        return made

    def variance_of(self, direction: ArrayLike) -> NDArray[np.float64]:
        r"""Return the variance of :math:`a F + b C + c D` for `direction` (a, b, c), cross terms and all."""
        a = np.asarray(direction, np.float64)
        total = np.zeros(self.shape)
        for factor, error in zip(a, (self.fpn_error, self.cic_error, self.dark_current_error), strict=True):
            total += np.square(factor * np.asarray(error, np.float64))
        if self.cross is not None:
            for plane, (i, j) in zip(self.cross, CROSS, strict=True):
                total += 2.0 * a[i] * a[j] * plane
        return np.maximum(total, 0.0)  # rounding of float32 planes, where everything cancels

    @property
    def image(self) -> NoiseMaps:
        """The same maps, cut to the image area."""
        rows, columns = Areas(self.shape, self.geometry).image
        return self._cut(rows, columns)

    def _cut(self, rows: slice, columns: slice) -> NoiseMaps:
        planes: dict[str, Any] = {
            item.name: value[..., rows, columns]
            for item in fields(self)
            if isinstance(value := getattr(self, item.name), np.ndarray)
        }
        cut = Maps(*(getattr(self.unclipped, item.name)[rows, columns] for item in fields(Maps)))
        return replace(self, **planes, unclipped=cut, geometry=None)

    def digest(self) -> str:
        """Hash of the maps and their errors: what is subtracted from many frames is shared by them."""
        state = hashlib.sha256()
        for plane in (self.fpn, self.cic, self.dark_current, self.fpn_error, self.cic_error, self.dark_current_error):
            state.update(np.ascontiguousarray(plane).tobytes())
        return state.hexdigest()

    def into(self, detector: Detector) -> Detector:
        """Return the detector with these maps as its belief; see `obverse.darks.believing.believing`."""
        from obverse.darks.believing import believing

        return believing(self, detector)

    def worth(self, gain: float, time: float, frames: int, more: ArrayLike = (0.5, 1, 2, 4, 8)) -> Worth:
        """Return what more dark frames would bring for an observation; see `obverse.darks.worth.worth_of`."""
        from obverse.darks.worth import worth_of

        return worth_of(self, gain, time, frames, more)
