"""Reference files that people have: DN become electrons, maps are cut to the subarray, the wrong ones are refused."""

import numpy as np
import pytest

import obverse as ob
from obverse import Flag
from obverse.detector_file import aliases
from obverse.effects import nonlinearity, registry
from obverse.effects.nonlinearity import Nonlinearity
from obverse.errors import DataError, UsageError
from obverse.geometry import Section
from obverse.io import read_reference
from obverse.reference_effects import _MAKERS, above
from obverse.references import KINDS, Reads, Reference, Setup, chosen_for, read_references
from tests.io import jwst_files as jf

SHAPE = (24, 32)
RANDOM = np.random.default_rng(5)
GAIN = RANDOM.uniform(1.8, 2.2, SHAPE)
BIAS = RANDOM.uniform(9000, 11000, SHAPE)
HERE = Setup("NIRCAM", "NRCA1", Section((0, 24), (0, 32)), "RAPID")


GAIN_ALONE = Reference("gain", "NIRCAM", "NRCA1", HERE.section, {"gain": GAIN.astype(np.float32)})


def said_of(setup):
    return setup.instrument, setup.detector, setup.section, setup.readout


def nircam():
    return ob.Detector.load("jwst_nircam").resized(SHAPE)


def straight():
    """Coefficients of the powers 0 to 3 in DN, as a JWST linearity file holds them, with an offset and a slope."""
    c = np.zeros((4, *SHAPE), np.float32)
    c[0], c[1], c[2], c[3] = 3.0, 1.02, 2e-6, 1e-11
    return c


def test_gain_and_noise_become_electrons_of_a_single_read(tmp_path):
    noise = jf.reference(tmp_path, "readnoise", np.full(SHAPE, 8.0, np.float32))
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    belief = nircam().with_references([noise, gain], HERE)  # in any order
    np.testing.assert_allclose(belief.effect("gain").gain, GAIN, rtol=1e-6)
    # the noise of a difference of two reads, in DN
    np.testing.assert_allclose(belief.effect("read_noise").sigma, 8.0 / np.sqrt(2.0) * GAIN, rtol=1e-6)
    assert belief.effect("gain").source == "gain.fits"


def test_a_pixel_without_gain_has_none(tmp_path):
    gain = GAIN.astype(np.float32)
    gain[2, 3], gain[4, 5] = -1.0, np.nan
    belief = nircam().with_references([jf.reference(tmp_path, "gain", gain)], HERE)
    assert np.argwhere(np.isnan(belief.effect("gain").gain)).tolist() == [[2, 3], [4, 5]]


def test_the_level_is_that_of_the_superbias(tmp_path):
    path = jf.reference(tmp_path, "superbias", BIAS.astype(np.float32))
    belief = nircam().with_references([path], HERE)
    np.testing.assert_array_equal(belief.effect("bias").level, BIAS.astype(np.float32))


def test_the_polynomial_in_dn_straightens_to_the_same_counts(tmp_path):
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    line = jf.reference(tmp_path, "linearity", straight(), unit="COEFFS")
    belief = nircam().with_references([gain, line], HERE)
    counts = RANDOM.uniform(100.0, 30000.0, SHAPE)
    y = counts * GAIN
    at = ob.Moment(ob.Exposure(), belief.geometry)
    found = belief.effect("nonlinearity").correct(ob.Frame(y.astype("f4"), "electron"), at).data / GAIN
    c = straight().astype(np.float64)
    np.testing.assert_allclose(found, c[0] + c[1] * counts + c[2] * counts**2 + c[3] * counts**3, rtol=2e-6)


