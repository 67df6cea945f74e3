"""What has been done to a frame of Roman's coronagraph, by its unit, its level, its HISTORY and its switches.

Facts on the keywords are from the source of corgidrp 5.1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from obverse.io.header import Header

__all__ = ["UNDONE", "UNITS", "history", "undone", "unit"]

UNDONE = "OBVUNDO"
"""Keyword under which files of ours list the effects that have been undone; files of others tell it by HISTORY."""

_ELECTRONS = ("gain", "fixed_pattern", "em_gain", "clock_induced_charge", "dark_current")

UNITS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "DN": ("DN", ()),
        "detected EM electron": ("electron", ("gain",)),
        "detected electron": ("electron", ("gain", "em_gain")),
        "photoelectron": ("electron", _ELECTRONS),
        "photon": ("photon", (*_ELECTRONS, "quantum_efficiency")),  # ours alone: the pipeline ends at electrons
    }
)
"""BUNIT: our unit, and what such values have had undone, in the order of our recipe."""

_IN_DN = ("adc", "saturation", "bias", "bias_drift", "cosmic_rays", "register_trail", "level_nonlinearity")
"""What a frame of level L2a has had undone, all of it in DN."""

_BY_HISTORY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ias subtracted": ("adc", "bias", "bias_drift"),
        "Frames cropped": ("assemble",),
        "Cosmic ray mask created": ("saturation", "cosmic_rays", "register_trail"),
        "Data corrected for non-linearity": ("level_nonlinearity",),
        "Poisson/shot noise propagated": ("estimate",),
        "Dark subtracted": ("fixed_pattern", "clock_induced_charge", "dark_current"),
        "Flat calibration done": ("flat",),
        "affected by bad pixels": ("bad_pixels",),
    }
)
"""What the pipeline's HISTORY says of each of its steps, and the effects that the step undoes."""

_SWITCHES: Mapping[str, str] = MappingProxyType({"DESMEAR": "smear", "CTI_CORR": "charge_transfer"})
"""Logical keywords of steps, and the effect that each undoes."""

_ORDER = (
    *_IN_DN, "gain", "fixed_pattern", "em_gain", "assemble", "estimate", "clock_induced_charge", "dark_current",
    "smear", "charge_transfer", "flat", "bad_pixels", "quantum_efficiency",
)  # fmt: skip
_AS_THEY_CAME = ("L1", "")


def unit(header: Header) -> tuple[str, tuple[str, ...]]:
    """Return our unit, and the effects that such values have had undone.

    Raises
    ------
    DataError
        If BUNIT is missing, or none that the pipeline writes up to level L2b.

    Examples
    --------
    >>> unit(Header([]).with_values({"BUNIT": "detected electron"}))
    ('electron', ('gain', 'em_gain'))
    """
    said = header.text("BUNIT")
    if said not in UNITS:
        what = f"{said!r} is none of {', '.join(UNITS)}"
        raise header.error("BUNIT", what, "give a file of level L1 to L2b, or correct it with --set BUNIT=UNIT")
    return UNITS[said]


def undone(header: Header) -> tuple[str, ...]:
    """Name the effects that have been undone already, in the order of our recipe.

    A file of ours lists them. Of others, values beyond DN and levels beyond L1 have had all undone that is undone in
    DN; the rest stands in HISTORY, DESMEAR and CTI_CORR.

    Examples
    --------
    >>> undone(Header([]).with_values({"BUNIT": "DN", "DATALVL": "L1", "HISTORY": "Bias subtracted"}))
    ('adc', 'bias', 'bias_drift')
    """
    ours = header.text(UNDONE, None)
    if ours is not None:
        return tuple(ours.split())
    found = {*unit(header)[1], *_told(header)}
    level = (header.text("DATALVL", "") or "").upper()
    if "gain" in found or not (level in _AS_THEY_CAME or level.startswith("IM")):
        found |= {*_IN_DN}
    return tuple(name for name in _ORDER if name in found)


def _told(header: Header) -> set[str]:
    """Name the effects of the steps that HISTORY and the switches tell."""
    lines = history(header)
    by_history = {name for words, names in _BY_HISTORY.items() if words in lines for name in names}
    by_switch = {name for key, name in _SWITCHES.items() if _is_set(header, key)}
    return by_history | by_switch


def _is_set(header: Header, key: str) -> bool:
    """Whether a switch is on; after the pipeline has merged headers it may be a number, or a word."""
    value = header.get(key)
    return value is True or str(value).strip().upper() in ("1", "1.0", "T", "TRUE")


def history(header: Header) -> str:
    """Return all of HISTORY as one text, cards joined where the pipeline has cut them."""
    return "".join(str(card.value).ljust(72) for card in header.cards if card.key == "HISTORY")
