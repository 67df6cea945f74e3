"""Dialects are found by looking, ours first, then others', then any CCD."""

from types import SimpleNamespace

import numpy as np
import pytest

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.io import (
    OWN,
    Cargo,
    Dialect,
    Keywords,
    bare_name,
    dialect_of,
    dialects,
    files,
    product_writer,
    read,
    sections,
    write,
)
from obverse.io.jwst import Jwst
from obverse.io.roman import Roman
from tests.io.making import REAL, put, raw


class Other(Dialect):
    """A dialect of somebody else: files with a keyword of their own."""

    def recognises(self, hdus):
        return hdus[0].header.get("INSTRUME") == "OTHER"

    def read(self, hdus, *, path, keywords, overrides):
        return Frame(hdus[0].data, "electron", cargo=(str(path), keywords, overrides))


def test_a_dialect_of_a_third_party_is_asked(tmp_path, monkeypatch):
    class Entry:
        name = "other"

        @staticmethod
        def load():
            return Other()

    monkeypatch.setattr(files, "entry_points", lambda group: [Entry] if group == "obverse.io" else [])
    dialects.cache_clear()
    try:
        frame = read(put(tmp_path, raw(extra=[("INSTRUME", "OTHER")])), overrides={"A": "1"})
    finally:
        dialects.cache_clear()
    assert frame.unit == "electron"
    assert frame.cargo[2] == {"A": "1"}


def test_the_map_of_keywords_comes_from_the_detector(tmp_path):
    class Detector:
        file = Keywords(exposure_time="EXPOSED", gain=None, read_noise=None)

    assert read(put(tmp_path, raw(extra=[("EXPOSED", 12.0)])), detector=Detector()).exposure.seconds == 12


def test_a_product_cannot_be_overridden(tmp_path):
    write(Frame(np.ones((2, 2), "f4"), "electron"), tmp_path / "a.fits")
    with pytest.raises(UsageError, match="--set GAIN"):
        read(tmp_path / "a.fits", overrides={"GAIN": "2"})


def test_headers_of_the_raw_file_are_carried_into_the_product(tmp_path):
    frame = read(put(tmp_path, raw(extra=[("EXPTIME", 1.0), ("OBJECT", "M 13"), ("SEEING", b"                  ??")])))
    write(frame, tmp_path / "out.fits")
    carried = read(tmp_path / "out.fits").cargo.headers[0]
    assert carried["OBJECT"] == "M 13"
    assert carried["ORIGHDU"] == "PRIMARY"
    assert any("SEEING = ??" in str(card.value) for card in carried.cards)


def test_importing_io_does_not_import_astropy():
    import subprocess
    import sys

    code = "import sys, obverse.io; sys.exit('astropy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- real files ---


def real(name):
    path = REAL / name
    return pytest.param(path, marks=pytest.mark.skipif(not path.exists(), reason=f"real data ({name}) are not here"))


KAST = Keywords(gain=None, read_noise=None, kind="OBSTYPE", first_of=["OBSTYPE"], filter="GRISM_N")


@pytest.mark.parametrize("path", [real("kast_blue/b27.fits.gz")])
def test_a_kast_frame_is_read_as_astropy_reads_it(path):
    from astropy.io import fits

    frame = read(path, detector=KAST)
    assert (frame.shape, frame.exposure.seconds, frame.exposure.filter) == ((350, 2112), 1200.0, "600/4310")
    np.testing.assert_array_equal(frame.data, fits.getdata(path))
    assert sections(frame.cargo.headers[0], frame.shape).data.columns == (0, 2048)


@pytest.mark.parametrize("path", [real("saao/a8280271.fits")])
def test_a_saao_frame_and_its_sections_are_read(path):
    frame = read(path, detector=Keywords())
    found = sections(frame.cargo.headers[0], frame.shape)
    assert (found.trim.columns, found.bias.columns) == ((16, 528), (3, 13))
    bias, trim = frame.data[found.bias.slices], frame.data[found.trim.slices]
    assert bias.mean() < trim.mean()
    assert bias.std() * frame.exposure.k_gain == pytest.approx(5.0, rel=0.3)  # RDNOISE of the header


