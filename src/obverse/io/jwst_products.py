r"""JWST products of a calibrated ramp: ``_rate``, ``_rateints`` and, with segments, ``_fitopt``, in DN/s.

.. math:: s_{DN} = s / g, \qquad \mathrm{Var}_{DN} = \mathrm{Var} / g^2

Reference: JWST pipeline documentation, data products and step `ramp_fitting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.io import jwst_keywords as keywords
from obverse.io.cards import Card
from obverse.io.cargo import Cargo, inputs_of
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.jwst_read import OTHER_BITS
from obverse.io.kept import kept_cards, short_provenance
from obverse.io.publish import prepare_directory
from obverse.io.writer import write_fits_all
from obverse.moment import Moment

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = [
    "fitopt_hdus",
    "image_hdus",
    "rate_hdus",
    "rateints_hdus",
    "write_products",
]

_VARIANCES = {"poisson": "VAR_POISSON", "read": "VAR_RNOISE", "flat": "VAR_FLAT"}
_LOW = np.uint32(0xFF)


def write_products(
    frame: Frame,
    out_dir: Path,
    stem: str,
    *,
    detector: Detector,
    provenance: Mapping[str, str],
    overwrite: bool = False,
) -> list[Path]:
    """Write the products of a frame whose ramps have been fitted.

    Parameters
    ----------
    frame
        Rate image [electron/s] with the companions of the fit; its cargo is that of a JWST file.
    out_dir, stem
        Where to, and the name of the exposure.
    detector
        Whose gain turned DN into electrons.
    provenance
        How it was made; short keys become keywords.
    overwrite
        Allow older products to be replaced.

    Returns
    -------
    list of Path
        The rate, the rates by integration where the fit gives them, the segments where they were kept.
    """
    prepare_directory(out_dir)
    made = {"rate": rate_hdus(frame, detector, stem, provenance)}
    if "integrations" in frame.companions:
        made["rateints"] = rateints_hdus(frame, detector, stem, provenance)
    if "segments" in frame.companions:
        made["fitopt"] = fitopt_hdus(frame, detector, stem, provenance)
    files = {out_dir / f"{stem}_{name}.fits": hdus for name, hdus in made.items()}
    write_fits_all(files, overwrite=overwrite, inputs=inputs_of(frame))
    return list(files)


def rate_hdus(frame: Frame, detector: Detector, stem: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of the rate image: ImageModel."""
    quality = _pixel_flags(frame) | _group_flags(frame.flags, frame.shape[-2:])
    primary = _primary(frame, detector, f"{stem}_rate.fits", "ImageModel", provenance)
    return _numbered([primary, *_images(frame, quality | _other_bits(frame), _gain(frame, detector), frame)])


