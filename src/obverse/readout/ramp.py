"""Non-destructive reads up a ramp: infrared arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
from obverse.effects import WHOLE
from obverse.errors import UsageError
from obverse.first_read import first_reads
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.pattern import ReadPattern
from obverse.readout._readout import Readout
from obverse.readout.fitted import fitted_companions, without_differences
from obverse.readout.gathering import Gathering
from obverse.readout.referenced import encoding_of, reference_read
from obverse.readout.storing import Storing
from obverse.readout.uniform import uniform_minus_optimal
from obverse.reference_output import reference_output

__all__ = ["UpTheRamp"]

_AXES = ("integration", "resultant", "row", "column")
_ESTIMATORS = ("likelihood", "ols", "casertano", "covariance")  # a test holds them to those of the fit


@dataclass(frozen=True, eq=False, kw_only=True)
class UpTheRamp(Readout):
    """Reset, then read every pixel again and again while the charge gathers.

    Every pixel has its own node, so node effects act in sensor layout, at each read; the stored resultants are
    means of reads and are digitised once.

    Parameters
    ----------
    read_time
        Seconds from one read to the next, where the exposure brings no pattern [s].
    reads
        Number of reads of that default pattern, one a resultant.
    estimator
        Name of the ramp fit, as in `obverse.fit_ramps`.
    save_segments
        ``"yes"`` keeps what each segment was fitted with, as companions of the rate.
    suppress_one_group
        ``"no"`` gives a pixel with one good resultant, or with a good ``zero_frame`` alone, its charge over its time.
    uniform_slope
        ``"yes"`` keeps how far the slope with equal weights lies above the rate, as the companion
        ``uniform_minus_optimal``: it tells where a ramp is not straight.
    reference_output
        Columns of an output that reads no pixels, such as amplifier 33 of Roman; 0 where there is none.

    Notes
    -----
    Limits: all pixels are read at one time; the time within a read-out that passes from the first to the last
    pixel is left out. The charge of a lone resultant holds the noise of the reset, which no variance states: its
    rate is flagged UNRELIABLE_SLOPE.
    Reference: Brandt 2024, PASP 136, 045004 (likelihood fit).

    Examples
    --------
    >>> UpTheRamp(read_time=2.73, reads=4).pattern(None).tbar
    array([ 2.73,  5.46,  8.19, 10.92])
    """

    name = "ramp"
    sensor_sites = ("node",)
    clocked_sites = ("readout",)

    read_time: float = param("time from read to read", unit="s", above=0.0, shape="scalar")
    reads: int = param("reads of the default pattern", default=10, minimum=1, shape="whole")
    estimator: str = param("ramp fit", default="likelihood", shape="text", choices=_ESTIMATORS)
    save_segments: str = param(
        "keep what each segment was fitted with: yes or no", default="no", shape="text", choices=("yes", "no")
    )
    suppress_one_group: str = param(
        "leave out ramps of one resultant: yes or no", default="yes", shape="text", choices=("yes", "no")
    )

    uniform_slope: str = param(
        "keep how far the uniform slope is off: yes or no", default="no", shape="text", choices=("yes", "no")
    )
    reference_output: int = param(
        "columns of an output that reads no pixels, 0 for none", default=0, minimum=0, shape="whole"
    )

    @property
    def halo(self) -> int:
        """Segments are as many planes as the most cut ramp of all rows needs."""
        return WHOLE if self.save_segments == "yes" else 0

    def pattern(self, given: ReadPattern | None) -> ReadPattern:
        """Return the pattern of an exposure, or the default one."""
        return given or ReadPattern.even(self.reads, frame_time=self.read_time)

    def expose(self, run: Run, rate: NDArray[Any]) -> Frame:
        """Turn a rate (row, column) [photon/s] into raw ramps (integration, resultant, row, column) [DN]."""
        pattern = self.pattern(run.exposure.pattern)
        electrons = run.through(rate, run.chain.at("light"))
        seconds = pattern.times[-1][-1]
        counts = (run.counted(electrons, seconds, integration=i) for i in range(run.exposure.integrations))
        return self.ramps(run, counts)

    def ramps(self, run: Run, counted: Iterable[NDArray[Any]]) -> Frame:
        """Turn the electrons of each integration (row, column), counted already, into raw ramps [DN]."""
        pattern = self.pattern(run.exposure.pattern)
        gatherings = [Gathering(self, run, each, pattern, i) for i, each in enumerate(counted)]
        zeroth = [reference_read(self, run, each.integration) if encoding_of(run) else None for each in gatherings]
        ramps = [Storing(each, read).stored() for each, read in zip(gatherings, zeroth, strict=True)]
        data = np.stack(ramps) if len(ramps) > 1 else ramps[0][None]
        return Frame(data, "DN", _AXES, exposure=run.exposure, companions=self._beside(run, pattern, zeroth))

    def _beside(self, run: Run, pattern: ReadPattern, zeroth: Sequence[NDArray[Any] | None]) -> dict[str, Frame]:
        """Return what is stored beside the ramps: reads that were subtracted, and an output that reads no pixels."""
        encoding, beside = encoding_of(run), {}
        if encoding is not None:
            reads = np.stack([run.chain.geometry.unclock(read) for read in zeroth if read is not None])
            beside = dict(encoding.companion(reads, run.exposure))
        if self.reference_output:
            output = reference_output(run, pattern, self.reference_output)
            beside["reference_output"] = Frame(output, "DN", _AXES, exposure=run.exposure)
        return beside

    def estimate(self, frame: Frame, at: Moment) -> Frame:
        """Fit the ramps [electron]: a rate image [electron/s] with the variances ``poisson`` and ``read``."""
        from obverse.ramps import fit_ramps

        if frame.unit != "electron" or frame.exposure.pattern is None:
            raise UsageError(
                f"estimate: a ramp needs electrons and a read pattern, this frame is in {frame.unit!r} "
                f"with pattern {frame.exposure.pattern}"
            )
        zero = first_reads(frame)
        subtracted = frame.companions.get("dark_rate")
        fit = fit_ramps(
            frame.data,
            frame.exposure.pattern,
            gain=1.0,
            read_noise=at.read_noise,
            flags=frame.flags,
            pixel_flags=frame.pixel_flags,
            dark_rate=subtracted.data if subtracted is not None else 0.0,
            estimator=self.estimator,
            zero_frame=zero,
            suppress_one_group=self.suppress_one_group != "no",
            find_jumps=False,  # the recipe's cosmic_rays step has set the flags
            save_segments=self.save_segments == "yes",
            threads=at.threads,
        )
        flags = fit.flags
        if self.suppress_one_group == "no":
            split = zero if self.estimator == "likelihood" and frame.exposure.pattern.n_reads[0] > 1 else None
            lone = without_differences(frame, split) & np.isfinite(fit.rate)
            flags = flags | np.where(lone, np.uint32(Flag.UNRELIABLE_SLOPE), np.uint32(0))
        return Frame(
            fit.rate,
            "electron/s",
            ("row", "column"),
            pixel_flags=flags,
            variances={"poisson": fit.var_poisson, "read": fit.var_read},
            exposure=frame.exposure,
            undone=frame.undone,
            companions={**frame.companions, **fitted_companions(fit, frame.exposure), **self._uniform(frame, fit.rate)},
            cargo=frame.cargo,
        )

    def _uniform(self, frame: Frame, rate: NDArray[Any]) -> dict[str, Frame]:
        wanted = self.uniform_slope == "yes"
        return {"uniform_minus_optimal": uniform_minus_optimal(frame, rate)} if wanted else {}
