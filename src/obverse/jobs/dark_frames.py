"""Dark frames on disk: which files they are, of which detector, and how they become electrons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from obverse import io
from obverse.chosen import detector_of, fitting, informed
from obverse.detector import Detector
from obverse.errors import DataError, UsageError
from obverse.frame import Frame
from obverse.jobs.reading import Reading

__all__ = ["Preparing", "detector_of_first", "frames_in"]

_ADVICE = "take it out (or --skip-bad), or measure it with --detector NAME:MODE|TOML of its own"
_ENDINGS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz")


def frames_in(stacks: Iterable[Path]) -> list[Path]:
    """Return the files, and those in the directories, each once.

    Raises
    ------
    UsageError
        If a directory holds none.

    Examples
    --------
    >>> frames_in([Path("b.fits"), Path("a.fits"), Path("b.fits")])
    [PosixPath('b.fits'), PosixPath('a.fits')]
    """
    found: dict[Path, None] = {}
    for each in stacks:
        if not each.is_dir():
            found[each] = None
            continue
        inside = sorted(path for path in each.iterdir() if path.name.lower().endswith(_ENDINGS))
        if not inside:
            raise UsageError(f"{each}: holds no FITS file, give the directory of the dark frames")
        found |= dict.fromkeys(inside)
    return list(found)


def detector_of_first(
    chosen: Detector | None, paths: Sequence[Path], skip_bad: bool, reading: Reading | None = None
) -> Detector:
    """Return the detector, in the mode of the first frame that can be read."""
    problem: DataError | None = None
    for path in paths:
        try:
            frame = (reading or Reading())(path, chosen)
        except DataError as found:
            if not skip_bad:
                raise
            problem = found
            continue
        return informed(_fitting(chosen or detector_of(frame), frame, path), frame, path)
    raise problem or UsageError("measure darks: no files given")


def _fitting(detector: Detector, frame: Frame, path: Path) -> Detector:
    """Return the detector in the mode of a frame, or refuse one whose scans leave no room in it."""
    try:
        return fitting(detector, frame)
    except UsageError:
        raise _of_another_size(path, frame, detector) from None


def _of_another_size(path: Path, frame: Frame, detector: Detector) -> DataError:
    return DataError(
        f"{path.name}: image: {frame.shape[-2:]} pixels (row, column), detector {detector.name!r} has files of "
        f"{detector.geometry.file_shape}: {_ADVICE}"
    )


@dataclass
class Preparing:
    """Brings each frame to electrons behind the register, as it is read.

    Parameters
    ----------
    detector
        Whose recipe undoes what is undone before the gain.
    threads
        Worker threads.
    progress
        Called with the name of each file.
    kinds
        How many frames so far have said that they are what.

    Raises
    ------
    DataError
        If a frame is of another size, or another mode.
    """

    detector: Detector
    threads: int | None
    progress: Callable[[str], None]
    kinds: Counter[str] = field(default_factory=Counter)

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame in electrons behind the register."""
        where = Path(*(io.inputs_of(frame) or (frame.exposure.id,))[:1])
        self.progress(where.name)
        self._refuse_unlike(frame, where)
        self.kinds[frame.exposure.kind] += 1
        if frame.unit != "DN":
            return frame
        told = informed(self.detector, frame, where)
        return told.recipe().until("gain").run(frame, threads=self.threads)

    def _refuse_unlike(self, frame: Frame, where: Path) -> None:
        """Refuse a frame of another size, or read out in another mode: its pixels are not those of the others."""
        size, mode = self.detector.geometry.file_shape, self.detector.mode
        if "amplifier" not in frame.axes and frame.shape[-2:] != size:
            raise _of_another_size(where, frame, self.detector)
        if mode and frame.exposure.mode not in (mode, None):
            raise DataError(f"{where.name}: mode {frame.exposure.mode}, the others are of mode {mode}: {_ADVICE}")
