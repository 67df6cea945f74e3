"""Roman files made by hand, small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from obverse.exposure import Exposure
from obverse.io.asdf_tree import TaggedMap
from obverse.io.asdf_writer import write_asdf
from obverse.io.roman_meta import unknown_meta
from obverse.ma_tables import ma_table

SHAPE = (5, 32, 64)
RAMP = np.random.default_rng(7).integers(4000, 20000, SHAPE).astype(np.uint16)
AMP33 = np.arange(5 * 32 * 16, dtype=np.uint16).reshape(5, 32, 16)


def meta(**exposure: Any) -> dict[str, Any]:
    made = unknown_meta(Exposure("r01", pattern=ma_table(3), filter="F158", start="2027-03-01T10:00:00.000"), "WFI05")
    made["filename"] = "r01_uncal.asdf"
    made["exposure"] |= exposure
    return made


def tagged(entries: dict[str, Any], model: str) -> TaggedMap:
    made = TaggedMap(entries)
    made.tag = f"asdf://stsci.edu/datamodels/roman/tags/{model}-2.0.0"
    return made


def raw_file(folder: Path, name: str = "r01_uncal.asdf", said: dict[str, Any] | None = None, **entries: Any) -> Path:
    tree = {"meta": said or meta(), "data": RAMP, "amp33": AMP33} | entries
    kept = {key: value for key, value in tree.items() if value is not None}
    write_asdf(folder / name, {"roman": tagged(kept, "wfi_science_raw")})
    return folder / name


def reference_file(folder: Path, kind: str, **arrays: np.ndarray) -> Path:
    said = {"reftype": kind.upper(), "instrument": {"name": "WFI", "detector": "WFI05"}}
    write_asdf(folder / f"{kind}.asdf", {"roman": tagged({"meta": said, **arrays}, kind)})
    return folder / f"{kind}.asdf"
