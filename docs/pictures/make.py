"""Draw the pictures of the pages on scenes, injection, read patterns and EMCCDs.

Run it with ``.venv/bin/python docs/pictures/make.py``; it takes about a minute.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from PIL import Image

import obverse as ob
from obverse.injection import curves, grid, picture
from obverse.jobs.designing import Output, validate
from obverse.scene import Psf, Scene, Sources

HERE = Path(__file__).parent
SHAPE = (224, 224)
INK, PAPER = "#1d2733", "#fbfbf9"
ZERO_POINT = 26.377  # AB magnitude of 1 electron/s in F158, mean of the 18 detectors


def main() -> None:
    scene = field()
    sky(scene)
    injection(scene)
    patterns()
    noise_maps()


def field() -> Scene:
    """Return a patch of sky: few bright, many faint; every third is a galaxy."""
    random = np.random.default_rng(12)
    n = 200
    galaxy = np.arange(n) % 3 == 0
    magnitude = 26.5 - random.exponential(1.6, n)
    near = np.minimum(1.0, 10 ** (-0.12 * (magnitude - 21.0)))  # the brighter, the larger
    sources = Sources(
        row=random.uniform(-5, SHAPE[0] + 5, n),
        column=random.uniform(-5, SHAPE[1] + 5, n),
        flux=10 ** (-0.4 * (np.maximum(magnitude, 17.5) - ZERO_POINT)),
        radius=np.where(galaxy, random.uniform(2.0, 9.0, n) * near, 0.0),
        index=random.choice([1.0, 1.0, 2.5, 4.0], n),
        axis_ratio=random.uniform(0.25, 1.0, n),
        angle=random.uniform(0, np.pi, n),
    )
    return Scene(sources, telescope(), sky=0.35)


def telescope(oversampling: int = 4, half: int = 48) -> Psf:
    """Return the light of a star behind a mirror with a hole and six struts, 1.25 pixels to a wavelength / diameter."""
    n = 1024
    diameter = n / (1.255 * oversampling)
    y, x = np.indices((n, n)) - n / 2
    r, angle = np.hypot(y, x) / (diameter / 2), np.arctan2(y, x)
    open_ = (r < 1) & (r > 0.31)
    for k in range(6):
        across, along = r * np.sin(angle - k * np.pi / 3), r * np.cos(angle - k * np.pi / 3)
        open_ &= ~((abs(across) < 0.015) & (along > 0))
    light = np.abs(np.fft.fftshift(np.fft.fft2(open_))) ** 2
    size = half * oversampling
    return Psf(light[n // 2 - size : n // 2 + size + 1, n // 2 - size : n // 2 + size + 1], oversampling)


def sky(scene: Scene) -> None:
    """Draw a scene, its raw frame, what calibration makes of it, and how far that is from the truth."""
    truth, belief = detectors()
    raw = truth.expose(scene.rate(SHAPE), exposure("field", "science"), seed=3)
    rate = belief.calibrate(raw)
    light = scene.rate(SHAPE).value
    pull = (rate.data - light) / rate.error
    told(rate, light)
    row_of_images(light, raw.data[0, -1], rate.data, pull)


def told(rate: ob.Frame, light: Any) -> None:
    """Print what the page says of the pulls."""
    good = ~rate.unusable()
    off = (rate.data - light)[good]
    pull = off / np.asarray(rate.error)[good]
    print(f"{good.sum()} pixels; rate - scene: {off.mean():+.4f} +- {off.std() / np.sqrt(off.size):.4f} electron/s")
    print(f"pulls: mean {pull.mean():+.3f}, scatter {pull.std():.3f}, {100 * (abs(pull) < 1).mean():.1f} % within one")


def exposure(name: str, kind: str) -> ob.Exposure:
    return ob.Exposure(name, kind=kind, pattern=ob.ReadPattern.named("MA4"))


def detectors() -> tuple[ob.Detector, ob.Detector]:
    """Return a Roman detector with a flat of its own, and what four flats tell of it."""
    nominal = ob.Detector.load("roman_wfi").resized(SHAPE)
    response = 1 + 0.02 * np.random.default_rng(5).standard_normal(SHAPE)
    truth = nominal.with_effect(nominal.effect("flat").replace(response=response / response.mean()))
    flats = [truth.expose(700.0, ob.Exposure(f"flat{i}", kind="flat"), seed=i) for i in range(4)]
    return truth, nominal.measured(flat=flats, only=["flat"])


def row_of_images(light: Any, raw: Any, rate: Any, pull: Any) -> None:
    """Draw four images side by side, without the border of reference pixels."""
    bright, signed = colormaps["magma"].with_extremes(bad="#3fa7d6"), colormaps["RdBu_r"].with_extremes(bad="#3a3f45")
    panels = (
        ("the scene  [electron/s]", light, LogNorm(0.3, 100), bright),
        ("level 1: the last resultant  [DN]", raw, Normalize(5000, 5300), colormaps["gray"]),
        ("level 2: the rate  [electron/s]", rate, LogNorm(0.3, 100), bright),
        ("pull: (rate \N{MINUS SIGN} scene) / error", pull, Normalize(-5, 5), signed),
    )
    figure = Figure(figsize=(13.2, 4.0), layout="constrained", facecolor=PAPER)
    for axes, (title, image, norm, colours) in zip(figure.subplots(1, 4), panels, strict=True):
        shown = axes.imshow(image[4:-4, 4:-4], norm=norm, cmap=colours, origin="lower", interpolation="nearest")
        axes.set_title(title, fontsize=11, color=INK, loc="left")
        axes.set_axis_off()
        bar = figure.colorbar(shown, ax=axes, location="bottom", pad=0.02, aspect=30, extend="both")
        bar.outline.set_visible(False)
    save(figure, HERE / "sky.png", dpi=96)


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write a picture with 256 colours: noise in full colour would be as large as the rest of the documentation."""
    memory = io.BytesIO()
    figure.savefig(memory, dpi=dpi, facecolor=figure.get_facecolor())
    Image.open(memory).convert("RGB").quantize(palette=palette(), dither=Image.Dither.NONE).save(path, optimize=True)


