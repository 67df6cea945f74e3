"""Pixels whose whole ramp is usable, many at a time: products with a few basis vectors, mixed as the signal asks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import take_run
from obverse.kernels._pixels import DARK, GAIN, READ
from obverse.kernels._rule import (
    COVARIANCE,
    FRACTION,
    KIND,
    NEXT,
    NOISE,
    PEDESTAL,
    QR,
    QS,
    RATE,
    RISE,
    TBAR,
    WEIGHT,
    WORK,
)

__all__ = ["fit_whole", "intercepts"]

Array = NDArray[Any]


@jit
def _rise(low: Array, high: Array, lane: Array, target: Array, n: int) -> None:
    real = lane.dtype.type
    for j in range(n):
        target[j] = lane[GAIN + j] * (real(high[j]) - real(low[j]))


@jit
def _project(rises: Array, weights: Array, product: Array, n: int) -> None:
    """Add one rise to the products of all basis vectors with the ramp."""
    for i in range(weights.shape[0]):
        weight, into = weights[i], product[i]
        for j in range(n):
            into[j] += weight * rises[j]


@jit
def _choose_exponent(lane: Array, signal: Array, noise: float, at: Array, n: int) -> None:
    """Count the limits that the signal-to-noise ratio, squared to save a root, has passed."""
    zero, one = lane.dtype.type(0), np.uint32(1)
    at[:] = 0
    for j in range(n):
        s = lane[RISE + j]
        ratio = s * s / (lane[READ + j] * noise + s)
        lane[WORK + j] = ratio if s > 0 else zero
    for i in range(1, signal.shape[1]):
        limit = signal[0, i] * signal[0, i]
        for j in range(n):
            at[j] += one if lane[WORK + j] >= limit else np.uint32(0)


@jit
def _choose_node(lane: Array, signal: Array, last: int, at: Array, n: int) -> None:
    """Find where the covariance rate stands between the nodes, which are even in the 16th root of f/read."""
    origin, per = signal[0, 0], signal[0, 1]
    zero, top = lane.dtype.type(0), lane.dtype.type(last) * lane.dtype.type(0.9999)
    for j in range(n):
        f = lane[NEXT + j]
        u = math.sqrt(math.sqrt(math.sqrt(math.sqrt((f if f > 0 else zero) / lane[READ + j]))))
        place = (u - origin) * per
        place = place if place > 0 else zero
        place = place if place < top else top
        at[j] = np.uint32(np.int32(place))
        lane[FRACTION + j] = place - lane.dtype.type(np.int32(place))


@jit
def _pick(row: Array, at: Array, target: Array, n: int) -> None:
    for j in range(n):
        target[j] = row[at[j]]


@jit
def _look_up(row: Array, between: bool, at: Array, lane: Array, field: int, n: int) -> None:
    """Take from a table what belongs to the signal; between two nodes, along a straight line."""
    _pick(row, at, lane[field : field + n], n)
    if between:
        _pick(row[1:], at, lane[WORK : WORK + n], n)
        for j in range(n):
            lane[field + j] += lane[FRACTION + j] * (lane[WORK + j] - lane[field + j])


@jit
def _mix(product: Array, phi: Array, between: bool, lane: Array, at: Array, n: int) -> None:
    """Rate = basis . R mixed as the signal asks."""
    take_run(product[0], lane[RATE : RATE + n], n)
    for i in range(1, product.shape[0]):
        _look_up(phi[i - 1], between, at, lane, WEIGHT, n)
        mixed = product[i]
        for j in range(n):
            lane[RATE + j] += lane[WEIGHT + j] * mixed[j]


@jit
def fit_whole(
    counts: Array,
    lane: Array,
    product: Array,
    at: Array,
    rule: Array,
    times: Array,
    signal: Array,
    pairs: Array,
    basis: Array,
    phi: Array,
    forms: Array,
    given: Array,
    row: int,
    first: int,
    n: int,
) -> None:
    """Fit pixels as if their whole ramp were usable."""
    product[:] = 0
    for i in range(pairs.shape[1]):  # the last pair is the whole ramp: RISE then holds the signal
        low, high = counts[pairs[0, i], row, first : first + n], counts[pairs[1, i], row, first : first + n]
        _rise(low, high, lane, lane[RISE : RISE + n], n)
        _project(lane[RISE : RISE + n], basis[:, i], product, n)
    between = rule[KIND] == COVARIANCE
    if between:
        _two_passes(lane, product, at, times, signal, phi, given, row, first, n)
    else:
        _choose_exponent(lane, signal, times[NOISE, times.shape[1] - 1], at, n)
        _mix(product, phi, between, lane, at, n)
    _look_up(forms[0], between, at, lane, QR, n)
    _look_up(forms[1], between, at, lane, QS, n)


@jit
def intercepts(start: Array, lane: Array, t: float, n: int) -> None:
    real = lane.dtype.type
    for j in range(n):
        lane[PEDESTAL + j] = lane[GAIN + j] * real(start[j]) - lane[RATE + j] * t


@jit
def _two_passes(
    lane: Array,
    product: Array,
    at: Array,
    times: Array,
    signal: Array,
    phi: Array,
    given: Array,
    row: int,
    first: int,
    n: int,
) -> None:
    """Weights from the mean rate, then from the rate that these weights gave; or from the rate that was given."""
    if given.size > 1:
        take_run(given[row, first : first + n], lane[NEXT : NEXT + n], n)
        _choose_node(lane, signal, phi.shape[1] - 1, at, n)
        _mix(product, phi, True, lane, at, n)
        return
    last, zero = times.shape[1] - 1, lane.dtype.type(0)
    per = lane.dtype.type(1) / (times[TBAR, last] - times[TBAR, 0])
    for j in range(n):
        lane[RATE + j] = lane[RISE + j] * per
    for _ in range(2):
        for j in range(n):
            lane[NEXT + j] = (lane[RATE + j] if lane[RATE + j] > 0 else zero) + lane[DARK + j]
        _choose_node(lane, signal, phi.shape[1] - 1, at, n)
        _mix(product, phi, True, lane, at, n)