def test_saturation_is_flagged_at_the_number_that_the_file_says(tmp_path):
    threshold = RANDOM.uniform(40000.0, 60000.0, SHAPE).astype(np.float32)
    threshold[6, 7] = np.nan
    files = [
        jf.reference(tmp_path, "saturation", threshold),
        jf.reference(tmp_path, "superbias", BIAS.astype(np.float32)),
        jf.reference(tmp_path, "gain", GAIN.astype(np.float32)),
        jf.reference(tmp_path, "linearity", straight(), unit="COEFFS"),
    ]
    belief = nircam().with_references(files, HERE)
    belief = belief.with_effect(belief.effect("saturation").replace(grow=0))  # each pixel for itself
    pattern = ob.ReadPattern.even(2, frame_time=10.0)
    for offset, flagged in ((-1.0, False), (1.0, True)):  # one DN below and above
        cube = np.stack([BIAS, np.nan_to_num(threshold, nan=65000.0) + offset])[None].astype(np.float32)
        raw = ob.Frame(
            cube, "DN", ("integration", "resultant", "row", "column"), exposure=ob.Exposure("a", pattern=pattern)
        )
        done = belief.recipe().until("saturation").run(raw)
        found = (done.flags[0, 1] & Flag.SATURATED) != 0
        expected = np.full(SHAPE, flagged)
        expected[6, 7] = False
        np.testing.assert_array_equal(found, expected)
        assert done.pixel_flags[6, 7] & Flag.NO_SAT_CHECK


def test_flags_are_translated_by_name_and_added_up(tmp_path):
    quality = np.zeros(SHAPE, np.uint8)
    quality[1, 1], quality[2, 2] = 0b011, 0b100
    mask = jf.reference(
        tmp_path, "mask", quality, unit=None, quality=quality, names=("DO_NOT_USE", "DEAD", "HOT", "NOT_OURS")
    )
    bad = np.zeros(SHAPE, np.uint8)
    bad[2, 2], bad[3, 3] = 0b01, 0b10
    bias = jf.reference(
        tmp_path, "superbias", BIAS.astype("f4"), quality=bad, names=("UNRELIABLE_BIAS", "MSA_FAILED_OPEN")
    )
    belief = nircam().with_references([mask, bias], HERE)
    flags = belief.effect("bad_pixels").flags
    assert flags[1, 1] == Flag.DO_NOT_USE | Flag.DEAD
    assert flags[2, 2] == Flag.HOT | Flag.UNRELIABLE_BIAS
    assert flags[3, 3] == 0
    assert belief.steps[0] == "bad_pixels"


def test_a_flat_is_divided_out_behind_the_fit_with_its_error(tmp_path):
    response = RANDOM.uniform(0.9, 1.1, SHAPE).astype(np.float32)
    response[0, 0] = 0.0
    error = jf.image("ERR", np.full(SHAPE, 0.01, np.float32))
    belief = nircam().with_references([jf.reference(tmp_path, "flat", response, more=[error])], HERE)
    assert belief.steps.index("flat") > belief.steps.index("estimate")
    flat = belief.effect("flat")
    assert np.isnan(flat.response[0, 0])
    np.testing.assert_array_equal(flat.response.ravel()[1:], response.ravel()[1:])
    assert (flat.error == np.float32(0.01)).all()


def test_a_dark_ramp_is_subtracted_group_by_group_in_electrons(tmp_path):
    dark = np.cumsum(RANDOM.uniform(1.0, 3.0, (4, *SHAPE)), axis=0).astype(np.float32)
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    path = jf.reference(tmp_path, "dark", dark, NFRAMES=1, GROUPGAP=0, TFRAME=10.0)
    belief = nircam().with_references([path, gain], HERE)
    assert not belief.has("dark_current")
    assert belief.steps.index("nonlinearity") < belief.steps.index("dark_ramp") < belief.steps.index("cosmic_rays")
    here = ob.Exposure("a", pattern=ob.ReadPattern.even(4, frame_time=10.0))
    frame = ob.Frame(
        np.zeros((1, *dark.shape), "f4"), "electron", ("integration", "resultant", "row", "column"), exposure=here
    )
    done = belief.effect("dark_ramp").correct(frame, ob.Moment.of(frame, belief.geometry))
    np.testing.assert_allclose(done.data[0], -dark * GAIN, rtol=1e-5)