def palette() -> Image.Image:
    """Return 256 colours: those of the maps and of the text."""
    parts = (("magma", 128), ("gray", 48), ("RdBu_r", 64))
    colours = [colormaps[name](np.linspace(0, 1, n))[:, :3] for name, n in parts]
    between = np.linspace(to_rgb(INK), to_rgb(PAPER), 15)
    held = Image.new("P", (1, 1))
    every = np.concatenate([*colours, between, [to_rgb("#3fa7d6")]])
    held.putpalette((255 * every).round().astype(int).ravel().tolist())
    return held


def injection(scene: Scene) -> None:
    """Draw what becomes of stars of known flux in an image of the fainter sources, beside some that are there."""
    faint = replace(scene, sources=scene.sources[scene.sources.flux < 80])
    truth, belief = detectors()
    rate = belief.calibrate(truth.expose(faint.rate(SHAPE), exposure("field", "science"), seed=4))
    there = faint.sources[faint.sources.flux > 3].moved(-4, -4)
    stars = grid(
        rate,
        psf=scene.psf,
        seed=1,
        fluxes=np.geomspace(0.5, 500, 7),
        per_flux=64,
        beside=there,
        distances=[3.0, 6.0, 12.0],
        detector=belief,
    )
    curves(stars)["flux", "distance", "median", "median_error", "scatter", "stated", "completeness"].pprint_all()
    with tempfile.TemporaryDirectory() as folder:
        shrunk(picture(stars, Path(folder) / "injection.png"))


def patterns() -> None:
    """Draw three read patterns of Roman side by side."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "patterns.ecsv"
        validate("roman_wfi", ["MA3", "MA4", "MA8"], out=Output(table))
        shrunk(table.with_suffix(".png"))


def noise_maps() -> None:
    """Draw the pulls of noise maps with our weights, and with those by the number of frames."""
    truth = {"fpn": 21.0, "cic": 0.02, "dark_current": 8.33e-4}
    settings = [(g, t) for g in np.linspace(2, 5000, 7) for t in np.linspace(2, 100, 7)]
    frames = [dark(truth, float(g), float(t), i) for g, t in settings for i in range(30)]
    drawn = Figure(figsize=(13.0, 3.7), layout="constrained")
    drawn.set_facecolor(PAPER)
    edges = np.linspace(-5.0, 5.0, 81)
    fits = {"obverse": ob.darks.calibrate_darks_lsq(frames)}
    fits["weights and errors of corgidrp 5.1"] = ob.darks.calibrate_darks_lsq(frames, weighting="frames")
    for axes, (name, value), letter in zip(drawn.subplots(1, 3), truth.items(), "FCD", strict=True):
        for (label, maps), colour in zip(fits.items(), ("#2f6690", "#e07b39"), strict=True):
            pull = ((getattr(maps.unclipped, name) - value) / getattr(maps, f"{name}_error")).ravel()
            axes.hist(pull, edges, histtype="step", color=colour, lw=1.8, label=f"{label}: scatter {pull.std():.2f}")
            print(letter, label, pull.std(), (getattr(maps.unclipped, name) - value).std())
        normal = np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi) * pull.size * (edges[1] - edges[0])
        axes.plot(edges, normal, color=INK, lw=1.0, label="unit normal")
        axes.set(xlabel=f"({letter} - truth) / error", xlim=(-5, 5), ylim=(0, 2.05 * normal.max()), yticks=[])
        axes.set_facecolor(PAPER)
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    with tempfile.TemporaryDirectory() as folder:
        drawn.savefig(Path(folder) / "noise_maps.png", dpi=100)
        shrunk(Path(folder) / "noise_maps.png")


def dark(truth: dict[str, float], gain: float, time: float, i: int) -> ob.Frame:
    """Return a dark frame of 120 x 200 pixels with a gamma register [electron behind it]."""
    rng = np.random.default_rng([int(gain), int(time), i])
    electrons = rng.poisson(truth["cic"] + time * truth["dark_current"], (120, 200))
    multiplied = rng.gamma(np.maximum(electrons, 1e-9), gain)
    data = truth["fpn"] + multiplied + rng.normal(0.0, 100.0, electrons.shape)
    return ob.Frame(data.astype(np.float32), "electron", exposure=ob.Exposure(f"{gain} {time} {i}", time, em_gain=gain))


def shrunk(made: Path) -> None:
    """Keep a picture of lines with fewer colours."""
    Image.open(made).convert("RGB").quantize(96).save(HERE / made.name, optimize=True)


if __name__ == "__main__":
    main()
