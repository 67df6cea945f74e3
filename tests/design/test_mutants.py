"""Mistakes in the theory, made on purpose: each must fail a gate that the right theory passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from obverse.design import errors_of_fits, expectation, information
from obverse.design.hits import Places
from obverse.design.information import Information
from tests.design.gates import PATTERNS, check_cost, check_error, check_information, check_missed, check_places

MA4 = PATTERNS["MA4"]
RIGHT_PLACES, RIGHT_WITHOUT, RIGHT_FALL = Places.of, Information.without, Information.fall


def uncoupled(diagonal: Any, before: Any) -> Any:
    return np.diag(diagonal)


def single_reads(pattern: Any) -> Places:
    """Every hit spoils one difference."""
    made = RIGHT_PLACES(pattern)
    return replace(made, second=made.first, share=np.ones_like(made.share))


def ends_forgotten(pattern: Any) -> Places:
    made = RIGHT_PLACES(pattern)
    return replace(made, charge=np.ones_like(made.charge))


def one_of_two(self: Any, first: Any, second: Any) -> Any:
    return RIGHT_WITHOUT(self, first, first)


def rate_known(self: Any, first: Any, second: Any, share: Any) -> Any:
    """The rate is not refitted: P is M."""
    x = np.zeros_like(self.x)
    return RIGHT_FALL(Information(self.M, x, self.s), first, second, share)


def no_photons(pattern: Any, known: Any, flux: Any, read_noise: Any, estimator: Any) -> Any:
    return errors_of_fits.variances(pattern, known, 0 * flux, read_noise, estimator)


def cds_noise(pattern: Any, flux: Any, read_noise: Any) -> Information:
    return RIGHT_OF(pattern, flux, read_noise * np.sqrt(2))


RIGHT_OF = Information.of

MUTANTS: dict[str, tuple[object, str, Any, Callable[[], None]]] = {
    "differences that do not share a read": (
        information, "_tridiagonal", uncoupled, lambda: check_information(MA4, 0.3)),
    "read noise of two reads": (Information, "of", cds_noise, lambda: check_error(MA4, 0.3, n=30_000)),
    "no photon noise": (expectation, "variances", no_photons, lambda: check_error(MA4, 300.0, "ols", n=30_000)),
    "averages are hit as single reads are": (Places, "of", single_reads, lambda: check_places(MA4)),
    "charge before the first average": (
        Places, "of", ends_forgotten, lambda: check_places(PATTERNS["groups at the ends"])),
    "one difference lost where it is two": (
        Information, "without", one_of_two, lambda: check_information(MA4, 30.0)),
    "one difference lost, seen in the scatter": (Information, "without", one_of_two, lambda: check_cost(MA4, 0.3)),
    "a rate that does not follow the hit": (Information, "fall", rate_known, lambda: check_missed(MA4, 0.3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, wrong, gate = MUTANTS[name]
    gate()
    monkeypatch.setattr(owner, attribute, wrong)
    with pytest.raises(AssertionError):
        gate()
