"""``obverse simulate``: light into a raw file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from obverse.cli._options import FILES, KINDS, OVERWRITE, SEED, Numbers, Shape, light_of_stars

__all__ = ["simulate"]

EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse simulate generic_h2rg --flat 50 --shape 256x256 -o ramp.fits\n"
    "  obverse simulate generic_ccd stars.fits --time 30 -o raw.fits\n"
    "  obverse simulate corgi_excam --kind dark --em-gain 2,100,5000 --time 2,60 --count 30 --shape 106x107 -o darks\n"
    "  obverse simulate jwst_nircam --flat 20 --groups 6 --pattern SHALLOW4 --integrations 2 -o a_uncal.fits\n"
    "  obverse simulate roman_wfi --flat 20 --groups 8 --pattern 4,0 --shape 128x128 -o a_uncal.asdf\n"
    "  obverse simulate roman_wfi stars.ecsv --psf moffat:1.8 --band F158 --sky 0.5 --pattern MA4 -o a_uncal.asdf\n"
    "  obverse simulate roman_wfi --flat 0 --start 2027-05-01T12:00:00 --history wfi01.fits -o dark_uncal.asdf\n"
)


@click.command(epilog=EXAMPLES, short_help="Light into a raw file.")
@click.argument("detector")
@click.argument("scene", type=FILES, required=False)
@click.option(
    "-o",
    "--out",
    type=FILES,
    required=True,
    help="Raw file to write. Its name chooses the format: NAME_uncal.fits is one of JWST, NAME.asdf one of Roman, any "
    "other NAME.fits one of ours.",
)
@click.option("--flat", type=float, metavar="ELECTRONS_PER_SECOND", help="Even light instead of a scene [electron/s].")
@click.option("--time", "seconds", type=Numbers(), help="Exposure time of a CCD [s], or several for a campaign.")
@click.option("--em-gain", "gains", type=Numbers(), help="Gain of an electron-multiplying register, or several.")
@click.option(
    "--count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Exposures of each time and gain; a campaign of several is written into the directory --out.",
)
@click.option(
    "--groups",
    "--reads",
    "groups",
    type=click.IntRange(1),
    help="Groups (resultants) of a ramp.  [default: the detector's]",
)
@click.option(
    "--pattern",
    metavar="FRAMES,GAP|NAME",
    help="Frames averaged in each group and frames left out behind it, or a name: SHALLOW4 of NIRCam is 4,1, and MA4 "
    "is table 4 of Roman.  [default: 1,0]",
)
@click.option("--integrations", type=click.IntRange(1), default=1, show_default=True, help="Ramps in the exposure.")
@click.option("--filter", "filter_", metavar="NAME", help="Filter to write into the file; it changes no light.  "
              "[default: --band]")  # fmt: skip
@click.option("--start", metavar="UTC", help="Start of the exposure, 2027-05-01T12:00:00.")
@click.option(
    "--history", type=FILES, help="What earlier exposures left behind: read, if it is there, and written anew."
)
@light_of_stars
@click.option("--sky", type=float, default=0.0, help="Light between the sources of a catalogue [electron/s/pixel].")
@click.option("--shape", type=Shape(), help="Size of the sensor, for small experiments.")
@click.option(
    "--kind", type=click.Choice(KINDS), default="science", show_default=True, help="What the exposure is for."
)
@click.option(
    "--id", "name", help="Name of the exposure; it addresses the random numbers.  [default: name of the file]"
)
@SEED
@OVERWRITE
def simulate(
    detector: str,
    scene: Path | None,
    out: Path,
    flat: float | None,
    seconds: tuple[float, ...] | None,
    gains: tuple[float, ...] | None,
    count: int,
    groups: int | None,
    pattern: str | None,
    integrations: int,
    filter_: str | None,
    start: str | None,
    history: Path | None,
    sky: float,
    shape: tuple[int, int] | None,
    kind: str,
    name: str | None,
    seed: int,
    overwrite: bool,
    **stars: Any,
) -> None:
    """Write the raw file that DETECTOR makes of SCENE.

    SCENE is a FITS image of photon rates [photon/s], or with --psf a catalogue (ECSV, FITS, Parquet) of stars and
    galaxies; --flat is even light without any file. Exposures of --kind dark or bias need neither.
    """
    from obverse import Detector, UsageError, io, jobs

    found = Detector.load(detector)
    sized = found if shape is None else found.resized(shape)
    ramps = jobs.Ramps(groups, pattern, integrations)
    plan = jobs.Campaign(seconds or (None,), gains or (1.0,), count)
    if name and plan.size > 1:
        raise UsageError(f"simulate: --id names one exposure, these are {plan.size}: leave it out")
    name = name or out.name.split(".")[0]
    first = jobs.exposure_of(sized, name, kind, plan.seconds[0], ramps, band=filter_ or stars["band"], start=start)
    dark = flat is None and scene is None and kind in ("bias", "dark")
    light = jobs.light_of(sized, scene, 0.0 if dark else flat, jobs.Stars(**stars), sky, named=first.detector)
    files = plan.files(out, first, sized)
    io.refuse_targets([path for path, _ in files], overwrite=overwrite)
    for path, exposure in files:
        raw = jobs.simulate(sized, light, exposure, seed=seed, out=path, history=history, overwrite=overwrite)
        click.echo(f"{path}: {raw.shape} {raw.data.dtype} [{raw.unit}]")
