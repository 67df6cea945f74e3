"""Mutated headers: the door returns, or raises our own error, quickly."""

import time
import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obverse.errors import DataError, ObverseWarning
from obverse.io import open_fits, read
from tests.io.making import EMPTY_PRIMARY, image, put, raw, table

SEEDS = [
    raw(),
    EMPTY_PRIMARY + image(np.arange(12.0).reshape(3, 4), [("EXTNAME", "SCI")], first="XTENSION"),
    EMPTY_PRIMARY + table(["1J", "5A", "1PB"], [("EXTNAME", "T")], bytes(34), width=17, rows=2),
]
NASTY = [
    b"9" * 20,
    b"-1",
    b"1E999",
    b"NaN",
    b"''''",
    b"'&",
    b"T",
    b"",
    b"\x00\xff",
    b"2147483648",
    b"0x10",
    b"(1,2)",
]

edits = st.lists(
    st.one_of(
        st.tuples(st.just("byte"), st.integers(0, 8000), st.integers(0, 255)),
        st.tuples(st.just("value"), st.integers(0, 30), st.sampled_from(NASTY)),
        st.tuples(st.just("double"), st.integers(0, 30), st.integers(0, 30)),
        st.tuples(st.just("cut"), st.integers(0, 9000), st.just(0)),
    ),
    min_size=1,
    max_size=4,
)


def refused(action, path):
    """Return the message of our own error, or nothing; any other error goes on."""
    try:
        action(path)
    except DataError as problem:
        return str(problem)
    return ""


def mutated(content, edit):
    kind, at, what = edit
    if kind == "cut":
        return content[:at]
    if kind == "byte":
        at %= max(1, len(content))
        return content[:at] + bytes([what]) + content[at + 1 :]
    at = at * 80 % max(80, len(content))
    if kind == "value":
        return content[: at + 10] + what.rjust(20)[:20] + content[at + 30 :]
    return content[: 80 * what] + content[at : at + 80] + content[80 * what + 80 :]


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.sampled_from(SEEDS), changes=edits)
def test_a_mutated_file_is_read_or_refused_by_our_own_error(tmp_path, seed, changes):
    for change in changes:
        seed = mutated(seed, change)
    path = put(tmp_path, seed)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ObverseWarning)
        for action in (open_fits, read):
            refusal = refused(action, path)
            assert "\n" not in refusal
            assert not refusal or refusal.startswith(str(path))
    assert time.perf_counter() - start < 1


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=6000))
def test_random_bytes_after_a_good_start_are_read_or_refused(tmp_path, content):
    path = put(tmp_path, b"SIMPLE  =                    T".ljust(80) + content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ObverseWarning)
        refusal = refused(open_fits, path)
    assert not refusal or refusal.startswith(str(path))
