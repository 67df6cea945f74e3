"""The bytes of a file, opened with suspicion: regular, bounded, gzip inflated as it is asked for."""

from __future__ import annotations

import os
import stat
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from obverse.errors import DataError, ObverseWarning
from obverse.io.text import shown_path

__all__ = ["GIB", "Source", "opened"]

GIB = 1 << 30
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_RATIO = 200  # more inflated bytes than this for each byte of a gzip file is a bomb
_SMALL = 256 << 20  # below this size a bomb harms nobody; a real frame of zeros shrinks 250-fold


class Source(Protocol):
    """Bytes that can be asked for by position."""

    name: str
    gzipped: bool

    def at(self, start: int, count: int) -> bytes:
        """Return `count` bytes from `start`, fewer at the end."""

    def claim(self, end: int) -> None:
        """Refuse, before any memory is taken, an `end` beyond what may be read."""

    def left(self, start: int) -> int:
        """Count the bytes after `start`, up to a few blocks for gzip."""


@contextmanager
def opened(path: str | os.PathLike[str], max_bytes: int) -> Iterator[Source]:
    """Open a regular file for reading, and check on leaving that nobody wrote to it meanwhile."""
    name = shown_path(path)
    with _told(name):
        descriptor, before = _open(path, name)
    try:
        if before.st_size > max_bytes:
            raise DataError(f"{name}: file: {before.st_size} bytes, more than max_bytes={max_bytes}, raise it to read")
        yield _source(descriptor, before.st_size, name, max_bytes)
        if _identity(os.fstat(descriptor)) != _identity(before):
            raise DataError(f"{name}: file: changed while it was read, read it again when it is complete")
    finally:
        os.close(descriptor)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn the system's refusal into one line."""
    try:
        yield
    except (OSError, ValueError) as problem:
        if isinstance(problem, DataError):
            raise
        reason = getattr(problem, "strerror", None) or str(problem)
        raise DataError(f"{name}: file: {reason}, check the name and its permissions") from None


def _open(path: str | os.PathLike[str], name: str) -> tuple[int, os.stat_result]:
    # Looked at before it is opened (opening a tape rewinds it) and again after (it may have been swapped).
    _refuse_irregular(os.stat(path), name)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        status = os.fstat(descriptor)
        _refuse_irregular(status, name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def _refuse_irregular(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise DataError(f"{name}: file: is {kind}, give a regular file")


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _source(descriptor: int, size: int, name: str, max_bytes: int) -> Source:
    gzipped = os.pread(descriptor, 2, 0) == _GZIP
    if gzipped != name.lower().endswith(".gz"):
        what = "is gzip" if gzipped else "is not gzip"
        warnings.warn(f"{name}: file: {what}, whatever its name says, rename it", ObverseWarning, stacklevel=6)
    return _Gzip(descriptor, size, name, max_bytes) if gzipped else _Plain(descriptor, size, name)


class _Plain:
    gzipped = False

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        self._descriptor, self._size, self.name = descriptor, size, name

    def at(self, start: int, count: int) -> bytes:
        pieces, wanted = [], max(0, min(count, self._size - start))
        while wanted and (piece := os.pread(self._descriptor, wanted, start)):
            pieces.append(piece)  # more than one above 2 GiB
            start, wanted = start + len(piece), wanted - len(piece)
        if wanted:
            raise DataError(f"{self.name}: file: became shorter while it was read, read it again")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def claim(self, end: int) -> None:
        if end > self._size:
            raise DataError(
                f"{self.name}: file: {self._size} bytes, its headers claim {end}, "
                "the file is cut or a header lies: fetch it again"
            )

    def left(self, start: int) -> int:
        return self._size - start


class _Gzip:
    gzipped = True

    def __init__(self, descriptor: int, size: int, name: str, max_bytes: int) -> None:
        self._descriptor, self._size, self.name, self._most = descriptor, size, name, max_bytes
        self._read, self._whole, self._inflated = 0, True, bytearray()
        self._pending = b""
        self._stream = zlib.decompressobj(wbits=31)

    def at(self, start: int, count: int) -> bytes:
        self._need(start + count)
        with memoryview(self._inflated) as view:
            return bytes(view[start : start + count])

    def claim(self, end: int) -> None:
        if end > self._most:
            raise DataError(
                f"{self.name}: file: its headers claim {end} bytes, more than max_bytes={self._most}, raise it to read"
            )
        if end > _SMALL and end > _RATIO * self._size:
            raise DataError(
                f"{self.name}: file: {self._size} bytes of gzip claim to hold {end}, "
                "this looks like a bomb: unpack it by hand"
            )
        self._need(end)
        if len(self._inflated) < end:
            raise DataError(
                f"{self.name}: file: {len(self._inflated)} bytes inflated, its headers claim {end}, "
                "the file is cut or a header lies: fetch it again"
            )

    def left(self, start: int) -> int:
        """Inflate a few blocks more: enough to see junk, the end of the stream and its checksum."""
        self._need(start + 3 * 2880)
        return len(self._inflated) - start

    def _need(self, end: int) -> None:
        """Inflate until `end` bytes are there, and one more, so that the last checksum is read."""
        while len(self._inflated) <= end and self._more(end + 1 - len(self._inflated)):
            pass

    def _more(self, most: int) -> bool:
        if not self._pending and not self._fill():
            return self._ended()
        try:
            self._inflated += self._stream.decompress(self._pending, min(most, _CHUNK))
        except zlib.error as problem:
            raise DataError(f"{self.name}: file: gzip is damaged ({problem}), fetch it again") from None
        self._pending = self._stream.unconsumed_tail
        if self._stream.eof:
            self._next_member()
        return True

    def _fill(self) -> bool:
        self._pending = os.pread(self._descriptor, _CHUNK, self._read)
        self._read += len(self._pending)
        self._whole = self._whole and not self._pending
        return bool(self._pending)

    def _ended(self) -> bool:
        if not self._whole:
            raise DataError(f"{self.name}: file: gzip is cut short, fetch it again")
        return False

    def _next_member(self) -> None:
        """Go on after the end of one gzip member; zeros may pad the file."""
        rest = self._stream.unused_data
        self._stream, self._pending, self._whole = zlib.decompressobj(wbits=31), rest, not rest
        while not self._pending.strip(b"\0"):
            self._whole = True
            if not self._fill():
                return
