"""One pixel on its way from a raw file to a rate: every step of a recipe, with its numbers.

Run it with ``.venv/bin/python docs/architecture/walk.py``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import obverse as ob

LIGHT = 300.0  # photon/s on every pixel
NAMES = {
    "adc": "ends of the range flagged",
    "saturation": "full well flagged",
    "bias": "level subtracted",
    "bias_drift": "reference pixels subtracted",
    "gain": "times electron/DN",
    "nonlinearity": "polynomial",
    "interpixel_capacitance": "neighbours' share taken back",
    "cosmic_rays": "jumps flagged",
    "estimate": "ramp fit",
    "dark_current": "mean subtracted",
    "flat": "divided",
    "quantum_efficiency": "divided",
}


def hit_pixel(done: ob.Frame, raw: ob.Frame) -> tuple[int, int, int]:
    """Return row and column of the pixel with the largest hit, and the resultant that sees it first."""
    flags = done.pixel_flags
    assert flags is not None
    steps = np.diff(raw.data[0].astype(float), axis=0) * ((flags & ob.Flag.JUMP_DET) > 0)
    k, row, column = np.unravel_index(steps.argmax(), steps.shape)
    return int(row), int(column), int(k) + 1


def main() -> None:
    detector = ob.Detector.load("generic_h2rg").resized((256, 256))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ramp.fits"
        ob.write(detector.expose(LIGHT, ob.Exposure("walk"), seed=1), path)
        raw = ob.read(path)
    recipe = detector.recipe()
    row, column, hit = hit_pixel(recipe.run(raw), raw)
    shown = (0, hit - 1, hit, len(raw.data[0]) - 1)
    print(f"pixel (row {row}, column {column}), {LIGHT:g} photon/s, hit by a particle before resultant {hit + 1}\n")
    heads = "".join(f"{f'resultant {k + 1}':>14}" for k in shown)
    print(f"{'step':<24}{'what it does':<31}{heads}  unit       flags")
    line("file", "16-bit numbers, door, Frame", raw.data[0, shown, row, column], raw, "")
    for name in recipe.names:
        frame = recipe.until(name).run(raw)
        if "resultant" in frame.axes:
            values = frame.data[0, shown, row, column]
            flags = 0 if frame.flags is None else int(np.bitwise_or.reduce(frame.flags[0, :, row, column]))
        else:
            values = frame.data[row, column][None]
            flags = 0 if frame.pixel_flags is None else int(frame.pixel_flags[row, column])
        line(name, NAMES[name], values, frame, ob.Flag(flags).name or "")
    assert frame.error is not None
    assert frame.variances is not None
    error = float(frame.error[row, column])
    parts = ", ".join(f"{name} {float(plane[row, column]) ** 0.5:.3f}" for name, plane in frame.variances.items())
    print(f"\nerror {error:.3f} photon/s ({parts}); pull {(float(frame.data[row, column]) - LIGHT) / error:+.2f}")


def line(step: str, what: str, values: np.ndarray, frame: ob.Frame, flags: str) -> None:
    numbers = "".join(f"{float(v):>14.2f}" for v in values) + " " * 14 * (4 - len(values))
    print(f"{step:<24}{what:<31}{numbers}  {frame.unit:<11}{flags}".rstrip())


if __name__ == "__main__":
    main()
