"""Noise maps as files: everything comes back, and what does not fit is refused."""

import json
import pickle
from dataclasses import fields

import numpy as np
import pytest

import obverse as ob
from obverse import DataError, Flag, io
from obverse.darks import Maps, NoiseMaps
from obverse.darks.profile import NoiseProfile
from obverse.darks.verdicts import StackReport
from obverse.geometry import Amplifier, Geometry
from obverse.io.corgi_maps_write import noise_maps_to_hdus
from tests.io.corgi_making import cards, history

SHAPE = (12, 16)
GEOMETRY = Geometry(
    (8, 6), (Amplifier("1", (0, 8), (0, 6)),), prescan=8, overscan=2, parallel_overscan=4,
    reference=(2, 0, 0, 2), telemetry=(11, 12),
)  # fmt: skip


def maps(**more):
    """Return noise maps in which every field says something, NaN in the rows of telemetry."""
    rng = np.random.default_rng(8)
    planes = rng.normal(0, 1, (9, *SHAPE))
    planes[:, -1] = np.nan
    clipped = Maps(planes[0], np.maximum(planes[1], 0), np.maximum(planes[2], 0))
    flags = np.zeros(SHAPE, np.uint32)
    flags[1, 2], flags[3, 4] = Flag.HOT | Flag.JUMP_DET, Flag.REFERENCE_PIXEL
    told = {
        "cross": planes[6:9],
        "unclipped": Maps(*planes[:3]),
        "geometry": GEOMETRY,
        "bias_offset": 0.25,
        "bias_offset_low": 0.1,
        "bias_offset_up": 0.5,
        "bias_offset_error": 0.25,
        "r_squared": rng.uniform(size=SHAPE),
        "chi_square": rng.uniform(size=SHAPE),
        "unreliable": rng.integers(0, 4, SHAPE),
        "means": {"fpn": 21.0, "cic": 0.02, "dark_current": 8.33e-4},
        "medians": {"fpn": 20.5, "cic": 0.01, "dark_current": 8e-4},
        "map_variances": {"fpn": 0.1, "cic": 1e-5, "dark_current": 1e-9},
        "stacks": tuple(
            StackReport(time, 2.0, k, 30, 29.5, 1e4, 1.01e4, 1.02, -0.1, 0.7, verdict)
            for time, k, verdict in [(2.0, 8.7, "fits"), (18.333333333333332, None, "level differs by 3 e")]
        ),
        "n_frames": 59,
        "skipped": ("bad_\u00e9.fits",),
        "profile": NoiseProfile(1e4, 0.02, 8e-4, 604),
        **more,
    }
    return NoiseMaps(clipped.fpn, clipped.cic, clipped.dark_current, *np.abs(planes[3:6]), flags, **told)


def assert_same(one, other):
    for item in fields(NoiseMaps):
        a, b = getattr(one, item.name), getattr(other, item.name)
        if isinstance(a, Maps):
            for key in ("fpn", "cic", "dark_current"):
                np.testing.assert_array_equal(getattr(a, key), getattr(b, key), strict=True)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=item.name, strict=True)
        else:
            assert a == b or (a != a and b != b), item.name


@pytest.mark.parametrize("read_noise", [165.0, float("nan")])
def test_everything_comes_back(tmp_path, read_noise):
    path = tmp_path / "cgi_x_dnm_cal.fits"
    made = maps(read_noise=read_noise)
    io.write_noise_maps(made, path)
    assert_same(io.read_noise_maps(path), made)
    np.testing.assert_array_equal(io.read_noise_maps(path).covariance, made.covariance)


def test_everything_comes_back_from_a_pickle():
    made = maps()
    assert_same(pickle.loads(pickle.dumps(made)), made)  # noqa: S301 (made here)


def test_bare_maps_come_back(tmp_path):
    made = NoiseMaps(np.ones(SHAPE), np.zeros(SHAPE), np.zeros(SHAPE))
    io.write_noise_maps(made, tmp_path / "x_dnm_cal.fits")
    assert_same(io.read_noise_maps(tmp_path / "x_dnm_cal.fits"), made)


