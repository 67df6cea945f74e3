"""The public names, for type checkers and editors; `__init__.py` loads them when first used."""

from obverse import darks as darks
from obverse import defects as defects
from obverse import design as design
from obverse import emccd as emccd
from obverse import injection as injection
from obverse import scene as scene
from obverse.belief import spread as spread
from obverse.contract import (
    Approximate as Approximate,
)
from obverse.contract import (
    Averages as Averages,
)
from obverse.contract import (
    Exact as Exact,
)
from obverse.contract import (
    Flags as Flags,
)
from obverse.contract import (
    Lost as Lost,
)
from obverse.contract import (
    Scales as Scales,
)
from obverse.contract import (
    Subtracts as Subtracts,
)
from obverse.detector import Detector as Detector
from obverse.errors import (
    DataError as DataError,
)
from obverse.errors import (
    ObverseError as ObverseError,
)
from obverse.errors import (
    ObverseWarning as ObverseWarning,
)
from obverse.errors import (
    UsageError as UsageError,
)
from obverse.exposure import Exposure as Exposure
from obverse.flags import Flag as Flag
from obverse.frame import AXES as AXES
from obverse.frame import Frame as Frame
from obverse.geometry import Amplifier as Amplifier
from obverse.geometry import Geometry as Geometry
from obverse.injection import inject_sources as inject_sources
from obverse.io import read as read
from obverse.io import write as write
from obverse.level1 import simulate_l1 as simulate_l1
from obverse.moment import Moment as Moment
from obverse.params import param as param
from obverse.pattern import ReadPattern as ReadPattern
from obverse.ptc import fit_photon_transfer as fit_photon_transfer
from obverse.ptc import photon_transfer as photon_transfer
from obverse.ramps import find_jumps as find_jumps
from obverse.ramps import fit_ramps as fit_ramps
from obverse.recipe import Recipe as Recipe
