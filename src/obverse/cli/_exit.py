"""How a run speaks and ends: one line for every warning and error, and the exit code that says which kind it was."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = ["leave", "told", "warnings_told"]


def told(problem: Exception) -> int:
    """Print a deliberate error as one line and return its exit code; anything else is a bug and is raised."""
    from obverse.errors import DataError, ObverseError

    if not isinstance(problem, ObverseError):
        raise problem
    click.echo("obverse: " + " ".join(str(problem).split()), err=True)
    return 1 if isinstance(problem, DataError) else 2


def leave(code: int) -> None:
    """End the program, unless all is well."""
    if code:
        sys.exit(code)


@contextmanager
def warnings_told() -> Iterator[None]:
    """Print our own warnings as one line each; others as Python does."""
    from obverse.errors import ObverseWarning

    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, ObverseWarning):
                click.echo("obverse: warning: " + " ".join(str(message).split()), err=True)
            else:
                others(message, category, *where, **more)

        warnings.simplefilter("always", ObverseWarning)
        warnings.showwarning = show
        yield
