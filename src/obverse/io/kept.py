"""What of the original file's headers, and of how a frame was made, goes into its observatory's products."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obverse.frame import Frame
from obverse.io.cards import COMMENTARY, Card, Malformed
from obverse.io.cargo import Cargo
from obverse.io.products import default_provenance
from obverse.io.writer import is_structural

__all__ = ["kept_cards", "short_provenance"]


def short_provenance(provenance: Mapping[str, str]) -> dict[str, str]:
    """Return what fits a keyword; OBVERSE itself would make the file one of our own format."""
    short = {key: value for key, value in provenance.items() if len(key) <= 8 and key.isupper() and key != "OBVERSE"}
    return {**short, "CAL_SW": f"obverse {default_provenance()['obverse version']}"}


def kept_cards(frame: Frame, index: int) -> list[Card]:
    """Return the cards of one header of the original file (0 the primary, 1 the science unit) that still hold."""
    headers = frame.cargo.headers if isinstance(frame.cargo, Cargo) else ()
    cards = headers[index].cards if index < len(headers) else ()
    return [card for card in cards if not is_structural(card.key) and _writable(card)]


def _writable(card: Card) -> bool:
    if isinstance(card.value, Malformed) or (card.value is None and card.key not in COMMENTARY):
        return False
    return not (isinstance(card.value, float) and not np.isfinite(card.value))
