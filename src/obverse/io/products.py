"""Our own FITS files: a `Frame` and all that travels with it, without loss.

The first unit holds no pixels: OBVERSE (the version of this format), LEVEL, and the usual keywords for people
and other programs. Then, for the frame and each of its companions, under one EXTVER a frame: its pixels (BUNIT),
FLAGS, PIXEL_FLAGS, VAR_<COMPONENT>, and META, a table of keys and JSON values, which alone is read back. The pixels
of the frame are SCI, those of a companion have its name, as CHI2. ERR, the root of the variances' sum, is there for
others: it is not read back. The headers of the original file follow as empty HEADER units.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io.cards import COMMENTARY, Card, Malformed
from obverse.io.cargo import Cargo, provenance_of
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.writer import is_structural
from obverse.pattern import ReadPattern
from obverse.seeds import RNG_SCHEME

__all__ = ["FORMAT", "as_uint16", "default_provenance", "exposure_in", "from_hdus", "level_of", "to_hdus"]

FORMAT = 2
"""Version of this format, the keyword OBVERSE; before 2 the pixels of companions were SCI too, and there was no ERR."""

_UINT16_MAX = 65535
_LONGEST = 60  # of a unit's name, so that its card has room for it
_OUR_UNITS = frozenset(("", "PRIMARY", "SCI", "ERR", "FLAGS", "PIXEL_FLAGS", "META", "HEADER"))


def as_uint16(data: ArrayLike) -> NDArray[np.uint16]:
    """Turn counts into uint16, as raw files hold them; never wraps.

    Raises
    ------
    DataError
        If a value is no whole number from 0 to 65535.

    Examples
    --------
    >>> as_uint16([0.0, 65535.0])
    array([    0, 65535], dtype=uint16)
    """
    counts = np.asarray(data)
    good = (counts >= 0) & (counts <= _UINT16_MAX) & (counts == np.floor(counts))
    if not good.all():
        worst = counts[~good].flat[0]
        raise DataError(f"data: {worst} is no whole number from 0 to {_UINT16_MAX}, clip and flag it first")
    return counts.astype(np.uint16)


def level_of(frame: Frame) -> str:
    """Say ``"raw"`` of counts to which nothing has been done, ``"calibrated"`` of all else."""
    return "raw" if frame.unit == "DN" and not frame.undone else "calibrated"


def default_provenance() -> dict[str, str]:
    """Return what is recorded in every product: versions, the scheme of the random streams, the flags' names.

    Examples
    --------
    >>> default_provenance()["RNGSCHEM"]
    '2'
    """
    versions = {f"{name} version": _version(name) for name in ("obverse", "numpy", "numba", "astropy")}
    legend = " ".join(f"{flag.value}={flag.name}" for flag in Flag)
    return {**versions, "RNGSCHEM": str(RNG_SCHEME), "flag legend": legend}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def to_hdus(frame: Frame, provenance: Mapping[str, str] | None = None) -> tuple[Hdu, ...]:
    """Turn a frame into the units of a FITS file.

    Parameters
    ----------
    frame
        What to write; pixels keep their type, so uint16 stays uint16.
    provenance
        What to record of how it was made (seed, hashes of inputs), over what is recorded by default.

    Raises
    ------
    UsageError
        If two variance components differ only in capitals, or a type of pixel has no place in FITS.

    Examples
    --------
    >>> frame = Frame(np.ones((2, 3), "f4"), "electron", undone=("gain",))
    >>> [hdu.name for hdu in to_hdus(frame)]
    ['PRIMARY', 'SCI', 'META']
    """
    recorded = {**default_provenance(), **provenance_of(frame), **(provenance or {})}
    frames = _numbered(frame)
    hdus = [Hdu(0, "PRIMARY", 1, Header(_primary_cards(frame, recorded)), None)]
    for version, (each, companions, name) in frames.items():
        hdus += _frame_hdus(each, version, companions, name, recorded if version == 1 else {})
    hdus += [*_header_hdus(frame), *_passengers(frame)]
    return tuple(dataclasses.replace(hdu, index=i) for i, hdu in enumerate(hdus))


def _numbered(frame: Frame) -> dict[int, tuple[Frame, dict[str, int], str]]:
    """Give the frame the number 1, and a number to every companion, and theirs; and the unit of their pixels a name."""
    numbered: dict[int, tuple[Frame, dict[str, int], str]] = {}

    def visit(each: Frame, unit: str) -> int:
        number = len(numbered) + 1
        numbered[number] = (each, {}, unit)
        for name, companion in each.companions.items():
            numbered[number][1][name] = visit(companion, _unit_name(name))
        return number

    visit(frame, "SCI")
    return numbered


def _unit_name(companion: str) -> str:
    """Return the name of the unit that holds the pixels of a companion."""
    name = companion.upper()
    return name if _is_keyword_like(name) and not _is_ours(name) else "SCI"


def _is_keyword_like(name: str) -> bool:
    return name.isascii() and name.replace("_", "").isalnum() and len(name) <= _LONGEST


def _primary_cards(frame: Frame, recorded: Mapping[str, str]) -> list[Card]:
    exposure = frame.exposure
    own = [
        Card("OBVERSE", FORMAT, "version of this format"),
        Card("LEVEL", level_of(frame), "raw or calibrated"),
        Card("EXPID", exposure.id, "name of the exposure"),
        Card("OBSTYPE", exposure.kind, "kind of exposure"),
        Card("EXPTIME", exposure.exposure_time, "[s]"),
        Card("DATE-OBS", exposure.start, "start of the exposure, UTC"),
        Card("FILTER", exposure.filter),
        Card("DETECTOR", exposure.detector),
    ]
    known = [card for card in own if card.value is not None]
    return known + [Card(key, value) for key, value in recorded.items() if _is_keyword(key)]


def _is_keyword(key: str) -> bool:
    letters = key.replace("-", "").replace("_", "")
    return len(key) <= 8 and key.isascii() and letters.isalnum() and key == key.upper()


def _frame_hdus(
    frame: Frame, version: int, companions: Mapping[str, int], name: str, recorded: Mapping[str, str]
) -> list[Hdu]:
    unit = Header([Card("BUNIT", frame.unit)])
    hdus = [Hdu(0, name, version, unit, frame.data)]
    error = frame.error if version == 1 else None
    if error is not None:
        hdus.append(Hdu(0, "ERR", version, unit, error))
    for kind, flags in (("FLAGS", frame.flags), ("PIXEL_FLAGS", frame.pixel_flags)):
        if flags is not None:
            hdus.append(Hdu(0, kind, version, Header(_legend(flags.dtype)), flags))
    variance = Header([Card("BUNIT", f"({frame.unit})2")])
    hdus += [Hdu(0, _extname(key), version, variance, plane) for key, plane in (frame.variances or {}).items()]
    _refuse_twins(frame)
    entries = {**_meta(frame, companions, recorded), "pixels": name}
    return [*hdus, Hdu(0, "META", version, Header([]), _meta_table(entries))]


def _legend(dtype: np.dtype[Any]) -> list[Card]:
    top = 8 * dtype.itemsize
    return [Card("COMMENT", f"{flag.value} {flag.name}") for flag in Flag if flag.value < 1 << top]


def _extname(component: str) -> str:
    return f"VAR_{component.upper()}"


def _refuse_twins(frame: Frame) -> None:
    names = [_extname(key) for key in frame.variances or ()]
    if len(set(names)) < len(names):
        raise UsageError(f"variance components {sorted(frame.variances or ())} differ only in capitals, rename one")


def _meta(frame: Frame, companions: Mapping[str, int], recorded: Mapping[str, str]) -> dict[str, Any]:
    entries: dict[str, Any] = {
        "unit": frame.unit,
        "axes": frame.axes,
        "undone": frame.undone,
        "variances": None if frame.variances is None else list(frame.variances),
        "shared": dict(frame.shared),
        "companions": dict(companions),
        "exposure": _exposure_entry(frame.exposure),
    }
    return {**entries, **{f"provenance {key}": value for key, value in recorded.items()}}


def _exposure_entry(exposure: Exposure) -> dict[str, Any]:
    entry = {item.name: getattr(exposure, item.name) for item in dataclasses.fields(exposure)}
    pattern = exposure.pattern
    return {
        **entry,
        "pattern": None if pattern is None else {"reads": pattern.reads, "read_time": pattern.read_time},
    }


def _meta_table(entries: Mapping[str, Any]) -> NDArray[Any]:
    rows = [
        (key.encode("ascii", "backslashreplace"), json.dumps(_plain(value)).encode()) for key, value in entries.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    return np.array(rows, [("KEY", f"S{widths[0]}"), ("VALUE", f"S{widths[1]}")])


def _plain(value: Any) -> Any:
    """Turn numpy scalars inside into Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _header_hdus(frame: Frame) -> list[Hdu]:
    headers = frame.cargo.headers if isinstance(frame.cargo, Cargo) else ()
    return [Hdu(0, "HEADER", i + 1, Header(_portable(header)), None) for i, header in enumerate(headers)]


