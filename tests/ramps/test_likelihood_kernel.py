"""The compiled code: the same bits for any split, the same numbers uncompiled, no folder to cache in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import ReadPattern
from tests.ramps.gates import ROMAN, simulate

PATTERN = ReadPattern(ROMAN, 3.16)
KNOWN = {"gain": 1.5, "read_noise": 9.0}

FIT = """
import numpy as np, obverse as ob, sys
counts, out = np.load(sys.argv[1]), sys.argv[2]
pattern = ob.ReadPattern({reads}, 3.16)
flags = np.zeros(counts.shape, "u1"); flags[3, 0, 1] = 4; flags[7, 0, 2] = 2; flags[:, 0, 3] = 1
made = {{}}
for name in ("likelihood", "ols", "casertano", "covariance"):
    known = {{"gain": 1.5, "read_noise": 9.0, "flags": flags, "estimator": name, "threads": 1}}
    fit = ob.fit_ramps(counts, pattern, **known)
    for plane, values in {{**fit.planes(), "error": fit.error, "found": fit.resultant_flags}}.items():
        made[name + " " + plane] = values
np.savez(out, **made)
"""


def ramps(rows: int, columns: int) -> Any:
    counts = simulate(PATTERN, 9.0, 5.0, rows * columns, seed=1, gain=1.5).reshape(len(PATTERN), rows, columns)
    counts[5:, :, ::9] += 400
    counts[8:, :, ::13] += 90
    return counts


def in_a_new_process(tmp_path: Path, name: str, counts: Any, **environment: str) -> dict[str, Any]:
    np.save(tmp_path / "counts.npy", counts)
    out = tmp_path / f"{name}.npz"
    script = FIT.format(reads=ROMAN)
    command = [sys.executable, "-c", script, str(tmp_path / "counts.npy"), str(out)]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    return dict(np.load(out))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_bit(threads: int) -> None:
    counts = ramps(70, 40)
    one, many = (ob.fit_ramps(counts, PATTERN, threads=n, **KNOWN) for n in (1, threads))
    for name in ("rate", "var_poisson", "var_read", "chi2", "flags", "resultant_flags", "pedestal"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes()


def test_rows_fitted_alone_do_not_change_a_bit() -> None:
    counts = ramps(48, 40)
    whole = ob.fit_ramps(counts, PATTERN, **KNOWN)
    part = ob.fit_ramps(np.ascontiguousarray(counts[:, 16:32]), PATTERN, **KNOWN)
    assert whole.rate[16:32].tobytes() == part.rate.tobytes()
    assert whole.resultant_flags[:, 16:32].tobytes() == part.resultant_flags.tobytes()


def test_integrations_on_their_own_are_fits_of_their_own() -> None:
    counts = ramps(2, 40)
    both = ob.fit_ramps(np.stack([counts, counts[:, ::-1]]), PATTERN, **KNOWN)
    alone = ob.fit_ramps(counts, PATTERN, **KNOWN)
    assert both.integrations is not None
    assert both.integrations.rate[0].tobytes() == alone.rate.tobytes()
    assert np.array_equal(both.resultant_flags[0], alone.resultant_flags)


def test_uncompiled_code_gives_the_same(tmp_path: Path) -> None:
    counts = ramps(1, 27)
    fast, slow = (
        in_a_new_process(tmp_path, "on", counts),
        in_a_new_process(tmp_path, "off", counts, NUMBA_DISABLE_JIT="1"),
    )
    assert len(fast) == 29
    for name, values in fast.items():
        estimator = name.split()[0]
        if values.dtype.kind == "u":
            assert np.array_equal(values, slow[name]), name
            continue
        scale = float(np.nanmax(fast[f"{estimator} error"]))
        # weights that are mixed from a basis feel the order of float32 sums more than those that are solved for
        close = 2e-5 if estimator == "likelihood" else 2e-4
        np.testing.assert_allclose(values, slow[name], rtol=close, atol=close * scale + 1e-30, err_msg=name)
    for name in ("likelihood", "ols", "casertano", "covariance"):
        assert (fast[f"{name} found"] & 4).sum() >= 3


def test_an_edit_of_any_kernel_outdates_the_code_of_all() -> None:
    """numba looks at one file; we make it look at the folder (an attribute of its own, so this must be held)."""
    from obverse.kernels import _jit
    from obverse.kernels.linear import fit_rows

    assert fit_rows._cache._cache_file._source_stamp == _jit._stamp()
    assert {name for name, _, _ in _jit._stamp()} >= {"_lanes.py", "linear.py", "likelihood.py"}


def test_no_folder_to_cache_in_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    from obverse.kernels._jit import jit

    real = numba.njit

    def refusing(*, cache: bool, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(cache=False, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    assert jit(lambda x: x + 1)(2) == 3