def test_file_is_what_the_pipeline_expects(tmp_path):
    path = tmp_path / "x_dnm_cal.fits"
    io.write_noise_maps(maps(), path, provenance={"SEED": "4"})
    units = {hdu.name: hdu for hdu in io.open_fits(path)}
    header = units[""].header
    assert (header["DATATYPE"], header["B_O"], header["B_O_ERR"], header["B_O_UNIT"]) == (
        "DetectorNoiseMaps", 0.25, 0.25, "DN",
    )  # fmt: skip
    assert (header["FPN_IMM"], header["CIC_IMM"], header["DC_IMM"], header["FPN_IMME"]) == (21.0, 0.02, 8.33e-4, 20.5)
    assert units[""].data.shape == (3, *SHAPE)
    assert units["ERR"].data.shape == (1, 3, *SHAPE)
    assert units["DQ"].data.shape == (3, *SHAPE)
    assert (units["DQ"].data[:, 1, 2] == 8 | 128).all()
    assert units["PRIMARY"].header["SEED"] == "4"


def test_history_names_every_stack_on_one_card(tmp_path):
    stacks = tuple(StackReport(2.0 + i / 3, 2.0, 8.7, 30, 30.0, 1.0, 1.0, 1.0, 0.0, 0.0, "fits") for i in range(49))
    path = tmp_path / "x_dnm_cal.fits"
    io.write_noise_maps(maps(stacks=stacks), path)
    lines = [card.value for card in io.open_fits(path)[1].header.cards if card.key == "HISTORY"]
    assert "[2.0, 2.0, 30.0]" in " ".join(lines)
    assert all(str([s.time, s.gain, s.used]) in " ".join(lines) for s in stacks)
    assert all(line.count("[") == line.count("]") for line in lines)


def pipeline_hdus(shape=SHAPE, image=(), **more):
    """Return the units of a file of the pipeline."""
    told = {"DATATYPE": "DetectorNoiseMaps", "B_O": 0.5, "B_O_ERR": 0.1, "FPN_IMM": 21.0, "CIC_IMM": -999.0,
            "DRPNFILE": 1470, **dict(image)}  # fmt: skip
    planes = {"ERR": np.ones((1, 3, *shape), "f4"), "DQ": np.zeros((3, *shape), "u2"), **more}
    data = planes.pop("data", np.ones((3, *shape), "f4"))
    hdus = [io.Hdu(0, "PRIMARY", 1, cards({"TELESCOP": "ROMAN", "INSTRUME": "CGI"}), None)]
    hdus += [io.Hdu(1, "", 1, cards(told, *history("made of ...")), data)]
    return hdus + [io.Hdu(0, name, 1, cards({}), plane) for name, plane in planes.items() if plane is not None]


def test_maps_of_the_pipeline_are_read(tmp_path):
    dq = np.zeros((3, *SHAPE), "u2")
    dq[2, 3, 4] = 4
    io.write_fits(tmp_path / "a.fits", pipeline_hdus(DQ=dq))
    found = io.read_noise_maps(tmp_path / "a.fits", geometry=GEOMETRY)
    assert (found.bias_offset, found.bias_offset_error, found.n_frames) == (0.5, 0.1, 1470)
    assert (dict(found.means), dict(found.medians)) == ({"fpn": 21.0}, {})
    assert found.flags[3, 4] == Flag.DEAD | Flag.DO_NOT_USE
    assert found.geometry == GEOMETRY
    assert (found.fpn_error == 1).all()


