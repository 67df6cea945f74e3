"""Photometric zero points of the filters of Roman's Wide Field Instrument, and the faint light behind the stars."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from obverse.errors import UsageError, nearest

__all__ = ["ROMAN", "THERMAL", "ZODIACAL", "electrons", "zero_point"]

ROMAN: dict[str, tuple[float, ...]] = {
    "F062": (26.576, 26.607, 26.601, 26.541, 26.604, 26.618, 26.603, 26.643, 26.618,
             26.604, 26.615, 26.564, 26.601, 26.605, 26.665, 26.660, 26.721, 26.677),
    "F087": (26.226, 26.298, 26.283, 26.270, 26.317, 26.302, 26.280, 26.319, 26.334,
             26.293, 26.317, 26.274, 26.300, 26.307, 26.317, 26.310, 26.363, 26.332),
    "F106": (26.315, 26.352, 26.337, 26.330, 26.360, 26.380, 26.348, 26.347, 26.373,
             26.341, 26.342, 26.402, 26.313, 26.361, 26.320, 26.319, 26.403, 26.443),
    "F129": (26.319, 26.339, 26.334, 26.329, 26.360, 26.378, 26.349, 26.343, 26.375,
             26.333, 26.342, 26.404, 26.308, 26.351, 26.318, 26.312, 26.398, 26.465),
    "F146": (27.539, 27.578, 27.566, 27.562, 27.590, 27.614, 27.574, 27.573, 27.604,
             27.567, 27.576, 27.633, 27.545, 27.591, 27.553, 27.550, 27.628, 27.672),
    "F158": (26.323, 26.369, 26.359, 26.354, 26.381, 26.411, 26.364, 26.363, 26.398,
             26.358, 26.372, 26.425, 26.341, 26.384, 26.350, 26.344, 26.415, 26.457),
    "F184": (25.855, 25.913, 25.911, 25.905, 25.914, 25.958, 25.893, 25.877, 25.917,
             25.866, 25.914, 25.980, 25.890, 25.926, 25.901, 25.889, 25.936, 25.978),
    "F213": (25.815, 25.857, 25.854, 25.857, 25.862, 25.922, 25.843, 25.826, 25.868,
             25.807, 25.858, 25.947, 25.834, 25.874, 25.842, 25.841, 25.894, 25.940),
}  # fmt: skip
"""AB magnitude that gives 1 electron/s on detectors WFI01 to WFI18.

Roman technical information 1.5.0, Roman_zeropoints_20240301.ecsv (effective areas of 1 March 2024), which holds five
decimals more. ``get_abflux`` of romanisim 0.15 integrates the same curves and agrees within 7e-5 mag."""

ZODIACAL = {
    "F062": 0.25, "F087": 0.251, "F106": 0.277, "F129": 0.267, "F146": 0.781, "F158": 0.244,
    "F184": 0.141, "F213": 0.118,
}  # fmt: skip
"""Zodiacal light at its minimum [electron/s/pixel]; fields are typically at 1.2 to 1.4 times that (same source,
zodiacal_light.ecsv of June 2024)."""

THERMAL = {
    "F062": 0.003, "F087": 0.003, "F106": 0.003, "F129": 0.003, "F146": 1.03, "F158": 0.048,
    "F184": 0.155, "F213": 4.38,
}  # fmt: skip
"""Warmth of telescope and instrument [electron/s/pixel] (same source, internal_thermal_backgrounds.ecsv)."""


def zero_point(band: str, detector: int | str | None = None) -> float:
    """Return the AB magnitude of a source that gives 1 electron/s.

    Parameters
    ----------
    band
        Filter, as F158; the optical names (H158, R062) are known too.
    detector
        1 to 18, or a name such as WFI01 or WFI/WFI01. None, and a name that is none of these, take the mean of the 18
        rates; in F158 single detectors are 0.952 (WFI01) to 1.077 (WFI18) times that.

    Raises
    ------
    UsageError
        If there is no such filter or detector.

    Reference
    ---------
    `ROMAN`.

    Examples
    --------
    >>> zero_point("F158", detector=1), zero_point("F158", "WFI/WFI18"), round(zero_point("F158"), 3)
    (26.323, 26.457, 26.377)
    """
    name = f"F{band[1:]}" if band[:1] in "RZYJWHK" else band
    if name not in ROMAN:
        raise UsageError(f"band: no zero point of {band!r}, {nearest(name, ROMAN)} or give zero_point=")
    number = _number(detector) if isinstance(detector, str) else detector
    if number is None:
        return float(2.5 * np.log10(np.mean(10.0 ** (0.4 * np.array(ROMAN[name])))))
    if not 1 <= number <= 18:
        raise UsageError(f"band: detector {detector}, WFI01 to WFI18 are numbered 1 to 18")
    return ROMAN[name][number - 1]


def _number(detector: str) -> int | None:
    """Return the number in a detector's name; None where it says none, as that of our description, roman_wfi."""
    found = re.fullmatch(r"(?:WFI/)?WFI(\d+)", detector.strip().upper())
    return int(found[1]) if found else None


def electrons(magnitude: Any, zero_point: float) -> Any:
    """Return the rate of a source, 10^(0.4 (zero point - magnitude)) [electron/s].

    Examples
    --------
    >>> round(electrons(20.0, 26.377), 1)
    355.5
    """
    return 10.0 ** (0.4 * (zero_point - magnitude))
