"""What a person sees while waiting, and tables at the end; plain text where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["progress", "table"]


@contextmanager
def progress(total: int | None = None) -> Iterator[Callable[[str], None]]:
    """Show a bar on a terminal while work is done; the yielded function names the next piece of it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)

        def say(name: str) -> None:
            bar.update(task, description=name, advance=1)

        yield say


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, as wide as it needs to be where no terminal limits it; brackets hold units, no markup."""
    made = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left")
    for i, name in enumerate(header):
        made.add_column(escape(name), justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        made.add_row(*map(escape, row))
    Console(width=None if sys.stdout.isatty() else 1000).print(made)  # a table takes no more than it needs
