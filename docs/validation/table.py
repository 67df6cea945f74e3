"""Print the statistics of the likelihood fit that the validation page shows: ``python -m docs.validation.table``."""

import obverse as ob
from tests.ramps.gates import PATTERNS, outcomes, perfect, simulate

RATES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
RAMPS = 400_000

for name, (pattern, noise) in PATTERNS.items():
    for rate in RATES:
        counts = simulate(pattern, noise, rate, RAMPS, 7)
        fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, find_jumps=False)
        got = outcomes(fit, perfect(counts, pattern, noise, rate), rate, len(pattern) - 1)
        print(name, rate, {key: round(float(value), 4) for key, value in got.items()})
