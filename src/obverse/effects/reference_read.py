"""Reference read: what stands in the pixels behind the reset is subtracted on board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["ReferenceRead"]

_TOP = np.iinfo(np.uint16).max


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferenceRead(Effect):
    r"""The numbers of every resultant are stored less those of a read taken right behind the reset.

    .. math:: d_k = \min\left(\max\left(r_k - r_0 + o,\ 0\right),\ 2^{16} - 1\right), \qquad \hat r_k = d_k + r_0 - o

    A frame that is so encoded has the companion ``reference_read``, :math:`r_0 - o`: what was taken off.

    Parameters
    ----------
    offset
        :math:`o`, so that noise is not cut at zero [DN].

    Notes
    -----
    Limits: :math:`r_0` has the level of the reset and the noise of one read, which a difference of two resultants
    does not hold, and neither does it here once decoded. What was clipped stays at the end of the range, where `adc`
    flags it: decode before that. A frame without the companion passes as it is; files of Roman are decoded when they
    are read.
    Reference: Roman attribute dictionary 1.1, wfi_science_raw (reference_read, data_encoding_offset); 4000 DN:
    romanisim 0.15.

    Examples
    --------
    >>> from obverse import Geometry
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 3)), reference=np.array([[5000, 5000, 5000]], "u2"))
    >>> ReferenceRead().imprint(np.array([[5000, 900, 65535]], "u2"), at)
    array([[ 4000,     0, 64535]], dtype=uint16)
    """

    name = "reference_read"
    contracts = (
        Exact(rtol=0.0, domain="numbers that were not clipped, of references up to 9000 DN", low=1.0, high=60000.0),
    )
    pointwise = True

    offset: int = param("added, so that noise is not cut at zero", default=4000, unit="DN", minimum=0, shape="whole")
    site: str = site("digital")

    @staticmethod
    def encode(data: NDArray[Any], taken: ArrayLike) -> NDArray[np.uint16]:
        """Return whole numbers (..., row, column) less what is taken off them [DN]."""
        return np.clip(np.asarray(data, np.int32) - np.asarray(taken, np.int32), 0, _TOP).astype(np.uint16)

    @staticmethod
    def decode(stored: NDArray[Any], taken: ArrayLike) -> NDArray[np.uint16]:
        """Return stored numbers with what was taken off them [DN]; what was clipped stays at the end of the range."""
        restored = np.clip(np.asarray(stored, np.int32) + np.asarray(taken, np.int32), 0, _TOP)
        clipped = (stored <= 0) | (stored >= _TOP)
        return np.where(clipped, stored, restored).astype(np.uint16)

    def companion(self, reads: NDArray[Any], exposure: Exposure) -> Mapping[str, Frame]:
        """Return what an encoded frame carries, of its reference reads (integration, row, column) [DN]."""
        taken = np.asarray(reads, np.int32) - np.int32(self.offset)
        return {"reference_read": Frame(taken, "DN", ("integration", "row", "column"), exposure=exposure)}

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Subtract the reference read in hand, `Moment.reference`, if there is one [DN]."""
        return charge if at.reference is None else self.encode(charge, at.reference.astype(np.int32) - self.offset)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Add again what was taken off [DN]."""
        taken = frame.companions.get("reference_read")
        if taken is None:
            return frame
        per_resultant = np.expand_dims(taken.data, -3) if "resultant" in frame.axes else taken.data
        return frame.replace(data=self.decode(frame.data, per_resultant).reshape(frame.shape))
