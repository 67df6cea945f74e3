"""What the command line does with files: one file a verb, each product whole or absent.

`designing`, `injecting`, `noise_maps` and `scenes` are not loaded with the others, which do without tables, catalogues
and pictures.
"""

from obverse.jobs.calibrating import Outcome, calibrate
from obverse.jobs.campaign import Campaign
from obverse.jobs.measuring import measure, measured_table
from obverse.jobs.reading import Reading
from obverse.jobs.simulating import Ramps, Stars, even_light, exposure_of, light_in, light_of, simulate
from obverse.jobs.workers import cores

__all__ = [
    "Campaign",
    "Outcome",
    "Ramps",
    "Reading",
    "Stars",
    "calibrate",
    "cores",
    "even_light",
    "exposure_of",
    "light_in",
    "light_of",
    "measure",
    "measured_table",
    "simulate",
]
