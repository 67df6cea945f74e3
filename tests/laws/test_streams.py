"""Random streams: every draw has its own address, and nothing else decides what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, ReadPattern, UsageError
from obverse.seeds import SILENT, Address, Stream
from tests.laws.gates import check_streams_are_private

H2RG = Detector.load("generic_h2rg").resized((64, 64))
CCD = Detector.load("generic_ccd").resized((64, 64))
RAMP = Exposure("ramp", pattern=ReadPattern.even(3, frame_time=50.0))


@pytest.mark.parametrize(("detector", "exposure"), [(H2RG, RAMP), (CCD, Exposure("image", 10.0))])
def test_taking_one_effect_out_leaves_the_noise_of_all_others(detector, exposure):
    check_streams_are_private(detector, 10.0, exposure)


def test_taking_read_noise_out_takes_only_read_noise_out():
    silent = CCD.without("adc", "bias_drift", "nonlinearity")
    noisy = dict(silent.stages(100.0, Exposure("a", 10.0), seed=1))
    quiet = dict(silent.without("read_noise").stages(100.0, Exposure("a", 10.0), seed=1))
    assert set(noisy) - set(quiet) == {"read_noise"}
    np.testing.assert_array_equal(noisy["photons"], quiet["photons"])
    np.testing.assert_array_equal(noisy["saturation"], quiet["saturation"])


@pytest.mark.parametrize(("detector", "exposure"), [(H2RG, RAMP), (CCD, Exposure("image", 10.0))])
def test_any_number_of_threads_gives_the_same_bytes(detector, exposure):
    one = detector.expose(30.0, exposure, seed=4, threads=1)
    for threads in (2, 3, 7):
        assert detector.expose(30.0, exposure, seed=4, threads=threads).digest() == one.digest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert CCD.expose(3.0, Exposure("a", 1.0), seed=1) == CCD.expose(3.0, Exposure("a", 1.0), seed=1)
    assert CCD.expose(3.0, Exposure("a", 1.0), seed=1) != CCD.expose(3.0, Exposure("a", 1.0), seed=2)
    first, second = (CCD.expose(3.0, Exposure(name, 1.0), seed=1).data for name in "ab")
    assert (first != second).mean() > 0.5


def test_no_two_addresses_share_a_stream():
    addresses = [
        Address(seed, effect, exposure, index)
        for seed in (0, 1, 10)
        for effect in ("read_noise", "photons", "reset_noise")
        for exposure in ("a", "b", "1")
        for index in ("0", "0.0", "0.1", "1.0", "00")
    ]
    starts = {
        tuple(address.generator(block).integers(2**63, size=4)) for address in addresses for block in range(-1, 3)
    }
    assert len(starts) == 4 * len(addresses)


def test_reads_differ_and_integrations_differ():
    stages = H2RG.stages(1.0, Exposure("r", pattern=ReadPattern.even(2, frame_time=5.0), integrations=2), seed=1)
    noise = [pixels for name, pixels in stages if name == "read_noise"]
    resets = [pixels for name, pixels in stages if name == "reset_noise"]
    assert len(noise) == len(resets) == 4
    for i in range(4):
        for j in range(i):
            assert (noise[i] != noise[j]).mean() > 0.9


def test_reset_noise_is_one_level_an_integration():
    alone = H2RG.without("saturation", "cosmic_rays", "dark_current")
    twice = Exposure("r", pattern=ReadPattern.even(3, frame_time=5.0), integrations=2)
    levels = [pixels for name, pixels in alone.stages(0.0, twice, seed=1) if name == "reset_noise"]
    np.testing.assert_array_equal(levels[0], levels[2])
    np.testing.assert_array_equal(levels[3], levels[5])
    assert (levels[0] != levels[3]).mean() > 0.9


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 40])
def test_a_part_of_the_rows_draws_what_the_whole_draws(rows):
    stream = Stream(Address(1, "x", "y"))
    np.testing.assert_array_equal(stream.normal((16, 8)), stream.normal((40, 8))[:16])
    assert stream.normal((rows, 8)).dtype == np.float32
    assert stream.normal((3, rows, 8)).shape == (3, rows, 8)


def test_a_stream_draws_what_it_says():
    stream = Stream(Address(1, "x", "y"))
    normal = stream.normal((1024, 1024)).astype(np.float64)
    # n = 1e6: the mean is known to 1e-3, the variance to sqrt(2) 1e-3; five times that
    assert abs(normal.mean()) < 5e-3
    assert abs(normal.var() - 1.0) < 7.1e-3
    counts = stream.poisson(np.full((1024, 1024), 7.0)).astype(np.float64)
    assert abs(counts.mean() - 7.0) < 5 * np.sqrt(7e-6)
    # the variance of the square of a Poisson deviate: (mean + 2 mean^2) / n
    assert abs(counts.var() - 7.0) < 5 * np.sqrt((7 + 2 * 49) * 1e-6)


def test_a_mean_that_is_none_draws_nothing():
    drawn = Stream(Address(1, "x", "y")).poisson(np.array([[-3.0, np.nan, 0.0]]))
    assert drawn.tolist() == [[0.0, 0.0, 0.0]]


def test_silence_says_the_mean():
    mean = np.array([[1.5, 2.5]], np.float32)
    np.testing.assert_array_equal(SILENT.poisson(mean), mean)
    assert not SILENT.normal((2, 2)).any()
    with pytest.raises(UsageError, match="leave effects that draw them out"):
        SILENT.scalars()
