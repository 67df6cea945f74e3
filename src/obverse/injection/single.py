r"""Sources into a calibrated image of one read: nothing was fitted, so that electrons and their variance just add.

.. math:: d' = d + s / (g f), \qquad \sigma'^2 = \sigma^2 + s / (g f)^2
"""

from __future__ import annotations

import numpy as np

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.injection.arrivals import Arrivals
from obverse.injection.rates import Rates

__all__ = ["inject_single"]


def inject_single(frame: Frame, arrivals: Arrivals, detector: Detector) -> Frame:
    """Return the image with the electrons in it.

    Parameters
    ----------
    frame
        Image (row, column) [electron or photon] with its variances.
    arrivals
        Electrons behind quantum efficiency and flat.
    detector
        Cut to the pixels of the frame.

    Notes
    -----
    Limits: charge beyond full well is flagged SATURATED and stays as it is.
    """
    if frame.variances is None or "poisson" not in frame.variances:
        raise UsageError(
            f"inject_sources: {frame.exposure.id}: the image has no variance 'poisson': inject into the raw frame"
        )
    rates = Rates.of(frame, detector)
    where = np.nonzero((arrivals.counts[0] > 0) & ~frame.unusable())
    electrons, scale = arrivals.counts[0][where], rates.scale[where]
    planes = {name: np.array(plane) for name, plane in frame.planes().items()}
    old = planes["data"][where].astype(np.float64)
    new = old + electrons / scale
    planes["data"][where] = new
    planes["variance poisson"][where] += electrons / scale**2
    if "variance flat" in planes:
        planes["variance flat"][where] *= np.where(old != 0, np.square(new / np.where(old != 0, old, 1.0)), 1.0)
    flags = planes.setdefault("pixel_flags", np.zeros(frame.shape, np.uint32))
    charge = new * scale + rates.dark[where] * arrivals.seconds
    flags[where] |= np.where(charge >= rates.full[where], np.uint32(Flag.SATURATED), np.uint32(0))
    return frame.with_planes(planes)
