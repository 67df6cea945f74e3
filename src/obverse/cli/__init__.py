"""The command line: one verb, one job, each a few lines over the library, one file a verb.

Nothing heavy is imported before a verb runs, so that ``obverse --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from obverse.cli import calibrate, demo, inject, measure, show, simulate, validate
from obverse.cli._exit import leave, told, warnings_told

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="obverse")
def cli() -> None:
    """Photons into raw detector reads, and raw reads back into photons with honest errors."""


_VERBS = (
    demo.demo,
    simulate.simulate,
    calibrate.calibrate,
    measure.measure,
    inject.inject,
    validate.validate,
    show.show,
)
for _verb in _VERBS:
    cli.add_command(_verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every deliberate error is one line, and the exit code says which kind."""
    try:
        with warnings_told():
            cli.main(args=arguments, prog_name="obverse", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        leave(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("obverse: interrupted; run the same command again to go on", err=True)
        leave(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: not an error
    except Exception as problem:  # noqa: BLE001 (what is no deliberate error is raised again below)
        leave(told(problem))
