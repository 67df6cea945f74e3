"""What the telescope delivers: stars, galaxies and sky as rates of electrons on the detector."""

from __future__ import annotations

from obverse.scene.catalogue import read_catalogue
from obverse.scene.drawing import draw
from obverse.scene.field import random_field
from obverse.scene.field_psf import FieldPsf
from obverse.scene.profiles import airy, gaussian, moffat
from obverse.scene.psf import Psf
from obverse.scene.psf_files import read_psf
from obverse.scene.scene import Scene
from obverse.scene.sources import Sources
from obverse.scene.star import Star

__all__ = [
    "FieldPsf", "Psf", "Scene", "Sources", "Star", "airy", "draw", "gaussian", "moffat",
    "random_field", "read_catalogue", "read_psf",
]  # fmt: skip
