"""The one door to numba, so that every kernel is compiled the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["jit"]

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile `function` on its first call: serial, without the GIL, and kept on disk where that can be.

    Parameters
    ----------
    function
        A kernel on plain arrays. It calls functions of its own file only: the cache sees no edit elsewhere.

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
    return cast("F", numba.njit(nogil=True, cache=cache, error_model="numpy")(function))