def rateints_hdus(frame: Frame, detector: Detector, stem: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of the rates by integration: CubeModel, with the table of times."""
    integrations = frame.companions["integrations"]
    common = _pixel_flags(frame) & ~_LOW if integrations.flags is not None else _pixel_flags(frame)
    quality = common | _group_flags(integrations.flags, integrations.shape) | _other_bits(frame)
    primary = _primary(frame, detector, f"{stem}_rateints.fits", "CubeModel", provenance)
    images = _images(integrations, quality, _gain(frame, detector), frame)
    times = [unit for unit in _units(frame) if unit.name == "INT_TIMES"]
    return _numbered([primary, *images, *times])


def image_hdus(frame: Frame, name: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of a rate image that was read from such a file and is in DN/s still: ImageModel."""
    quality = _pixel_flags(frame) | _other_bits(frame)
    primary = _primary(frame, None, name, "ImageModel", provenance)
    return _numbered([primary, *_images(frame, quality, np.ones((), np.float32), frame)])


def fitopt_hdus(frame: Frame, detector: Detector, stem: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of the optional product: RampFitOutputModel."""
    segments, gain = frame.companions["segments"], _gain(frame, detector)
    variances, more = segments.variances or {}, segments.companions
    pedestal = frame.companions.get("pedestal")
    empty = np.zeros((segments.shape[0], 1, *segments.shape[-2:]), np.float32)
    jumps = more["jumps"].data if "jumps" in more and more["jumps"].data.size else empty
    planes = {
        "SLOPE": ("DN/s", segments.data / gain),
        "SIGSLOPE": (more["error"].unit.replace("electron", "DN"), more["error"].data / gain),
        "VAR_POISSON": ("(DN/s)2", variances["poisson"] / gain**2),
        "VAR_RNOISE": ("(DN/s)2", variances["read"] / gain**2),
        "YINT": ("DN", more["intercept"].data / gain),
        "SIGYINT": ("DN", more["intercept_error"].data / gain),
        "PEDESTAL": ("DN", empty[:, 0] if pedestal is None else pedestal.data / gain),
        "WEIGHTS": ("(DN/s)-2", more["weight"].data * gain**2),
        "CRMAG": ("DN", jumps / gain),
    }
    primary = _primary(frame, detector, f"{stem}_fitopt.fits", "RampFitOutputModel", provenance)
    return _numbered([primary, *(_plane(name, np.nan_to_num(plane), unit) for name, (unit, plane) in planes.items())])


def _gain(frame: Frame, detector: Detector) -> NDArray[np.float32]:
    """Return the gain of each pixel [electron/DN]; NaN where there is none."""
    if frame.unit != "electron/s":
        raise UsageError(
            f"{frame.exposure.id}: the recipe of {detector.name!r} ends in {frame.unit!r}, JWST products hold the DN/s "
            "of electron/s: leave quantum_efficiency out of the detector"
        )
    gain = Moment.of(frame, detector.geometry).plane(detector.effect("gain").gain)
    return np.where(gain > 0, gain, np.float32(np.nan)).astype(np.float32)


def _images(frame: Frame, quality: NDArray[np.uint32], gain: NDArray[Any], whole: Frame) -> list[Hdu]:
    """Return SCI, ERR, DQ and the variances of an image or of a cube."""
    science = Header([Card("BUNIT", "DN/s", "physical units of the array values"), *_wcs(whole)])
    variances = frame.variances or {}
    named = {name: variances[key] / gain**2 for key, name in _VARIANCES.items() if key in variances}
    error = frame.error
    return [
        Hdu(0, "SCI", 1, science, _float(frame.data / gain)),
        _plane("ERR", np.full(frame.shape, np.nan) if error is None else error / gain, "DN/s"),
        Hdu(0, "DQ", 1, Header([]), np.ascontiguousarray(quality, np.uint32)),
        *(_plane(name, plane, "(DN/s)2") for name, plane in named.items()),
    ]


def _plane(name: str, data: NDArray[Any], unit: str) -> Hdu:
    return Hdu(0, name, 1, Header([Card("BUNIT", unit)]), _float(data))


def _float(data: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(data, np.float32)


def _pixel_flags(frame: Frame) -> NDArray[np.uint32]:
    return np.zeros(frame.shape[-2:], np.uint32) if frame.pixel_flags is None else frame.pixel_flags


def _group_flags(flags: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> NDArray[np.uint32]:
    return np.zeros(shape, np.uint32) if flags is None else flags.astype(np.uint32)


def _units(frame: Frame) -> tuple[Hdu, ...]:
    return frame.cargo.units if isinstance(frame.cargo, Cargo) else ()


def _other_bits(frame: Frame) -> NDArray[np.uint32]:
    """Return the quality bits of the file that are none of our flags: they pass through."""
    found = [unit.data for unit in _units(frame) if unit.name == OTHER_BITS and unit.data is not None]
    return found[0].astype(np.uint32) if found else np.zeros((), np.uint32)


# -- headers ---------------------------------------------------------------------------------------------------


def _primary(frame: Frame, detector: Detector | None, name: str, model: str, provenance: Mapping[str, str]) -> Hdu:
    """Return the first unit: the cards of the file, with what has changed."""
    said = {"FILENAME": name, "DATAMODL": model, **short_provenance(provenance)}
    changed = [*(Card(key, value) for key, value in said.items()), *_steps(frame), *_gain_factor(detector)]
    keys = {card.key for card in changed}
    kept = [card for card in kept_cards(frame, 0) if card.key not in keys]
    return Hdu(0, "PRIMARY", 1, Header([*kept, *changed]), None)


def _steps(frame: Frame) -> list[Card]:
    """Return the status of the steps that were really done; a comment names the effects that were undone here."""
    headers = frame.cargo.headers if isinstance(frame.cargo, Cargo) else ()
    here = set(frame.undone) - set(keywords.undone(headers[0]) if headers else ())
    done = {key: names for key, names in keywords.STEPS.items() if set(names) & set(frame.undone)}
    return [Card(key, "COMPLETE", _by_us([n for n in names if n in here])) for key, names in done.items()]


def _by_us(names: Sequence[str]) -> str:
    return f"{keywords.DONE_HERE}: {', '.join(names)}" if names else ""


def _gain_factor(detector: Detector | None) -> list[Card]:
    """Return GAINFACT, by which the step `gain_scale` has multiplied the rates."""
    factor = detector.effect("gain_scale").factor if detector is not None and detector.has("gain_scale") else None
    return [Card("GAINFACT", factor, "gain factor of the rates")] if isinstance(factor, float) else []


def _wcs(frame: Frame) -> list[Card]:
    """Return the cards of the science unit, among them the coordinates of the sky."""
    return [card for card in kept_cards(frame, 1) if card.key != "BUNIT"]


def _numbered(hdus: list[Hdu]) -> list[Hdu]:
    return [Hdu(i, hdu.name, hdu.version, hdu.header, hdu.data) for i, hdu in enumerate(hdus)]
