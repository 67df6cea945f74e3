"""The one pass over the pixels of a campaign: stack by stack, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import Areas
from obverse.darks.dataset import Dataset, Entry
from obverse.darks.forbidden import refuse_divided, refuse_unfit
from obverse.darks.loaded import Loaded
from obverse.darks.pile import Pile
from obverse.darks.refusals import CalDarksLSQException
from obverse.darks.settings import Setting, design_of
from obverse.darks.sieve import Sieve
from obverse.darks.stack import Stack, pooled_scatter
from obverse.darks.weights import LABELS

__all__ = ["Gathered", "gathered"]

_WHO = "calibrate_darks_lsq"
_PIXEL = 8 + 4 + 2
"""Bytes that a stack keeps for each pixel: its mean, its scatter, its number of frames."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Gathered:
    """What the stacks of a campaign have said.

    Parameters
    ----------
    settings, gains, frames
        Of each stack: time and gains, the mean EM gain that its frames really had, and how many they are.
    areas
        Which pixels are which.
    means, scatters, numbers
        Mean frame, squared deviations from it and frames that count, a plane for each stack.
    used
        Mean number of frames that count, of each stack.
    usable
        Stacks in which a pixel has a frame (row, column).
    unreliable
        Stacks in which a pixel has fewer than half of the frames (row, column).
    lost
        Flags of all frames of those stacks in which a pixel has none (row, column).
    threads
        Worker threads; their number changes nothing.
    """

    settings: tuple[Setting, ...]
    gains: tuple[float, ...]
    frames: tuple[int, ...]
    areas: Areas
    means: Pile
    scatters: Pile
    numbers: Pile
    used: tuple[float, ...]
    usable: NDArray[np.uint16]
    unreliable: NDArray[np.uint16]
    lost: NDArray[np.uint32]
    threads: int | None = None

    @property
    def design(self) -> NDArray[np.float64]:
        """Design of y = F + g C + g t D, (stack, 3)."""
        return design_of(self.settings, self.gains)

    @property
    def seconds(self) -> float:
        """Exposure time of all frames together [s]."""
        return float(sum(s.time * used for s, used in zip(self.settings, self.used, strict=True)))

    def pooled(self, labels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return squared deviations and degrees of freedom of each stack and kind of pixel, (stack, label, 2)."""
        return np.stack([self._pooled(i, labels) for i in range(len(self.settings))])

    def _pooled(self, i: int, labels: NDArray[np.uint8]) -> NDArray[np.float64]:
        return pooled_scatter(self.scatters.plane(i), self.numbers.plane(i), labels, LABELS, self.threads)


def gathered(
    dataset: Dataset,
    stacks: Mapping[Setting, Sequence[Entry]],
    *,
    particles: float | None,
    memory_limit: int,
    threads: int | None,
) -> Gathered:
    """Read every frame once and keep what the fit needs, on disk where it is more than `memory_limit` bytes.

    Raises
    ------
    CalDarksLSQException
        If frames differ in shape, or no pixel of a stack has two frames.
    UsageError
        If something was done to a frame that must not be.
    """
    making = _Making(dataset, len(stacks), particles, memory_limit, threads)
    for setting, entries in stacks.items():
        making.add(setting, entries)
    return making.done()


class _Making:
    """A campaign while it is read."""

    def __init__(
        self, dataset: Dataset, size: int, particles: float | None, memory_limit: int, threads: int | None
    ) -> None:
        self.dataset, self.size, self.particles, self.limit = dataset, size, particles, memory_limit
        self.threads = threads
        self.of_stacks: list[tuple[Setting, float, int, float]] = []
        self.areas: Areas | None = None

    def add(self, setting: Setting, entries: Sequence[Entry]) -> None:
        """Read one stack."""
        stack, gains = None, []
        for each in self.dataset.loaded(entries, self._judge):
            stack = stack or Sieve(each.data.shape, self.particles, self.threads)
            stack.add(each)
            gains.append(each.frame.exposure.applied_em_gain)
        if stack is not None:  # else every frame of it was bad, and left out
            self._keep(setting, stack.sifted(), float(np.mean(gains)))

    def _judge(self, each: Loaded) -> None:
        refuse_unfit(_WHO, each.frame)
        refuse_divided(_WHO, each.frame)
        self._begin(each.data.shape)

    def _begin(self, shape: tuple[int, ...]) -> None:
        if self.areas is not None and self.areas.shape != shape:
            raise CalDarksLSQException(
                f"{_WHO}: frames of {self.areas.shape} and of {shape} (row, column): all must be of one shape"
            )
        if self.areas is None:
            self.areas = Areas(shape, self.dataset.geometry)
            on_disk = self.size * shape[0] * shape[1] * _PIXEL > self.limit
            self.means, self.scatters = Pile(shape, "f8", on_disk=on_disk), Pile(shape, "f4", on_disk=on_disk)
            self.numbers = Pile(shape, "u2", on_disk=on_disk)
            self.usable, self.unreliable = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
            self.lost = np.zeros(shape, np.uint32)

    def _keep(self, setting: Setting, stack: Stack, gain: float) -> None:
        if stack.n.max() < 2:
            raise CalDarksLSQException(
                f"{_WHO}: no pixels have more than 1 acceptable frame in the stack of {setting}: take more frames, or "
                "mask less"
            )
        self.means.put(stack.mean)
        self.scatters.put(stack.squares)
        self.numbers.put(stack.n)
        self.usable += stack.n > 0
        self.unreliable += stack.n < (stack.frames + 1) // 2  # whole numbers: fewer than half
        self.lost |= stack.lost()
        self.of_stacks.append((setting, gain, stack.frames, float(stack.n.mean())))

    def done(self) -> Gathered:
        """Return what was gathered."""
        if self.areas is None:
            raise CalDarksLSQException(f"{_WHO}: no frame could be read")
        settings, gains, frames, used = zip(*self.of_stacks, strict=True)
        piles = self.means, self.scatters, self.numbers
        pixels = self.usable, self.unreliable, self.lost
        return Gathered(settings, gains, frames, self.areas, *piles, used, *pixels, self.threads)
