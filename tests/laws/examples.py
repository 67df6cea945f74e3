"""One or more instances of every effect that do something, and the geometries on which the laws are tried."""

from __future__ import annotations

import numpy as np

from obverse import Amplifier, Flag, Geometry
from obverse.effects import Effect
from obverse.effects.adc import Adc
from obverse.effects.bad_pixels import BadPixels
from obverse.effects.bias import Bias
from obverse.effects.bias_drift import BiasDrift
from obverse.effects.charge_migration import ChargeMigration
from obverse.effects.clock_induced_charge import ClockInducedCharge
from obverse.effects.cosmic_rays import CosmicRays
from obverse.effects.dark_current import DarkCurrent
from obverse.effects.dark_decay import DarkDecay
from obverse.effects.dark_ramp import DarkRamp
from obverse.effects.em_gain import EmGain
from obverse.effects.fixed_pattern import FixedPattern
from obverse.effects.flat import Flat
from obverse.effects.flicker_noise import FlickerNoise
from obverse.effects.gain import Gain
from obverse.effects.gain_scale import GainScale
from obverse.effects.integral_nonlinearity import IntegralNonlinearity
from obverse.effects.interpixel_capacitance import InterpixelCapacitance
from obverse.effects.level_nonlinearity import LevelNonlinearity
from obverse.effects.nonlinearity import Nonlinearity
from obverse.effects.persistence import Persistence
from obverse.effects.quantum_efficiency import QuantumEfficiency
from obverse.effects.read_noise import ReadNoise
from obverse.effects.reference_read import ReferenceRead
from obverse.effects.register_trail import RegisterTrail
from obverse.effects.reset_noise import ResetNoise
from obverse.effects.saturation import Saturation
from obverse.effects.showers import Showers
from obverse.effects.smear import Smear
from obverse.effects.snowballs import Snowballs

ROMAN = np.array([[0.21, 1.66, 0.21], [1.88, 91.59, 1.88], [0.21, 1.66, 0.21]])
"""Coupling of the Roman WFI in percent, made symmetric; the parameters of romanisim 0.15."""


def infrared(rows: int = 96, columns: int = 64) -> Geometry:
    """An infrared array: a border of reference pixels, four outputs that turn round at each other."""
    width = columns // 4
    corners = ("lower left", "lower right", "lower left", "lower right")
    outputs = tuple(
        Amplifier(str(i + 1), (0, rows), (i * width, (i + 1) * width), corner) for i, corner in enumerate(corners)
    )
    return Geometry((rows, columns), outputs, reference=(4, 4, 4, 4))


def ccd(rows: int = 96, columns: int = 64) -> Geometry:
    """A CCD: four quadrants read from the outer corners, with prescan and overscan."""
    half, middle = rows // 2, columns // 2
    quadrants = (
        Amplifier("LL", (0, half), (0, middle), "lower left"),
        Amplifier("LR", (0, half), (middle, columns), "lower right"),
        Amplifier("UL", (half, rows), (0, middle), "upper left"),
        Amplifier("UR", (half, rows), (middle, columns), "upper right"),
    )
    return Geometry((rows, columns), quadrants, prescan=5, overscan=12)


GEOMETRIES = {"infrared": infrared(), "ccd": ccd()}


