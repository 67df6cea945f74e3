"""The page that the demo leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.demo import HEADER, parameters
from obverse.frame import Frame
from obverse.view import page as html
from obverse.view import pictures

if TYPE_CHECKING:
    from obverse.demo import Demo

__all__ = ["page_of"]


def page_of(demo: Demo, raw: Frame, calibrated: Frame, scene: NDArray[Any], pulls: Mapping[str, NDArray[Any]]) -> str:
    """Return the report as one HTML page."""
    rows = demo.rows
    statistics = (
        [r.flux for r in rows],
        [r.pixels for r in rows],
        [r.within_68 for r in rows],
        [r.pull_std for r in rows],
    )
    parts = [
        html.section("How right are the error bars?"),
        html.paragraph(_PULLS),
        html.table(HEADER, [row.cells() for row in rows]),
        html.paragraph(_COLUMNS),
        html.figure(pictures.pull_histograms(pulls), _HISTOGRAMS),
        html.figure(pictures.coverage_plot(*statistics), _COVERAGE),
        html.section("From photons to raw reads, and back"),
        html.figure(pictures.images(_panels(raw, calibrated, scene)), _IMAGES),
        html.figure(pictures.flag_image(_flags(calibrated), "Flags of the first exposure"), _FLAGS, width="34rem"),
        html.section("The detector, measured"),
        html.paragraph(_BELIEF),
        html.table(("parameter", "amplifier", "truth", "measured", "error", "pull"), parameters(demo)),
    ]
    footer = f"Detector {demo.belief.name}, belief {demo.belief.digest()[:16]}."
    return html.page("Both faces of a detector", _lead(demo), parts, footer)


_PULLS = (
    "Every pixel of three dithered exposures, compared with the light that truly fell on it. A pull is (measured "
    "- true) / error: with honest errors its scatter is one, and the truth lies within one error bar for 68.27 % "
    "of the pixels and within 1.96 for 95 %."
)
_COLUMNS = (
    "Bias is the mean of (measured - true), in units of the error of one pixel and of the rate. Calibration is "
    "the scatter of the mean rate over what the calibration exposures leave open: gain, nonlinearity, dark and "
    "flat drawn anew from their covariance. It does not average down, and stands beside the errors, not in them."
)
_HISTOGRAMS = (
    "Pulls of sky, faint and bright pixels, and the unit normal that they should follow. The sky's longer left "
    "wing comes with any error that is estimated from few photons: a rate that came out low has its error come "
    "out small."
)
_COVERAGE = "Against the true rate; bars are the counting error of the bin."
_IMAGES = (
    "The true scene; the last raw read, with the bias structure; its difference to the first read, with the "
    "tracks of cosmic rays; the recovered rate; its error, where the read noise of the four outputs shows; and "
    "what is left of the truth, in errors. Stretched by an arcsinh about the median."
)
_FLAGS = "What the calibration knows to be wrong; the border is the reference pixels, which see no light."
_BELIEF = (
    "The science exposures were calibrated with a belief that was measured from simulated flats and darks, never "
    "with the true detector. The truth stands beside it here. Gain and flat are measured on the same flats: an "
    "error of one amplifier's gain is taken up by the flat and does not reach the product."
)


def _lead(demo: Demo) -> str:
    pixels = sum(row.pixels for row in demo.rows)
    inside = sum(row.within_68 * row.pixels for row in demo.rows) / pixels
    return (
        f"{pixels:,} pixel rates recovered from simulated raw ramps with a detector that was measured, not known: "
        f"the truth lies within the quoted error for {100 * inside:.1f} % of them (68.3 % expected)."
    )


def _panels(raw: Frame, calibrated: Frame, scene: NDArray[Any]) -> dict[str, tuple[NDArray[Any], str]]:
    last = raw.data[0, -1].astype(np.float32)
    error = calibrated.error if calibrated.error is not None else np.zeros(scene.shape)
    return {
        "true scene": (scene, "photon/s"),
        "last raw read": (last, "DN"),
        "last less first raw read": (last - raw.data[0, 0], "DN"),
        "recovered rate": (calibrated.data, "photon/s"),
        "its error": (error, "photon/s"),
        "rate less truth, in errors": ((calibrated.data - scene) / error, ""),
    }


def _flags(frame: Frame) -> NDArray[np.uint32]:
    return np.zeros(frame.shape, np.uint32) if frame.pixel_flags is None else frame.pixel_flags
