"""The traditional master dark: the mean of darks at one EM gain and exposure time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import Areas, geometry_of, resolved
from obverse.darks.dataset import Dataset
from obverse.darks.forbidden import refuse_undivided, refuse_unfit
from obverse.darks.loaded import Loaded
from obverse.darks.reading import Reading
from obverse.darks.settings import sorted_stacks
from obverse.darks.stack import Stack
from obverse.errors import UsageError
from obverse.frame import Frame

__all__ = ["build_trad_dark"]

_WHO = "build_trad_dark"

Array = NDArray[Any]


def build_trad_dark(
    dataset: Any, detector: Any = None, full_frame: bool = False, *, skip_bad: bool = False, threads: int | None = None
) -> Frame:
    r"""Return the mean of dark frames of one EM gain and exposure time, with its error.

    .. math:: \mathrm{Var}(\bar y) = \frac{1}{N^2} \sum_k (y_k - \bar y)^2 + \frac{1}{N^2} \sum_k V_k

    over the :math:`N` frames of a pixel that are not flagged; :math:`V_k` is the variance that a frame brings.

    Parameters
    ----------
    dataset
        Dark frames [electron, divided by the EM gain]: a list of `Frame`, or of paths, which are read once, one at a
        time. Bias subtracted, cosmic rays flagged, linear, not desmeared (``recipe.until("em_gain")``).
    detector
        A Detector, its name or TOML file, a Geometry, or None: the whole frame is image area.
    full_frame
        Keep prescan and overscan, and the shielded border.
    skip_bad
        Leave out frames that cannot be read, or must not be used, with a warning.
    threads
        Worker threads, None for one a processor; their number changes nothing.

    Returns
    -------
    Frame
        In the layout of the file, or the image area; NaN in telemetry rows and where nothing is left. Variance
        ``dark``; the companion ``frames`` is how many count; flags of pixels that were flagged in every frame.

    Raises
    ------
    UsageError
        If the frames have not one EM gain, exposure time and k gain, no pixel has two frames, or something was done
        to them that must not be.
    DataError
        If a file cannot be read.

    Notes
    -----
    Limits: the scatter is that about the mean of the same N frames, as corgidrp has it: its variance is low by
    (N - 1) / N. A pixel with one frame has no scatter, and is given the mean scatter of the others. What frames bring
    in common (a shared reference) does not average, and counts whole.
    Reference: corgidrp.darks.build_trad_dark.

    Examples
    --------
    >>> from obverse import Exposure
    >>> darks = [Frame(np.full((1, 1), level), "electron", exposure=Exposure("d", 5.0)) for level in (1.0, 2.0, 3.0)]
    >>> dark = build_trad_dark(darks)
    >>> dark.data, dark.error
    (array([[2.]]), array([[0.4714]]))
    """
    chosen = resolved(_WHO, detector)
    data = Dataset.of(_WHO, dataset, geometry_of(chosen), skip_bad=skip_bad, reading=Reading(chosen))
    settings = list(sorted_stacks(data))
    if len(settings) > 1:
        raise UsageError(
            f"{_WHO}: frames of {len(settings)} settings ({settings[0]}; {settings[1]} ...): a traditional dark has "
            "one EM gain, exposure time and k gain, give those alone"
        )
    making = _Making(threads)
    for each in data.loaded(judge=making.judge):
        making.add(each)
    dark = making.dark(Areas(making.shape, data.geometry))
    return dark if full_frame else _cut(dark, *Areas(making.shape, data.geometry).image)


class _Making:
    """A master dark while its frames are read."""

    def __init__(self, threads: int | None) -> None:
        self.threads = threads
        self.stack: Stack | None = None
        self.first: Frame | None = None
        self.independent: Any = 0.0
        self.shared: Any = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns; refuses where there was no frame."""
        if self.stack is None:
            raise UsageError(f"{_WHO}: no frame could be read")
        return self.stack.shape

    def judge(self, each: Loaded) -> None:
        """Refuse a frame that is no dark of this kind, or of another shape than the first."""
        refuse_unfit(_WHO, each.frame)
        refuse_undivided(_WHO, each.frame)
        if self.stack is not None and each.data.shape != self.stack.shape:
            raise UsageError(f"{_WHO}: frames of {self.stack.shape} and {each.data.shape}, all must be of one shape")

    def add(self, each: Loaded) -> None:
        """Add one frame."""
        if self.stack is None:
            self.stack, self.first = Stack(each.data.shape, self.threads), each.frame
        self.stack.add(each.data, each.marks)
        for name, plane in (each.frame.variances or {}).items():
            counts = np.where(each.marks == 0, each.to_file(plane), 0.0)
            if name in each.frame.shared:
                self.shared = self.shared + counts
            else:
                self.independent = self.independent + counts

    def dark(self, areas: Areas) -> Frame:
        """Return the master dark of the whole file."""
        stack, first = self.stack, self.first
        if stack is None or first is None or stack.n.max() < 2:
            raise UsageError(f"{_WHO}: no pixels have more than 1 acceptable frame: take more frames, or mask less")
        n = stack.n.astype(np.float64)
        known = (stack.n > 0) & ~areas.mask("telemetry")
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = (_scatter(stack) + self.independent / n) / n + self.shared / n
        lost = stack.lost()
        return Frame(
            np.where(known, stack.mean, np.nan),
            "electron",
            flags=lost.astype(np.uint8),
            pixel_flags=lost,
            variances={"dark": np.where(known, variance, np.nan)},
            exposure=replace(first.exposure, kind="dark"),
            undone=first.undone,
            companions={"frames": Frame(stack.n, "frame")},
        )


def _scatter(stack: Stack) -> Array:
    """Return the variance of one frame in each pixel; of one with a single frame, the mean of the others."""
    with np.errstate(divide="ignore", invalid="ignore"):
        own = stack.squares / stack.n
    return np.where(stack.n == 1, own[stack.n > 1].mean(), own)


def _cut(dark: Frame, rows: slice, columns: slice) -> Frame:
    planes = {name: plane[..., rows, columns] for name, plane in dark.planes().items()}
    companions = {name: _cut(frame, rows, columns) for name, frame in dark.companions.items()}
    return dark.with_planes(planes).replace(companions=companions)
