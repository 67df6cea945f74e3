"""``obverse measure``: calibration exposures into a belief."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from obverse.cli._options import CHECKSUM, FILES, OVERWRITE, SET, pairs
from obverse.cli.measure_darks import measure_darks

__all__ = ["measure"]

EXAMPLES = (
    "\b\n"
    "Examples:\n"
    "  obverse measure gain --flat led1.fits --flat led2.fits --bias dark1.fits --bias dark2.fits \\\n"
    "      --detector esis -o belief\n"
    "  obverse measure darks night1/ night2/ -o belief\n"
)


KINDS = {
    "all": "All that the exposures tell.",
    "gain": "Gain and read noise, by photon transfer.",
    "bias": "Bias level.",
    "dark": "Dark current.",
    "flat": "Flat field.",
    "linearity": "Nonlinearity.",
}
"""What can be measured of any detector, and what that is."""


class _Kinds(click.Group):
    """Verbs within the verb; what is none of them is answered with those that there are."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            ctx.fail(f"{cmd_name!r} cannot be measured, choose {', '.join(self.commands)}")
        return found


@click.group(cls=_Kinds, epilog=EXAMPLES, short_help="Calibration exposures into a measured detector.")
def measure() -> None:
    """Measure a detector from calibration exposures, print it and write it as a detector."""


_OPTIONS = (
    click.argument("files", nargs=-1, type=FILES),
    click.option(
        "--bias", multiple=True, type=FILES, help="A bias exposure, or a dark that is short against its current."
    ),
    click.option("--dark", multiple=True, type=FILES, help="A dark exposure."),
    click.option(
        "--flat", multiple=True, type=FILES, help="An evenly lit exposure; gain takes them in pairs, as they come."
    ),
    click.option("--ramp", "ramps", multiple=True, type=FILES, help="Steady light, for the linearity."),
    click.option("-o", "--out", type=FILES, help="Directory of the belief: TOML, and FITS where there are maps."),
    click.option("--detector", required=True, metavar="NAME|TOML", help="Nominal detector."),
    click.option(
        "--lags",
        type=click.IntRange(0, 8),
        default=0,
        show_default=True,
        help="Neighbouring covariances to sum for the gain.",
    ),
    SET,
    CHECKSUM,
    OVERWRITE,
)


def _command(what: str, short: str) -> click.Command:
    """Return the command that measures one thing."""

    def run(**options: Any) -> None:
        _measure(what, **options)

    run.__doc__ = f"""{short}

    FILES say in their headers what they are; where they do not, use --bias, --dark, --flat, --ramp."""
    for option in reversed(_OPTIONS):
        run = option(run)
    return click.command(what, epilog=EXAMPLES, short_help=short)(run)


for _what, _short in KINDS.items():
    measure.add_command(_command(_what, _short))
measure.add_command(measure_darks)


def _measure(
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
            reading=jobs.Reading(pairs(overrides), ignore_checksum),
            overwrite=overwrite,
            progress=say,
        )
    rows = [(name, where, f"{value:.6g}", f"{error:.2g}") for name, where, value, error in jobs.measured_table(belief)]
    table(f"Measured: {belief.name}", ("parameter", "amplifier", "value", "error"), rows)
    if out is not None:
        click.echo(f"belief: {out / belief.name}.toml")
