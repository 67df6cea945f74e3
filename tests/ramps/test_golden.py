"""Facts: what stcal 1.20.0 gives for small ramps, to its own tolerance; each difference is named and justified.

The numbers are in `tests/golden/ramps.json`. `docs/differences.md` says why we differ where we do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse.ramps import RampFit

CASES = json.loads((Path(__file__).parents[1] / "golden" / "ramps.json").read_text())
RAMPS = {case["name"]: case for case in CASES["ramp"]}
CASERTANO = {case["name"]: case for case in CASES["cas22"]}

RTOL = 2e-5
JUMP, DROPOUT = 4, 8


def array(nested: Any) -> Any:
    """Numbers of a case; what is none there is NaN."""
    return np.array(nested, float)


def pattern_of(given: dict[str, Any]) -> ob.ReadPattern:
    n_groups = array(given["data"]).shape[1]
    return ob.ReadPattern.even(
        n_groups, frames=int(given.get("nframes", 1)), gap=int(given.get("gap", 0)), frame_time=given.get("ft", 10.0)
    )


def fitted(case: dict[str, Any], **more: Any) -> RampFit:
    given = case["inputs"]
    gain, noise = given.get("gain", 5.5), given.get("rn", 10.34)
    likely = given.get("alg") == "LIKELY"
    flags = array(given["groupdq"]).astype("u1")
    if likely:  # a jump that was flagged before costs it both differences, and us the one that leads to it
        flags = np.where(flags == JUMP, JUMP | DROPOUT, flags).astype("u1")
    return ob.fit_ramps(
        array(given["data"]).astype("f4"),
        pattern_of(given),
        gain=gain,
        read_noise=noise * gain / np.sqrt(2),
        flags=flags,
        estimator="likelihood" if likely else "ols",
        variance="exact" if likely else "jwst",
        find_jumps=False,
        zero_frame=array(given["zf"]) if "zf" in given else None,
        suppress_one_group=bool(given.get("suppress", False)),
        **{"save_segments": not likely, **more},
    )


def compare(fit: RampFit, expected: dict[str, Any], gain: float) -> None:
    """The mission writes zero variance where there is no rate; here it is NaN."""
    rate = array(expected["slope"])
    assert_allclose(fit.rate / gain, rate, rtol=RTOL)
    assert_allclose(fit.flags, array(expected["dq"]))
    for ours, theirs in (
        (fit.var_poisson / gain**2, "var_poisson"),
        (fit.var_read / gain**2, "var_rnoise"),
        (fit.error / gain, "err"),
    ):
        wanted = np.where(np.isfinite(rate), array(expected[theirs]), np.nan)
        assert_allclose(ours, wanted, rtol=RTOL, err_msg=theirs)


@pytest.mark.parametrize("name", RAMPS)
def test_rates(name: str) -> None:
    case = RAMPS[name]
    gain = case["inputs"].get("gain", 5.5)
    fit = fitted(case)
    compare(fit, case["rate"], gain)
    if case["rateints"]:
        compare(fit.integrations, case["rateints"], gain)


@pytest.mark.parametrize("name", [name for name, case in RAMPS.items() if case["fitopt"]])
def test_segments(name: str) -> None:
    case = RAMPS[name]
    given, wanted = case["inputs"], {key: array(value) for key, value in case["fitopt"].items()}
    gain, pattern = given.get("gain", 5.5), pattern_of(given)
    group_time = pattern.tbar[1] - pattern.tbar[0]
    made = fitted(case).segments
    cut = first_group_kept(case) * group_time  # MIRI's dead first groups are cut off before its fit
    n = wanted["slope"].shape[1]
    there = wanted["weights"] > 0
    for ours, theirs, tolerance in (
        (made.rate / gain, "slope", 0.0),
        (made.error * group_time, "sigslope", 0.0),  # theirs is in electrons a group
        (made.var_poisson / gain**2, "var_poisson", 0.0),
        (made.var_read / gain**2, "var_rnoise", 0.0),
        (np.where(there, (made.intercept[:, :n] + made.rate[:, :n] * cut) / gain, 0), "yint", 2e-2),
        (made.weight * gain**2, "weights", 0.0),
    ):
        assert_allclose(ours[:, :n], wanted[theirs], rtol=RTOL, atol=tolerance, err_msg=theirs)
        assert not ours[:, n:].any()
    if cut == 0:
        assert_allclose(made.intercept_error[:, :n], wanted["sigyint"], rtol=RTOL, err_msg="sigyint")  # in electrons
    if wanted["crmag"].size:
        assert_allclose(made.jumps / gain, wanted["crmag"], rtol=RTOL, err_msg="crmag")


@pytest.mark.parametrize("name", [name for name, case in RAMPS.items() if case["fitopt"]])
def test_pedestals_have_the_group_time_that_upstream_lost(name: str) -> None:
    """Upstream takes a slope per second times a time in groups from the first group."""
    case = RAMPS[name]
    given, gain = case["inputs"], case["inputs"].get("gain", 5.5)
    fit, pattern = fitted(case), pattern_of(given)
    first = first_group_kept(case)
    theirs = array(case["fitopt"]["pedestal"])
    slope = fit.integrations.rate / gain
    frames, gap = given.get("nframes", 1), given.get("gap", 0)
    in_groups = (frames + 1) / 2 / (frames + gap)
    corrected = theirs + slope * in_groups - slope * pattern.tbar[0]
    ours = fit.integrations.pedestal / gain + slope * pattern.tbar[first] - slope * pattern.tbar[0]
    assert_allclose(ours, corrected, rtol=RTOL, atol=1e-4)


def first_group_kept(case: dict[str, Any]) -> int:
    """First group in which any pixel is usable."""
    flags = array(case["inputs"]["groupdq"]).astype(int)
    return int(np.flatnonzero(((flags & 1) == 0).any(axis=(0, 2, 3)))[0])


@pytest.mark.parametrize("name", CASERTANO)
def test_casertano(name: str) -> None:
    case = CASERTANO[name]
    fit = ob.fit_ramps(
        array(case["resultants"]).astype("f4"),
        ob.ReadPattern(case["read_pattern"], read_time=case["read_time"]),
        gain=1.0,
        read_noise=case["read_noise"],
        flags=array(case["dq"]).astype("u1"),
        estimator="casertano",
        find_jumps=bool(case["use_jump"]),
    )
    there = array(case["var_read"]) > 0  # without two neighbouring resultants theirs is 0 +- 0, ours NaN
    assert (np.isfinite(fit.rate) == there).all()
    for ours, theirs in ((fit.rate, "slope"), (fit.var_read, "var_read"), (fit.var_poisson, "var_poisson")):
        assert_allclose(ours[there], array(case[theirs])[there], rtol=RTOL, err_msg=theirs)
