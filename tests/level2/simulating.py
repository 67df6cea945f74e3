"""A true Wide Field Instrument of two outputs, and what is believed of it after its calibration exposures.

Outputs keep their 128 columns, so that as many reference pixels as in the whole detector tell the level of each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import Detector, Exposure, Frame, ReadPattern
from obverse.belief import Block
from obverse.effects.reference_read import ReferenceRead
from obverse.history import History
from obverse.ma_tables import READ_TIME, ma_table

SHAPE = (256, 256)
FREQUENT = 0.2
"""Snowballs a second and cm2 that leave some two in every exposure of so small a sensor: fifty times those of JWST."""


def nominal() -> Detector:
    """Return the built-in detector, two of its outputs wide and 256 rows high."""
    table = dict(Detector.load("roman_wfi").to_table())
    rows, columns = SHAPE
    outputs = [{**each, "rows": [0, rows]} for each in table["geometry"]["amplifier"][: columns // 128]]
    table["geometry"] = {**table["geometry"], "shape": list(SHAPE), "amplifier": outputs}
    table["readout"] = {**table["readout"], "reference_output": 16}
    return Detector.from_table({**table, "name": "roman_wfi_part"})


def coupled(factor: float) -> NDArray[np.float64]:
    """Return the kernel of the nominal detector with couplings that many times as strong."""
    kernel = factor * np.array(nominal().effect("interpixel_capacitance").kernel)
    kernel[1, 1] += 1.0 - kernel.sum()
    return kernel


def true_wfi(seed: int = 0) -> Detector:
    """Return an instrument that nobody has measured: noise, gain, bends, dark and a flat with structure of its own."""
    random = np.random.default_rng([seed, 3])
    sensor = nominal()
    rows, columns = np.indices(SHAPE)
    structure = 0.03 * np.sin(rows / 25.0) * np.cos(columns / 40.0) + 0.01 * random.standard_normal(SHAPE)
    response = 1.0 + structure
    response[sensor.geometry.sensitive] /= response[sensor.geometry.sensitive].mean()
    values: dict[str, dict[str, Any]] = {
        "flat": {"response": response},
        "dark_current": {"rate": 0.013},
        "interpixel_capacitance": {"kernel": coupled(1.01)},
        "nonlinearity": {"coefficients": [-5.3e-7]},
        "read_noise": {"sigma": [10.6, 9.5]},
        "gain": {"gain": [2.03, 1.94]},
        "bias": {"level": 5000.0 + 50.0 * random.standard_normal(SHAPE)},
        "dark_decay": {"amplitude": 0.44, "time_constant": 21.0},
    }
    for name, changes in values.items():
        sensor = sensor.with_effect(sensor.effect(name).replace(**changes))
    return sensor


def with_snowballs(detector: Detector, flux: float = FREQUENT) -> Detector:
    """Return the detector under more snowballs than usual."""
    return detector.with_effect(detector.effect("snowballs").replace(flux=flux))


def with_rays(detector: Detector, factor: float) -> Detector:
    """Return the detector under that many times the usual cosmic rays."""
    rays = detector.effect("cosmic_rays")
    return detector.with_effect(rays.replace(flux=factor * rays.flux))


def encoded(detector: Detector) -> Detector:
    """Return the detector that subtracts a reference read on board."""
    return detector.replace(effects=(*detector.effects, ReferenceRead()), steps=("reference_read", *detector.steps))


def calibration_exposures(truth: Detector, seed: int, size: int) -> dict[str, list[Frame]]:
    """Dark ramps of two minutes and evenly lit ramps up to 70 % of full well; every read is stored."""

    def take(kind: str, rate: float, between: float) -> list[Frame]:
        pattern = ReadPattern.even(12, frame_time=between * READ_TIME)
        exposures = (Exposure(f"{kind}{i}", pattern=pattern, kind=kind) for i in range(size))
        return [truth.expose(rate, each, seed=seed) for each in exposures]

    return {"dark": take("dark", 0.0, 4), "flat": take("flat", 2000.0, 1)}


@cache
def measured_belief(seed: int = 0, size: int = 6) -> Detector:
    """Return what is believed after its calibration exposures; what they cannot tell is a little wrong."""
    believed = nominal()
    bend = believed.effect("nonlinearity").replace(coefficients=[6e-7, 0.0], face="correction")
    measured = believed.with_effect(bend).measured(**calibration_exposures(true_wfi(seed), 100 + seed, size))
    return measured.with_effect(measured.effect("persistence").replace(amplitude=0.0171))


@cache
def drawn_belief(seed: int = 0) -> Detector:
    """Return what somebody believes who has references with these errors, drawn at random."""
    truth = true_wfi(seed)
    flat = np.full(SHAPE, 0.0013) * truth.geometry.sensitive
    stated = (
        Block(("gain.gain",), np.array([[[0.002**2, 0.002**2]]])),
        Block(("read_noise.sigma",), np.array([[[0.01**2, 0.01**2]]])),
        Block(("dark_current.rate",), np.array([[0.0005**2]])),
        Block(("nonlinearity.coefficients.0",), np.array([[1e-9**2]])),
        Block(("dark_decay.amplitude",), np.array([[0.02**2]])),
        Block(("persistence.amplitude",), np.array([[0.0001**2]])),
        Block(("flat.response",), flat[None, None] ** 2),
    )
    drawn = truth.with_covariance(*stated).draw(1000 + seed)
    return drawn.with_effect(drawn.effect("flat").replace(error=flat))


def before(seed: int = 0) -> History:
    """Return what an exposure left that ended ten minutes before `science`: every twelfth pixel more than half full."""
    random = np.random.default_rng([seed, 4])
    charge = random.uniform(3e4, 1.1e5, SHAPE) * (random.uniform(size=SHAPE) < 1 / 12) * nominal().geometry.sensitive
    return History.of(charge, "2027-05-01T11:50:00")


def science(name: str, table: int = 110) -> Exposure:
    """Return an exposure by one of the tables of Roman."""
    return Exposure(name, pattern=ma_table(table), start="2027-05-01T12:00:00")
