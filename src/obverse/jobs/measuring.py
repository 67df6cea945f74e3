"""Calibration exposures into a belief."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from obverse import io
from obverse.chosen import fitting
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.jobs.reading import Reading

__all__ = ["WHAT", "measure", "measured_table"]

WHAT: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "gain": ("gain",),
    "bias": ("bias",),
    "dark": ("dark_current",),
    "flat": ("flat",),
    "linearity": ("nonlinearity",),
}
"""What can be measured, and the effects that it asks for."""


def measure(
    what: str,
    exposures: Mapping[str, Sequence[Path]],
    *,
    detector: str | Path,
    out: Path | None,
    lags: int = 0,
    reading: Reading | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> Detector:
    """Measure a detector from calibration files, and write the belief as a detector file.

    Parameters
    ----------
    what
        One of `WHAT`.
    exposures
        Files by kind: ``bias``, ``dark``, ``flat``, ``ramps``; files under ``""`` say their kind themselves.
    detector
        Nominal detector.
    out
        Directory of ``<name>-measured.toml`` and its maps; None writes nothing.
    lags
        Neighbouring covariances that photon transfer sums.
    reading
        How to read them.
    overwrite
        Allow an older belief to be replaced.
    progress
        Called with the name of each file that is read.
    """
    nominal = Detector.load(detector)
    if out is not None:
        io.prepare_directory(out)
    frames: dict[str, list[Frame]] = {"bias": [], "dark": [], "flat": [], "ramps": []}
    for kind, path in ((kind, path) for kind, paths in exposures.items() for path in paths):
        progress(path.name)
        frame = (reading or Reading())(path, nominal, "raw")
        frames[_kind(kind, frame, path)].append(frame)
    nominal = fitting(nominal, next((f for kind in frames.values() for f in kind), None))
    belief = nominal.measured(**frames, only=WHAT[what], lags=lags)  # type: ignore[arg-type]
    if out is not None:
        belief.save(out / f"{belief.name}.toml", overwrite=overwrite)
    return belief


def measured_table(belief: Detector) -> list[tuple[str, str, float, float]]:
    """Return parameter, amplifier, value and error of all that was measured; of maps, mean and median error."""
    from obverse.belief import summary

    return [row for block in belief.covariance for row in summary(belief, block)]


def _kind(said: str, frame: Frame, path: Path) -> str:
    kind = said or frame.exposure.kind
    if kind not in ("bias", "dark", "flat", "ramps"):
        raise UsageError(
            f"{path.name}: is a {kind!r} exposure by its header: say what it is, --bias, --dark, --flat or --ramp FILE"
        )
    return kind
