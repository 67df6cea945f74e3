"""``obverse demo``: the whole round on made-up sky."""

from __future__ import annotations

from pathlib import Path

import click

from obverse.cli._options import FILES, OVERWRITE, SEED

__all__ = ["demo"]

EXAMPLES = "\b\nExample:\n  obverse demo -o demo-output\n"


@click.command(epilog=EXAMPLES, short_help="Simulate, measure, calibrate, compare with truth.")
@click.option(
    "-o", "--out", type=FILES, default=Path("demo-output"), show_default=True, help="Directory of products and report."
)
@SEED
@OVERWRITE
def demo(out: Path, seed: int, overwrite: bool) -> None:
    """Simulate a dithered set of infrared ramps, measure the detector, calibrate, compare with truth."""
    from obverse.demo import run
    from obverse.terminal import progress, table

    with progress() as say:
        result = run(out, seed=seed, overwrite=overwrite, say=say)
    table("Recovered rate against truth", result.table_header, result.table_rows)
    click.echo(f"report: {result.report}")
