"""The one door to numba, so that every kernel is compiled the same way."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

__all__ = ["jit"]

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile `function` on its first call: serial, without the GIL, and kept on disk where that can be.

    Parameters
    ----------
    function
        A kernel on plain arrays. It may call any kernel of this folder.

    Limits
    ------
    No ``fastmath``: it would treat NaN as impossible and make the result depend on the number of columns.
    ``NUMBA_DISABLE_JIT=1`` leaves `function` as it is.

    Examples
    --------
    >>> @jit
    ... def twice(x: float) -> float:
    ...     return 2 * x
    >>> twice(3.0)
    6.0
    """
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # numba found no folder that it may write to, and says so already at import
        return _compiled(function, cache=False)


def _compiled(function: F, cache: bool) -> F:
    # The Python error model would test every division for zero, which keeps loops from vectorising.
    made = numba.njit(nogil=True, cache=cache, error_model="numpy")(function)
    _watch_folder(made)
    return cast("F", made)


def _watch_folder(dispatcher: Any) -> None:
    """Let an edit anywhere in this folder outdate the machine code; numba itself looks at one file only."""
    index = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if index is not None:
        index._source_stamp = _stamp()


@cache
def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
