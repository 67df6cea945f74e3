"""What the keywords of a JWST exposure say: pattern, part of the sensor, steps that were done, quality bits.

Reference: JWST keyword dictionary and pipeline documentation (`exposure`, `subarray` and `cal_step` keywords).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.geometry import Section
from obverse.io.header import Header
from obverse.io.text import FETCH, id_from_name, stem, valid_id
from obverse.pattern import ReadPattern
from obverse.references import Setup

__all__ = [
    "COMMON_BITS",
    "DONE_HERE",
    "LEVELS",
    "SIMULATED",
    "STEPS",
    "WITHOUT_SUPERBIAS",
    "exposure",
    "done_before",
    "kind",
    "pattern",
    "setup",
    "simulation",
    "start",
    "undone",
]

SIMULATED = "DETNAME"
"""Keyword of the detector of ours that made a file; files of the mission do not have it."""

STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "S_DQINIT": ("bad_pixels",),
        "S_SATURA": ("adc", "saturation"),
        "S_SUPERB": ("bias",),
        "S_REFPIX": ("bias_drift",),
        "S_CLNFNS": ("flicker_noise",),
        "S_IPC": ("interpixel_capacitance",),
        "S_LINEAR": ("nonlinearity",),
        "S_PERSIS": ("persistence",),
        "S_DARK": ("dark_current", "dark_ramp"),
        "S_CHGMIG": ("charge_migration",),
        "S_JUMP": ("cosmic_rays", "snowballs", "showers"),
        "S_RAMP": ("estimate",),
        "S_GANSCL": ("gain_scale",),
        "S_FLAT": ("flat",),
    }
)
"""Status keyword of each step of the mission's pipeline, in its order, and the effects that the step undoes."""

COMMON_BITS = np.uint32(sum(Flag))
"""The bits of a DQ plane that have the meaning of our flags; the others go through untouched."""

LEVELS = ("_uncal", "_ramp", "_rateints", "_rate")
"""Ends of file names that say how far a file had got."""

WITHOUT_SUPERBIAS = frozenset({"MIRI"})
"""Instruments without a superbias: their polynomials are those of the counts as they are, level included."""

DONE_HERE = "by obverse"
"""Comment on the status of a step that was done by us and not by the mission's pipeline."""

_CLOSE = 1e-3  # TGROUP and TFRAME are rounded to some digits


def pattern(header: Header, shape: Sequence[int]) -> ReadPattern:
    r"""Make the read pattern of NGROUPS, NFRAMES, GROUPGAP, DRPFRMS1 and TFRAME.

    .. math:: \text{read} = \text{DRPFRMS1} + k\,(\text{NFRAMES} + \text{GROUPGAP}) + j + 1

    for frame j of group k, both from 0.

    Raises
    ------
    DataError
        If a keyword is missing, or contradicts the array `shape` (integration, resultant, row, column) or another.
    """
    for key, axis in (("NINTS", 0), ("NGROUPS", 1)):
        said = header.integer(key, shape[axis] if key == "NINTS" else None, least=1)
        if said is None:
            raise header.error(key, "missing", f"the array holds {shape[axis]}: give it with --set {key}={shape[axis]}")
        if said != shape[axis]:
            raise header.error(key, f"{said}, the array holds {shape[axis]}", FETCH)
    frames, gap = header.integer("NFRAMES", least=1), header.integer("GROUPGAP", least=0)
    frame_time, dropped = header.number("TFRAME", positive=True), header.integer("DRPFRMS1", 0, least=0)
    period = frames + gap
    _refuse_other_group_time(header, period * frame_time)
    reads = [[dropped + k * period + j + 1 for j in range(frames)] for k in range(shape[1])]
    return ReadPattern(reads, frame_time)


def _refuse_other_group_time(header: Header, seconds: float) -> None:
    said = header.number("TGROUP", None)
    if said is not None and abs(said - seconds) > _CLOSE * seconds:
        what = f"{said} s, but (NFRAMES + GROUPGAP) x TFRAME is {seconds:.5f} s"
        raise header.error("TGROUP", what, "correct the wrong one with --set KEY=VALUE")


