"""Small JWST files, made by astropy alone, so that nothing of the package under test is needed to make one."""

import numpy as np
from astropy.io import fits

_MOMENTS = [f"int_{when}_{scale}" for scale in ("MJD_UTC", "BJD_TDB") for when in ("start", "mid", "end")]
TIMES = np.dtype([("integration_number", ">i4"), *((name, ">f8") for name in _MOMENTS)])

PRIMARY = {
    "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "FILTER": "F200W", "READPATT": "BRIGHT1",
    "EXP_TYPE": "NRC_IMAGE", "DATE-OBS": "2024-02-05", "TIME-OBS": "07:48:32.1", "TARGNAME": "M 13",
    "NFRAMES": 1, "GROUPGAP": 1, "TFRAME": 10.73677, "DRPFRMS1": 0,
    "SUBARRAY": "GENERIC", "SUBSTRT1": 1, "SUBSTRT2": 1,
}  # fmt: skip


def counts(shape=(2, 6, 24, 32), rate=40.0, seed=3):
    """Raw counts of an even light [DN a group] on a level of 10000 DN, noise of 6 DN."""
    random = np.random.default_rng(seed)
    steps = random.poisson(rate * 2.0, shape) / 2.0
    ramp = 10000.0 + np.cumsum(steps, axis=1) + random.normal(0, 6.0, shape)
    return np.clip(np.rint(ramp), 0, 65535).astype(np.uint16)


def primary(shape, name, **changes):
    size = {"NINTS": shape[0], "NGROUPS": shape[1], "SUBSIZE1": shape[3], "SUBSIZE2": shape[2], "FILENAME": name}
    unit = fits.PrimaryHDU()
    for key, value in {**PRIMARY, **size, **changes}.items():
        if value is not None:
            unit.header[key.replace("__", "-")] = value
    frames, gap, seconds = (unit.header.get(key) for key in ("NFRAMES", "GROUPGAP", "TFRAME"))
    if "TGROUP" not in changes and isinstance(frames, int) and isinstance(gap, int) and seconds:
        unit.header["TGROUP"] = (frames + gap) * seconds
    return unit


def image(name, data, **cards):
    unit = fits.ImageHDU(data, name=name)
    unit.header.update(cards)
    return unit


def times(integrations):
    rows = np.zeros(integrations, TIMES)
    rows["integration_number"] = np.arange(integrations) + 1
    rows["int_mid_MJD_UTC"] = 60345.25 + np.arange(integrations)
    return fits.BinTableHDU(rows, name="INT_TIMES")


def uncal(folder, data=None, *, name="jw01_nrca1_uncal.fits", zero=False, more=(), **changes):
    """Write an uncal file."""
    data = counts() if data is None else data
    sky = {"BUNIT": "DN", "CRVAL1": 250.4, "CTYPE1": "RA---TAN", "RADESYS": "ICRS"}
    units = [primary(data.shape, name, **changes), image("SCI", data, **sky), times(data.shape[0])]
    if zero:
        units.append(image("ZEROFRAME", data[:, 0]))
    fits.HDUList([*units, *more]).writeto(folder / name, overwrite=True)
    return folder / name


def ramp(folder, data, *, pixeldq=None, groupdq=None, name="jw01_nrca1_ramp.fits", **changes):
    """Write a ramp file: float32, with both quality planes."""
    pixeldq = np.zeros(data.shape[-2:], np.uint32) if pixeldq is None else pixeldq
    groupdq = np.zeros(data.shape, np.uint8) if groupdq is None else groupdq
    quality = [image("PIXELDQ", pixeldq), image("GROUPDQ", groupdq)]
    return uncal(folder, data.astype(np.float32), name=name, more=quality, **changes)


def definitions(names):
    """Return a DQ_DEF table in which the given names have the bits 0, 1, 2 ..."""
    kind = [("BIT", ">i4"), ("VALUE", ">i4"), ("NAME", "S40"), ("DESCRIPTION", "S80")]
    rows = np.array([(i, 1 << i, name, "") for i, name in enumerate(names)], kind)
    return fits.BinTableHDU(rows, name="DQ_DEF")


def reference(folder, kind, data, *, unit="SCI", quality=None, names=(), name=None, more=(), **changes):
    """Write a reference file of one kind."""
    shape = np.shape(data)[-2:]
    first = fits.PrimaryHDU()
    said = {"TELESCOP": "JWST", "REFTYPE": kind.upper(), "INSTRUME": "NIRCAM", "DETECTOR": "NRCA1",
            "SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": shape[1], "SUBSIZE2": shape[0], **changes}  # fmt: skip
    for key, value in said.items():
        if value is not None:
            first.header[key] = value
    units = [first, *([] if unit is None else [image(unit, data)])]
    if quality is not None:
        units += [image("DQ", quality), *([definitions(names)] if names else [])]
    path = folder / (name or f"{kind}.fits")
    fits.HDUList([*units, *more]).writeto(path, overwrite=True)
    return path
