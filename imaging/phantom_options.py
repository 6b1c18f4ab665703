"""What the synthetic cell holds, how it is seen, and the state that a scan shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from imaging.phantom_cracks import CrackRule, ruled_cracks
from imaging.phantom_shapes import (
    BasinCrack,
    IslandShape,
    flat_islands,
    mixed_islands,
    tall_islands,
)
from imaging.transform import RigidTransform

DEPOSIT_PEAK = 2.5
"""Greatest local thickness of a deposit over its mean."""


class IslandChoice(Enum):
    """Which islands the phantom holds."""

    mixed = "mixed"
    """Nine isolated ones: the paper's narrow and wide caps, other caps, ellipsoids, irregular."""
    bare_cu = "bare_cu"
    """Nine tall ones, the published narrow cap among them: bare copper (Xu et al., Small 2026)."""
    ag_cu = "ag_cu"
    """Six flat ones of the same volume in all, the published wide cap among them: silver-coated
    copper."""
    none = "none"
    listed = "listed"
    """Spherical caps as given by `caps_um`."""


class Deposit(Enum):
    """How a plated layer is spread over the electrode (Xu et al., Small 2026, figure 4)."""

    none = "none"
    bare_cu = "bare_cu"
    """Not uniform: thickest at the electrode's edge, bare in places."""
    ag_cu = "ag_cu"
    """Nearly uniform: silver-coated copper."""


class CrackFill(Enum):
    """What spallation cracks hold."""

    lithium = "lithium"
    empty = "empty"


@dataclass(frozen=True)
class CellState:
    """What has become of a cell by the time of a scan; all numbers are shares, 0 to 1."""

    grown: float = 1.0
    """Lithium that was plated at most, of what the options describe."""
    residual: float = 1.0
    """Lithium still there, of what was plated."""
    voids: float = 0.0
    """Volume of voids, of what was plated."""
    cracks: float = 1.0
    """Opening of the cracks."""
    foil: float = 1.0
    """Depletion of the counter electrode's foil."""

    def __post_init__(self) -> None:
        for name in ("grown", "residual", "voids", "cracks", "foil"):
            value = getattr(self, name)
            if not 0 <= value <= 1:  # NaN fails too
                raise ValueError(f"{name} is a share from 0 to 1; got {value}")
        if self.residual + self.voids > 1 + 1e-12:
            raise ValueError(
                f"residual lithium ({self.residual}) and voids ({self.voids}) must fit into the "
                "space that was plated: at most 1 together"
            )


PRISTINE = CellState(grown=0.0, residual=1.0, voids=0.0, cracks=0.0, foil=0.0)


