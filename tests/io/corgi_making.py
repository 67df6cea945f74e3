"""Makes files of Roman's coronagraph, as its pipeline writes them, small and one keyword at a time."""

from __future__ import annotations

import numpy as np

from obverse.io.cards import Card
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.writer import write_fits

SHAPE = (12, 22)
NAME = "cgi_0200001001001001001_20240403t1054019"

PRIMARY = {
    "TELESCOP": "ROMAN", "INSTRUME": "CGI", "DETECTOR": "EXCAM", "VISITID": "0200001001001001001",
    "VISTYPE": "CGIVST_CAL_DRK", "MOCK": True, "ORIGIN": "SSC", "OPGAIN": "1000",
}  # fmt: skip
IMAGE = {
    "BUNIT": "DN", "ARRTYPE": "SCI", "SCTSRT": "2027-02-16T00:00:00", "EXPTIME": 60.0, "EMGAIN_C": 100.0,
    "EMGAIN_A": 0.0, "HVCBIAS": 0, "KGAINPAR": 8.7, "CFAMNAME": "1F", "DATALVL": "L1", "STATUS": 0,
}  # fmt: skip


def cards(values, *more):
    return Header([*(Card(key, value) for key, value in values.items() if value is not None), *more])


def history(*lines):
    """Return the cards of HISTORY, cut every 72 characters."""
    pieces = [line[i : i + 72] for line in lines for i in range(0, len(line), 72)]
    return [Card("HISTORY", piece) for piece in pieces]


def counts(shape=SHAPE, seed=4):
    return np.random.default_rng(seed).integers(900, 1100, shape).astype(np.uint16)


def raw_hdus(data=None, primary=(), image=(), lines=()):
    """Return the units of a raw file; `primary` and `image` change keywords, None takes one away."""
    header = cards({**IMAGE, **dict(image)}, *history(*lines))
    return [Hdu(0, "PRIMARY", 1, cards({**PRIMARY, **dict(primary)}), None), Hdu(1, "", 1, header, _of(data, counts()))]


def image_hdus(data=None, error=None, dq=None, primary=(), image=(), lines=(), more=()):
    """Return the units of a calibrated file: level L2a unless `image` says otherwise."""
    data = _of(data, counts().astype("f4"))
    units = raw_hdus(data, primary, {"DATALVL": "L2a", "DESMEAR": False, "CTI_CORR": False, **dict(image)}, lines)
    error = _of(error, np.full((1, *data.shape), 3.0, "f4"))
    planes = {"ERR": error, "DQ": _of(dq, np.zeros(data.shape, "u2")), "BIAS": np.zeros(data.shape[-2], "f4")}
    units += [Hdu(0, name, 1, Header([]), plane) for name, plane in planes.items() if name not in dict(more)]
    units += [Hdu(0, name, 1, Header([]), plane) for name, plane in dict(more).items() if plane is not None]
    return units


def written(folder, hdus, level="l1_"):
    path = folder / f"{NAME}_{level}.fits"
    write_fits(path, hdus, overwrite=True)
    return path


def _of(given, default):
    return default if given is None else given