def test_a_dark_ramp_without_times_is_refused(tmp_path):
    path = jf.reference(tmp_path, "dark", np.ones((4, *SHAPE), np.float32))
    with pytest.raises(DataError, match=r"dark\.fits: TFRAME: missing"):
        nircam().with_references([path], HERE)


def test_a_shifted_polynomial_is_the_same_curve_from_another_zero():
    c, level = RANDOM.normal(0, [[[1.0]], [[1.0]], [[1e-6]], [[1e-11]], [[1e-16]]], (5, 3, 4)), np.full((3, 4), 8000.0)
    level[1, 1] = -30.0
    y = RANDOM.uniform(0, 5e4, (3, 4))
    found = sum(above(c, level)[k] * y**k for k in range(5))
    whole, empty = (sum(c[k] * x**k for k in range(5)) for x in (y + level, level))
    np.testing.assert_allclose(found, whole - empty, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "said"),
    [("jwst_miri", ("MIRI", "MIRIMAGE")), ("roman_wfi", ("WFI", "WFI01"))],
)
def test_polynomials_of_the_counts_as_they_are_meet_those_counts(name, said):
    """The level is typical and wrong here; what a polynomial of raw counts sees must not depend on it."""
    shape = (64, 64) if name == "jwst_miri" else (64, 256)
    c = np.array([-60.0, 1.01, -2e-6, 3e-11])
    line = Reference(
        "linearity",
        *said,
        Section((0, shape[0]), (0, shape[1])),
        {"coefficients": np.tile(c[:, None, None], (1, *shape))},
        of_counts=True,
    )
    own = ob.Detector.load(name).resized(shape)
    belief = own.with_references([line])
    assert belief.steps.index("bias") < belief.steps.index("nonlinearity")
    assert belief.has("bias")
    gain, pedestal = own.effect("gain").gain, 7321.0  # no level of ours
    pattern = ob.ReadPattern.even(6, frame_time=3.0)
    counts = pedestal + np.arange(6.0)[:, None, None] * RANDOM.uniform(500.0, 2000.0, shape)
    drift = np.array([0.0, 40.0, -25.0, 60.0, 10.0, -30.0])[:, None, None]
    frame = ob.Frame(
        np.float32(np.where(own.geometry.sensitive, counts, pedestal) + drift)[None],
        "DN",
        ("integration", "resultant", "row", "column"),
        exposure=ob.Exposure("a", pattern=pattern),
    )
    aside = {"adc", "saturation", "dark_decay", "interpixel_capacitance"} & set(belief.steps)
    done = belief.recipe().until("nonlinearity").without(*aside).run(frame)
    found = (done.data[0] - done.data[0, 0])[:, own.geometry.sensitive] / gain
    straight = np.polynomial.polynomial.polyval(counts, c)
    expected = (straight - straight[0])[:, own.geometry.sensitive]
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=0.02)
    assert done.data[0, 0][own.geometry.sensitive].max() < 2e4  # the signal begins near zero, not at P(level)


@pytest.mark.parametrize("where", ["reference", "exposure"])
def test_a_second_gain_setting_gives_the_same_electrons_and_twice_the_counts(tmp_path, where):
    said = {"GAINFACT": 2.0} if where == "reference" else {}
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32), **said)
    setup = Setup(*said_of(HERE), gain_factor=2.0 if where == "exposure" else 1.0)
    plain, twice = nircam().with_references([GAIN_ALONE], HERE), nircam().with_references([gain], setup)
    cube = RANDOM.uniform(11000.0, 20000.0, (1, 2, *SHAPE)).astype(np.float32)
    exposure = ob.Exposure("a", pattern=ob.ReadPattern.even(2, frame_time=10.0))
    frame = ob.Frame(cube, "DN", ("integration", "resultant", "row", "column"), exposure=exposure)
    one, other = (belief.recipe().until("gain").run(frame).data for belief in (plain, twice))
    np.testing.assert_allclose(other, one, rtol=2e-6)
    np.testing.assert_allclose(twice.effect("gain").gain, GAIN / 2.0, rtol=1e-6)  # what products divide by
    assert [e.name for e in twice.effects].index("gain_scale") < [e.name for e in twice.effects].index("bias")
    charge = RANDOM.uniform(0.0, 1e4, SHAPE)
    np.testing.assert_allclose(twice.respond(charge), plain.respond(charge), rtol=2e-6)


