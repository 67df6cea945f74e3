"""Plateaus: runs of full pixels that a particle leaves in a row of the electron-multiplying register."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.kernels.plateaus import mark_runs, plateaus

__all__ = ["find_plateaus", "mask_plateaus"]


def find_plateaus(
    image: ArrayLike, full_well: ArrayLike, *, saturated: float = 0.95, plateau: float = 0.85, filter: int = 2
) -> NDArray[np.int64]:
    r"""Find runs of full pixels along rows.

    .. math::

        j \text{ lies in one where } y_j \ge p W \text{ and } \mathrm{med}_{|k - j| \le f/2}\, y_k \ge s W;
        \quad \text{it reaches as far as } y \ge p W

    Parameters
    ----------
    image
        (row, column), without its bias, any unit.
    full_well
        :math:`W`, what a full pixel holds in this image: one number, or (row, column).
    saturated
        :math:`s`, fraction of the full well that the pixels of a plateau reach.
    plateau
        :math:`p`, fraction of the full well at which it ends.
    filter
        :math:`f`: of the f + 1 pixels around one, more than half must be full.

    Returns
    -------
    ndarray of int
        Row, first and last column of each plateau, (plateau, 3), in rising order.

    Raises
    ------
    UsageError
        If the image has not two axes, `full_well` does not fit it, or a fraction or `filter` is out of range.

    Notes
    -----
    Limits: beyond the ends of a row nothing is full, so that a lone full pixel there is no plateau either. A pixel
    that lies below :math:`p W` is in none, even between two full ones.
    Reference: corgidrp 5.1, detection of cosmic rays (median, fractions).

    Examples
    --------
    >>> find_plateaus([[0.0, 9.0, 9.0, 4.0, 0.0, 9.0]], 9.0)
    array([[0, 1, 2]])
    """
    pixels = np.asarray(image)
    if pixels.ndim != 2:
        raise UsageError(f"find_plateaus: the image has shape {pixels.shape}, it must be (row, column)")
    if not 0.0 < plateau <= saturated <= 1.0 or filter < 1:
        raise UsageError(
            f"find_plateaus: saturated={saturated}, plateau={plateau} and filter={filter} must be fractions with "
            "plateau <= saturated, and 1 or more pixels"
        )
    if np.ndim(full_well) and np.shape(full_well) != pixels.shape:
        raise UsageError(
            f"find_plateaus: full_well has shape {np.shape(full_well)}, it must be one number, or {pixels.shape} as "
            "the image"
        )
    if pixels.dtype.kind != "f":
        pixels = pixels.astype(np.float64)
    # as wide as the pixels: what stands exactly at a limit must not fall below it by rounding
    limits = [np.asarray(part * np.asarray(full_well), pixels.dtype) for part in (saturated, plateau)]
    full, edge = (np.broadcast_to(limit, pixels.shape) for limit in limits)
    n = plateaus(pixels, full, edge, filter + 1, np.zeros((0, 3), np.int64))
    found = np.zeros((n, 3), np.int64)
    plateaus(pixels, full, edge, filter + 1, found)
    return found


def mask_plateaus(
    shape: tuple[int, int],
    found: NDArray[np.int64],
    *,
    filter: int = 2,
    tail: int = 0,
    box: int = 0,
    spill: bool = False,
) -> NDArray[np.bool_]:
    r"""Mark plateaus, what trails behind them, and a box about their heads.

    .. math:: j_0 \le j \le \max(j_0 + f, j_1) + t

    Parameters
    ----------
    shape
        Rows and columns of the image.
    found
        Row, first column :math:`j_0` and last column :math:`j_1`, (plateau, 3).
    filter
        :math:`f`, pixels behind the head that are marked with it.
    tail
        :math:`t`, pixels behind those.
    box
        Pixels on each side of the head that are marked, in rows too.
    spill
        Whether a tail goes on in the next row, in the order of clocking; else it ends with its row.

    Returns
    -------
    ndarray of bool
        (row, column).

    Raises
    ------
    UsageError
        If `found` is no list of plateaus.

    Notes
    -----
    Limits: where a plateau is longer than f + 1 pixels, the tail is counted from its end; corgidrp 5.1 counts it from
    f pixels behind its head whatever its length.
    Reference: corgidrp 5.1, detection of cosmic rays (filter, tail, box).

    Examples
    --------
    >>> mask_plateaus((1, 8), np.array([[0, 1, 2]]), tail=2).astype(int)
    array([[0, 1, 1, 1, 1, 1, 0, 0]])
    """
    if np.size(found) and (np.ndim(found) != 2 or np.shape(found)[1] != 3):
        raise UsageError(
            f"mask_plateaus: found has shape {np.shape(found)}, it must be (plateau, 3), as find_plateaus makes it"
        )
    rows, columns = shape
    row, first, last = np.asarray(found, np.int64).reshape(-1, 3).T
    end = np.maximum(first + filter, last) + tail + 1
    mask = np.zeros(rows * columns, bool)
    mark_runs(mask, row * columns + first, row * columns + (end if spill else np.minimum(end, columns)))
    for above in range(-box, box + 1) if box else ():
        inside = (row + above >= 0) & (row + above < rows)
        start = (row + above)[inside] * columns
        left, right = np.maximum(first - box, 0)[inside], np.minimum(first + box + 1, columns)[inside]
        mark_runs(mask, start + left, start + right)
    return mask.reshape(shape)
