"""The command line: one verb, one job, each a few lines over the library.

Nothing heavy is imported before a verb runs, so that ``obverse --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obverse.jobs import Outcome

__all__ = ["main"]

FILES = click.Path(path_type=Path)
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a header keyword that is missing or wrong."
)
CHECKSUM = click.option(
    "--ignore-checksum", is_flag=True, help="Warn of a wrong checksum instead of refusing the file."
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace older products.")

KINDS = ("bias", "dark", "flat", "ramps", "science")
"""Kinds of exposures, by the names that `measure` looks for."""

DEMO_EXAMPLES = "\b\nExample:\n  obverse demo -o demo-output\n"

SIMULATE_EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse simulate generic_h2rg --flat 50 --shape 256x256 -o ramp.fits\n"
    "  obverse simulate generic_ccd stars.fits --time 30 -o raw.fits\n"
    "  obverse simulate jwst_nircam --flat 20 --groups 6 --pattern SHALLOW4 --integrations 2 -o a_uncal.fits\n"
    "  obverse simulate roman_wfi --flat 20 --groups 8 --pattern 4,0 --shape 128x128 -o a_uncal.asdf\n"
)

CALIBRATE_EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse calibrate ima.fits -o products\n"
    "  obverse calibrate jw01234_nrca1_uncal.fits --reference crds/ --save-opt -o products\n"
    "  obverse calibrate ESIS1_04803.fit.gz -o products --detector belief/esis-measured.toml\n"
)

MEASURE_EXAMPLES = (
    "\b\n"
    "Example:\n"
    "  obverse measure gain --flat led1.fits --flat led2.fits --bias dark1.fits --bias dark2.fits \\\n"
    "      --detector esis -o belief\n"
)

SHOW_EXAMPLES = "\b\nExamples:\n  obverse show\n  obverse show generic_h2rg\n  obverse show products/ramp_cal.fits\n"


class _Shape(click.ParamType[tuple[int, int], str]):
    """A size as rows x columns: 64x64."""

    name = "ROWSxCOLUMNS"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        rows, _, columns = str(value).partition("x")
        if not (rows.isdecimal() and columns.isdecimal()):
            self.fail(f"{value!r} must look like 64x64", param, ctx)
        return int(rows), int(columns)


class _Pattern(click.ParamType[tuple[int, int], str]):
    """Frames averaged in a group and frames left out behind it, as 4,1 or by the name that NIRCam gives them."""

    name = "FRAMES,GAP|NAME"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        from obverse.io.jwst_names import PATTERNS

        frames, _, gap = str(value).partition(",")
        if str(value).upper() in PATTERNS:
            return PATTERNS[str(value).upper()]
        if not (frames.isdecimal() and gap.isdecimal() and int(frames) > 0):
            self.fail(f"{value!r} must look like 4,1 or be one of {', '.join(PATTERNS)}", param, ctx)
        return int(frames), int(gap)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="obverse")
def cli() -> None:
    """Photons into raw detector reads, and raw reads back into photons with honest errors."""


@cli.command(epilog=DEMO_EXAMPLES)
@click.option(
    "-o", "--out", type=FILES, default=Path("demo-output"), show_default=True, help="Directory of products and report."
)
@click.option("--seed", type=int, default=1, show_default=True)
@OVERWRITE
def demo(out: Path, seed: int, overwrite: bool) -> None:
    """Simulate a dithered set of infrared ramps, measure the detector, calibrate, compare with truth."""
    from obverse.demo import run
    from obverse.terminal import progress, table

    with progress() as say:
        result = run(out, seed=seed, overwrite=overwrite, say=say)
    table("Recovered rate against truth", result.table_header, result.table_rows)
    click.echo(f"report: {result.report}")


@cli.command(epilog=SIMULATE_EXAMPLES)
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
@click.option("--time", "seconds", type=float, help="Exposure time of a CCD [s].")
@click.option(
    "--groups",
    "--reads",
    "groups",
    type=click.IntRange(1),
    help="Groups (resultants) of a ramp.  [default: the detector's]",
)
@click.option(
    "--pattern",
    type=_Pattern(),
    help="Frames averaged in each group, and frames left out behind it, or a name of NIRCam's: SHALLOW4 is 4,1.  "
    "[default: 1,0]",
)
@click.option("--integrations", type=click.IntRange(1), default=1, show_default=True, help="Ramps in the exposure.")
@click.option("--filter", "band", metavar="NAME", help="Filter to write into the file; it changes no light.")
@click.option("--shape", type=_Shape(), help="Size of the sensor, for small experiments.")
@click.option(
    "--kind", type=click.Choice(KINDS), default="science", show_default=True, help="What the exposure is for."
)
@click.option(
    "--id", "name", help="Name of the exposure; it addresses the random numbers.  [default: name of the file]"
)
@click.option("--seed", type=int, default=1, show_default=True)
@OVERWRITE
def simulate(
    detector: str,
    scene: Path | None,
    out: Path,
    flat: float | None,
    seconds: float | None,
    groups: int | None,
    pattern: tuple[int, int] | None,
    integrations: int,
    band: str | None,
    shape: tuple[int, int] | None,
    kind: str,
    name: str | None,
    seed: int,
    overwrite: bool,
) -> None:
    """Write the raw file that DETECTOR makes of SCENE, a FITS image of photon rates [photon/s]."""
    from obverse import Detector, UsageError, jobs

    if (scene is None) == (flat is None):
        raise UsageError("simulate: give either a SCENE file or --flat RATE")
    light = jobs.light_in(scene) if scene is not None else jobs.even_light(flat or 0.0)
    found = Detector.load(detector)
    sized = found if shape is None else found.resized(shape)
    ramps = jobs.Ramps(groups, pattern, integrations)
    exposure = jobs.exposure_of(sized, name or out.name.split(".")[0], kind, seconds, ramps, band)
    raw = jobs.simulate(sized, light, exposure, seed=seed, out=out, overwrite=overwrite)
    click.echo(f"{out}: {raw.shape} {raw.data.dtype} [{raw.unit}]")


@cli.command(epilog=CALIBRATE_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("-o", "--out", type=FILES, required=True, help="Directory of the products.")
@click.option(
    "--detector", metavar="NAME|TOML", help="Detector, measured or built in.  [default: the one the file names]"
)
@click.option(
    "--reference", "references", multiple=True, type=FILES, help="Reference file, or a directory of them; repeat it."
)
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
            reading=jobs.Reading(_pairs(overrides), ignore_checksum),
            references=references,
            fit=_fit(estimator, save_opt, one_group),
            until=until,
            threads=workers if maximum_cores is None else jobs.cores(maximum_cores),
            overwrite=overwrite,
        ):
            say(outcome.path.name)
            outcomes.append(outcome)
    _leave(_report(outcomes, strict))


@cli.command(epilog=MEASURE_EXAMPLES)
@click.argument("what", type=click.Choice(["all", "gain", "bias", "dark", "flat", "linearity"]))
@click.argument("files", nargs=-1, type=FILES)
@click.option("--bias", multiple=True, type=FILES, help="A bias exposure, or a dark that is short against its current.")
@click.option("--dark", multiple=True, type=FILES, help="A dark exposure.")
@click.option(
    "--flat", multiple=True, type=FILES, help="An evenly lit exposure; gain takes them in pairs, as they come."
)
@click.option("--ramp", "ramps", multiple=True, type=FILES, help="Steady light, for the linearity.")
@click.option("-o", "--out", type=FILES, help="Directory of the belief: TOML, and FITS where there are maps.")
@click.option("--detector", required=True, metavar="NAME|TOML", help="Nominal detector.")
@click.option(
    "--lags",
    type=click.IntRange(0, 8),
    default=0,
    show_default=True,
    help="Neighbouring covariances to sum for the gain.",
)
@SET
@CHECKSUM
@OVERWRITE
def measure(
    what: str,
    files: Sequence[Path],
    bias: Sequence[Path],
    dark: Sequence[Path],
    flat: Sequence[Path],
    ramps: Sequence[Path],
    out: Path | None,
    detector: str,
    lags: int,
    overrides: Sequence[str],
    ignore_checksum: bool,
    overwrite: bool,
) -> None:
    """Measure WHAT of a detector from calibration exposures, print it and write it as a detector.

    FILES say in their headers what they are; where they do not, use --bias, --dark, --flat, --ramp.
    """
    from obverse import jobs
    from obverse.terminal import progress, table

    exposures = {"": files, "bias": bias, "dark": dark, "flat": flat, "ramps": ramps}
    with progress(sum(map(len, exposures.values()))) as say:
        belief = jobs.measure(
            what,
            exposures,
            detector=detector,
            out=out,
            lags=lags,
            reading=jobs.Reading(_pairs(overrides), ignore_checksum),
            overwrite=overwrite,
            progress=say,
        )
    rows = [(name, where, f"{value:.6g}", f"{error:.2g}") for name, where, value, error in jobs.measured_table(belief)]
    table(f"Measured: {belief.name}", ("parameter", "amplifier", "value", "error"), rows)
    if out is not None:
        click.echo(f"belief: {out / belief.name}.toml")


@cli.command(epilog=SHOW_EXAMPLES)
@click.argument("what", required=False)
@click.option("--detector", metavar="NAME|TOML", help="Detector of a raw file whose keywords need explaining.")
@SET
def show(what: str | None, detector: str | None, overrides: Sequence[str]) -> None:
    """Say what WHAT is: a detector (name or TOML), its chain and recipe; or a file. Alone, list all detectors."""
    from obverse.show import describe

    click.echo(describe(what, detector, _pairs(overrides)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every deliberate error is one line, and the exit code says which kind."""
    try:
        cli.main(args=arguments, prog_name="obverse", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        _leave(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("obverse: interrupted; run the same command again to go on", err=True)
        _leave(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: not an error
    except Exception as problem:  # noqa: BLE001 (what is no deliberate error is raised again below)
        _leave(_told(problem))


def _told(problem: Exception) -> int:
    """Print a deliberate error as one line and return its exit code; anything else is a bug and is raised."""
    from obverse.errors import DataError, ObverseError

    if not isinstance(problem, ObverseError):
        raise problem
    click.echo("obverse: " + " ".join(str(problem).split()), err=True)
    return 1 if isinstance(problem, DataError) else 2


def _leave(code: int) -> None:
    if code:
        sys.exit(code)


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


def _pairs(overrides: Sequence[str]) -> dict[str, str]:
    from obverse.errors import UsageError

    for text in overrides:
        if "=" not in text:
            raise UsageError(f"--set {text}: must look like KEY=VALUE")
    return dict(text.split("=", 1) for text in overrides)


if __name__ == "__main__":
    main()
