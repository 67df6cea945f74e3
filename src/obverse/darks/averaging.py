"""Means of images that leave out what is masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.dataset import Dataset, is_dataset
from obverse.darks.reading import Reading
from obverse.darks.refusals import WrongArgumentError
from obverse.darks.stack import Stack

__all__ = ["mean_combine"]

Array = NDArray[Any]


def mean_combine(
    images: Any, masks: Any = None, err: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], bool]:
    r"""Return the mean of images without their masked pixels.

    .. math:: \bar y = \frac{1}{N} \sum_{k \in \mathrm{good}} y_k, \qquad
        \bar e = \sqrt{\frac{1}{N} \sum_{k \in \mathrm{good}} e_k^2}

    Parameters
    ----------
    images
        Images (row, column): a list, one array, or a stack (image, row, column). Or a list of `Frame` or of paths to
        frames, which bring their own masks: every flag but those that say that no light falls there.
    masks
        1 where an image is bad, 0 where good, in the same form; frames take none.
    err
        The images are errors: return :math:`\bar e`, their root mean square. Of frames their errors are taken.

    Returns
    -------
    mean, mask, number, enough
        The mean, 0 where nothing is left; 1 where nothing is left; :math:`N` of each pixel; whether each pixel
        has at least half of the images, so that a read noise can be told.

    Raises
    ------
    WrongArgumentError
        If images and masks are no two such lists of one length and shape, or a mask holds anything but 0 and 1.
        It is a TypeError too.

    Notes
    -----
    Limits: :math:`\bar e` is the typical error of one image, not that of the mean; divide by :math:`\sqrt N` where
    the images are independent. Reference: corgidrp.darks.mean_combine, whose names and results these are.

    Examples
    --------
    >>> images = [np.full((1, 2), value) for value in (1.0, 0.0, 4.0)]
    >>> masks = [np.array([[0, 1]]), np.array([[0, 0]]), np.array([[0, 0]])]
    >>> mean, mask, number, enough = mean_combine(images, masks)
    >>> mean, number, enough
    (array([[1.667, 2.   ]]), array([[3, 2]]), True)
    """
    stack = _of_frames(images, masks, err) if is_dataset(images) else _of_arrays(images, masks, err)
    mean = np.sqrt(stack.mean) if err else stack.mean
    enough = bool(stack.n.min() >= stack.frames / 2)
    return mean, (stack.n == 0).astype(np.int64), stack.n.astype(np.int64), enough


def _of_arrays(images: Any, masks: Any, err: bool) -> Stack:
    values, bad = _listed("images", images), _listed("masks", masks)
    if len(values) != len(bad) or not values:
        raise WrongArgumentError(
            f"mean_combine: {len(values)} images and {len(bad)} masks, they must be as many, and some"
        )
    for mask in bad:
        _refuse_bad_mask(mask)
    shapes = {each.shape for each in (*values, *bad)}
    if len(shapes) > 1:
        raise WrongArgumentError(f"mean_combine: images and masks have shapes {sorted(shapes)}, they must be one")
    stack = Stack(values[0].shape)
    for image, mask in zip(values, bad, strict=True):
        stack.add(np.asarray(image, np.float64) ** (2 if err else 1), mask)
    return stack


def _listed(name: str, given: Any) -> list[Array]:
    """Return images one by one."""
    one_by_one: Sequence[Any] = [given] if isinstance(given, np.ndarray) and given.ndim == 2 else given
    if not isinstance(one_by_one, list | np.ndarray) or not all(np.ndim(each) == 2 for each in one_by_one):
        raise WrongArgumentError(
            f"mean_combine: {name} is a {type(given).__name__}: give a list of arrays (row, column), or one array"
        )
    return [np.asarray(each) for each in one_by_one]


def _refuse_bad_mask(mask: Array) -> None:
    if mask.dtype.kind not in "biu":
        raise WrongArgumentError(f"mean_combine: a mask is of {mask.dtype}, it must be of whole numbers, 0 or 1")
    if not ((mask == 0) | (mask == 1)).all():
        raise WrongArgumentError("mean_combine: a mask holds other values than 0 (good) and 1 (bad)")


def _of_frames(images: Any, masks: Any, err: bool) -> Stack:
    if masks is not None:
        raise WrongArgumentError("mean_combine: frames bring their own flags: leave masks out, or flag the frames")
    dataset = Dataset.of("mean_combine", images, reading=Reading(errors=err))
    stack: Stack | None = None
    for each in dataset.loaded():
        stack = stack or Stack(each.data.shape)
        stack.add(each.variance if err else each.data, each.marks)
    if stack is None:
        raise WrongArgumentError("mean_combine: no images given")
    return stack
