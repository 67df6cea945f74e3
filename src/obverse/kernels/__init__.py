"""Inner loops: numba and numpy only, plain arrays, fixed units, serial and free of the GIL."""