def setup(header: Header, shape: Sequence[int]) -> Setup:
    """Say which instrument, detector and part of it, and how it was read.

    A simulation with a smaller detector than the real one is the whole of that, and no part of the real one.

    Raises
    ------
    DataError
        If the size of the subarray is not that of the array.
    """
    size = header.integer("SUBSIZE2", shape[-2]), header.integer("SUBSIZE1", shape[-1])
    for key, said, there in (("SUBSIZE2", size[0], shape[-2]), ("SUBSIZE1", size[1], shape[-1])):
        if said != there:
            raise header.error(key, f"{said}, the array has {there}", FETCH)
    row, column = header.integer("SUBSTRT2", 1, least=1) - 1, header.integer("SUBSTRT1", 1, least=1) - 1
    section = Section((row, row + shape[-2]), (column, column + shape[-1]))
    names = [header.text(key).upper() for key in ("INSTRUME", "DETECTOR")]
    factor = header.number("GAINFACT", None, positive=True)
    readout = (header.text("READPATT", None) or "").upper()
    part = None if _is_resized(header) else section
    return Setup(names[0], names[1], part, readout, factor or 1.0, names[0] not in WITHOUT_SUPERBIAS)


def _is_resized(header: Header) -> bool:
    return SIMULATED in header and (header.text("SUBARRAY", None) or "").upper() == "GENERIC"


def simulation(header: Header) -> dict[str, str]:
    """Return what a simulated file says of how it was made."""
    return {key: str(header[key]) for key in ("SEED", SIMULATED, "DETSHA") if key in header and SIMULATED in header}


def exposure(header: Header, shape: Sequence[int], path: str) -> Exposure:
    """Say what was set before the exposure began."""
    name = header.text("EXPID", None) or stem(header.text("FILENAME", ""), LEVELS)
    return Exposure(
        name if valid_id(name) else id_from_name(stem(path, LEVELS)),
        start=start(header),
        pattern=pattern(header, shape),
        integrations=int(shape[0]),
        filter=header.text("FILTER", None),
        detector=f"{header.text('INSTRUME')}/{header.text('DETECTOR')}".upper(),
        kind=kind(header),
    )


def kind(header: Header) -> str:
    """Return what the exposure is for: of EXP_TYPE, or of OBSTYPE where a simulation is of a kind without such a word.

    Examples
    --------
    >>> kind(Header([]).with_values({"EXP_TYPE": "MIR_DARKIMG"}))
    'dark'
    """
    said = (header.text("EXP_TYPE", None) or "").upper()
    return next((word for word in ("dark", "flat") if word.upper() in said), header.text("OBSTYPE", "science"))


def start(header: Header) -> str | None:
    """Return when the exposure began, UTC in ISO format, or the day alone where the clock is not told."""
    day, clock = header.date("DATE-OBS", None), header.text("TIME-OBS", None)
    return f"{day}T{clock}" if day and clock and "T" not in day else day


def undone(header: Header) -> tuple[str, ...]:
    """Name the effects that the pipeline has undone already, of the keywords S_* that are COMPLETE.

    Raises
    ------
    DataError
        If levels were subtracted before saturated reads were flagged: they can no longer be found.
    """
    done = [key for key in STEPS if _is_complete(header, key)]
    if "S_SATURA" not in done and {"S_SUPERB", "S_LINEAR"} & set(done):
        what = "not COMPLETE, though levels have been taken off, and saturation shows in raw values alone"
        raise header.error("S_SATURA", what, "give the uncal file, or go on without with --set S_SATURA=COMPLETE")
    names = [name for key in done for name in _effects(header, key)]
    if "nonlinearity" in names and "bias" not in names:
        names.append("bias")  # a straightened ramp has had its level taken off, or was meant to keep it (MIRI)
    return tuple(names)


def done_before(header: Header) -> tuple[str, ...]:
    """Name the effects of `undone` that were undone before we had the file."""
    ours = {card.key for card in header.cards if card.comment.startswith(DONE_HERE)}
    here = {name for key, names in STEPS.items() if key in ours for name in names}
    return tuple(name for name in undone(header) if name not in here)


def _effects(header: Header, key: str) -> list[str]:
    """Name the effects that a step has undone: those that we wrote behind it, or all that it stands for."""
    said = next((card.comment for card in header.cards if card.key == key), "")
    ours = said.removeprefix(DONE_HERE).replace(",", " ").split() if said.startswith(DONE_HERE) else []
    return [name for name in STEPS[key] if name in ours] or list(STEPS[key])


def _is_complete(header: Header, key: str) -> bool:
    return (header.text(key, None) or "").upper() == "COMPLETE"
