"""What must not have been done to a dark frame, and what must."""

from __future__ import annotations

from obverse.errors import UsageError
from obverse.frame import Frame

__all__ = ["refuse_divided", "refuse_undivided", "refuse_unfit"]

_SHOT = {"poisson", "shot"}


def refuse_unfit(who: str, frame: Frame) -> None:
    """Refuse a frame that no dark may be made of.

    Raises
    ------
    UsageError
        If it is not in electrons, has had its smear undone, or carries the variance of shot noise.
    """
    where = f"{who}: frame {frame.exposure.id!r}"
    if frame.unit != "electron":
        raise UsageError(
            f"{where} is in {frame.unit}: undo the gain first (recipe.until('gain')), darks are in electron"
        )
    if "smear" in frame.undone:
        raise UsageError(
            f"{where} has been desmeared: the light that it is subtracted from is smeared with its dark current, "
            "give frames from before that step"
        )
    if _SHOT & set(frame.variances or ()):
        raise UsageError(
            f"{where} carries the variance of its shot noise, which the scatter of the stack holds already: "
            "give frames from before the estimate"
        )


def refuse_divided(who: str, frame: Frame) -> None:
    """Refuse a frame that was divided by its EM gain: fixed pattern is added behind the register."""
    if "em_gain" in frame.undone and frame.exposure.em_gain != 1:
        raise UsageError(
            f"{who}: frame {frame.exposure.id!r} has been divided by its EM gain, which mixes what comes before and "
            "behind the register: give frames from before that step (recipe.until('gain'))"
        )


def refuse_undivided(who: str, frame: Frame) -> None:
    """Refuse a frame that is still multiplied by its EM gain."""
    if "em_gain" not in frame.undone and frame.exposure.em_gain != 1:
        raise UsageError(
            f"{who}: frame {frame.exposure.id!r} is still multiplied by its EM gain of {frame.exposure.em_gain:g}: "
            "divide first (recipe.until('em_gain'))"
        )