def test_without_a_gain_reference_the_typical_gain_is_that_of_the_usual_setting():
    belief = nircam().with_references([], Setup(*said_of(HERE), gain_factor=2.0))
    assert belief.effect("gain").gain == nircam().effect("gain").gain
    assert belief.effect("gain_scale").factor == 2.0
    assert belief.steps.index("gain_scale") == belief.steps.index("gain") - 1


# --- what fits, and what does not ---


def test_a_subarray_is_cut_out_of_a_full_frame_reference(tmp_path):
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    part = Section((4, 12), (8, 24))
    small = ob.Detector.load("jwst_nircam").resized(part.shape)
    belief = small.with_references([gain], Setup("NIRCAM", "NRCA1", part))
    np.testing.assert_array_equal(belief.effect("gain").gain, GAIN.astype(np.float32)[4:12, 8:24])


def test_a_subarray_reference_serves_a_smaller_subarray(tmp_path):
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32), SUBSTRT1=101, SUBSTRT2=201)
    part = Section((204, 212), (108, 124))
    belief = ob.Detector.load("jwst_nircam").resized(part.shape).with_references([gain], Setup(section=part))
    np.testing.assert_array_equal(belief.effect("gain").gain, GAIN.astype(np.float32)[4:12, 8:24])


@pytest.mark.parametrize(
    ("said", "setup", "says"),
    [
        ({"DETECTOR": "NRCB4"}, HERE, "gain.fits: detector: is for 'NRCB4', the data are of 'NRCA1'"),
        ({"INSTRUME": "MIRI"}, HERE, "instrument: is for 'MIRI', the data are of 'NIRCAM'"),
        ({"SUBSTRT1": 9}, HERE, r"covers \[9:40,1:24\] of the sensor, \[1:32,1:24\] is needed"),
        ({"READPATT": "NRSIRS2"}, HERE, "readout: is for NRSIRS2, the data were read as RAPID"),
        ({"SUBSIZE1": 2048}, HERE, "SUBSIZE1: 2048, the array has 32"),
    ],
)
def test_a_reference_for_something_else_is_refused_in_one_line(tmp_path, said, setup, says):
    path = jf.reference(tmp_path, "gain", GAIN.astype(np.float32), **said)
    with pytest.raises(DataError, match=says) as caught:
        nircam().with_references([path], setup)
    assert len(str(caught.value).splitlines()) == 1
    assert "gain.fits" in str(caught.value)


@pytest.mark.parametrize("readout", ["ANY", "N/A", "BRIGHT1", "SHALLOW2|RAPID|"])
def test_a_reference_for_any_averaging_of_the_same_readout_serves(tmp_path, readout):
    path = jf.reference(tmp_path, "gain", GAIN.astype(np.float32), P_READPA=readout)
    assert nircam().with_references([path], HERE).effect("gain").gain.shape == SHAPE


def test_references_of_two_detectors_are_refused_even_where_nobody_says_which(tmp_path):
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    noise = jf.reference(tmp_path, "readnoise", GAIN.astype(np.float32), DETECTOR="NRCA2")
    with pytest.raises(DataError, match="are for 'NRCA1' and 'NRCA2'"):
        nircam().with_references([gain, noise])


