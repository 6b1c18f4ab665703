"""Isotropic elastic and bilinear J2 elastic-plastic materials, with their sources."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Material:
    """An isotropic material: linear elastic, or elastic-plastic with linear hardening.

    Raises
    ------
    ValueError
        If a constant is not physical; the message names it.
    """

    youngs_mpa: float
    """Young's modulus, MPa."""
    poisson: float
    """Poisson's ratio."""
    yield_mpa: float | None = None
    """Initial yield stress in uniaxial tension, MPa; None for a linear elastic material."""
    hardening_mpa: float = 0.0
    """Plastic modulus d(sigma)/d(eps_p), MPa."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.youngs_mpa) and self.youngs_mpa > 0):
            raise ValueError(f"youngs_mpa must be a positive number of MPa, got {self.youngs_mpa}")
        if not -1.0 < self.poisson < 0.5:
            raise ValueError(
                f"poisson must lie between -1 and 0.5, both excluded, got {self.poisson}"
            )
        if self.yield_mpa is not None and not (
            math.isfinite(self.yield_mpa) and self.yield_mpa > 0
        ):
            raise ValueError(
                f"yield_mpa must be a positive number of MPa, or null for an elastic material, "
                f"got {self.yield_mpa}"
            )
        if not (math.isfinite(self.hardening_mpa) and self.hardening_mpa >= 0):
            raise ValueError(f"hardening_mpa must be zero or positive, got {self.hardening_mpa}")

    @property
    def shear_mpa(self) -> float:
        """Shear modulus mu = E / (2 (1 + nu)), MPa."""
        return self.youngs_mpa / (2 * (1 + self.poisson))

    @property
    def bulk_mpa(self) -> float:
        """Bulk modulus K = E / (3 (1 - 2 nu)), MPa."""
        return self.youngs_mpa / (3 * (1 - 2 * self.poisson))


@dataclass(frozen=True)
class Electrolyte(Material):
    """A solid electrolyte: a material with the toughness measured on the same body, if any."""

    k_ic_mpa_sqrt_m: float | None = None
    """Mode-I fracture toughness, MPa m^0.5; None where the set of constants has none of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        k_ic = self.k_ic_mpa_sqrt_m
        if k_ic is not None and not (math.isfinite(k_ic) and k_ic > 0):
            raise ValueError(f"k_ic_mpa_sqrt_m must be positive, or null, got {k_ic}")


@dataclass(frozen=True)
class MaterialSet:
    """The materials of a cell: lithium, electrolyte, copper, steel and PEEK.

    The defaults are the preset ``paper``; see `SOURCES` for where each comes from.
    """

    li: Material = Material(7820.0, 0.381, 0.8, 10.0)
    se: Electrolyte = Electrolyte(22100.0, 0.37)
    cu: Material = Material(115000.0, 0.34, 200.0, 1000.0)
    steel: Material = Material(193000.0, 0.28)
    peek: Material = Material(3800.0, 0.38)


PRESETS: dict[str, MaterialSet] = {
    "paper": MaterialSet(),
    "pellet": MaterialSet(se=Electrolyte(4700.0, 0.37, k_ic_mpa_sqrt_m=0.17)),
    "dense": MaterialSet(se=Electrolyte(28000.0, 0.37, k_ic_mpa_sqrt_m=0.69)),
}
"""Named sets of constants, the same numbers as the configuration group ``material``."""


@dataclass(frozen=True)
class Source:
    """Where a group of constants comes from."""

    what: str
    """Material and constants."""
    kind: str
    """How they were obtained: DFT, indentation, tension, handbook, estimate."""
    reference: str
    """DOI, or the literature in words."""
    confidence: str
    """``secondary``: quoted from a secondary source; ``memory``: of the literature, not looked up;
    ``estimate``: estimated by the authors of the model."""


SOURCES: dict[str, Source] = {
    "li": Source(
        "Li: E 7.82 GPa, nu 0.381, yield 0.73-0.81 MPa",
        "bulk tension and compression",
        "10.1007/s10853-018-2971-3",
        "secondary",
    ),
    "li.hardening_mpa": Source(
        "Li: plastic modulus 10 MPa",
        "estimate; strain-rate range of the yield stress in 10.1016/j.actamat.2019.12.036",
        "Xu et al., Small 2026: 'estimated based on experience'",
        "estimate",
    ),
    "se.paper": Source(
        "Li6PS5Cl: E 22.1 GPa, nu 0.37",
        "DFT of the dense crystal",
        "10.1149/2.0061602jes",
        "secondary",
    ),
    "se.pellet": Source(
        "Li6PS5Cl: E 4.7 GPa, K_IC 0.17 MPa m^0.5; nu 0.37 taken over from the crystal",
        "cold-pressed pellet of 13 % porosity",
        "10.1021/acsaem.4c03143",
        "secondary",
    ),
    "se.dense": Source(
        "Li6PS5Cl: E 28 GPa, K_IC 0.69 MPa m^0.5; nu 0.37 taken over from the crystal",
        "sintered body",
        "10.1038/s41586-023-05970-4",
        "secondary",
    ),
    "cu": Source(
        "Cu foil: E 115 GPa, nu 0.34, yield 200 MPa, plastic modulus 1 GPa",
        "handbook of rolled copper (yield 200-350 MPa; annealed 33-80 MPa); "
        "thin foils measure E 50-70 GPa (10.1039/c4ra07675c)",
        "handbook",
        "memory",
    ),
    "steel": Source("steel 316L: E 193 GPa, nu 0.28", "handbook", "handbook", "memory"),
    "peek": Source("PEEK: E 3.8 GPa, nu 0.38", "handbook", "handbook", "memory"),
}
"""Source of each constant, by ``material``, ``material.preset`` or ``material.constant``."""


def sources_of(preset: str) -> list[Source]:
    """Return the sources of a preset's constants.

    Raises
    ------
    ValueError
        If `preset` is not one of `PRESETS`.
    """
    if preset not in PRESETS:
        raise ValueError(f"no material preset {preset!r}; there are {', '.join(PRESETS)}")
    keys = ["li", "li.hardening_mpa", f"se.{preset}"]
    keys += [field.name for field in fields(MaterialSet) if field.name not in ("li", "se")]
    return [SOURCES[key] for key in keys]
