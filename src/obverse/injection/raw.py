r"""Sources into a raw frame: the difference that their charge makes in the numbers.

.. math:: r' = \mathrm{adc}\left(r + \langle \rho(q_j + s_j) - \rho(q_j) \rangle_j\right)

:math:`\rho` is the detector's response without noise, q the charge estimated from the raw frame itself
(`obverse.injection.gathered`) and s the sources' electrons at each read. What the frame holds of noise stays in it,
and what noise the electrons have is in s. Work goes on in boxes of pixels that get light; the numbers elsewhere stay
as they are, bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.detector import Detector
from obverse.flags import UNUSABLE, Flag
from obverse.frame import Frame
from obverse.injection.arrivals import Arrivals
from obverse.injection.boxes import Part, Window, around_rows, parts_of, whole_of
from obverse.injection.gathered import Gathered, charge_of
from obverse.injection.responding import Responding
from obverse.tiles import run_rows

__all__ = ["inject_raw"]

Array = NDArray[Any]
_ROWS = 128
"""Rows of a strip, of which the boxes are cut."""


def inject_raw(
    frame: Frame, arrivals: Arrivals, detector: Detector, *, threads: int | None = None
) -> tuple[Frame, NDArray[np.uint32]]:
    """Return the raw frame with the electrons in it, and flags of what they fell on.

    Parameters
    ----------
    frame
        Raw numbers in file layout [DN].
    arrivals
        Electrons behind quantum efficiency and flat, on the sensor.
    detector
        Of these pixels.
    threads
        Worker threads; they change no bit.

    Returns
    -------
    frame
        Its numbers are of the type that they were.
    flags
        (row, column) on the sensor: SATURATED where the charge is beyond full well by the end, and what the frame has
        flagged already.
    """
    work = _Raw(frame, arrivals, detector)
    if detector.geometry.is_plain:
        rows = detector.geometry.shape[0]
        run_rows(rows, lambda start, stop: work.strip(slice(start, stop)), threads, height=_height(rows))
    else:
        work.everywhere()
    companions = dict(frame.companions)
    if work.zero is not None:
        companions["zero_frame"] = companions["zero_frame"].replace(data=work.zero)
    return frame.replace(data=work.data, companions=companions), work.seen


def _height(rows: int) -> int:
    return min(_ROWS, -(-rows // 16) * 16)


class _Raw:
    """What all boxes share: numbers to write on, and the frame that they come from."""

    def __init__(self, frame: Frame, arrivals: Arrivals, detector: Detector) -> None:
        self.frame, self.arrivals, self.detector = frame, arrivals, detector
        self.data = np.array(frame.data)
        self.seen = np.zeros(detector.geometry.shape, np.uint32)
        zero = frame.companions.get("zero_frame")
        self.zero = None if zero is None else np.array(zero.data)
        self.tbar = np.array([np.mean(group) for group in arrivals.times])

    def everywhere(self) -> None:
        """Inject into all pixels at once: file and sensor are not the same pixels."""
        if self.arrivals.counts.any():
            part = whole_of(self.detector)
            charge = charge_of(self.frame.replace(companions={}, variances=None), self.detector, whole=True)
            self._inject([(part, charge)], part.sensor[0])

    def strip(self, rows: slice) -> None:
        """Inject into a strip of rows."""
        parts = [(part, self._charge(part.around)) for part in parts_of(rows, self.arrivals.counts, self.detector)]
        self._inject(parts, around_rows(rows, self.detector))

    def _charge(self, around: Window) -> Frame:
        return charge_of(self._cut(around.place), around.detector, whole=False)

    def _cut(self, box: Any) -> Frame:
        """Return a part of the frame without its companions."""
        flags, pixels = self.frame.flags, self.frame.pixel_flags
        return self.frame.replace(
            data=self.frame.data[(..., *box)],
            flags=None if flags is None else flags[(..., *box)],
            pixel_flags=None if pixels is None else pixels[box],
            companions={},
            cargo=None,
        )

    def _inject(self, parts: list[tuple[Part, Frame]], rows: slice) -> None:
        """Add what the electrons change in the numbers of some boxes in the same rows."""
        ramps = self.data.reshape(len(self.arrivals.counts), len(self.tbar), *self.data.shape[-2:])
        for part, charge in parts:
            self._see(charge, part)
        for i in range(len(ramps) if parts else 0):
            landing = self.arrivals.landing(i, rows)
            for part, charge in parts:
                gathered = Gathered.of(charge, i, self.tbar).part(part.nearer)
                for k, change in self._changes(gathered, part, i, landing.within(part.near.place)):
                    where = (i, k, *part.box)
                    ramps[where] = self._digitised(ramps[where], change[part.in_file])

    def _changes(self, gathered: Gathered, part: Part, integration: int, arrived: Array) -> Iterator[tuple[int, Array]]:
        """Yield the resultants that change, and by how much, in file layout [DN]."""
        responding = Responding(part.near.detector, self.frame.exposure, np.logical_or.reduce(arrived > 0))
        arrived, gathered, first = responding.pick(arrived), gathered.part(responding.pick), 0
        new = np.zeros((1, *arrived.shape[1:]), np.float32)
        for k, times in enumerate(self.arrivals.times):
            new = new[-1] + np.cumsum(arrived[first : first + len(times)], axis=0, dtype=np.float32)
            first += len(times)
            dark = int((~new.any(axis=(1, 2))).sum())  # reads before the first electron
            if dark == len(times):
                continue
            q, s = gathered.at(k, times[dark:]), new[dark:]
            more = responding.reads(q + s) - responding.reads(q)
            if k == dark == 0:
                self._first_read(responding.change(more[0]), integration, part)
            self._fill(q + s, s, responding, part)
            yield k, responding.change(more.sum(axis=0) / np.float32(len(times)))

    def _digitised(self, raw: Array, change: Array) -> Array:
        """Return the new numbers; those at the ends of the converter stay there, and so do those without a change."""
        if not self.detector.has("adc"):
            return raw + change if raw.dtype.kind == "f" else np.rint(raw + change).astype(raw.dtype)
        top = self.detector.effect("adc").top
        new = np.clip(np.rint(raw + change), 0, top)
        return np.where((raw > 0) & (raw < top) & (change != 0), new, raw).astype(raw.dtype)

    def _first_read(self, change: Array, integration: int, part: Part) -> None:
        """Change the zero frame, which is the first read alone; a zero there means that nothing was sent."""
        if self.zero is not None:
            where = (integration, *part.box)
            self.zero[where] = self._digitised(self.zero[where], change[part.in_file])

    def _fill(self, charge: Array, new: Array, responding: Responding, part: Part) -> None:
        """Flag pixels that light has filled."""
        full = np.logical_or.reduce((charge >= responding.pick(part.near.full)) & (new > 0))
        bits = np.where(responding.spread(full), np.uint32(Flag.SATURATED), np.uint32(0))
        self.seen[part.sensor] |= bits[part.within(part.near)]

    def _see(self, charge: Frame, part: Part) -> None:
        """Note what the frame flags itself."""
        where = part.within(part.around)
        if charge.flags is not None:
            bits = np.bitwise_or.reduce(charge.flags.reshape(-1, *charge.shape[-2:]), axis=0) & np.uint8(UNUSABLE)
            self.seen[part.sensor] |= bits[where]
        if charge.pixel_flags is not None:
            self.seen[part.sensor] |= charge.pixel_flags[where]