def test_a_directory_gives_all_its_references(tmp_path):
    jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    jf.reference(tmp_path, "superbias", BIAS.astype(np.float32))
    assert {each.kind for each in read_references([tmp_path])} == {"gain", "superbias"}
    jf.reference(tmp_path, "gain", GAIN.astype(np.float32), name="other.fits")
    with pytest.raises(DataError, match="are both a gain reference"):
        read_references([tmp_path])


def test_a_directory_of_two_detectors_gives_each_its_own(tmp_path):
    for detector, factor in (("NRCA1", 1.0), ("NRCA2", 2.0)):
        jf.reference(tmp_path, "gain", (factor * GAIN).astype(np.float32), name=f"{detector}.fits", DETECTOR=detector)
    found = read_references([tmp_path])
    assert len(found) == 2
    for detector, factor in (("NRCA1", 1.0), ("nrca2", 2.0)):
        (one,) = chosen_for(found, Setup("NIRCAM", detector))
        np.testing.assert_allclose(one.planes["gain"], factor * GAIN, rtol=1e-6)
    # nothing fits: what is given stays, and is refused where it is used
    assert len(chosen_for(found, Setup("NIRCAM", "NRCB1"))) == 2


def test_an_empty_directory_is_a_mistake(tmp_path):
    with pytest.raises(DataError, match="no FITS or ASDF file in it"):
        read_references([tmp_path])


@pytest.mark.parametrize(
    ("kind", "data", "unit", "says"),
    [
        ("photom", np.ones(SHAPE), "SCI", "REFTYPE: 'photom' is not used here"),
        ("gain", np.ones((2, *SHAPE)), "SCI", "3 axes where 2 are expected"),
        ("gain", np.ones(SHAPE), "OTHER", "SCI: missing"),
        ("linearity", np.ones((1, *SHAPE)), "COEFFS", "fewer than two coefficients"),
        ("mask", np.ones(SHAPE), "SCI", "DQ: missing"),
        ("mask", np.ones(SHAPE), "DQ", "DQ/BITPIX: float32 where whole numbers are expected"),
    ],
)
def test_what_is_no_such_reference_is_refused(tmp_path, kind, data, unit, says):
    path = jf.reference(tmp_path, kind, data.astype(np.float32), unit=unit)
    with pytest.raises(DataError, match=says):
        read_reference(path)


def test_a_reference_made_by_hand_is_checked():
    with pytest.raises(UsageError, match="did you mean 'gain'"):
        Reference("gains", "", "", Section((0, 1), (0, 1)), {})
    with pytest.raises(UsageError, match=r"gain has shape \(2, 2\)"):
        Reference("gain", "", "", Section((0, 1), (0, 1)), {"gain": np.ones((2, 2))})


def test_every_kind_finds_its_effect():
    assert set(_MAKERS) == set(KINDS)
    assert set(KINDS.values()) <= set(registry())


def test_roman_darks_are_a_rate(tmp_path):
    gain = jf.reference(tmp_path, "gain", GAIN.astype(np.float32))
    dark = Reference(
        "dark", "NIRCAM", "NRCA1", HERE.section, {"rate": np.full(SHAPE, 0.01), "error": np.full(SHAPE, 1e-3)}, "d.asdf"
    )
    belief = nircam().with_references([gain, dark], HERE)
    np.testing.assert_allclose(belief.effect("dark_current").rate, 0.01 * GAIN, rtol=1e-6)
    np.testing.assert_allclose(belief.effect("dark_current").error, 1e-3 * GAIN, rtol=1e-6)


def test_a_single_read_noise_is_not_divided():
    noise = Reference("readnoise", "", "", Section((0, 24), (0, 32)), {"single": np.full(SHAPE, 5.0)})
    sigma = nircam().with_references([noise]).effect("read_noise").sigma
    np.testing.assert_allclose(sigma, 5.0 * 2.05, rtol=1e-6)


