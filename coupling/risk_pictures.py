"""All pictures of crack risk, as far as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from coupling.cells_figures import cells_figure
from coupling.figure_style import written
from coupling.island_risk import EXACT, IslandRisk
from coupling.risk_figures import distribution_figure, risk_map_figure, risk_maps_figure
from coupling.schema_figures import Figures
from coupling.series_risk import Crossing
from coupling.series_risk_figures import risk_series_figure
from coupling.stress_figures import draw_picture, pair_figure

if TYPE_CHECKING:
    from coupling.picture import Picture
    from coupling.pipeline import Story


@dataclass(frozen=True)
class RiskPictures:
    """Draws into a folder and returns the files; nothing where no figures are wanted."""

    figures: Figures

    def map(self, table: pd.DataFrame, folder: Path) -> list[Path]:
        """Draw the islands where they are."""
        return self._drawn(folder / "risk_map.png", lambda f, v: risk_map_figure(table, f, v))

    def distribution(self, table: pd.DataFrame, folder: Path) -> list[Path]:
        """Draw how risk is distributed."""
        file = folder / "risk_distribution.png"
        return self._drawn(file, lambda f, v: distribution_figure(table, f, v))

    def series(
        self, table: pd.DataFrame, scans: pd.DataFrame, found: Sequence[Crossing], folder: Path
    ) -> list[Path]:
        """Draw the risk of every tracked island over charge."""
        file = folder / "risk_series.png"
        return self._drawn(file, lambda f, v: risk_series_figure(table, scans, found, f, v))

    def worst(self, island: IslandRisk, title: str, folder: Path) -> list[Path]:
        """Draw the stress around the riskiest island that was solved."""
        picture = island.picture
        assert picture is not None
        file = folder / "worst_stress.png"
        return self._drawn(file, lambda f, v: draw_picture(picture, f, title, v))

    def tall_and_flat(
        self, table: pd.DataFrame, risks: Sequence[IslandRisk], folder: Path
    ) -> list[Path]:
        """Draw the tallest and the flattest solved island side by side, as the paper's figure 7."""
        solved = table[table["method"] == EXACT]
        if len(solved) < 2:
            return []
        ratio = solved["aspect_ratio"]
        labels = [int(solved.loc[row, "label"]) for row in (ratio.idxmax(), ratio.idxmin())]
        drawn = {risk.label: risk.picture for risk in risks if risk.picture is not None}
        pair = [(f"island {label}", drawn[label]) for label in labels]
        return self._drawn(folder / "tall_and_flat.png", lambda f, v: pair_figure(pair, f, v))

    def cells(self, stories: Mapping[str, Story], folder: Path) -> list[Path]:
        """Draw what compares several cells, and the maps of their islands."""
        tables = {name: story.electrode.table for name, story in stories.items()}
        drawn = self._drawn(folder / "cells.png", lambda f, v: cells_figure(stories, f, v))
        maps = folder / "cells_map.png"
        return drawn + self._drawn(maps, lambda f, v: risk_maps_figure(tables, f, v))

    def cells_stress(self, worst: list[tuple[str, Picture]], folder: Path) -> list[Path]:
        """Draw the stress around the riskiest island of each of several cells."""
        return self._drawn(folder / "cells_stress.png", lambda f, v: pair_figure(worst, f, v))

    def _drawn(self, file: Path, draw: Callable[[Path, str], None]) -> list[Path]:
        if self.figures is Figures.none:
            return []
        draw(file, self.figures.vector)
        return written(file, self.figures.vector)
