"""A peer's fit of ramps that are given as a file: ``python _peers.py NAME ramps.npz rate.npy``.

It runs in the peer's environment and imports nothing of ours. It prints the seconds of the fit alone, the median of
three (of one, where that takes long), and the memory above the start.
"""

import resource
import sys
import time

import numpy as np

GAIN, NOISE = 2.0, 10.0
BITS = {
    "GOOD": 0, "DO_NOT_USE": 1, "SATURATED": 2, "JUMP_DET": 4, "PERSISTENCE": 32, "CHARGELOSS": 128,
    "NO_GAIN_VALUE": 2**19, "UNRELIABLE_SLOPE": 2**24,
}  # fmt: skip


def ramp_data(given):
    from stcal.ramp_fitting.ramp_fit_class import RampData

    counts, image = given["counts"], given["counts"].shape[1:]
    data = RampData()
    data.set_arrays(
        data=counts[None].copy(), groupdq=given["flags"][None].copy(), pixeldq=np.zeros(image, np.uint32),
        average_dark_current=np.zeros(image, np.float32),
    )  # fmt: skip
    time_of_group = float(given["tbar"][1] - given["tbar"][0])
    data.set_meta(
        name="NIRCAM", frame_time=time_of_group, group_time=time_of_group, groupgap=0, nframes=1, drop_frames1=0
    )
    data.set_dqflags(BITS)
    noise = np.full(image, NOISE / GAIN * 2**0.5, np.float32)  # of a difference, in DN; the fit changes it in place
    return data, noise, np.full(image, GAIN, np.float32)


def ols_c(given):
    from stcal.ramp_fitting.ramp_fit import ramp_fit_data

    data, noise, gain = ramp_data(given)
    return lambda: ramp_fit_data(data, False, noise, gain, "OLS_C", "optimal", "none")[0]["slope"] * GAIN


def likely(given):
    from stcal.ramp_fitting.likely_fit import likely_ramp_fit

    data, noise, gain = ramp_data(given)
    return lambda: likely_ramp_fit(data, noise, gain)[0]["slope"] * GAIN


def cas22(given, use_jump=False):
    from stcal.ramp_fitting.ols_cas22_fit import fit_ramps_casertano

    counts, flags = given["counts"] * np.float32(GAIN), given["flags"].astype(np.int32)
    reads = [list(range(a, b)) for a, b in given["reads"]]
    args = (counts, flags, np.float32(NOISE), float(given["read_time"]), reads)
    return lambda: fit_ramps_casertano(*args, use_jump=use_jump).parameters[..., 1]


def romanisim_casertano(given):
    from romanisim import ramp

    counts, flags = given["counts"] * np.float32(GAIN), given["flags"].astype(np.int32)
    reads = [list(range(a, b)) for a, b in given["reads"]]
    return lambda: ramp.fit_ramps_casertano(counts, flags, NOISE, reads)[0][..., 1]


def romanisim_optimal(given):
    from romanisim import ramp

    counts, fitter = (
        given["counts"] * np.float32(GAIN),
        ramp.RampFitInterpolator([list(range(a, b)) for a, b in given["reads"]]),
    )
    return lambda: fitter.fit_ramps(counts, NOISE)[0][..., 1]


PEERS = {
    "OLS_C": ols_c,
    "LIKELY": likely,
    "cas22": cas22,
    "cas22 with search": lambda given: cas22(given, use_jump=True),
    "romanisim casertano": romanisim_casertano,
    "romanisim optimal": romanisim_optimal,
}


def main():
    name, source, target = sys.argv[1:]
    given = np.load(source)
    took = []
    while len(took) < 3 and sum(took) < 5:
        fit = PEERS[name](given)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        rate = fit()
        took.append(time.perf_counter() - start)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
    np.save(target, rate)
    print(np.median(took), memory)


if __name__ == "__main__":
    main()
