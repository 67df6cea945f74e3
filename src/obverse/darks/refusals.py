"""What the darks refuse, under the names that are documented for it."""

from __future__ import annotations

from obverse.errors import UsageError

__all__ = ["CalDarksLSQException", "WrongArgumentError"]


class CalDarksLSQException(UsageError):
    """Stacks of darks that cannot tell fixed pattern, clock-induced charge and dark current apart."""


class WrongArgumentError(UsageError, TypeError):
    """An argument of the wrong kind, shape or range; documented as a TypeError."""
