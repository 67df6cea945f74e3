"""Frames in memory or on disk, one at a time; of those on disk only the exposures are read beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from numpy.typing import NDArray

from obverse.darks.loaded import Loaded, in_file
from obverse.darks.reading import Reading
from obverse.darks.telling import warn
from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.io.text import shown_path

__all__ = ["Dataset", "Entry", "Judge", "Prepare", "is_dataset"]

Array = NDArray[Any]
T = TypeVar("T")


def is_dataset(images: Any) -> bool:
    """Say whether this is a list of frames or paths, rather than of arrays."""
    return (
        isinstance(images, list | tuple)
        and bool(images)
        and all(isinstance(i, Frame | str | os.PathLike) for i in images)
    )


@dataclass(frozen=True)
class Entry:
    """One frame, perhaps still on disk, and how it was exposed."""

    name: str
    exposure: Exposure
    source: Any
    reading: Reading = field(default_factory=Reading)

    def frame(self) -> Frame:
        """Return the frame; reads it where it is on disk."""
        return self.source if isinstance(self.source, Frame) else self.reading.frame(self.source)

    def judged(self, judge: Callable[[], T]) -> T:
        """Return what comes of a judgement of this frame; a refusal names its file, where it has one."""
        try:
            return judge()
        except UsageError as problem:
            if isinstance(self.source, Frame):
                raise
            raise type(problem)(f"{self.name}: {problem}") from None


Prepare = Callable[[Frame], Frame]
Judge = Callable[[Loaded], None]


@dataclass
class Dataset:
    """A list of frames or paths.

    Parameters
    ----------
    entries
        What is in it.
    geometry
        Where the pixels are; None takes files as they are, and one amplifier.
    skip_bad
        Leave out a frame that cannot be read, or must not be used, with a warning, instead of refusing.
    skipped
        The names of those left out so far.
    prepare
        What is done to each frame when it has been read, as the steps of a recipe; None leaves it as it is.
    reading
        How files are read.
    """

    entries: list[Entry]
    geometry: Geometry | None = None
    skip_bad: bool = False
    skipped: list[str] = field(default_factory=list)
    prepare: Prepare | None = None
    reading: Reading = field(default_factory=Reading)

    @classmethod
    def of(
        cls,
        who: str,
        items: Any,
        geometry: Geometry | None = None,
        *,
        skip_bad: bool = False,
        prepare: Prepare | None = None,
        reading: Reading | None = None,
    ) -> Dataset:
        """Look at the exposures of all frames; `who` asks is named in a refusal.

        Raises
        ------
        UsageError
            If this is no list of frames or paths.
        DataError
            If a file cannot be read, unless such are skipped.
        """
        _refuse_other(who, items)
        made = cls([], geometry, skip_bad, prepare=prepare, reading=reading or Reading())
        made.entries = [e for item in items for e in made._tried(partial(made._entry, item), _name(item), DataError)]
        return made

    def _entry(self, item: Any) -> Entry:
        if isinstance(item, Frame):
            return Entry(_name(item), item.exposure, item)
        return Entry(_name(item), self.reading.exposure(item), item, self.reading)

    def accept(self, judge: Callable[[Exposure], None]) -> None:
        """Refuse, or leave out, the frames whose exposures are refused, before a pixel is read."""

        def judged(entry: Entry) -> Entry:
            entry.judged(partial(judge, entry.exposure))
            return entry

        self.entries = [
            e for entry in self.entries for e in self._tried(partial(judged, entry), entry.name, UsageError)
        ]

    def loaded(self, entries: Iterable[Entry] | None = None, judge: Judge = lambda _: None) -> Iterator[Loaded]:
        """Give the frames one at a time; each may be forgotten before the next is read.

        None is read ahead: a second thread would keep the memory of its own frames. What `judge` refuses is refused
        by the name of its file, or left out.
        """
        for entry in self.entries if entries is None else entries:
            for frame in self._tried(partial(self._ready, entry), entry.name, DataError):
                yield from self._tried(partial(self._judged, entry, frame, judge), entry.name, UsageError)

    def _ready(self, entry: Entry) -> Frame:
        frame = entry.frame()
        return frame if self.prepare is None else self.prepare(frame)

    def _judged(self, entry: Entry, frame: Frame, judge: Judge) -> Loaded:
        each = entry.judged(partial(in_file, frame, self.geometry))
        entry.judged(partial(judge, each))
        return each

    def _tried(self, work: Callable[[], T], name: str, refusal: type[Exception]) -> Sequence[T]:
        """Do the work on one frame; nothing comes of a bad one that is skipped."""
        try:
            return (work(),)
        except refusal as problem:
            if not self.skip_bad:
                raise
            self.skipped.append(name)
            warn(f"{problem}; {name} was left out")
            return ()


def _refuse_other(who: str, items: Any) -> None:
    if is_dataset(items):
        return
    what = f"is a {type(items).__name__}"
    if isinstance(items, list | tuple):
        odd = next((type(i).__name__ for i in items if not isinstance(i, Frame | str | os.PathLike)), None)
        what = "is empty" if odd is None else f"holds a {odd}"
    raise UsageError(f"{who}: dataset {what}: give a list of frames, or of paths to them")


def _name(item: Any) -> str:
    return item.exposure.id if isinstance(item, Frame) else shown_path(item)
