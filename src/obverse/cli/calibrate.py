"""``obverse calibrate``: raw files into images with errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from obverse.cli._exit import leave
from obverse.cli._options import CHECKSUM, DETECTOR, FILES, OVERWRITE, REFERENCES, SET, pairs

if TYPE_CHECKING:
    from obverse.jobs import Outcome

__all__ = ["calibrate"]

EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse calibrate ima.fits -o products\n"
    "  obverse calibrate jw01234_nrca1_uncal.fits --reference crds/ --save-opt -o products\n"
    "  obverse calibrate ESIS1_04803.fit.gz -o products --detector belief/esis-measured.toml\n"
)


@click.command(epilog=EXAMPLES, short_help="Raw files into images with errors and flags.")
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("-o", "--out", type=FILES, required=True, help="Directory of the products.")
@DETECTOR
@REFERENCES
@click.option("--estimator", metavar="NAME", help="Ramp fit: likelihood, ols, casertano, covariance.")
@click.option("--save-opt", is_flag=True, help="Write what was fitted to each segment, NAME_fitopt.fits of JWST.")
@click.option(
    "--no-suppress-one-group",
    "one_group",
    is_flag=True,
    help="Give ramps with one good group its charge over its time.",
)
@click.option(
    "--until", metavar="STEP", help="Stop behind this step of the recipe, in NAME_cal.fits, which can be calibrated on."
)
@click.option(
    "--history",
    type=FILES,
    help="What earlier exposures left behind: the file that simulate --history keeps, as it was before this exposure.",
)
@click.option("--fits", is_flag=True, help="Write NAME_cal.fits of our own, whatever the observatory writes.")
@click.option("--workers", type=click.IntRange(1), help="Threads.  [default: all processors]")
@click.option("--maximum-cores", metavar="WORD", help="The same as a share: none, quarter, half, all, or a number.")
@click.option("--strict", is_flag=True, help="Exit with 3 where a product came with a warning.")
@SET
@CHECKSUM
@OVERWRITE
def calibrate(
    files: Sequence[Path],
    out: Path,
    detector: str | None,
    references: Sequence[Path],
    estimator: str | None,
    save_opt: bool,
    one_group: bool,
    until: str | None,
    history: Path | None,
    fits: bool,
    workers: int | None,
    maximum_cores: str | None,
    strict: bool,
    overrides: Sequence[str],
    ignore_checksum: bool,
    overwrite: bool,
) -> None:
    """Turn raw FILES into images with errors and flags: NAME_cal.fits, or NAME_rate.fits and more of JWST."""
    from obverse import UsageError, jobs
    from obverse.terminal import progress

    if workers is not None and maximum_cores is not None:
        raise UsageError("calibrate: --workers and --maximum-cores say the same, give one")
    outcomes = []
    with progress(len(files)) as say:
        for outcome in jobs.calibrate(
            files,
            out,
            detector=detector,
            reading=jobs.Reading(pairs(overrides), ignore_checksum),
            references=references,
            fit=_fit(estimator, save_opt, one_group),
            until=until,
            history=history,
            threads=workers if maximum_cores is None else jobs.cores(maximum_cores),
            overwrite=overwrite,
            fits=fits,
        ):
            say(outcome.path.name)
            outcomes.append(outcome)
    leave(_report(outcomes, strict))


def _report(outcomes: Sequence[Outcome], strict: bool) -> int:
    """Say how each file ended and return the exit code."""
    for outcome in outcomes:
        for warning in outcome.warnings:
            click.echo(f"obverse: warning: {warning}", err=True)
        if outcome.product is None:
            click.echo(f"obverse: {outcome.problem}", err=True)
        else:
            for product in (outcome.product, *outcome.others):
                click.echo(str(product))
    failed = sum(outcome.product is None for outcome in outcomes)
    if failed:
        click.echo(f"{len(outcomes) - failed} calibrated, {failed} failed", err=True)
    return 1 if failed else 3 if strict and any(outcome.warnings for outcome in outcomes) else 0


def _fit(estimator: str | None, save_opt: bool, one_group: bool) -> dict[str, str]:
    """Return the parameters of the read-out that were asked for."""
    asked = {
        "estimator": estimator,
        "save_segments": "yes" if save_opt else None,
        "suppress_one_group": "no" if one_group else None,
    }
    return {name: value for name, value in asked.items() if value is not None}
