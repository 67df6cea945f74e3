"""What travels in `Frame.cargo`: opaque to the rest of the package, read and written here alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from obverse.io.header import Header
from obverse.references import Setup

if TYPE_CHECKING:
    from obverse.frame import Frame
    from obverse.io.dialect import Dialect
    from obverse.io.door import Hdu

__all__ = ["DONE_BEFORE", "Cargo", "constants", "inputs_of", "provenance_of", "setup_of"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})

DONE_BEFORE = "done before"
"""Under this name products record the steps that had been undone when their input was read."""


@dataclass(frozen=True)
class Cargo:
    """The file that a frame came from, its headers, and what the headers say of the detector.

    Parameters
    ----------
    source
        Name of the file as it was given; nothing is written onto it.
    headers
        Its headers, in order; they go into products.
    constants
        Values by name, one an amplifier: ``gain`` [electron/DN], ``read_noise`` [electron],
        ``saturation`` [DN].
    provenance
        What an earlier run has recorded, and every ``--set``.
    setup
        Which instrument, which detector, which part of it and how it was read, where reference files depend on it.
    units
        Units of the file that go into its observatory's products as they are (tables of times), and planes that
        only those products name.
    dialect
        What has read the file, and may write its observatory's products.
    """

    source: str | None = None
    headers: tuple[Header, ...] = ()
    constants: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: _NOTHING)
    provenance: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    setup: Setup | None = None
    units: tuple[Hdu, ...] = ()
    dialect: Dialect | None = None


def constants(frame: Frame) -> Mapping[str, tuple[float, ...]]:
    """Return what the headers of a frame's file say of the detector, by name, one value an amplifier.

    Examples
    --------
    >>> import numpy as np
    >>> from obverse.frame import Frame
    >>> constants(Frame(np.ones((2, 2)), "DN", cargo=Cargo(constants={"gain": (1.9,)})))
    {'gain': (1.9,)}
    """
    return frame.cargo.constants if isinstance(frame.cargo, Cargo) else _NOTHING


def provenance_of(frame: Frame) -> Mapping[str, str]:
    """Return what has been recorded of how a frame was made."""
    return frame.cargo.provenance if isinstance(frame.cargo, Cargo) else _NOTHING


def setup_of(frame: Frame) -> Setup | None:
    """Return how the detector of a frame was set up, where its file says so."""
    return frame.cargo.setup if isinstance(frame.cargo, Cargo) else None


def inputs_of(frame: Frame) -> list[str]:
    """Return the file that a frame came from, which is not written onto."""
    source = frame.cargo.source if isinstance(frame.cargo, Cargo) else None
    return [source] if source else []
