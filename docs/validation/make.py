"""Measure what the validation page says, and write its tables and pictures: ``python -m docs.validation.make``."""

from __future__ import annotations

import re
import time
from pathlib import Path

from docs.validation import pictures, tables
from docs.validation.measure import (
    CLEAN_RAMPS,
    DECADES,
    HIT_RATES,
    SHOWN,
    combined,
    mission_pulls,
    points,
    searched,
)

HERE = Path(__file__).parent


def write(page: Path, made: dict[str, str]) -> None:
    """Exchange what stands between the markers of each table."""
    text = page.read_text()
    for name, table in made.items():
        marked = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        assert len(marked.findall(text)) == 1, f"{page}: no markers for the table '{name}'"
        text = marked.sub(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)
    page.write_text(text)


def main() -> None:
    start = time.perf_counter()
    shown = [point for name in SHOWN for point in points(name)]
    few = [point for name in ("2 reads", "3 reads") for point in points(name, DECADES)]
    found = [one for rate in HIT_RATES for one in searched(rate)]
    means, stated = combined(), mission_pulls()
    made = {
        "summary": tables.summary(shown + few),
        "likelihood": tables.likelihood(shown + few),
        "mission": tables.mission(shown, stated),
        "combination": tables.combination(means),
        "detection": tables.detection(found),
        "left": tables.left(found),
        "alarms": tables.alarms(found),
    }
    write(HERE / "README.md", made)
    pictures.draw(shown, found, means, CLEAN_RAMPS, HERE)
    print(f"{HERE / 'README.md'} and {len(list(HERE.glob('*.png')))} pictures in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
