"""What the telescope would deliver: rates of photons on the detector."""

from __future__ import annotations

from obverse.scene.field import Field, random_field

__all__ = ["Field", "random_field"]
