"""Tomograms to crack-risk report."""

from __future__ import annotations

from coupling.pipeline import run

__all__ = ["run"]