def _passengers(frame: Frame) -> list[Hdu]:
    """Return the units that travel with the frame for its observatory's products."""
    units = frame.cargo.units if isinstance(frame.cargo, Cargo) else ()
    return [unit for unit in units if not _is_ours(unit.name)]


def _is_ours(name: str) -> bool:
    return name in _OUR_UNITS or name.startswith("VAR_")


def _portable(header: Header) -> list[Card]:
    """Keep the cards of a header that still say something without its data."""
    kept = [card for card in header.cards if not is_structural(card.key)]
    lost = [Card("COMMENT", f"{card.key} = {card.value.text}") for card in kept if isinstance(card.value, Malformed)]
    finite = [card for card in kept if not isinstance(card.value, Malformed) and _fits(card)]
    origin = [] if "ORIGHDU" in header else [Card("ORIGHDU", header.hdu, "where these cards come from")]
    return [*origin, *finite, *lost]


def _fits(card: Card) -> bool:
    return card.key in COMMENTARY or not (isinstance(card.value, float) and not np.isfinite(card.value))


def from_hdus(hdus: Sequence[Hdu], *, source: str | None = None) -> Frame:
    """Turn the units of a product back into the frame.

    Raises
    ------
    DataError
        If a unit or an entry is missing or damaged, or a newer obverse wrote the file.

    Examples
    --------
    >>> frame = Frame(np.ones((2, 3), "f4"), "electron", undone=("gain",))
    >>> from_hdus(to_hdus(frame)) == frame
    True
    """
    header = hdus[0].header
    version = header.integer("OBVERSE", least=1)
    if version > FORMAT:
        raise header.error("OBVERSE", f"format {version}, this obverse reads up to {FORMAT}", "update obverse")
    units = {(hdu.name, hdu.version): hdu for hdu in hdus}
    frame = _frame(units, header, 1, depth=0)
    headers = tuple(hdu.header for hdu in hdus if hdu.name == "HEADER")
    recorded = _recorded(_entries(units, header, 1))
    held = _held(units, header)
    others = tuple(hdu for hdu in hdus if not _is_ours(hdu.name) and (hdu.name, hdu.version) not in held)
    return frame.replace(cargo=Cargo(source=source, headers=headers, provenance=recorded, units=others))


