"""Where the numbers of a linear fit stand: fields of a lane, rows of its tables, and the places of its rule."""

from obverse.kernels._lanes import LANES

# Fields of `lane`, behind those of _pixels.
RISE, RATE, QR, QS, WEIGHT, PEDESTAL, FRACTION, ODD, NEXT, WORK = (i * LANES for i in range(4, 14))
LANE_FIELDS = 14 * LANES

# Rows of `times`, one column a resultant: mean time, tau, 1/N, N or 1 in the weights, noise share in the signal.
TBAR, TAU, SHARE, READS, NOISE = range(5)

# Rows of `differences`, as in kernels/likelihood.
D, A, B, AC, BC = range(5)

# Rows of `forms`, one column a node: QR and QS. Rows of `pairs`: the resultants whose difference enters.

# Places of `rule`: kind of weights, whether a hit resultant joins the next segment, and how segments are combined.
KIND, JOINS, COMBINE = range(3)
POWER, COVARIANCE = range(2)
FORMAL, FORMAL_TOTAL, READ_ONLY, COMMON_RATE = range(4)

# Planes of `segments`: of each segment its rate, forms, first and last resultant, intercept, its forms, and the
# formal errors of a straight line with these weights.
FIELDS = ("rate", "qr", "qs", "first", "last", "intercept", "jr", "js", "formal_rate", "formal_intercept")