def test_show_says_what_a_reference_holds(tmp_path):
    from obverse.show import describe

    path = jf.reference(tmp_path, "readnoise", np.full(SHAPE, 8.0, np.float32))
    lines = describe(str(path)).splitlines()
    assert lines[0].endswith("readnoise.fits: readnoise reference of NIRCAM, NRCA1, [1:32,1:24] of its sensor")
    assert lines[1] == "  cds = map (24, 32), mean 8, scatter 0"


# -- what a caller may build ----------------------------------------------------------------------------------

WHOLE = Section((0, SHAPE[0]), (0, SHAPE[1]))


def test_a_dark_ramp_of_a_caller_needs_its_frame_time_alone():
    ramp = np.ones((4, *SHAPE), np.float32)
    made = Reference("dark", "", "", WHOLE, {"ramp": ramp}, reads=Reads(10.0))
    effect = nircam().with_references([made]).effect("dark_ramp")
    assert (effect.frame_time, effect.frames, effect.gap) == (10.0, 1, 0)
    with pytest.raises(DataError, match="TFRAME: missing"):
        nircam().with_references([Reference("dark", "", "", WHOLE, {"ramp": ramp})])


@pytest.mark.parametrize(
    ("kind", "plane", "says"),
    [
        ("gain", "gian", "gain has no plane 'gian', did you mean 'gain'"),
        ("dark", "cds", "dark has no plane 'cds'"),
        ("readnoise", "flags", "readnoise without cds or single, give that plane"),
        ("mask", "error", "mask without flags"),
    ],
)
def test_a_plane_that_the_kind_does_not_have_is_refused(kind, plane, says):
    with pytest.raises(UsageError, match=says):
        Reference(kind, "", "", WHOLE, {plane: np.ones(SHAPE, np.uint32)})


@pytest.mark.parametrize(("instrument", "of_counts"), [("MIRI", True), ("NIRCAM", False)])
def test_the_file_says_whether_its_polynomial_is_of_the_counts(tmp_path, instrument, of_counts):
    path = jf.reference(tmp_path, "linearity", straight(), unit="COEFFS", INSTRUME=instrument)
    assert read_reference(path).of_counts is of_counts


def test_files_and_detectors_know_each_other_by_name():
    known = aliases()
    assert known["WFC3/IR"] == "hst_wfc3_ir"
    assert (known["NIRCAM/NRCB4"], known["NIRCAM/NRCBLONG"]) == ("jwst_nircam", "jwst_nircam_long")
    assert (known["MIRI/MIRIMAGE"], known["WFI/WFI18"]) == ("jwst_miri", "roman_wfi")
    for name in set(known.values()):
        assert ob.Detector.load(ob.Detector.load(name).to_toml()) == ob.Detector.load(name)


# -- a whole detector of polynomials ---------------------------------------------------------------------------


def test_pixels_whose_polynomial_turns_over_are_found_once_and_alike_in_strips(monkeypatch):
    shape = (nonlinearity._STRIP * 2 + 5, 8)
    c = np.zeros((3, *shape))
    c[1], c[2] = 1.0, -RANDOM.uniform(1e-6, 2e-5, shape)
    gain, highest = RANDOM.uniform(1.0, 2.0, shape), 40000.0
    judged = []
    together = nonlinearity._turned_together
    monkeypatch.setattr(nonlinearity, "_turned_together", lambda c, *more: judged.append(c.size) or together(c, *more))
    made = Nonlinearity.from_counts(c, gain, maximum=highest)
    assert sum(judged) == c.size
    turned = 1.0 + 2.0 * c[2] * highest < 0.05  # the slope at the end, gain or no gain
    assert 0.05 < turned.mean() < 0.95
    np.testing.assert_array_equal(np.isnan(made.coefficients).all(axis=0), turned)
    with pytest.raises(UsageError, match="turns over"):  # a copy with other numbers is judged again
        made.replace(maximum=1e9)
    np.testing.assert_allclose(made.coefficients[2][~turned], (c[2] / gain)[~turned], rtol=1e-7)
