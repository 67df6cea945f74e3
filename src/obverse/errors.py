"""Every exception that obverse raises on purpose.

Which one to raise:

- `UsageError`: the call or the configuration is wrong (unknown key, wrong site order, wrong shape).
- `DataError`: a file or an array is wrong; its message is ``<where>: <what>, <what to do>`` on one line.

Both are `ValueError`, so that a caller who catches ``ValueError`` around one correction is served too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "ObverseError", "ObverseWarning", "UsageError", "nearest"]


class ObverseError(Exception):
    """Base of every deliberate error of this package."""


class UsageError(ObverseError, ValueError):
    """A call or a configuration that cannot be carried out."""


class DataError(ObverseError, ValueError):
    """A file or an array that cannot be trusted."""


class ObverseWarning(UserWarning):
    """The product was made, and something about it deserves a look."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Say what somebody who wrote `word` probably meant, or list what exists.

    Examples
    --------
    >>> nearest("read_niose", ["gain", "read_noise"])
    "did you mean 'read_noise'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names) or 'none'}"
