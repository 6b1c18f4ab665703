"""Where the bodies of a stack touch, and how: names, friction, bonding."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from enum import Enum

INTERFACES = (
    "se_li", "cu_li", "se_cu", "die_cu", "se_ce", "ce_cu", "cu_die",
    "se_peek", "cu_peek", "ce_peek", "die_peek",
)  # fmt: skip
"""Interfaces, named by the two bodies that touch. ``cu`` is the current collector, but the
counter electrode's foil in ``ce_cu`` and ``cu_die``; both foils in ``cu_peek``."""

ISLAND_INTERFACES = ("se_li", "cu_li")
"""Interfaces on the island's surface."""

INTERFACE_GROUPS = {
    "peek": ("se_peek", "cu_peek", "ce_peek", "die_peek"),
    "li": ISLAND_INTERFACES,
}
"""Short names for several interfaces at once."""

LITHIUM_INTERFACES = ("se_li", "cu_li", "se_ce", "ce_cu", "ce_peek")
"""Interfaces whose shear stress the lithium limits."""


class Contact(Enum):
    """How two bodies touch."""

    bonded = "bonded"
    """Glued: neither slip nor opening."""
    frictional = "frictional"
    """Free to slip against friction, and to open."""


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless `value` is a finite number above zero."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number, got {value}")


@dataclass(frozen=True)
class ContactOptions:
    """How the bodies of the stack touch.

    Raises
    ------
    ValueError
        If a number is out of range, or an interface is unknown.
    """

    kind: Contact = Contact.frictional
    """How the island touches the electrolyte and the current collector."""
    se_cu: Contact = Contact.bonded
    """How the electrolyte touches the current collector beside the island."""
    mu: float = 0.2
    """Coefficient of friction of every interface."""
    mu_by: dict[str, float] = field(default_factory=dict)
    """Coefficient of friction of single interfaces, by name."""
    shear_cap_mpa: float | None = None
    """Greatest shear stress that lithium's interfaces carry, MPa; None for no limit."""

    def __post_init__(self) -> None:
        names = (*INTERFACES, *INTERFACE_GROUPS)
        for name, mu in {"mu": self.mu, **{f"mu_by.{k}": v for k, v in self.mu_by.items()}}.items():
            if not (math.isfinite(mu) and mu >= 0):
                raise ValueError(f"contact.{name} must be zero or positive, got {mu}")
        for name in self.mu_by:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise ValueError(
                    f"contact.mu_by.{name}: no such interface{hint}; there are {', '.join(names)}"
                )
        if self.shear_cap_mpa is not None:
            require_positive("contact.shear_cap_mpa", self.shear_cap_mpa)

    def mu_of(self, interface: str) -> float:
        """Return the coefficient of friction of one of `INTERFACES`."""
        if interface in self.mu_by:
            return self.mu_by[interface]
        for group, members in INTERFACE_GROUPS.items():
            if interface in members and group in self.mu_by:
                return self.mu_by[group]
        return self.mu

    def shear_cap_of(self, interface: str) -> float:
        """Return the greatest shear stress of one of `INTERFACES`, MPa; infinite for no limit."""
        if self.shear_cap_mpa is None or interface not in LITHIUM_INTERFACES:
            return math.inf
        return self.shear_cap_mpa
