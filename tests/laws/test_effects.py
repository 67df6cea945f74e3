"""Every effect keeps its contracts, on an infrared array and on a CCD."""

from __future__ import annotations

import pytest

from obverse.effects import registry
from obverse.testing import check_effect
from tests.laws.examples import GEOMETRIES, examples

CASES = [
    pytest.param(effect, geometry, id=f"{name}-{i}-{effect.name}")
    for name, geometry in GEOMETRIES.items()
    for i, effect in enumerate(examples(geometry))
]


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_every_registered_effect_has_an_example(kind):
    shown = {effect.name for effect in examples(GEOMETRIES[kind])}
    assert shown == set(registry()), f"no example of {set(registry()) - shown}"


@pytest.mark.parametrize(("effect", "geometry"), CASES)
def test_an_effect_keeps_its_contracts(effect, geometry):
    checked = check_effect(effect, geometry)
    assert len(checked) >= 5 + len(effect.contracts)
