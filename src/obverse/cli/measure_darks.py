"""``obverse measure darks``: a campaign of EMCCD darks into noise maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from obverse.cli._options import CHECKSUM, DETECTOR, FILES, OVERWRITE, SET, pairs

if TYPE_CHECKING:
    from obverse.jobs.measuring_darks import DarkCampaign

__all__ = ["measure_darks"]

EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse measure darks night1/ night2/ -o belief\n"
    "  obverse measure darks 'l2a/cgi_0001_l2a.fits' l2a/more --detector corgi_excam:ENG --skip-bad -o belief\n"
)


@click.command("darks", epilog=EXAMPLES, short_help="Noise maps of an EMCCD: fixed pattern, CIC, dark current.")
@click.argument("stacks", nargs=-1, required=True, type=FILES, metavar="STACK...")
@click.option("-o", "--out", type=FILES, help="Directory of the belief (TOML and FITS), the noise maps and the report.")
@DETECTOR
@click.option(
    "--weighting",
    type=click.Choice(["gls", "frames", "none"]),
    default="gls",
    show_default=True,
    help="Weights of the stacks: by the noise of their frames (generalised least squares; weighting=True of "
    "calibrate_darks_lsq), by their number of frames, or all alike.",
)
@click.option("--skip-bad", is_flag=True, help="Leave out frames that cannot be read or used, and say which.")
@SET
@CHECKSUM
@click.option("--workers", type=click.IntRange(1), help="Threads.  [default: all processors]")
@OVERWRITE
def measure_darks(
    stacks: Sequence[Path],
    out: Path | None,
    detector: str | None,
    weighting: str,
    skip_bad: bool,
    overrides: Sequence[str],
    ignore_checksum: bool,
    workers: int | None,
    overwrite: bool,
) -> None:
    """Fit fixed pattern, clock-induced charge and dark current to dark frames of several EM gains and times.

    STACK are dark frames or directories of them, in any order: raw ones, or calibrated ones in electrons behind the
    register. Each is read once, so that thousands take no more memory than one.
    """
    from obverse.jobs.dark_frames import frames_in
    from obverse.jobs.measuring_darks import measure_darks
    from obverse.jobs.reading import Reading
    from obverse.terminal import progress

    paths = frames_in(stacks)
    with progress(len(paths)) as say:
        done = measure_darks(
            paths,
            out,
            detector=detector,
            weighting=weighting,
            skip_bad=skip_bad,
            overwrite=overwrite,
            threads=workers,
            reading=Reading(pairs(overrides), ignore_checksum),
            progress=say,
        )
    _tell(done)


def _tell(done: DarkCampaign) -> None:
    from obverse.darks.report import MAP_HEADER, STACK_HEADER, fact_rows, map_rows, stack_rows
    from obverse.terminal import table

    table(f"Noise maps: {done.belief.name}", MAP_HEADER, map_rows(done.maps))
    short = [(*cells, verdict if verdict == "fits" else "differs") for *cells, verdict in stack_rows(done.maps)]
    table("Stacks", STACK_HEADER, short)
    for name, value in fact_rows(done.maps):
        click.echo(f"{name}: {value}")
    if done.maps.skipped:
        click.echo(f"left out: {', '.join(done.maps.skipped)}")
    for name, path in zip(("belief", "", "noise maps", "report"), done.files, strict=False):
        if name:
            click.echo(f"{name}: {path}")
