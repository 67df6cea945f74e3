"""A campaign of darks into noise maps: a belief, a file for other pipelines, and a page to look at."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from obverse import io
from obverse.darks import NoiseMaps, calibrate_darks_lsq
from obverse.darks.believing import refuse_without_effects
from obverse.detector import Detector
from obverse.errors import ObverseWarning, UsageError, nearest
from obverse.jobs._output import output_directory
from obverse.jobs._provenance import provenance
from obverse.jobs.dark_frames import Preparing, detector_of_first, frames_in
from obverse.jobs.reading import Reading

__all__ = ["WEIGHTINGS", "DarkCampaign", "measure_darks"]

_PARTICLES = 30.0
"""Electrons that only a particle or a hot pixel leaves in a dark frame."""

WEIGHTINGS: Mapping[str, bool | str] = {"gls": True, "frames": "frames", "none": "none"}
"""How stacks are weighted, by the words of the command line: by their noise, by their frames, not at all."""

_DARK = ("dark", "bias")


@dataclass(frozen=True)
class DarkCampaign:
    """What a campaign of darks has come to.

    Parameters
    ----------
    maps
        Fixed pattern, clock-induced charge and dark current.
    belief
        The detector with them.
    weighting
        One of `WEIGHTINGS`.
    kinds
        How many frames say that they are what.
    files
        What was written; nothing without a directory.
    """

    maps: NoiseMaps
    belief: Detector
    weighting: str
    kinds: Mapping[str, int]
    files: tuple[Path, ...] = ()


def measure_darks(
    stacks: Sequence[Path],
    out: Path | None,
    *,
    detector: str | Path | None = None,
    weighting: str = "gls",
    skip_bad: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    reading: Reading | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> DarkCampaign:
    """Fit noise maps to dark frames on disk, and write belief, maps and report.

    Parameters
    ----------
    stacks
        Files, or directories of them, in any order: raw frames [DN], or calibrated ones [electron behind the
        register]. Each is read once, and forgotten.
    out
        Directory of ``<name>-measured.toml`` with its maps, ``<name>_dnm_cal.fits`` and ``report.html``; None writes
        nothing.
    detector
        Name or TOML file; without one the detector that the files name.
    weighting
        One of `WEIGHTINGS`.
    skip_bad
        Leave out frames that cannot be read, or must not be used, with a warning.
    overwrite
        Allow older products to be replaced.
    threads
        Worker threads.
    reading
        How files are read: keywords to set, and whether a wrong checksum is only worth a warning.
    progress
        Called with the name of each file that is read.

    Raises
    ------
    UsageError
        If there are no files, or they make no campaign, or the detector has no place for a map.
    DataError
        If a file cannot be read; nothing is written then.
    """
    if weighting not in WEIGHTINGS:
        raise UsageError(f"measure darks: weighting {weighting!r}, {nearest(weighting, WEIGHTINGS)}")
    paths = frames_in(stacks)
    chosen = None if detector is None else Detector.load(detector)
    reading = reading or Reading()
    nominal = detector_of_first(chosen, paths, skip_bad, reading)
    refuse_without_effects(nominal)  # before the first of thousands of frames is fitted
    targets = None if out is None else _Targets.of(out, nominal.name.removesuffix("-measured"))
    if targets is not None:
        io.refuse_targets(targets.all, overwrite=overwrite, inputs=paths)
    with output_directory(out) if out is not None else nullcontext():
        done = _measured(paths, nominal, weighting, skip_bad, reading, Preparing(nominal, threads, progress))
        if targets is None:
            return done
        _write(done, targets, overwrite)
        return replace(done, files=targets.all)


def _measured(
    paths: Sequence[Path], nominal: Detector, weighting: str, skip_bad: bool, reading: Reading, prepare: Preparing
) -> DarkCampaign:
    maps = calibrate_darks_lsq(
        paths,
        nominal,
        WEIGHTINGS[weighting],
        particles=_PARTICLES,
        skip_bad=skip_bad,
        prepare=prepare,
        overrides=reading.overrides,
        ignore_checksum=reading.ignore_checksum,
        threads=prepare.threads,
    )
    others = {kind: n for kind, n in prepare.kinds.items() if kind not in _DARK}
    if others:
        named = ", ".join(f"{n} {kind}" for kind, n in others.items())
        warnings.warn(
            f"measure darks: not all frames say that they are darks ({named}): the maps hold what light they saw",
            ObverseWarning,
            stacklevel=2,
        )
    name = f"{nominal.name.removesuffix('-measured')}-measured"
    belief = maps.into(nominal).replace(name=name, modes=())  # the maps are of this mode
    return DarkCampaign(maps, belief, weighting, dict(prepare.kinds))


@dataclass(frozen=True)
class _Targets:
    """Names of what is written."""

    belief: Path
    arrays: Path
    maps: Path
    page: Path

    @classmethod
    def of(cls, out: Path, stem: str) -> _Targets:
        belief = out / f"{stem}-measured.toml"
        return cls(
            belief, belief.with_name(f"{belief.stem}.maps.fits"), out / f"{stem}_dnm_cal.fits", out / "report.html"
        )

    @property
    def all(self) -> tuple[Path, ...]:
        return self.belief, self.arrays, self.maps, self.page


def _write(done: DarkCampaign, targets: _Targets, overwrite: bool) -> None:
    """Write belief, maps and page; the page is drawn before anything is written."""
    from obverse.view.darks.report import page_of  # pictures, for those who want a page

    made = provenance(done.belief, {"WEIGHTS": done.weighting})
    page = page_of(done, made)
    done.belief.save(targets.belief, overwrite=overwrite)
    io.write_noise_maps(done.maps, targets.maps, provenance=made, overwrite=overwrite)
    io.write_text(targets.page, page, overwrite=overwrite)