LSST = Keywords(gain=None, read_noise=None, hdu=["Segment00", "Segment01"])


@pytest.mark.parametrize("path", [real("lsst/ts8_RTM-010_S11_flat_201807241028453.fits.gz")])
def test_amplifiers_of_a_real_rubin_flat_are_read_and_the_empty_one_flagged(path):
    with pytest.warns() as caught:  # somebody zeroed its pixels and left the sums
        frame = read(path, detector=LSST, ignore_checksum=True)
    assert sum("DATASUM" in str(warning.message) for warning in caught) == 15
    assert frame.shape == (2, 2048, 576)
    assert (frame.flags[1] == 1).all()
    assert not frame.flags[0].any()


@pytest.mark.parametrize("path", [real("lt_sprat/v_e_20180810_12_1_0_0.fits.gz"), real("esis/led/ESIS1_04803.fit.gz")])
def test_other_raw_frames_are_read_as_astropy_reads_them(path):
    from astropy.io import fits

    frame = read(path, detector=Keywords(exposure_time=None, gain=None, read_noise=None, start=None))
    assert frame.data.dtype == np.uint16
    np.testing.assert_array_equal(frame.data, fits.getdata(path))


# --- dialects of others ---


class Text(Dialect):
    """A dialect of files that are no FITS, with products and raw files of its own."""

    levels = ("_first",)

    def claims(self, path):
        return str(path).endswith("other.asdf")

    def read_file(self, path, *, keywords, overrides, ignore_checksum, max_bytes):
        return Frame(np.ones((2, 2), "f4"), "electron/s", cargo=Cargo(str(path)))

    def writes(self, name):
        return name.endswith(".text")

    def write(self, frame, path, *, provenance, overwrite=False):
        path.write_text(frame.unit)

    def product_names(self, stem, *, segments=False):
        return (f"{stem}_last.text",)


@pytest.fixture
def registered(monkeypatch):
    """Return a function that registers a dialect as an installed package would."""

    def register(made):
        entry = SimpleNamespace(name="other", load=lambda: made)
        monkeypatch.setattr(files, "entry_points", lambda group: [entry] if group == "obverse.io" else [])
        dialects.cache_clear()

    yield register
    monkeypatch.undo()
    dialects.cache_clear()


def test_a_third_party_may_read_asdf_and_write_files_of_its_own(tmp_path, registered):
    registered(Text)
    frame = read(tmp_path / "x_first.other.asdf")
    assert frame.unit == "electron/s"
    writer = product_writer(frame)
    assert isinstance(writer, Text)
    assert writer.product_names(writer.stem("a/x_first.asdf")) == ("x_last.text",)
    assert product_writer(frame, ("adc", "bias")) is OWN
    write(frame, tmp_path / "x.text")
    assert (tmp_path / "x.text").read_text() == "electron/s"
    assert isinstance(dialect_of("r0_uncal.asdf"), Roman)  # all other ASDF files are still Roman's


def test_what_is_no_dialect_is_refused_with_its_name(registered):
    registered(object)
    with pytest.raises(UsageError, match=r"obverse\.io/other: .* is no obverse\.io\.Dialect"):
        dialects()


@pytest.mark.parametrize(
    ("name", "alone"),
    [("x_uncal.fits", "x"), ("x_ramp.fits.gz", "x"), ("x_cal.asdf", "x"), ("x_raw.FITS", "x"), ("b27.fit.gz", "b27")],
)
def test_all_dialects_together_know_the_bare_name(name, alone):
    assert bare_name(name) == alone


def test_a_level_of_another_observatory_is_part_of_the_name():
    assert OWN.stem("led_ramp.fits") == "led_ramp"
    assert Jwst().stem("led_ramp.fits") == "led"
    assert Roman().stem("led_ramp.asdf") == "led_ramp"


@pytest.mark.parametrize("segments", [False, True])
def test_the_names_told_before_the_fit_are_those_of_the_products(segments):
    names = Jwst().product_names("x", segments=segments)
    assert names == ("x_rate.fits", "x_rateints.fits", "x_fitopt.fits")[: 3 if segments else 2]
