"""A polynomial a pixel, both ways: evaluated, and solved for its argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Polynomials"]

_FLATTEST = 0.05
"""A polynomial that rises more slowly than this has no inverse in single precision."""

_POINTS = 65
_MISSED = 1e-4


@dataclass(frozen=True)
class Polynomials:
    r"""One polynomial a pixel, :math:`P(x) = \sum_k c_k x^k`.

    Parameters
    ----------
    terms
        :math:`c_0, c_1, \dots`, (power, ..., row, column), float32; an axis of length one serves all pixels.

    Examples
    --------
    >>> bent = Polynomials.of([0.0, 1.0, 1e-6])
    >>> bent(np.full((1, 1), 50000.0)).item(), bent.inverse(np.full((1, 1), 52500.0), 1e6).item()
    (52500.0, 50000.0)
    """

    terms: NDArray[np.float32]

    @classmethod
    def of(cls, terms: Sequence[ArrayLike]) -> Polynomials:
        """Make them from coefficients that are numbers or broadcast against each other over the pixels."""
        return cls(np.stack(np.broadcast_arrays(*(np.atleast_2d(np.asarray(term, np.float32)) for term in terms))))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Pixels with finite coefficients and a linear term."""
        return np.asarray(np.isfinite(self.terms).all(axis=0) & (self.terms[1] != 0))

    def straight(self, where: NDArray[np.bool_]) -> Polynomials:
        """Return the same with the line P(x) = x at the pixels `where`."""
        if not where.any():
            return self
        line = np.zeros((len(self.terms), *[1] * where.ndim), np.float32)
        line[1] = 1.0
        return Polynomials(np.where(where, line, self.terms))

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return the values at `x` (..., row, column)."""
        from obverse.kernels.polynomials import evaluate

        values = np.array(x, np.float32, order="C")
        evaluate(*(self._rows(values) if self.terms[0].size == 1 else self._flat(values)))
        return values

    def inverse(self, values: NDArray[Any], limit: ArrayLike) -> NDArray[np.float32]:
        """Return the arguments of `values` (..., row, column); what exceeds `limit` counts as the limit."""
        from obverse.kernels.polynomials import invert

        x = np.array(values, np.float32, order="C")
        planes, terms = self._flat(x)
        top = np.broadcast_to(np.asarray(limit, np.float32), self._pixels(x))
        invert(planes, terms, np.ascontiguousarray(top).reshape(terms.shape[1:]), _FLATTEST)
        return x

    def turns_below(self, top: ArrayLike) -> NDArray[np.bool_]:
        """Return where it gets too flat to be solved between zero and the argument `top`."""
        from obverse.kernels.polynomials import flattest

        highest = np.array(np.broadcast_to(np.asarray(top, np.float32), self._over(top)))
        planes, terms = self._flat(highest)
        return np.asarray(flattest(terms, planes[0], _POINTS).reshape(highest.shape) < _FLATTEST)

    def turns_before(self, value: ArrayLike) -> NDArray[np.bool_]:
        """Return where it gets too flat to be solved before it reaches `value`."""
        wanted = np.broadcast_to(np.asarray(value, np.float32), self._over(value))
        x = self.inverse(wanted, wanted)
        reached = np.abs(self(x) - wanted) <= _MISSED * np.abs(wanted)  # false where the search ran away to NaN
        return np.asarray(~reached | self.turns_below(x))

    def _over(self, values: ArrayLike) -> tuple[int, ...]:
        return np.broadcast_shapes(np.shape(values), self.terms.shape[1:])

    def _pixels(self, values: NDArray[Any]) -> tuple[int, ...]:
        return values.shape[1 - self.terms.ndim :]

    def _rows(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return views (row, 1, column), where one polynomial serves all: no pixel needs coefficients of its own."""
        columns = values.shape[-1]
        terms = np.broadcast_to(self.terms.reshape(-1, 1, 1), (len(self.terms), 1, columns))
        return values.reshape(-1, 1, columns), np.ascontiguousarray(terms)

    def _flat(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return views (plane, row, column) of the values, and as many coefficients (power, row, column)."""
        pixels = self._pixels(values)
        rows, columns = int(np.prod(pixels[:-1])), pixels[-1]
        terms = np.broadcast_to(self.terms, (len(self.terms), *pixels))
        return values.reshape(-1, rows, columns), np.ascontiguousarray(terms).reshape(-1, rows, columns)
