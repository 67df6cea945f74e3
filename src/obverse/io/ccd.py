"""Raw files of any CCD, by a map of keywords: a detector's ``[file]`` table says how they are written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError, nearest
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io.cargo import Cargo
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.sanity import judge_raw
from obverse.io.text import id_from_name, valid_id

__all__ = ["LOOK", "Keywords", "exposure_of_ccd", "read_ccd"]

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0}
_COUNTS = frozenset(("", "adu", "dn", "count", "counts", "ct"))
_KINDS = {
    "object": "science", "sci": "science", "light": "science", "expose": "science", "zero": "bias",
    "dome flat": "flat", "domeflat": "flat", "skyflat": "flat", "comp": "arc", "lamp": "arc",
}  # fmt: skip


@dataclass(frozen=True)
class Keywords:
    """How a raw file says what it is.

    A keyword that is named for a number is required; None is not asked for.

    Parameters
    ----------
    exposure_time, exposure_time_unit
        Keyword, and its unit: ``"s"``, ``"ms"``, ``"us"``, ``"min"`` or ``"h"``.
    gain, read_noise, saturation
        Keywords of the gain [electron/DN], the noise of a single read [electron] and the saturation [DN].
    em_gain
        Keyword of the commanded gain of an electron-multiplying register.
    id, kind, start, filter, detector
        Keywords that may be missing from a file; without `id` the file's name counts.
    kinds
        What the values of `kind` mean here: ``{"OBJECT": "science"}``.
    hdu
        The unit with the pixels: its place, its EXTNAME, or a list of EXTNAMEs, one an amplifier.
        None takes the only image in the file.
    aliases
        What files call a detector of ours, each as instrument/detector.
    first_of
        Keywords that these files write twice with two values, of which the first counts.
    raw_name
        How the names of raw files end that are written as theirs.

    Examples
    --------
    >>> Keywords(exposure_time="EXPOSURE", exposure_time_unit="ms", hdu=["SEG1", "SEG2"]).hdu
    ('SEG1', 'SEG2')
    """

    exposure_time: str | None = "EXPTIME"
    exposure_time_unit: str = "s"
    gain: str | None = "GAIN"
    read_noise: str | None = "RDNOISE"
    saturation: str | None = None
    em_gain: str | None = None
    id: str | None = None
    kind: str | None = "IMAGETYP"
    start: str | None = "DATE-OBS"
    filter: str | None = "FILTER"
    detector: str | None = "INSTRUME"
    kinds: Mapping[str, str] = field(default_factory=dict)
    hdu: int | str | Sequence[str] | None = None
    first_of: Sequence[str] = ()
    raw_name: str = ".fits"
    aliases: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.exposure_time_unit not in _SECONDS:
            hint = nearest(self.exposure_time_unit, _SECONDS)
            raise UsageError(f"[file] exposure_time_unit: {self.exposure_time_unit!r} is unknown, {hint}")
        if self.hdu is not None and not isinstance(self.hdu, int | str):
            object.__setattr__(self, "hdu", tuple(self.hdu))
        object.__setattr__(self, "first_of", tuple(self.first_of))
        object.__setattr__(self, "aliases", tuple(self.aliases))
        object.__setattr__(self, "kinds", dict(self.kinds))


LOOK = Keywords(gain=None, read_noise=None)
"""Enough to look at a file of which no detector is known: nothing is assumed of gain and noise."""


def read_ccd(
    hdus: Sequence[Hdu],
    *,
    path: str | os.PathLike[str],
    keywords: Keywords = LOOK,
    overrides: Mapping[str, str] | None = None,
) -> Frame:
    """Make a raw frame, in the layout of the file, of units that were read.

    Parameters
    ----------
    hdus
        Units from `obverse.io.door.open_fits`.
    path
        The file's name, for messages and for the exposure's name.
    keywords
        How this kind of file says what it is.
    overrides
        Values for keywords that are missing or wrong, recorded in the provenance.

    Returns
    -------
    Frame
        Unit ``"DN"``, axes (row, column), or (amplifier, row, column) for a list of units; pixels as stored:
        uint16, or float32. What the header says of gain and noise is in `obverse.io.constants`.

    Raises
    ------
    DataError
        If a keyword is missing or out of range, the file is calibrated already, or the pixels cannot be
        raw counts.

    Limits
    ------
    No overscan is subtracted and nothing is trimmed: the geometry of the detector does that.
    """
    overrides = dict(overrides or {})
    chosen = _chosen(hdus, keywords.hdu)
    header = _merged(hdus[0], chosen[0]).with_values(overrides).first_of(keywords.first_of)
    _refuse_calibrated(header)
    constants = _constants(header, keywords)
    top = constants.get("saturation", (None,))[0]
    planes, flags = zip(*(_plane(hdu, top) for hdu in chosen), strict=True)
    _refuse_mixture(chosen, planes)
    return Frame(
        _stacked(planes, keywords.hdu),
        "DN",
        ("amplifier", "row", "column") if isinstance(keywords.hdu, tuple) else ("row", "column"),
        _flags(planes, flags, keywords.hdu),
        exposure=_exposure(header, keywords, path, constants),
        cargo=Cargo(
            source=os.fsdecode(path),
            headers=tuple(hdu.header for hdu in hdus),
            constants=constants,
            provenance={f"set {key}": value for key, value in overrides.items()},
        ),
    )


def exposure_of_ccd(
    hdus: Sequence[Hdu], *, path: str | os.PathLike[str], keywords: Keywords, overrides: Mapping[str, str]
) -> Exposure | None:
    """Return what was set before the exposure began, of the headers alone; None where they do not tell the image."""
    image = _told_image(hdus, keywords.hdu)
    if image is None:
        return None
    header = _merged(hdus[0], image).with_values(overrides).first_of(keywords.first_of)
    return _exposure(header, keywords, path, _constants(header, keywords))


def _told_image(hdus: Sequence[Hdu], wanted: int | str | Sequence[str] | None) -> Hdu | None:
    """Return the unit whose header counts, by headers alone."""
    if wanted is not None:
        return _one(hdus, wanted if isinstance(wanted, int | str) else wanted[0])
    images = [hdu for hdu in hdus if hdu.header.get("NAXIS") and hdu.header.get("XTENSION") in (None, "IMAGE")]
    return images[0] if len(images) == 1 else None


def _chosen(hdus: Sequence[Hdu], wanted: int | str | Sequence[str] | None) -> list[Hdu]:
    if wanted is None:
        return [_only_image(hdus)]
    names = [wanted] if isinstance(wanted, int | str) else wanted
    return [_image(_one(hdus, name)) for name in names]


def _one(hdus: Sequence[Hdu], name: int | str) -> Hdu:
    found = [hdu for hdu in hdus if name in (hdu.index, hdu.name) or str(name).upper() == hdu.name]
    if not found:
        hint = nearest(str(name).upper(), [hdu.name for hdu in hdus if hdu.name])
        raise DataError(f"{hdus[0].header.file}: HDU {name}: missing, {hint}")
    return found[0]


def _image(hdu: Hdu) -> Hdu:
    if hdu.data is None or hdu.data.dtype.names is not None or hdu.data.ndim != 2:
        held = "nothing" if hdu.data is None else f"a table or an image of shape {hdu.data.shape}"
        raise hdu.header.error("NAXIS", f"holds {held}", "name an HDU with an image (row, column)")
    return hdu


def _only_image(hdus: Sequence[Hdu]) -> Hdu:
    images = [hdu for hdu in hdus if hdu.data is not None and hdu.data.dtype.names is None]
    if len(images) == 1:
        return _image(images[0])
    names = ", ".join(hdu.name or str(hdu.index) for hdu in images[:5]) or "none"
    raise DataError(
        f"{hdus[0].header.file}: HDU: {len(images)} images ({names}), name one as hdu in the detector's [file] table"
    )


def _merged(primary: Hdu, image: Hdu) -> Header:
    """Put the image's own keywords before those of the first unit."""
    if primary is image:
        return image.header
    own = set(image.header)
    inherited = [card for card in primary.header.cards if card.key not in own]
    return Header([*image.header.cards, *inherited], image.header.file, image.header.hdu)


