"""How figures are written: the key `figures` of the verbs that draw."""

from __future__ import annotations

from enum import Enum


class Figures(Enum):
    """How figures are written."""

    none = "none"
    png = "png"
    pdf = "pdf"
    """PNG, and PDF with vector lines and letters beside it."""
    svg = "svg"
    """PNG, and SVG with vector lines and letters beside it."""

    @property
    def vector(self) -> str:
        """Suffix of the vector file that is written beside each PNG; empty for none."""
        return self.value if self in (Figures.pdf, Figures.svg) else ""
