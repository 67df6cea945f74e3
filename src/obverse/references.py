"""Reference files that people already have: what each says, and whether it fits what it is used for.

The parsers are in `obverse.io` (one for each observatory) and say in DN exactly what a file says; here it is
checked against the detector, cut to its pixels, and turned into the parameters of the effects, in electrons.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from obverse.errors import DataError, UsageError, nearest
from obverse.geometry import Section

__all__ = ["KINDS", "Reads", "Reference", "Setup", "chosen_for", "fitted", "read_references"]

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "mask": "bad_pixels",
        "superbias": "bias",
        "gain": "gain",
        "readnoise": "read_noise",
        "linearity": "nonlinearity",
        "saturation": "saturation",
        "dark": "dark_current",
        "flat": "flat",
        "darkdecaysignal": "dark_decay",
        "integralnonlinearity": "integral_nonlinearity",
    }
)
"""Kinds of reference files, and the effect whose parameters each of them gives."""

_PLANES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mask": ("flags",),
        "superbias": ("level",),
        "gain": ("gain",),
        "readnoise": ("cds", "single"),
        "linearity": ("coefficients",),
        "saturation": ("level",),
        "dark": ("ramp", "rate"),
        "flat": ("response",),
        "darkdecaysignal": (),
        "integralnonlinearity": (),
    }
)
"""What a reference of each kind must hold: one of these."""

_TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"darkdecaysignal": (), "integralnonlinearity": ("counts", "correction")}
)
"""What a reference of each kind must hold that belongs to no pixel: all of these."""

_MORE = ("flags", "error")


@dataclass(frozen=True)
class Setup:
    """How a detector was set up, as far as reference files depend on it.

    Parameters
    ----------
    instrument, detector
        Names, as the observatory writes them; empty where nobody says.
    section
        The part of the whole sensor that was read; None is all of it.
    readout
        Name of the read pattern (RAPID, NRSIRS2, SLOWR1 ...).
    gain_factor
        Gain of this setting [electron/DN] over that for which rates are stated (GAINFACT of JWST).
    has_superbias
        Whether its observatory measures superbiases of it, so that one is missed.
    """

    instrument: str = ""
    detector: str = ""
    section: Section | None = None
    readout: str = ""
    gain_factor: float = 1.0
    has_superbias: bool = True


@dataclass(frozen=True)
class Reads:
    """How the resultants of a dark ramp were read.

    Parameters
    ----------
    frame_time
        Time of one read [s].
    frames, gap
        Reads averaged in a resultant, and left out behind it.
    """

    frame_time: float
    frames: int = 1
    gap: int = 0


@dataclass(frozen=True, eq=False)
class Reference:
    """One reference file.

    Parameters
    ----------
    kind
        One of `KINDS`.
    instrument, detector
        What it is for; empty holds for all.
    subarray
        The part of the sensor that it covers.
    planes
        Its arrays (..., row, column), by name, with the numbers of the file:

        - ``superbias``: ``level`` [DN];
        - ``gain``: ``gain`` [electron/DN];
        - ``readnoise``: ``cds``, the noise of a difference of two reads, or ``single`` [DN];
        - ``linearity``: ``coefficients`` (order, row, column), of the powers 0, 1, 2 ... of the signal [DN];
        - ``saturation``: ``level`` [DN];
        - ``dark``: ``ramp`` (resultant, row, column), perhaps by integration [DN], or ``rate`` [DN/s];
        - ``flat``: ``response``;
        - any: ``flags``, uint32 `Flag`; ``error``, in the unit of the main plane.
    path
        The file, for messages.
    readouts
        Names of the read patterns that it is for; none is for all.
    gain_factor
        Of a gain: see `Setup`; None where the file does not say.
    reads
        Of a dark ramp: how it was read.
    of_counts
        Of a linearity: whether its polynomials are those of the counts as they are, level included, and not of the
        signal above the superbias.
    tables
        What belongs to no pixel, by name:

        - ``darkdecaysignal``: for each detector, by its name, amplitude [DN] and time constant [s], (2,);
        - ``integralnonlinearity``: ``counts`` (entry,) and ``correction`` (amplifier, entry) [DN].

    Raises
    ------
    UsageError
        If the kind or a plane is unknown, the plane that the kind is about is missing, or one does not have the
        shape of the subarray.
    """

    kind: str
    instrument: str
    detector: str
    subarray: Section
    planes: Mapping[str, NDArray[Any]]
    path: str = "reference"
    readouts: tuple[str, ...] = field(default=(), kw_only=True)
    gain_factor: float | None = field(default=None, kw_only=True)
    reads: Reads | None = field(default=None, kw_only=True)
    of_counts: bool = field(default=False, kw_only=True)
    tables: Mapping[str, NDArray[Any]] = field(default_factory=lambda: MappingProxyType({}), kw_only=True)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"{self.path}: reference of kind {self.kind!r}, {nearest(self.kind, KINDS)}")
        _refuse_other_planes(self)
        for name, plane in self.planes.items():
            if plane.shape[-2:] != self.subarray.shape:
                raise UsageError(
                    f"{self.path}: {name} has shape {plane.shape}, its subarray {self.subarray.to_iraf()} "
                    f"{self.subarray.shape}"
                )

    def cut(self, section: Section) -> Reference:
        """Return the part that covers `section` of the sensor, or refuse where it does not reach.

        Examples
        --------
        >>> import numpy as np
        >>> whole = Section((0, 4), (0, 6))
        >>> gain = Reference("gain", "", "", whole, {"gain": np.arange(24.0).reshape(4, 6)})
        >>> gain.cut(Section((1, 2), (2, 5))).planes["gain"]
        array([[ 8.,  9., 10.]])
        """
        if section == self.subarray:
            return self
        if not _inside(section, self.subarray):
            raise DataError(
                f"{self.path}: subarray: covers {self.subarray.to_iraf()} of the sensor, {section.to_iraf()} is "
                "needed, give the reference of that subarray or of the full frame"
            )
        (row, _), (column, _) = self.subarray.rows, self.subarray.columns
        rows = section.rows[0] - row, section.rows[1] - row
        columns = section.columns[0] - column, section.columns[1] - column
        here = Section(rows, columns)
        return replace(self, subarray=section, planes={name: here.cut(plane) for name, plane in self.planes.items()})


def _refuse_other_planes(reference: Reference) -> None:
    needed = _PLANES[reference.kind]
    known = (*needed, *_MORE)
    for name in reference.planes:
        if name not in known:
            raise UsageError(f"{reference.path}: {reference.kind} has no plane {name!r}, {nearest(name, known)}")
    missing = set(_TABLES.get(reference.kind, ())) - set(reference.tables)
    if missing:
        raise UsageError(f"{reference.path}: {reference.kind} without {' and '.join(sorted(missing))}, give that table")
    if needed and not set(needed) & set(reference.planes):
        raise UsageError(f"{reference.path}: {reference.kind} without {' or '.join(needed)}, give that plane")


def fitted(reference: Reference, setup: Setup, shape: tuple[int, int]) -> Reference:
    """Return a reference cut to the pixels in hand, or refuse one for another instrument, detector or read-out.

    Parameters
    ----------
    reference
        What was read.
    setup
        What it is to be used for; empty names fit every reference.
    shape
        Rows and columns of the pixels in hand.

    Raises
    ------
    DataError
        If it does not fit: one line.

    Examples
    --------
    >>> import numpy as np
    >>> gain = Reference("gain", "NIRCAM", "NRCA1", Section((0, 2), (0, 2)), {"gain": np.ones((2, 2))}, "g.fits")
    >>> fitted(gain, Setup("MIRI"), (2, 2))
    Traceback (most recent call last):
    obverse.errors.DataError: g.fits: instrument: is for 'NIRCAM', the data are of 'MIRI', give the reference of that
    """
    for what in ("instrument", "detector"):
        theirs, ours = getattr(reference, what).upper(), getattr(setup, what).upper()
        if theirs and ours and theirs != ours:
            raise DataError(
                f"{reference.path}: {what}: is for {theirs!r}, the data are of {ours!r}, give the reference of that"
            )
    _refuse_other_readout(reference, setup)
    if reference.kind == "darkdecaysignal":
        reference = _of_detector(reference, setup.detector)
    return reference.cut(setup.section or Section((0, shape[0]), (0, shape[1])))


def read_references(
    given: Iterable[Reference | str | os.PathLike[str]], *, ignore_checksum: bool = False
) -> list[Reference]:
    """Read reference files; a directory gives all the FITS and ASDF files in it, a `Reference` is taken as it is.

    Parameters
    ----------
    given
        What to read.
    ignore_checksum
        Turn a wrong checksum into a warning.

    Raises
    ------
    DataError
        If a file is no reference, or two are of one kind and for one detector.
    """
    found = [each for item in given for each in _opened(item, ignore_checksum)]
    refuse_twins(found)
    return found


def refuse_twins(references: Iterable[Reference]) -> None:
    """Refuse two references of one kind for the same detector."""
    seen: dict[tuple[str, str, str], Reference] = {}
    for reference in references:
        place = reference.kind, reference.instrument.upper(), reference.detector.upper()
        other = seen.setdefault(place, reference)
        if other is not reference:
            raise DataError(f"{other.path} and {reference.path}: are both a {reference.kind} reference, give one")


def chosen_for(references: Iterable[Reference], setup: Setup) -> list[Reference]:
    """Leave out what is for another instrument or detector where the same kind is there for this one.

    A directory may hold the references of several detectors; one that fits nothing is still refused, by `fitted`.
    """
    given = list(references)
    fitting = {reference.kind for reference in given if _same_detector(reference, setup)}
    return [one for one in given if one.kind not in fitting or _same_detector(one, setup)]


def _same_detector(reference: Reference, setup: Setup) -> bool:
    pairs = (reference.instrument, setup.instrument), (reference.detector, setup.detector)
    return all(not theirs or not ours or theirs.upper() == ours.upper() for theirs, ours in pairs)


def _opened(item: Reference | str | os.PathLike[str], ignore_checksum: bool) -> list[Reference]:
    from obverse.io.references import read_reference

    if isinstance(item, Reference):
        return [item]
    path = Path(item)
    if not path.is_dir():
        return [read_reference(path, ignore_checksum=ignore_checksum)]
    inside = sorted(each for each in path.iterdir() if each.name.lower().endswith((".fits", ".fits.gz", ".asdf")))
    if not inside:
        raise DataError(f"{path}: directory: no FITS or ASDF file in it, name the directory of the references")
    return [read_reference(each, ignore_checksum=ignore_checksum) for each in inside]


def _refuse_other_readout(reference: Reference, setup: Setup) -> None:
    """Refuse a reference of another way to read: the electronics behave differently, whatever the averaging."""
    said = [name.upper() for name in reference.readouts if name.upper() not in ("", "ANY")]
    ours = setup.readout.upper()
    if said and ours and _family(ours) not in {_family(name) for name in said}:
        raise DataError(
            f"{reference.path}: readout: is for {'|'.join(said)}, the data were read as {ours}, give the "
            "reference of that"
        )


def _family(readout: str) -> str:
    return "IRS2" if "IRS2" in readout else "SLOW" if readout.startswith("SLOW") else "plain"


def _of_detector(reference: Reference, detector: str) -> Reference:
    """Return a reference of many detectors with the table of one."""
    name = detector.upper()
    if name not in reference.tables:
        known = ", ".join(sorted(reference.tables)) or "no detector"
        raise DataError(
            f"{reference.path}: decay_table: holds {known}, the data are of {detector!r}, name one of those"
        )
    return replace(reference, tables={name: reference.tables[name]})


def _inside(one: Section, other: Section) -> bool:
    return (
        other.rows[0] <= one.rows[0] < one.rows[1] <= other.rows[1]
        and other.columns[0] <= one.columns[0] < one.columns[1] <= other.columns[1]
    )
