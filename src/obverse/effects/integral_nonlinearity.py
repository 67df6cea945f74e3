"""Integral nonlinearity: the codes of a converter are not evenly wide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["IntegralNonlinearity"]


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegralNonlinearity(Effect):
    r"""A table of what the converter of each amplifier counts too little, between whose entries it is a straight line.

    .. math:: \hat r = y + c(y), \qquad y = r - c'(r), \quad c'(v_n + c_n) = c_n

    The correction adds :math:`c`, the simulation takes it away. Where :math:`c` is a straight line between the counts
    :math:`v_n`, it is one between the straightened counts :math:`v_n + c_n` too, so that the inverse is another
    look-up, and not :math:`y = r - c(r)`, which is right to the first order only.

    Parameters
    ----------
    counts
        :math:`v_n`, what is counted, rising (entry,) [DN].
    correction
        :math:`c_n`, to be added to it, (entry,) for all amplifiers or (amplifier, entry) [DN]. Beyond the ends of the
        table those at its ends hold.

    Notes
    -----
    Limits: it must see the counts as they came, level included: undo it before the bias. Each read is bent on its
    own, but a resultant is straightened as if it were one read: the mean of c over its reads is not c of their mean.
    By the second differences of the table that is wrong by c'' times half the variance of the reads, and by less than
    the range of c over them in any case.
    Reference: Roman attribute dictionary 1.1, integralnonlinearity (a table for each channel); romanisim 0.15 (signs:
    minus to simulate, plus to calibrate).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2)), layout="clocked")
    >>> effect = IntegralNonlinearity(counts=[0.0, 1000.0, 2000.0], correction=[0.0, 10.0, 0.0])
    >>> effect.imprint(np.array([[[1010.0, 1505.0]]], "f4"), at)
    array([[[1000., 1500.]]], dtype=float32)
    """

    name = "integral_nonlinearity"
    contracts = (Exact(rtol=2e-7, domain="counts of the table, its ends included", low="lowest", high="highest"),)
    pointwise = True

    counts: NDArray[np.float64] = param("what is counted", unit="DN", shape="list")
    correction: NDArray[np.float64] = param("what is to be added to it", unit="DN", shape="list")
    site: str = site("readout")

    def __post_init__(self) -> None:
        super().__post_init__()
        v, c = self.counts, self.correction
        if v.ndim != 1 or len(v) < 2 or c.shape[-1] != len(v):
            raise UsageError(
                f"integral_nonlinearity: counts {v.shape} and correction {c.shape} must be (entry,) with two entries "
                "or more, and (entry,) or (amplifier, entry)"
            )
        for what, rising in (("counts", v), ("counts with their correction", v + c)):
            if not (np.diff(rising) > 0).all():
                raise UsageError(f"integral_nonlinearity: {what} must rise from entry to entry")

    @property
    def lowest(self) -> float:
        """Smallest count of the table [DN]."""
        return float(self.counts[0])

    @property
    def highest(self) -> float:
        """Largest count of the table [DN]."""
        return float(self.counts[-1])

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return what is counted of an even scale [DN]."""
        bent = np.array(charge, np.float32)
        for pixels, c in self._amplifiers(bent, at):
            pixels -= _looked_up(pixels, self.counts + c, c)
        return bent

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Put the counts back on an even scale [DN]."""
        if frame.unit != "DN" or "bias" in frame.undone:
            undone = ", ".join(frame.undone) or "nothing"
            raise UsageError(
                f"integral_nonlinearity: the frame is in {frame.unit!r}, undone {undone}; it must be in 'DN' with its "
                "level: put it before 'bias'"
            )
        straight = np.array(frame.data, np.float32)
        for pixels, c in self._amplifiers(straight, at):
            pixels += _looked_up(pixels, self.counts, c)
        return frame.replace(data=straight)

    def _amplifiers(self, data: NDArray[np.float32], at: Moment) -> Iterator[tuple[NDArray[np.float32], NDArray[Any]]]:
        """Yield views of the pixels of each amplifier, at the rows in hand, and the correction of its table."""
        n = len(at.geometry.amplifiers)
        if self.correction.ndim == 2 and len(self.correction) != n:
            raise UsageError(f"integral_nonlinearity: {len(self.correction)} tables given, there are {n} amplifiers")
        tables = np.broadcast_to(self.correction, (n, len(self.counts)))
        first = at.rows.start or 0
        for i, amplifier in enumerate(at.geometry.amplifiers):
            if at.layout == "clocked":
                yield data[..., i, :, :], tables[i]
            else:
                rows = slice(*(max(row - first, 0) for row in amplifier.rows))
                yield data[..., rows, slice(*amplifier.columns)], tables[i]


def _looked_up(values: NDArray[np.float32], places: NDArray[Any], entries: NDArray[Any]) -> NDArray[np.float32]:
    from obverse.kernels.tables import cells, look_up

    found = np.array(values, np.float32, order="C")
    look_up(found.reshape(-1), places, entries, cells(places))
    return found
