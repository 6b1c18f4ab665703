"""What the analysis of one pair of scans, or of one LVF volume, hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from imaging.cracks import CrackMap
from imaging.drift import GreyDrift
from imaging.estimators import later_scan
from imaging.islands import Island
from imaging.lithium_scale import Scale
from imaging.setup import Decisions, Setup
from imaging.transform import RigidTransform
from imaging.volume import FloatArray, IntArray, Volume


@dataclass(frozen=True, eq=False)
class ImageResult:
    """Everything that one pair of scans tells; maps are (y, x), NaN outside the ROI."""

    lvf: Volume
    before: Volume | None
    aligned: Volume | None
    """The later scan in the place of the earlier one; None where LVF has taken its memory."""
    thickness_um: FloatArray
    thickness_std_um: FloatArray
    histogram_edges_um: FloatArray
    histogram_counts: FloatArray
    z_profile_um: FloatArray
    z_profile_lvf: FloatArray
    islands: list[Island]
    island_labels: IntArray
    transform: RigidTransform | None
    decisions: Decisions
    """What was found automatically, and what the numbers rest on."""
    scalars: dict[str, float]
    lithium_scale: Scale | None = None
    """By which the LVF was too large before islands told the grey value of lithium."""
    setup: Setup | None = None
    """What later scans of the same cell may keep; None for a ready LVF volume."""
    drift: GreyDrift | None = None
    """Of the grey scale; None where it cannot be measured."""
    cracks: CrackMap | None = None
    """None where they were not looked for."""
    timing_s: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each step, s."""

    @cached_property
    def after_registered(self) -> Volume | None:
        """The later scan in the place of the earlier one, if scans were compared."""
        if self.aligned is not None or self.before is None or self.setup is None:
            return self.aligned
        return later_scan(self.before, self.lvf, self.setup.grey_cc, self.setup.grey_li)
