"""Cards both ways, and getters that say what is wrong."""

import itertools

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from obverse.errors import DataError, UsageError
from obverse.io.cards import CARD, Card, Malformed, fits_header, parse_cards
from obverse.io.header import Header
from obverse.io.regions import Section, sections
from obverse.io.text import id_from_name, valid_id

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
values = st.one_of(
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    printable.map(str.rstrip),
)


def written(card):
    return fits_header([card]).tostring(padding=False, endcard=False)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=values, comment=st.text("abc '/&", max_size=30))
def test_a_card_comes_back_as_it_was_written(value, comment):
    text = written(Card("KEY", value, comment))
    assert len(text) % CARD == 0
    (found,) = parse_cards(text)
    assert found.value == value
    assert type(found.value) is type(value)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(value=values)
def test_astropy_reads_our_cards_as_we_do(value):
    from astropy.io import fits

    theirs = fits.Header.fromstring(written(Card("KEY", value)) + "END".ljust(80))["KEY"]
    assert theirs == value


@pytest.mark.parametrize(
    ("value", "comment"),
    [
        ("5'/8 slit", ""),  # astropy reads 5'
        ("x'/", "it's"),
        ("", "'"),
        ("'/ '/", "x"),
        ("x" * 200 + "&", ""),  # astropy drops the last character
        ("&" * 69, ""),
        ("a&" * 100, ""),
        ("'" * 200, ""),
        (" " * 80 + "x", ""),
        (1.2345678901234567e-10, "of 22 characters, astropy writes 20"),
        (-1.2345678901234567e-300, "c"),
    ],
)
def test_what_astropy_alone_would_change_comes_back(value, comment):
    (found,) = parse_cards(written(Card("KEY", value, comment)))
    assert found == Card("KEY", value, comment)


def test_a_comment_stays_beside_a_text_that_leaves_room():
    card = Card("KEY", "x" * 50, "a comment")
    assert parse_cards(written(card)) == [card]


@pytest.mark.parametrize("n", range(60, 70))
def test_no_card_of_a_long_text_ends_between_two_quotes(n):
    text = written(Card("KEY", "y" * n + "'z" + 3 * "'" + "w" * 80))
    assert all(text[i : i + CARD].count("'") % 2 == 0 for i in range(0, len(text), CARD))


@pytest.mark.parametrize("key", ["A.B", "lower", "with space", "LONGKEYWORD1"])
def test_a_keyword_of_no_standard_comes_back(key):
    assert parse_cards(written(Card(key, "x"))) == [Card(key, "x")]


def test_a_name_that_leaves_no_room_is_refused_by_name():
    with pytest.raises(UsageError, match=r"ESO X+: 1\.5 does not fit"):
        written(Card("ESO " + "X" * 70, 1.5))


def test_comments_with_quotes_are_not_doubled():
    (found,) = parse_cards(written(Card("TARGNAME", "WASP-12", "proposer's name")))
    assert found.comment == "proposer's name"


def test_not_a_number_is_never_written():
    with pytest.raises(UsageError, match="nan"):
        written(Card("GAIN", float("nan")))


def test_long_names_are_hierarchical_cards():
    cards = parse_cards("HIERARCH ESO DET CHIP1 GAIN = 1.9 / gain".ljust(80))
    assert cards == [Card("ESO DET CHIP1 GAIN", 1.9, "gain")]
    assert parse_cards(written(cards[0])) == cards


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1.0, "not positive"),
        (0, "not positive"),
        (0.0, "not positive"),
        ("1.8 e-/DN", "not a finite number"),
        (True, "not a finite number"),
        (float("inf"), "not a finite number"),
        (float("nan"), "not a finite number"),
        (Malformed("NaN"), "not a finite number"),
    ],
)
def test_a_gain_that_is_none_is_refused_with_a_remedy(value, message):
    header = Header([Card("GAIN", value)], "a.fits", "SCI")
    with pytest.raises(DataError, match=rf"a\.fits: SCI/GAIN: .*{message}.*, correct it with --set GAIN=VALUE"):
        header.number("GAIN", positive=True)


def test_a_missing_keyword_suggests_its_neighbour():
    with pytest.raises(DataError, match=r"did you mean 'EXPTIME'.*--set EXPTIMES=VALUE"):
        Header([Card("EXPTIME", 1.0)]).number("EXPTIMES")


