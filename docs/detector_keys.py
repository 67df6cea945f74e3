"""Write the tables of detector keys in CONVENTIONS.md from the declarations in the code.

``.venv/bin/python docs/detector_keys.py`` writes them; with ``--check`` it only says whether they still fit.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np

from obverse.effects import SITES, registry
from obverse.params import Declared, declared
from obverse.readout import KINDS

PAGE = Path(__file__).parents[1] / "CONVENTIONS.md"
START, END = "<!-- keys: written by docs/detector_keys.py -->\n", "<!-- end of keys -->"
SHAPES = {
    "any": "number, one an amplifier, or map",
    "scalar": "number",
    "whole": "whole number",
    "list": "list of numbers",
    "coefficients": "list; or one an amplifier, or maps",
    "ramp": "planes of pixels",
    "text": "word",
    "map": "map",
    "flags": "map of flags",
}


def limits(info: Declared) -> str:
    if info.choices:
        return ", ".join(f"`{word}`" for word in info.choices)
    parts = [(info.above, "> "), (info.minimum, "≥ "), (info.maximum, "≤ ")]
    return ", ".join(f"{sign}{bound:g}" for bound, sign in parts if np.isfinite(bound))


def default(value: object) -> str:
    if value is dataclasses.MISSING:
        return "**required**"
    return "none" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def rows(cls: type, *, without: tuple[str, ...] = ()) -> list[str]:
    values = {field.name: field.default for field in dataclasses.fields(cls)}
    return [
        f"| `{name}` | {info.doc} | {info.unit} | {SHAPES[info.shape]} | {limits(info)} | {default(values[name])} |"
        for name, info in declared(cls).items()
        if name not in without
    ]


def tables() -> str:
    head = ["| key | meaning | unit | value | allowed | default |", "|---|---|---|---|---|---|"]
    out: list[str] = []
    for kind, cls in KINDS.items():
        keys = rows(cls)
        out += [f'**`[readout]` with `kind = "{kind}"`**' + ("" if keys else ": no further keys."), ""]
        out += [*head, *keys, ""] if keys else []
    effects = [cls for cls in registry().values() if cls.__module__.startswith("obverse.")]
    usual = {cls: SITES.index(cls.__dataclass_fields__["site"].default) for cls in effects}
    for cls in sorted(effects, key=lambda cls: (usual[cls], cls.name)):
        contracts = ", ".join(dict.fromkeys(type(contract).__name__ for contract in cls.contracts))
        out += [f"**`[effects.{cls.name}]`**, at `{SITES[usual[cls]]}`: {contracts}", ""]
        out += [*head, *rows(cls, without=("site", "source")), ""]
    return "\n".join(out)


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    made = before + START + "\n" + tables() + "\n" + END + rest.split(END)[1]
    if "--check" in sys.argv:
        print("the tables of keys fit the code" if made == text else "CONVENTIONS.md: run docs/detector_keys.py")
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
