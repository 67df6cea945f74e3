"""Who may start threads: a step that has the whole frame, else the tiles."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Frame
from obverse.effects import WHOLE
from obverse.moment import Moment
from obverse.recipe import Recipe, Step


@pytest.mark.parametrize("threads", [1, 3, None])
def test_a_step_has_the_threads_of_the_recipe_or_one(threads: int | None) -> None:
    seen: dict[str, set[int | None]] = {"whole": set(), "tile": set()}

    def watch(name: str) -> Step:
        def work(frame: Frame, at: Moment) -> Frame:
            seen[name].add(at.threads)
            return frame

        return Step(name, work, WHOLE if name == "whole" else 0)

    detector = Detector.load("generic_h2rg")
    frame = Frame(np.zeros((2, *detector.geometry.file_shape), np.float32), "electron", ("resultant", "row", "column"))
    Recipe(detector, (watch("whole"), watch("tile"))).run(frame, threads=threads)
    assert seen == {"whole": {threads}, "tile": {1}}
