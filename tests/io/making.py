"""FITS files made by hand, so that nothing of the package under test is needed to make a bad one."""

from pathlib import Path

import numpy as np

BLOCK = 2880
REAL = Path(__file__).parents[3] / "shared" / "data"


def card(key, value, comment=""):
    """Return 80 bytes; a value in bytes is written as it stands."""
    if isinstance(value, bytes):
        text = value
    elif isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}".encode()
    elif isinstance(value, str):
        text = "'{:8}'".format(value.replace("'", "''")).encode("latin-1")
    else:
        text = f"{value!r:>20}".encode()
    tail = f" / {comment}".encode() if comment else b""
    return (f"{key:8}= ".encode() + text + tail).ljust(80)[:80]


def header(cards):
    text = b"".join(c if isinstance(c, bytes) else card(*c) for c in cards) + b"END".ljust(80)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


def data(array):
    raw = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return raw.ljust(-(-len(raw) // BLOCK) * BLOCK, b"\0")


def layout(array, first="SIMPLE"):
    bits = array.dtype.itemsize * (-8 if array.dtype.kind == "f" else 8)
    start = [("SIMPLE", True)] if first == "SIMPLE" else [("XTENSION", "IMAGE")]
    lengths = [(f"NAXIS{i + 1}", n) for i, n in enumerate(reversed(array.shape))]
    tail = [] if first == "SIMPLE" else [("PCOUNT", 0), ("GCOUNT", 1)]
    return [*start, ("BITPIX", bits), ("NAXIS", array.ndim), *lengths, *tail]


def image(array, extra=(), first="SIMPLE"):
    """Return one unit that holds a signed or float array as it is."""
    return header([*layout(array, first), *extra]) + data(array)


def counts(shape=(6, 8), seed=1):
    """Raw counts around a pedestal, as int16 shifted by BZERO."""
    return np.random.default_rng(seed).poisson(1000, shape).astype(np.uint16)


RAW_CARDS = (
    ("EXPTIME", 30.0),
    ("GAIN", 1.9),
    ("RDNOISE", 5.0),
    ("IMAGETYP", "object"),
    ("DATE-OBS", "2013-07-13"),
)


def raw(pixels=None, extra=RAW_CARDS, zero=True):
    """Return a raw CCD file, uint16 by BZERO."""
    pixels = counts() if pixels is None else pixels
    stored = (pixels.astype(np.int32) - 32768).astype(np.int16)
    offset = [("BSCALE", 1), ("BZERO", 32768)] if zero else []
    return image(stored, [*offset, *extra])


def replaced(cards, **values):
    """Return cards with some values changed, or left out where the value is None."""
    names = {key.replace("_", "-"): value for key, value in values.items()}
    kept = [(key, names.pop(key, value)) for key, value in cards]
    return [(key, value) for key, value in [*kept, *names.items()] if value is not None]


def table(columns, extra=(), heap=b"", rows=1, width=None):
    """Return a binary table of zeros (or of `heap`, rows first)."""
    cards = [
        ("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", rows),
        ("PCOUNT", max(0, len(heap) - width * rows)), ("GCOUNT", 1), ("TFIELDS", len(columns)),
    ]  # fmt: skip
    forms = [(f"TFORM{i + 1}", form) for i, form in enumerate(columns)]
    body = heap or bytes(width * rows)
    return header([*cards, *forms, *extra]) + body.ljust(-(-len(body) // BLOCK) * BLOCK, b"\0")


EMPTY_PRIMARY = header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])


def put(directory, content, name="a.fits"):
    path = Path(directory) / name
    path.write_bytes(content)
    return path


def leftovers(directory):
    return sorted(path.name for path in Path(directory).iterdir() if path.name.endswith(".tmp"))
