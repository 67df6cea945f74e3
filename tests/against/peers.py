"""Peers that must be handled with care when they are imported."""

import tempfile
import warnings

import pytest


def corgidrp():
    """Import the pipeline of Roman's coronagraph; the first import writes settings into a home directory."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("HOME", tempfile.mkdtemp(prefix="obverse-peer-"))
        warnings.simplefilter("ignore")  # of the peer and of what it imports
        return pytest.importorskip("corgidrp", reason="the peer is not installed")