def _refuse_calibrated(header: Header) -> None:
    unit = (header.text("BUNIT", "") or "").lower()
    if unit not in _COUNTS:
        raise header.error("BUNIT", f"{unit!r} is no unit of raw counts", "give the raw file, or --set BUNIT=adu")


def _constants(header: Header, keywords: Keywords) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    if keywords.gain:
        found["gain"] = (header.number(keywords.gain, positive=True),)
    if keywords.read_noise:
        found["read_noise"] = (header.number(keywords.read_noise, least=0.0),)
    if keywords.saturation:
        found["saturation"] = (header.number(keywords.saturation, positive=True),)
    return found


def _plane(hdu: Hdu, saturation: float | None) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    data = np.asarray(hdu.data)
    flags = judge_raw(data, f"{hdu.header.file}: {hdu.header.hdu}", saturation)
    return (data if data.dtype == np.uint16 else _as_float32(data)), flags


def _as_float32(data: NDArray[Any]) -> NDArray[Any]:
    """Make float32, unless whole counts are too large for it."""
    exact = data.dtype.kind == "f" or np.abs(data, dtype=np.float64).max() <= 1 << 24
    return data.astype(np.float32 if exact else np.float64)


def _refuse_mixture(chosen: Sequence[Hdu], planes: Sequence[NDArray[Any]]) -> None:
    for hdu, plane in zip(chosen, planes, strict=True):
        if plane.shape != planes[0].shape:
            what = f"shape {plane.shape}, {chosen[0].header.hdu} has {planes[0].shape}"
            raise hdu.header.error("NAXIS", what, "check hdu in the detector's [file] table")


