"""``obverse validate``: what a detector measures in which read pattern, and which pattern to take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from obverse.cli._options import FILES, OVERWRITE, SEED, Positive, Range, Shape, refuse_given

__all__ = ["validate"]

EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse validate roman_wfi --pattern MA4 --pattern MA110 -o patterns.ecsv\n"
    "  obverse validate jwst_nircam --pattern SHALLOW4 --pattern DEEP8 --groups 5 --groups 10\n"
    "  obverse validate generic_h2rg --detector belief/generic_h2rg-measured.toml --estimator ols\n"
    "  obverse validate jwst_nircam --suggest --flux 0.05:20 --time 1000\n"
)


@click.command(epilog=EXAMPLES, short_help="Say what read patterns measure, and suggest one.")
@click.argument("detector")
@click.option(
    "--pattern", "names", multiple=True, metavar="FRAMES,GAP|NAME",
    help="Read pattern: 4,1 or SHALLOW4 of NIRCam, MA4 of Roman; repeat it to compare.  [default: 1,0, with --suggest "
    "all that the detector has]",
)  # fmt: skip
@click.option(
    "--groups", multiple=True, type=click.IntRange(2),
    help="Groups (resultants) of a ramp; repeat it to compare. With --suggest, the most that a ramp may have.",
)  # fmt: skip
@click.option("--detector", "belief", metavar="NAME|TOML", help="Detector to calibrate with.  [default: DETECTOR]")
@click.option("--estimator", default="likelihood", show_default=True, metavar="NAME",
              help="Ramp fit: likelihood, ols, casertano, covariance.")  # fmt: skip
@click.option("--flux", type=Range(), help="Range of light [electron/s].  [default: 0.01 to saturation]")
@click.option("--shape", type=Shape(), default="128x128", show_default=True, help="Size of the sensor in trials.")
@click.option(
    "--suggest", "suggesting", is_flag=True,
    help="Rank patterns for --flux and --time instead. How many groups an instrument allows is unknown: give --groups.",
)  # fmt: skip
@click.option(
    "--time", "seconds", type=Positive(), metavar="SECONDS", help="Time of the whole exposure, for --suggest [s]."
)
@click.option("--saturating", is_flag=True, help="Suggest ramps, too, whose last reads saturate at the bright end.")
@click.option("--by", type=click.Choice(["merit", "worst"]), default="merit", show_default=True,
              help="Rank by the mean of error over photon noise in the range, or by the worst.")  # fmt: skip
@click.option("-o", "--out", type=FILES, help="Table, FILE.ecsv or FILE.csv; a picture FILE.png goes with it.")
@SEED
@OVERWRITE
def validate(
    detector: str,
    names: Sequence[str],
    groups: Sequence[int],
    belief: str | None,
    estimator: str,
    flux: tuple[float, float] | None,
    shape: tuple[int, int],
    suggesting: bool,
    seconds: float | None,
    saturating: bool,
    by: str,
    out: Path | None,
    seed: int,
    overwrite: bool,
) -> None:
    """Say what DETECTOR measures from 0.01 electron/s to saturation: error, bias, coverage, loss to cosmic rays.

    Errors and losses are those of theory; bias, scatter, pulls and coverage are those of a small sensor that is
    simulated and calibrated.
    """
    from obverse.jobs import designing
    from obverse.terminal import progress

    output = designing.Output(out, overwrite)
    if suggesting:
        refuse_given(
            ("belief", "estimator", "shape"), "a suggestion makes no trials: leave it out, or leave out --suggest"
        )
        wish = designing.Wish(flux, seconds, saturating, by)
        _print_suggestions(designing.suggest(detector, wish, names, groups, out=output))
        return
    refuse_given(("seconds", "saturating", "by"), "only --suggest looks at that: leave it out, or give --suggest")
    with progress() as say:
        found = designing.validate(
            detector, names, groups, flux=flux, belief=belief, estimator=estimator, shape=shape, seed=seed,
            out=output, progress=say,
        )  # fmt: skip
    _print_validation(found)


def _print_validation(found: Any) -> None:
    from obverse.cli._cells import FLUX_HEADER, LIMIT_HEADER, flux_cells, limit_cells
    from obverse.terminal import table

    for name in found.meta:
        table(f"{name}: theory and trials [electron/s]", FLUX_HEADER, flux_cells(found[found["pattern"] == name]))
    table("Saturation [electron/s]", LIMIT_HEADER, limit_cells(found))


def _print_suggestions(found: Any) -> None:
    from obverse.cli._cells import SUGGESTED, suggested_cells
    from obverse.terminal import table

    table("Read patterns, best first [electron/s]", list(SUGGESTED.values()), suggested_cells(found[:20]))
