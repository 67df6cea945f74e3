"""``obverse show``: what a detector, a recipe or a file is."""

from __future__ import annotations

from collections.abc import Sequence

import click

from obverse.cli._options import SET, pairs

__all__ = ["show"]

EXAMPLES = "\b\nExamples:\n  obverse show\n  obverse show generic_h2rg\n  obverse show products/ramp_cal.fits\n"


@click.command(epilog=EXAMPLES, short_help="Say what a detector, a recipe or a file is.")
@click.argument("what", required=False)
@click.option("--detector", metavar="NAME|TOML", help="Detector of a raw file whose keywords need explaining.")
@SET
def show(what: str | None, detector: str | None, overrides: Sequence[str]) -> None:
    """Say what WHAT is: a detector (name or TOML), its chain and recipe; or a file. Alone, list all detectors."""
    from obverse.show import describe

    click.echo(describe(what, detector, pairs(overrides)))
