"""Parameters: declared once, checked when built, equal by value."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import astropy.units as u
import numpy as np
import pytest

from obverse import UsageError
from obverse.effects.dark_current import DarkCurrent
from obverse.effects.gain import Gain
from obverse.effects.read_noise import ReadNoise
from obverse.params import Parameters, declared, param


@dataclass(frozen=True, eq=False)
class Step(Parameters):
    """A thing with one parameter of each kind."""

    name = "step"

    level: float = param("height", unit="s", minimum=0.0, maximum=10.0)
    share: float = param("part", default=0.5, above=0.0, shape="scalar")
    count: int = param("how often", default=1, minimum=1, shape="whole")
    word: str = param("which way", default="up", shape="text", choices=("up", "down"))
    table: np.ndarray = param("polynomial", default=(1.0, 2.0), shape="list")
    error: np.ndarray | None = param("its error", default=None, shape="map")


def test_bounds_are_inclusive_and_above_is_exclusive():
    assert Step(level=0.0).level == 0.0
    assert Step(level=10.0).level == 10.0
    with pytest.raises(
        UsageError, match=r"step.level is -1.0, it must be a finite number of at least 0 and of at most"
    ):
        Step(level=-1.0)
    with pytest.raises(UsageError, match=r"step.level is 10.5.* \[s\]"):
        Step(level=10.5)
    with pytest.raises(UsageError, match="above 0"):
        Step(level=1.0, share=0.0)


@pytest.mark.parametrize(
    "level", [float("nan"), float("inf"), True, "3", "three", None, [[[1.0]]], [1.0, float("nan")]]
)
def test_what_is_no_finite_number_is_refused(level):
    with pytest.raises(UsageError, match=r"step\.level"):
        Step(level=level)


def test_a_map_may_have_holes():
    holed = Step(level=np.array([[1.0, np.nan], [2.0, 3.0]]))
    assert np.isnan(holed.level[0, 1])


def test_a_quantity_is_converted_at_the_border():
    assert Step(level=1500.0 * u.ms).level == pytest.approx(1.5)
    assert Gain(gain=2.0 * u.electron / u.DN).gain == 2.0
    assert DarkCurrent(rate=36.0 * u.electron / u.hour).rate == pytest.approx(0.01)
    assert Gain(gain=2.0 * u.electron / u.adu).gain == 2.0
    with pytest.raises(UsageError, match=r"read_noise.sigma is in 's', it must be in 'electron'"):
        ReadNoise(sigma=5.0 * u.s)


def test_whole_numbers_stay_whole():
    assert Step(level=1.0, count=3.0).count == 3
    assert isinstance(Step(level=1.0, count=3).count, int)
    with pytest.raises(UsageError, match="whole number"):
        Step(level=1.0, count=2.5)


def test_words_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'down'"):
        Step(level=1.0, word="dwon")
    with pytest.raises(UsageError, match="it must be a word"):
        Step(level=1.0, word=3)


def test_keys_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"step: unknown key 'levle', did you mean 'level'\?"):
        Step.from_table({"levle": 3.0})
    with pytest.raises(UsageError, match=r"step: 'level' is missing \(height\)"):
        Step.from_table({"share": 0.2})


def test_values_can_neither_be_set_nor_written():
    step = Step(level=[1.0, 2.0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.level = 3.0
    with pytest.raises(ValueError, match="read-only"):
        step.level[0] = 3.0


def test_the_array_that_was_given_is_copied():
    mine = np.array([1.0, 2.0])
    step = Step(level=mine)
    mine[0] = 9.0
    assert step.level[0] == 1.0


def test_a_table_says_everything():
    step = Step(level=[1.0, 2.0], word="down", error=np.array([[0.1]]))
    again = Step.from_table(step.to_table())
    assert again == step
    assert again.digest() == step.digest()
    assert hash(again) == hash(step)


@pytest.mark.parametrize(
    "change", [{"level": 1.0}, {"level": [1.0, 2.5]}, {"word": "down"}, {"error": np.array([[0.1]])}]
)
def test_any_other_value_is_another_thing(change):
    step = Step(level=[1.0, 2.0])
    assert step.replace(**change) != step
    assert step.replace(**change).digest() != step.digest()


def test_every_parameter_says_what_it_is():
    assert [info.doc for info in declared(Step).values()] == [
        "height", "part", "how often", "which way", "polynomial", "its error",
    ]  # fmt: skip