def _stacked(planes: Sequence[NDArray[Any]], hdu: object) -> NDArray[Any]:
    return np.stack(planes) if isinstance(hdu, tuple) else planes[0]


def _flags(
    planes: Sequence[NDArray[Any]], flags: Sequence[NDArray[np.uint8] | None], hdu: object
) -> NDArray[np.uint8] | None:
    if all(plane is None for plane in flags):
        return None
    made = [np.zeros(p.shape, np.uint8) if f is None else f for p, f in zip(planes, flags, strict=True)]
    return np.stack(made) if isinstance(hdu, tuple) else made[0]


def _exposure(
    header: Header,
    keywords: Keywords,
    path: str | os.PathLike[str],
    constants: Mapping[str, tuple[float, ...]],
) -> Exposure:
    time = header.number(keywords.exposure_time, least=0.0) if keywords.exposure_time else None
    return Exposure(
        _id(header, keywords.id, path),
        None if time is None else time * _SECONDS[keywords.exposure_time_unit],
        em_gain=header.number(keywords.em_gain, positive=True) if keywords.em_gain else 1.0,
        k_gain=constants.get("gain", (None,))[0],
        kind=_kind(header, keywords),
        start=header.date(keywords.start, None) if keywords.start else None,
        filter=_name(header, keywords.filter),
        detector=_name(header, keywords.detector),
    )


def _id(header: Header, key: str | None, path: str | os.PathLike[str]) -> str:
    if key is None or key not in header:
        return id_from_name(path)
    text = str(header[key]).strip()
    if not valid_id(text):
        raise header.error(key, f"{text!r} may not name an exposure", f"give another with --set {key}=NAME")
    return text


def _kind(header: Header, keywords: Keywords) -> str:
    text = _name(header, keywords.kind)
    if text is None:
        return "science"
    known = {**_KINDS, **{key.lower(): kind for key, kind in keywords.kinds.items()}}
    return known.get(text.lower(), text.lower())


def _name(header: Header, key: str | None) -> str | None:
    """Return a name, which some observatories write as a number."""
    value = header.get(key) if key else None
    return None if value is None else str(value).strip()