def exposure_in(hdus: Sequence[Hdu]) -> Exposure:
    """Return the exposure of a product, of which the table META,1 has been read.

    Raises
    ------
    DataError
        If that is missing or damaged.

    Examples
    --------
    >>> exposure_in(to_hdus(Frame(np.ones((2, 3), "f4"), "DN", exposure=Exposure("b27", 2.0)))).exposure_time
    2.0
    """
    header = hdus[0].header
    try:
        return _exposure(_entries({(hdu.name, hdu.version): hdu for hdu in hdus}, header, 1)["exposure"])
    except (KeyError, TypeError, AttributeError, UsageError) as problem:
        raise DataError(f"{header.file}: META,1: damaged ({problem}), make the file again") from None


def _held(units: Mapping[tuple[str, int], Hdu], header: Header) -> set[tuple[str, int]]:
    """Return the units that hold the pixels of companions."""
    versions = [version for name, version in units if name == "META"]
    return {(str(_entries(units, header, version).get("pixels", "SCI")), version) for version in versions}


def _recorded(entries: Mapping[str, Any]) -> dict[str, str]:
    start = "provenance "
    return {key.removeprefix(start): str(value) for key, value in entries.items() if key.startswith(start)}


_DEEPEST = 8


def _frame(units: Mapping[tuple[str, int], Hdu], header: Header, version: int, depth: int) -> Frame:
    if depth > _DEEPEST:
        raise DataError(
            f"{header.file}: META: companions more than {_DEEPEST} deep, the file is damaged: make it again"
        )
    entries = _entries(units, header, version)
    try:
        names = entries["variances"]
        return Frame(
            _array(units, header, entries.get("pixels", "SCI"), version),
            entries["unit"],
            tuple(entries["axes"]),
            _optional(units, "FLAGS", version),
            pixel_flags=_optional(units, "PIXEL_FLAGS", version),
            variances=None if names is None else {k: _array(units, header, _extname(k), version) for k in names},
            exposure=_exposure(entries["exposure"]),
            undone=tuple(entries["undone"]),
            companions={k: _frame(units, header, int(n), depth + 1) for k, n in entries["companions"].items()},
            shared=entries["shared"],
        )
    except (KeyError, TypeError, AttributeError, UsageError) as problem:
        raise DataError(f"{header.file}: META,{version}: damaged ({problem}), make the file again") from None


def _entries(units: Mapping[tuple[str, int], Hdu], header: Header, version: int) -> dict[str, Any]:
    table = _array(units, header, "META", version)
    try:
        return {_text(row["KEY"]): json.loads(row["VALUE"]) for row in table}
    except (ValueError, IndexError, RecursionError) as problem:
        raise DataError(f"{header.file}: META,{version}: damaged ({problem}), make the file again") from None


def _text(key: bytes) -> str:
    return key.decode("ascii").encode().decode("unicode_escape") if b"\\" in key else key.decode("ascii")


def _array(units: Mapping[tuple[str, int], Hdu], header: Header, name: str, version: int) -> NDArray[Any]:
    data = _optional(units, name, version)
    if data is None:
        raise DataError(f"{header.file}: {name},{version}: missing, make the file again")
    return data


def _optional(units: Mapping[tuple[str, int], Hdu], name: str, version: int) -> NDArray[Any] | None:
    hdu = units.get((name, version))
    return None if hdu is None else hdu.data


def _exposure(entry: Mapping[str, Any]) -> Exposure:
    known = {item.name for item in dataclasses.fields(Exposure)}
    pattern = entry["pattern"]
    made = None if pattern is None else ReadPattern(pattern["reads"], pattern["read_time"])
    return Exposure(**{**{k: v for k, v in entry.items() if k in known}, "pattern": made})
