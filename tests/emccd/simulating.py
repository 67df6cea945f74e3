"""EMCCD pixels in a dozen lines of numpy, shared with nothing of the package."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import Exposure, Frame


def amplified(electrons: NDArray[Any], gain: float, random: np.random.Generator, stages: int = 604) -> NDArray[Any]:
    """Whole electrons through the register, stage after stage; only pixels that hold any are followed."""
    lit = electrons > 0
    grown = electrons[lit].astype(np.int64)
    for _ in range(stages):
        grown += random.binomial(grown, gain ** (1 / stages) - 1)
    out = np.zeros(electrons.shape)
    out[lit] = grown
    return out


def geometric(electrons: NDArray[Any], gain: float, random: np.random.Generator) -> NDArray[Any]:
    """Whole electrons through a register of endlessly many stages: each becomes a geometric number of them."""
    out = np.zeros(electrons.shape)
    lit = electrons > 0
    out[lit] = electrons[lit] + random.negative_binomial(electrons[lit], 1 / gain)
    return out


def pixels(
    mean: Any, shape: tuple[int, ...], gain: float, read_noise: float, random: np.random.Generator, stages: int = 604
) -> NDArray[Any]:
    """Poisson electrons and read noise behind the register [electron]; 0 stages are endlessly many."""
    charge = random.poisson(mean, shape)
    grown = amplified(charge, gain, random, stages) if stages else geometric(charge, gain, random)
    return grown + random.normal(0.0, read_noise, shape)


def frame(
    data: NDArray[Any], gain: float, time: float = 1.0, name: str = "a", unit: str = "electron", **more: Any
) -> Frame:
    return Frame(np.asarray(data, np.float32), unit, exposure=Exposure(name, time, em_gain=gain), **more)