def test_a_default_is_returned_for_a_missing_keyword_only():
    header = Header([Card("GAIN", "high")])
    assert header.number("RDNOISE", None) is None
    assert header.integer("NAMPS", 4) == 4
    with pytest.raises(DataError):
        header.number("GAIN", 1.0)


def test_two_values_of_one_keyword_are_ambiguous_until_one_is_chosen():
    header = Header([Card("OBSTYPE", "OBJECT"), Card("OBSTYPE", 1)])
    assert header.ambiguous == ("OBSTYPE",)
    with pytest.raises(DataError, match="twice"):
        header.text("OBSTYPE")
    assert header.first_of(["OBSTYPE"]).text("OBSTYPE") == "OBJECT"
    assert header.with_values({"OBSTYPE": "FLAT"}).text("OBSTYPE") == "FLAT"


def test_one_value_twice_is_no_problem():
    assert Header([Card("GAIN", 2), Card("GAIN", 2.0)]).number("GAIN") == 2


def test_true_and_one_are_two_values():
    assert Header([Card("A", True), Card("A", 1)]).ambiguous == ("A",)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2015-05-20T04:37:33.12", "2015-05-20T04:37:33.12"),
        ("31/12/99", "1999-12-31"),
        ("2013-07-13", "2013-07-13"),
    ],
)
def test_dates_become_iso(text, iso):
    assert Header([Card("DATE-OBS", text)]).date("DATE-OBS") == iso


@pytest.mark.parametrize("text", ["2015-02-30", "31/13/99", "yesterday", "2015-05-20T25:00:00"])
def test_impossible_dates_are_refused(text):
    with pytest.raises(DataError, match="no date"):
        Header([Card("DATE-OBS", text)]).date("DATE-OBS")


def test_sections_take_the_same_pixels_as_iraf_would():
    image = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(image[Section.parse("[2:4,1:2]").slices], [[1, 2, 3], [6, 7, 8]])
    np.testing.assert_array_equal(image[Section.parse("[5:4,4:4]").slices], [[19, 18]])
    np.testing.assert_array_equal(image[Section.parse("[1:5,2:1]").slices], image[1::-1])


@pytest.mark.parametrize("text", ["", "[1:2]", "[0:5,1:2]", "[a:b,1:2]", "1:5,1:2", "[1:99999999999,1:2]"])
def test_a_text_that_is_no_section_is_refused(text):
    with pytest.raises(DataError, match="BIASSEC"):
        Header([Card("BIASSEC", text or " ")]).section("BIASSEC")


def test_a_section_outside_its_image_is_refused():
    header = Header([Card("DATASEC", "[1:2048,1:350]"), Card("DETSEC", "[4096:1,1:9999]")])
    assert sections(header, (350, 2112)).data.shape == (350, 2048)
    assert sections(header, (350, 2112)).detector.flip_columns
    with pytest.raises(DataError, match=r"DATASEC.*leave the image"):
        sections(header, (350, 2000))


@pytest.mark.parametrize("text", ["..", "../../x", "", "-rf", "a" * 65, "naïve", "a/b", "a\n"])
def test_a_dangerous_name_of_an_exposure_is_not_valid(text):
    assert not valid_id(text)


@pytest.mark.parametrize("name", ["--help.fits", "..fits", "a b\n.fits.gz", "x" * 250, "ñ.fits", ".fits", "a..b.fits"])
def test_a_name_made_of_a_file_is_always_valid(name):
    assert valid_id(id_from_name(name))


@pytest.mark.parametrize(
    "text", ["1", "-0", "+5", "1.", "1.5E-5", "1e5", "1.5D3", "007", "0.10", "T", "TF", "-.5", "12345678901234567890"]
)
def test_quick_way_to_read_a_number_is_that_of_astropy(text):
    for width, comment in itertools.product((0, 20, 30), ("", "/ hello", "/hello  ", "/  [s] x / y", "/", "x")):
        image = f"KEY     = {text:>{width}} {comment}".ljust(80)
        (found,) = parse_cards(image)
        assert (repr(found.value), found.comment) == _by_astropy(image)


def _by_astropy(image):
    card = fits.Card.fromstring(image)
    try:
        value, comment = card.rawvalue, card.comment
    except fits.VerifyError:
        value, comment = "", ""
    malformed = Malformed(image.partition("=")[2].partition("/")[0].strip())
    return repr(value if isinstance(value, bool | int | float) else malformed), comment