@pytest.mark.parametrize(
    ("hdus", "words"),
    [
        (pipeline_hdus(image={"B_O": None}), ("B_O", "missing")),
        (pipeline_hdus(image={"B_O_ERR": -1.0}), ("B_O_ERR", "less than 0")),
        (pipeline_hdus(image={"DATATYPE": "Dark"}), ("DATATYPE", "no noise maps")),
        (pipeline_hdus(data=np.ones((2, *SHAPE), "f4")), ("NAXIS", "(2, 12, 16)")),
        (pipeline_hdus(ERR=np.ones((3, *SHAPE), "f4")), ("ERR/NAXIS", "(1, 3, 12, 16)")),
        (pipeline_hdus(ERR=None), ("ERR", "missing")),
        (pipeline_hdus(DQ=np.ones((3, 2, 2), "u2")), ("DQ/NAXIS", "(3, 2, 2)")),
        (pipeline_hdus(OBV_META=np.ones((2, 2), "f4")), ("OBV_META", "KEY and VALUE")),
        (pipeline_hdus(OBV_META=np.array([(b"a", b"{")], [("KEY", "S1"), ("VALUE", "S1")])), ("OBV_META", "damaged")),
        (pipeline_hdus(CROSS=np.ones((3, 2, 2), "f4")), ("cross", "(3, 2, 2)")),
        (pipeline_hdus(CROSS=np.ones(SHAPE, "f4")), ("cross", "(12, 16)")),
        (pipeline_hdus(CROSS=np.ones((5, *SHAPE), "f4")), ("cross", "(5, 12, 16)")),
        (pipeline_hdus(R_SQUARED=np.ones((2, *SHAPE), "f4")), ("r_squared", "(2, 12, 16)")),
        (
            pipeline_hdus(OBV_META=np.array([(b"a", b"[" * 200_000)], [("KEY", "S1"), ("VALUE", "S200000")])),
            ("OBV_META", "damaged"),
        ),
    ],
)
def test_bad_maps_are_one_clear_line(tmp_path, hdus, words):
    path = tmp_path / "x_dnm_cal.fits"
    io.write_fits(path, hdus)
    with pytest.raises(DataError) as told:
        io.read_noise_maps(path)
    assert "\n" not in str(told.value)
    assert all(word in str(told.value) for word in words), told.value


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bias_offset", "abc", "bias_offset is 'abc'"),
        ("bias_offset", True, "bias_offset is True"),
        ("n_frames", "abc", "n_frames is 'abc'"),
        ("n_frames", 2.5, "n_frames is 2.5"),
        ("n_frames", -1, "n_frames is -1"),
        ("means", {"fpn": "x"}, "means.fpn is 'x'"),
        ("means", [1.0], "damaged"),
        ("skipped", [3], "skipped holds 3"),
        ("profile", {"read_variance": "a", "cic": "b", "dark_current": "c", "stages": 604}, "read_variance is 'a'"),
        ("profile", {"read_variance": 1.0, "cic": 0.1, "dark_current": 0.1, "stages": -4}, "profile"),
        ("profile", {"read_variance": -1.0, "cic": 0.1, "dark_current": 0.1, "stages": 4}, "negative"),
        ("geometry", {"shape": "x"}, "damaged"),
    ],
)
def test_what_maps_say_of_themselves_has_its_kind(tmp_path, key, value, words):
    hdus = noise_maps_to_hdus(maps(), "x")
    table = {row["KEY"].decode(): row["VALUE"] for row in next(hdu.data for hdu in hdus if hdu.name == "OBV_META")}
    table[key] = json.dumps(value).encode()
    width = max(map(len, table.values()))
    changed = np.array([(k.encode(), v) for k, v in table.items()], [("KEY", "S20"), ("VALUE", f"S{width}")])
    hdus = [io.Hdu(h.index, h.name, 1, h.header, changed) if h.name == "OBV_META" else h for h in hdus]
    io.write_fits(tmp_path / "x.fits", hdus)
    with pytest.raises(DataError) as told:
        io.read_noise_maps(tmp_path / "x.fits")
    assert "\n" not in str(told.value)
    assert words in str(told.value)


def test_noise_maps_are_no_frame(tmp_path):
    io.write_noise_maps(maps(), tmp_path / "x_dnm_cal.fits")
    with pytest.raises(DataError, match="read_noise_maps"):
        ob.read(tmp_path / "x_dnm_cal.fits")