def examples(geometry: Geometry) -> list[Effect]:
    """Instances with scalars, with one value an amplifier, and with maps."""
    random = np.random.default_rng(5)
    shape = geometry.shape
    response = 1.0 + 0.02 * random.standard_normal(shape)
    holed = np.where(random.uniform(size=shape) < 0.01, np.nan, response)
    four = np.array([2.0, 2.1, 1.9, 2.2])
    counts = np.linspace(0.0, 65535.0, 257)
    levels, steep = np.linspace(800.0, 10000.0, 461), np.array([0.5, 0.55, 0.6])
    factors = 1.0 + 0.1 * np.sin(levels[:, None] / 1500.0 * steep)
    dark_pixels = ("reference",) if geometry.is_plain else ("overscan", "prescan", "both")
    drifts = [BiasDrift(frame_sigma=3.0, seen_in=pixels) for pixels in dark_pixels]
    if geometry.is_plain:
        rows = {"seen_in": "reference_rows", "column_cycle": 2, "clip": 3.0}
        drifts.append(BiasDrift(frame_sigma=3.0, cycle_sigma=2.0, **rows))
        drifts.append(BiasDrift(frame_sigma=3.0, slow_sigma=5.0, side_window=11, **rows))
    else:
        drifts.append(BiasDrift(row_sigma=6.0, seen_in="overscan", skip=2, span="row"))
        drifts.append(BiasDrift(row_sigma=6.0, seen_in="overscan", width=8, offset=12.0, span="row", row_clip=8.0))
    return [
        QuantumEfficiency(efficiency=0.8),
        QuantumEfficiency(efficiency=0.8 * response),
        Flat(response=response),
        Flat(response=holed, error=np.full(shape, 0.003)),
        DarkCurrent(rate=0.5),
        DarkCurrent(rate=0.5 * response, error=np.full(shape, 0.01)),
        DarkRamp(ramp=np.cumsum(random.uniform(0.5, 2.0, (12, *shape)), axis=0), frame_time=7.0),
        Smear(),
        Smear(row_time=1e-3),
        CosmicRays(flux=8.0, pixel_pitch=18.0),
        Snowballs(smallest=5.0, largest=20.0),
        Showers(narrowest=50.0, broadest=75.0, area=20.0, least_differences=5),
        Persistence(),
        Persistence(decay=0.8, window=300.0),
        BadPixels(flags=random.choice(np.array([0, Flag.HOT, Flag.DEAD], np.uint32), shape, p=[0.9, 0.05, 0.05])),
        Saturation(full_well=80000.0),
        Saturation(full_well=40000.0 * four, margin=0.05),
        Saturation(full_well=80000.0 * holed, judged_by="next_resultant"),
        ChargeMigration(share=0.002),
        ResetNoise(sigma=30.0),
        InterpixelCapacitance.cross(0.01),
        InterpixelCapacitance(kernel=ROMAN / ROMAN.sum()),
        Nonlinearity(coefficients=[6e-7], maximum=100000.0),
        Nonlinearity(coefficients=[5e-7, 1e-12, 2e-17], maximum=120000.0),
        Nonlinearity(coefficients=[-1e-6, 2e-12], maximum=100000.0, site="readout"),
        Nonlinearity(coefficients=[5e-7 * holed, 1e-12 * response], maximum=100000.0),
        Nonlinearity(coefficients=[30.0, 0.95, 1e-6, 1e-12], first=0, maximum=1e5),
        Nonlinearity(coefficients=[0.97 * holed, -1e-6 * response], first=1, face="response", maximum=80000.0),
        DarkDecay(amplitude=0.4, time_constant=23.0, frame_time=3.16247),
        DarkDecay(amplitude=2.0 * response, time_constant=10.0 * four, frame_time=10.0),
        IntegralNonlinearity(counts=counts, correction=5.0 * np.sin(counts / 900.0)),
        IntegralNonlinearity(counts=counts, correction=random.uniform(-20.0, 20.0, (4, 257))),
        ClockInducedCharge(level=0.02, parallel=0.5),
        ClockInducedCharge(level=3.0 * response, parallel=four, error=np.full(shape, 0.01)),
        EmGain(partial=0.025),
        EmGain(ratio=0.2, stages=10, full_well=50000.0, method="exact"),
        FixedPattern(pattern=30.0 * four),
        FixedPattern(pattern=30.0 * holed - 20.0, error=np.full(shape, 2.0)),
        RegisterTrail(length=6.0, full_well=4e6, crowded=1.0),
        LevelNonlinearity(levels=[800.0, 9000.0], gains=[1.0], table=[[1.0], [1.2]]),
        LevelNonlinearity(levels=levels, gains=[0.5, 2.0, 5000.0], table=factors),
        FlickerNoise(amplitude=2.0),
        ReadNoise(sigma=11.0),
        ReadNoise(sigma=5.0 * four),
        ReadNoise(sigma=10.0 * np.abs(response)),
        Gain(gain=2.3),
        Gain(gain=four),
        Gain(gain=2.0 * holed),
        GainScale(factor=2.0),
        Bias(level=1000.0),
        Bias(level=500.0 * four),
        Bias(level=10000.0 * response),
        Bias(level=10000.0 * holed),
        *drifts,
        Adc(),
        Adc(bits=14),
        ReferenceRead(),
    ]