@dataclass(frozen=True)
class PhantomOptions:
    """What the phantom holds and how it is seen; triples are (z, y, x)."""

    shape: list[int] | None = None
    """Voxels; 120 x 320 x 320 if not given."""
    voxel_um: float = 1.625
    cc_side: str = "low"
    """End of the z axis at which the working electrode's current collector lies: low or high."""
    islands: IslandChoice = IslandChoice.mixed
    caps_um: list[list[float]] | None = None
    """Rows of y, x, contact diameter, height; with `islands=listed`."""
    layer_um: float = 0.0
    """Uniform lithium layer (beside or instead of islands)."""
    layer_rim_um: float = 0.0
    """Layer thickness gained from the centre to the field's edge, as r^4: edge-biased plating."""
    deposit: Deposit = Deposit.none
    """Plated layer beside the islands, of mean thickness `deposit_um`."""
    deposit_um: float = 0.0
    """Mean thickness of the deposit over the electrode."""
    residual_fraction: float | None = None
    """Share of the plated lithium left after stripping; the after scan is plated if not given."""
    void_fraction: float = 0.0
    """Volume of voids after stripping, as share of the plated lithium's; needs the former."""
    cracks_um: list[list[float]] | None = None
    """Spallation cracks of the after scan: rows of y, x, diameter, offset, rim offset, opening;
    offsets are distances of the mid-surface from the SE|CC interface, at centre and rim."""
    crack_rule: CrackRule = CrackRule.none
    """What places `crack_count` further cracks."""
    crack_count: int = 3
    crack_fill: CrackFill = CrackFill.lithium
    foil_depletion_um: float = 0.0
    """Thickness that the counter electrode's foil has lost everywhere in the after scan."""
    foil_spots_um: list[list[float]] | None = None
    """Places where the foil is used up: rows of y, x, diameter."""
    series: list[list[float]] | None = None
    """Further scans of the same cell: rows of time in h and the shares of `CellState`: grown,
    residual, voids, cracks, foil."""
    shift_um: list[float] | None = None
    """Drift of the material between the scans; (0.9, -0.7, 1.3) if not given."""
    rotation_deg: list[float] | None = None
    """Angles about z, y, x; (0.05, 0.02, -0.03) if not given."""
    noise: float = 0.02
    """Standard deviation per voxel and scan, as fraction of the CC - Li contrast."""
    gain_drift: float = 0.0
    """Relative change of all grey values from the before to the after scan."""
    offset_drift: float = 0.0
    """Grey value added to the after scan, as fraction of the CC - Li contrast."""
    rings: float = 0.0
    """Standard deviation of ring artefacts about the volume's axis, as fraction of the contrast."""
    cupping: float = 0.0
    """Relative rise of reconstructed attenuation from the axis to the field's edge, as r^2."""
    psf_voxel: float = 1.0
    """Standard deviation of the Gaussian blur."""
    grain_um: float = 20.0
    """Typical size of the dense grains of the solid electrolyte."""
    die_um: float = 20.0
    cu_um: float = 30.0
    li_foil_um: float = 20.0
    peek_radius_um: float | None = None
    """Inner radius of a PEEK tube about the volume's axis; none if not given."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("voxel_um", "grain_um", "cu_um", "peek_radius_um"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive; got {value}")
        for name in (
            *("layer_um", "noise", "psf_voxel", "die_um", "li_foil_um", "deposit_um"),
            *("foil_depletion_um", "rings", "cupping"),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be >= 0; got {value}")
        for name in ("shape", "shift_um", "rotation_deg"):
            given = getattr(self, name)
            if given is not None and (len(given) != 3 or not all(map(math.isfinite, given))):
                raise ValueError(f"{name} needs three finite numbers (z, y, x); got {given}")
        if min(self.grid) < 16:
            raise ValueError(f"shape needs at least 16 voxels along each axis; got {self.grid}")
        if self.cc_side not in ("low", "high"):
            raise ValueError(f"cc_side must be low or high; got {self.cc_side}")
        if (self.islands is IslandChoice.listed) != (self.caps_um is not None):
            raise ValueError("caps_um goes with islands=listed, and only with it")
        for row in self.caps_um or []:
            if len(row) != 4 or not all(map(math.isfinite, row)) or min(row[2:]) <= 0:
                raise ValueError(f"a row of caps_um is y, x, diameter > 0, height > 0; got {row}")
        if self.seed < 0:
            raise ValueError(f"seed must be zero or positive; got {self.seed}")
        self._check_space()
        self._check_state()

    def _check_space(self) -> None:
        tallest = max((s.height_um for s in self.shapes), default=0.0)
        layer = self.layer_um + DEPOSIT_PEAK * self.deposit_um
        if not (math.isfinite(self.layer_rim_um) and self.layer_um + self.layer_rim_um >= 0):
            raise ValueError(
                "layer_rim_um must be a finite number that leaves a layer at the field's edge; got "
                f"{self.layer_rim_um} beside layer_um = {self.layer_um}"
            )
        if layer + max(self.layer_rim_um, 0.0) + tallest > self.cu_um:
            raise ValueError(
                f"the lithium must fit into cu_um = {self.cu_um}; got layer_um = {self.layer_um}, "
                f"layer_rim_um = {self.layer_rim_um}, deposit_um = {self.deposit_um} (up to "
                f"{DEPOSIT_PEAK} times that) and islands of {tallest} um"
            )
        if self.se_um < 20:
            raise ValueError(
                f"shape leaves {self.se_um:g} um of solid electrolyte along z, at least 20 needed: "
                f"{self.grid[0]} voxels of voxel_um = {self.voxel_um} hold die_um = {self.die_um} "
                f"(twice), cu_um = {self.cu_um} and li_foil_um = {self.li_foil_um} as well"
            )
        for row in self.cracks_um or []:
            if len(row) != 6 or not all(map(math.isfinite, row)):
                raise ValueError(
                    f"a row of cracks_um is y, x, diameter, offset, rim offset, opening; got {row}"
                )
        if self.crack_count < 1:
            raise ValueError(f"crack_count must be at least 1; got {self.crack_count}")
        for crack in self.cracks:
            if crack.offset_um + 0.5 * crack.opening_um > self.se_um:
                raise ValueError(
                    f"a crack must lie in {self.se_um:g} um of electrolyte; got {crack}"
                )

    def _check_state(self) -> None:
        if (self.deposit is Deposit.none) != (self.deposit_um == 0):
            raise ValueError("deposit_um goes with deposit=bare_cu or ag_cu, and only with it")
        if not (math.isfinite(self.gain_drift) and self.gain_drift > -1):
            raise ValueError(f"gain_drift must be > -1; got {self.gain_drift}")
        if not math.isfinite(self.offset_drift):
            raise ValueError(f"offset_drift must be finite; got {self.offset_drift}")
        if self.foil_depletion_um > self.li_foil_um:
            raise ValueError(
                f"foil_depletion_um = {self.foil_depletion_um:g} exceeds "
                f"li_foil_um = {self.li_foil_um:g}"
            )
        for row in self.foil_spots_um or []:
            if len(row) != 3 or not all(map(math.isfinite, row)) or row[2] <= 0:
                raise ValueError(f"a row of foil_spots_um is y, x, diameter > 0; got {row}")
        if self.void_fraction and self.residual_fraction is None:
            raise ValueError("void_fraction goes with residual_fraction: after stripping")
        try:
            _ = self.state
        except ValueError as error:
            raise ValueError(f"residual_fraction, void_fraction: {error}") from None
        _ = self.steps

    @property
    def grid(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        nz, ny, nx = self.shape or (120, 320, 320)
        return nz, ny, nx

    @property
    def field_um(self) -> tuple[float, float]:
        """Extent of the field of view along y and x."""
        return self.grid[1] * self.voxel_um, self.grid[2] * self.voxel_um

    @property
    def interface_um(self) -> float:
        """Distance of the SE|CC interface from the end of the volume at which the CC lies."""
        return self.die_um + self.cu_um

    @property
    def se_um(self) -> float:
        """Thickness of the solid electrolyte: what the other layers leave."""
        return self.grid[0] * self.voxel_um - self.interface_um - self.li_foil_um - self.die_um

    @property
    def shapes(self) -> list[IslandShape]:
        """The islands."""
        sets = {
            IslandChoice.mixed: mixed_islands,
            IslandChoice.bare_cu: tall_islands,
            IslandChoice.ag_cu: flat_islands,
        }
        if self.islands in sets:
            return sets[self.islands](self.field_um)
        return [IslandShape(y, x, d, h) for y, x, d, h in self.caps_um or []]

    @property
    def drift(self) -> RigidTransform:
        """Motion of the material from the before to the after scan."""
        z, y, x = self.shift_um if self.shift_um is not None else (0.9, -0.7, 1.3)
        az, ay, ax = self.rotation_deg if self.rotation_deg is not None else (0.05, 0.02, -0.03)
        return RigidTransform((az, ay, ax), (z, y, x))

    @property
    def cracks(self) -> list[BasinCrack]:
        """Spallation cracks of the after scan."""
        listed = [BasinCrack(*row) for row in self.cracks_um or []]
        rule = self.crack_rule, self.crack_count
        return listed + ruled_cracks(*rule, self.shapes, self.field_um, self.seed)

    @property
    def state(self) -> CellState:
        """State that the after scan shows: plated, or stripped again."""
        if self.residual_fraction is None:
            return CellState()
        return CellState(residual=self.residual_fraction, voids=self.void_fraction)

    @property
    def steps(self) -> list[tuple[float, CellState]]:
        """Times in h and states of the series' scans."""
        found: list[tuple[float, CellState]] = []
        for row in self.series or []:
            if len(row) != 6 or not math.isfinite(row[0]):
                raise ValueError(
                    "a row of series is time in h, then the shares grown, residual, voids, "
                    f"cracks, foil; got {row}"
                )
            try:
                found.append((row[0], CellState(*row[1:])))
            except ValueError as error:
                raise ValueError(f"series: {error}") from None
        times = [time for time, _ in found]
        if times != sorted(set(times)):
            raise ValueError(f"series: times must rise; got {times}")
        return found
