"""``obverse inject``: known sources into anybody's file, and curves of completeness and bias."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from obverse.cli._options import (
    CHECKSUM,
    DETECTOR,
    FILES,
    OVERWRITE,
    REFERENCES,
    SEED,
    SET,
    Positive,
    light_of_stars,
    pairs,
    refuse_given,
)

__all__ = ["inject"]

EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse inject r01_uncal.asdf stars.ecsv --psf moffat:2.2 --band F158 -o new_uncal.asdf\n"
    "  obverse inject jw01_nrca1_rate.fits stars.fits --psf psf.fits:4 --wcs jw01_nrca1_rate.fits -o new.fits\n"
    "  obverse inject raw.fits --grid --fluxes 10:1e5:9 --psf gaussian:2 -o curves\n"
    "  obverse inject raw.fits --grid --fluxes 10:1e4:5 --beside stars.ecsv --distances 2,4 --psf gaussian:2 -o pairs\n"
)


@click.command(epilog=EXAMPLES, short_help="Known sources into anybody's raw or calibrated file.")
@click.argument("file", type=FILES)
@click.argument("catalogue", type=FILES, required=False)
@click.option(
    "-o", "--out", type=FILES, required=True,
    help="File to write, with its table of sources, OUT_injected.ecsv, beside it; with --grid a directory.",
)  # fmt: skip
@light_of_stars
@DETECTOR
@REFERENCES
@click.option("--level", type=click.Choice(["L1", "L2"]), help="Refuse a file of the other level.")
@click.option("--pattern", metavar="FRAMES,GAP|NAME", help="Read pattern of a file of rates that does not say it.")
@click.option("--groups", type=click.IntRange(1), help="Groups (resultants) of that pattern.")
@click.option(
    "--grid", "gridded", is_flag=True, help="Stars of known flux instead of a CATALOGUE: what becomes of them."
)
@click.option("--fluxes", metavar="START:STOP:COUNT", help="Their fluxes, even in the logarithm [electron/s].")
@click.option("--magnitudes", metavar="START:STOP:COUNT", help="Or their magnitudes, with --zero-point or --band.")
@click.option(
    "--per-flux", type=click.IntRange(1), default=64, show_default=True, help="Stars of each flux and distance."
)
@click.option("--spacing", type=Positive(), metavar="PIXELS", help="Least distance between two of them [pixel].")
@click.option("--beside", type=FILES, help="Catalogue of sources that are there already.")
@click.option("--distances", metavar="D,D...", help="Distances from those at which to put stars [pixel].")
@click.option(
    "--sigma", type=Positive(), metavar="SIGMA", default=5.0, show_default=True, help="Limit of the blind search."
)
@SEED
@SET
@CHECKSUM
@OVERWRITE
def inject(
    file: Path,
    catalogue: Path | None,
    out: Path,
    psf: str | None,
    band: str | None,
    wcs: str | None,
    zero_point: float | None,
    pixel_scale: float | None,
    detector: str | None,
    references: Sequence[Path],
    level: str | None,
    pattern: str | None,
    groups: int | None,
    gridded: bool,
    seed: int,
    overrides: Sequence[str],
    ignore_checksum: bool,
    overwrite: bool,
    **grid: Any,
) -> None:
    """Put the sources of CATALOGUE into FILE, raw or calibrated, with the noise that their light would have had.

    With --grid, put stars of known flux there again and again, and write what is found of them: completeness, and
    recovered less true flux, by flux and distance to the next source.
    """
    from obverse import UsageError
    from obverse.jobs import Reading, Stars, injecting

    if gridded == (catalogue is not None):
        raise UsageError("inject: give either a CATALOGUE or --grid")
    if not gridded:
        refuse_given(list(grid), "only --grid looks at that: leave it out, or give --grid instead of a CATALOGUE")
    reading = Reading(pairs(overrides), ignore_checksum)
    stars = Stars(psf, band, wcs, zero_point, pixel_scale)
    target = injecting.Target(file, detector, references, level, pattern, groups, reading)
    if catalogue is None:
        wish = injecting.Wish(**grid)
        _print_curves(injecting.inject_grid(target, out, stars, wish, seed=seed, overwrite=overwrite))
        return
    made = injecting.inject(target, catalogue, out, stars, seed=seed, overwrite=overwrite)
    click.echo(_summary(made))
    click.echo(f"{out}\n{injecting.injected_table(out)}")


def _summary(table: Any) -> str:
    from obverse.injection.told import counted

    on = int((table["fraction"] > 0).sum())
    electrons, pixels = float(table["electrons"].sum()), int(table["pixels"].sum())
    return f"{counted(len(table))}, {on} on the image, {electrons:.4g} electrons in {pixels} pixels"


_CURVES = {
    "flux": "flux [electron/s]",
    "magnitude": "magnitude",
    "distance": "distance [pixel]",
    "n": "stars",
    "median": "median off",
    "median_error": "+-",
    "bias": "mean off",
    "bias_error": "+-",
    "scatter": "scatter",
    "stated": "stated",
    "completeness": "complete",
    "completeness_error": "+-",
}
"""Columns of the curves, and their headers; all but counts and completeness over the flux."""


def _print_curves(curves: Any) -> None:
    from obverse.terminal import table

    shown = [name for name in _CURVES if name in curves.colnames]
    rows = [tuple(f"{row[name]:.3g}" for name in shown) for row in curves]
    table(
        "Stars of known flux: median and mean off the truth, scatter, stated error, over the flux",
        [_CURVES[name] for name in shown],
        rows,
    )
