"""The main job on an embedded default: photons into raw ramps, a measured belief, and back, against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import io
from obverse.belief import spread
from obverse.detector import Detector
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.jobs import measured_table
from obverse.pattern import ReadPattern
from obverse.scene import Scene, random_field

__all__ = ["Demo", "Row", "compare", "run", "true_detector"]

SHAPE = (512, 512)
DITHERS = ((0.0, 0.0), (3.3, 1.7), (-2.4, 4.6))
FLATS, DARKS = 8, 8
EDGES = (0.0, 0.6, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Edges of the bins of true rate [photon/s]."""

HEADER = (
    "true rate [photon/s]",
    "pixels",
    "bias [sigma]",
    "bias [%]",
    "calibration [%]",
    "pull std",
    "within 68.3 %",
    "within 95 %",
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """Statistics of the pixels in one bin of true rate."""

    low: float
    high: float
    pixels: int
    flux: float
    bias_in_sigma: float
    bias: float
    systematic: float
    pull_std: float
    within_68: float
    within_95: float

    def cells(self) -> tuple[str, ...]:
        """Return the row as texts."""
        return (
            f"{self.low:g} to {self.high:g}",
            f"{self.pixels}",
            f"{self.bias_in_sigma:+.3f} ± {1 / np.sqrt(self.pixels):.3f}",
            f"{100 * self.bias:+.3f}",
            f"{100 * self.systematic:.3f}",
            f"{self.pull_std:.3f}",
            f"{100 * self.within_68:.2f}",
            f"{100 * self.within_95:.2f}",
        )


@dataclass(frozen=True)
class Demo:
    """What a run of the demo leaves behind."""

    truth: Detector
    belief: Detector
    rows: list[Row]
    report: Path
    table_header: tuple[str, ...] = HEADER
    table_rows: list[tuple[str, ...]] = field(default_factory=list)


def true_detector(seed: int, shape: tuple[int, int] = SHAPE) -> Detector:
    """Return a detector that nobody has measured yet: the generic one, with its own gains, flat, dark and bends.

    Examples
    --------
    >>> true_detector(1, (64, 64)).name
    'demo-truth'
    """
    random = np.random.Generator(np.random.Philox(seed))
    generic = Detector.load("generic_h2rg").resized(shape)
    n = len(generic.geometry.amplifiers)
    response = 1.0 + 0.01 * random.standard_normal(shape) - 0.08 * _bowl(shape)
    response /= response[generic.geometry.sensitive].mean()
    dark = np.where(random.uniform(size=shape) < 1e-3, random.uniform(0.5, 5.0, shape), 0.002)
    changed: dict[str, dict[str, Any]] = {
        "flat": {"response": response},
        "dark_current": {"rate": dark},
        "gain": {"gain": 2.05 * (1.0 + 0.02 * random.standard_normal(n))},
        "read_noise": {"sigma": 11.0 * (1.0 + 0.05 * random.standard_normal(n))},
        "nonlinearity": {"coefficients": [4.6e-7, 1.3e-12]},
        "bias": {"level": 10000.0 + 200.0 * random.standard_normal(shape)},
    }
    truth = generic.replace(name="demo-truth")
    for name, values in changed.items():
        truth = truth.with_effect(truth.effect(name).replace(**values))
    return truth


def _bowl(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the squared distance from the centre, one in the corners."""
    row, column = (np.linspace(-1.0, 1.0, n) for n in shape)
    return 0.5 * (row[:, None] ** 2 + column[None, :] ** 2)


def run(
    out: Path,
    *,
    seed: int = 1,
    shape: tuple[int, int] = SHAPE,
    dithers: Sequence[tuple[float, float]] = DITHERS,
    overwrite: bool = False,
    say: Say = lambda name: None,
) -> Demo:
    """Simulate, measure, calibrate, compare; write products and the report into a directory.

    Parameters
    ----------
    out
        Directory.
    seed
        Of everything.
    shape
        Rows and columns of the detector.
    dithers
        Offsets of the science exposures (rows, columns) [pixel].
    overwrite
        Allow the products of an earlier run to be replaced.
    say
        Called with the name of each piece of work.
    """
    io.prepare_directory(out)
    truth = true_detector(seed, shape)
    say("calibration exposures")
    flats, darks = _calibration_exposures(truth, seed)
    say("measure the belief")
    nominal = Detector.load("generic_h2rg").resized(shape).replace(name="demo")
    nominal = nominal.with_effect(nominal.effect("dark_current").replace(rate=np.zeros(shape)))
    belief = nominal.measured(dark=darks, flat=flats)
    belief.save(out / f"{belief.name}.toml", overwrite=overwrite)
    pixels = shape[0] * shape[1]
    sky = random_field(shape, stars=pixels // 1750, galaxies=pixels // 4400, seed=seed, sky=0.4, brightest=1.6e4)
    shots = []
    for i, offset in enumerate(dithers):
        say(f"science exposure {i + 1}")
        shots.append(_shot(truth, belief, sky.moved(*offset), f"dither{i + 1}", seed))
        _write(shots[-1], belief, seed, out, overwrite)
    say("what the calibration leaves open")
    rows = compare(((shot.calibrated, shot.scene) for shot in shots), _systematic(belief, shots[0]))
    say("report")
    demo = Demo(truth, belief, rows, out / "report.html", table_rows=[row.cells() for row in rows])
    from obverse.demo_report import page_of

    page = page_of(demo, shots[0].raw, shots[0].calibrated, shots[0].scene, _pulls(shots))
    io.write_text(demo.report, page, overwrite=overwrite)
    return demo


@dataclass(frozen=True)
class _Shot:
    """One dithered exposure, both ways, and the light that it is compared with [photon/s]."""

    scene: NDArray[np.float32]
    raw: Frame
    calibrated: Frame


def _shot(truth: Detector, belief: Detector, scene: Scene, name: str, seed: int) -> _Shot:
    light = scene.rate(truth.geometry.shape)
    raw = truth.expose(light, Exposure(name), seed=seed)
    photons = light.value / np.asarray(truth.effect("quantum_efficiency").efficiency)
    return _Shot(photons.astype(np.float32), raw, belief.calibrate(raw))


def _write(shot: _Shot, belief: Detector, seed: int, out: Path, overwrite: bool) -> None:
    name, made = shot.raw.exposure.id, {"SEED": str(seed)}
    io.write(shot.raw, out / f"{name}_raw.fits", provenance=made, overwrite=overwrite)
    believed = {**made, "DETNAME": belief.name, "DETSHA": belief.digest()}
    io.write(shot.calibrated, out / f"{name}_cal.fits", provenance=believed, overwrite=overwrite)


def _calibration_exposures(truth: Detector, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Return evenly lit ramps up to about 80 % of full well, and dark ramps."""
    pattern = ReadPattern.even(12, frame_time=truth.readout.read_time)  # type: ignore[attr-defined]
    flats = [truth.expose(780.0, Exposure(f"flat{i}", pattern=pattern, kind="flat"), seed=seed) for i in range(FLATS)]
    darks = [truth.expose(0.0, Exposure(f"dark{i}", pattern=pattern, kind="dark"), seed=seed) for i in range(DARKS)]
    return flats, darks


def compare(shots: Iterable[tuple[Frame, NDArray[Any]]], systematic: NDArray[Any] | None = None) -> list[Row]:
    """Compare calibrated frames with true rates, in bins of the truth.

    Parameters
    ----------
    shots
        Calibrated frame and true rate (row, column), both [photon/s].
    systematic
        Relative error that the calibration leaves open, one for each bin.
    """
    measured, error, truth = (np.concatenate(parts) for parts in zip(*(_good(*shot) for shot in shots), strict=True))
    pull = (measured - truth) / error
    rows = []
    for i, (low, high) in enumerate(pairwise(EDGES)):
        inside = (truth >= low) & (truth < high)
        if inside.sum() < 100:  # fewer say nothing about an error bar
            continue
        p, flux = pull[inside], float(truth[inside].mean())
        rows.append(
            Row(
                low,
                high,
                int(inside.sum()),
                flux,
                float((measured[inside] - truth[inside]).mean() / np.sqrt((error[inside] ** 2).mean())),
                float((measured[inside] - truth[inside]).mean() / flux),
                0.0 if systematic is None else float(systematic[i]),
                float(p.std()),
                float((np.abs(p) < 1.0).mean()),
                float((np.abs(p) < 1.959964).mean()),
            )
        )
    return rows


def _good(frame: Frame, truth: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    good = ~frame.unusable()
    error = frame.error
    assert error is not None  # noqa: S101 (an estimate always has one)
    return frame.data[good].astype(np.float64), error[good].astype(np.float64), truth[good].astype(np.float64)


def _pulls(shots: list[_Shot]) -> dict[str, NDArray[Any]]:
    """Return the pulls of sky, faint and bright pixels."""
    measured, error, truth = (
        np.concatenate(parts) for parts in zip(*(_good(s.calibrated, s.scene) for s in shots), strict=True)
    )
    pull = (measured - truth) / error
    bins = {"sky, below 1 photon/s": (0.0, 1.0), "1 to 30 photon/s": (1.0, 30.0), "above 30 photon/s": (30.0, np.inf)}
    return {name: pull[(truth >= low) & (truth < high)] for name, (low, high) in bins.items()}


def _systematic(belief: Detector, shot: _Shot) -> NDArray[np.float64]:
    """Return the relative scatter of the mean rate in each bin over what the calibration leaves open."""
    inside = [(shot.scene >= low) & (shot.scene < high) for low, high in pairwise(EDGES)]

    def means(detector: Detector) -> NDArray[np.float64]:
        data = detector.calibrate(shot.raw).data
        return np.array([np.nanmean(data[mask]) if np.isfinite(data[mask]).any() else np.nan for mask in inside])

    # gain and flat are measured on the same flats and their errors cancel; what stays is the scale of all amplifiers
    scatter = spread(means, belief, draws=8, seed=1)
    return scatter / np.array([shot.scene[mask].mean() if mask.any() else np.nan for mask in inside])


def parameters(demo: Demo) -> Sequence[tuple[str, ...]]:
    """Return each measured number beside its truth: name, amplifier, truth, measured, error, pull.

    A measured read noise holds that of the digitisation, so the true one is given it too.
    """
    noise = demo.truth.effect("read_noise")
    digitised = noise.replace(sigma=np.hypot(noise.sigma, np.asarray(demo.truth.effect("gain").gain) / np.sqrt(12.0)))
    truth = demo.truth.with_effect(digitised).with_covariance(*demo.belief.covariance)
    rows = []
    for (name, where, value, error), (_, _, real, _) in zip(
        measured_table(demo.belief), measured_table(truth), strict=True
    ):
        pull = f"{(value - real) / error:+.1f}" if where != "map" else ""
        rows.append((name, where, f"{real:.5g}", f"{value:.5g}", f"{error:.2g}", pull))
    return rows
