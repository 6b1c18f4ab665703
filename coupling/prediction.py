"""Does crack risk find the cracks? Islands and their risk, scored against segmented cracks.

An island counts as cracked if its centre, seen along the normal of the electrode, lies in the
circle of some crack's area, or not farther than `REACH_UM` outside. (That the circles of crack
and island meet would not do: cracks at random places meet large islands more often, and the
risk of large ones is larger.) Two scores, each beside what chance would do:

* ROC: how well a number tells cracked islands from the others, over all thresholds. The area
  under the curve (AUC) is the probability that a cracked island has the larger one: 1 for a
  number that tells all, 1/2 for one that tells nothing.
* distance from each crack to the nearest predicted hot spot, an island with R1 > 1.

Chance is what is left when the risks are dealt out among the islands at random (a permutation
test), so that places, sizes and numbers of islands and cracks stay what they are. Height,
diameter and volume are scored beside the risk: a risk that tells no more than the height need
not be computed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from coupling.criterion import LEVEL
from coupling.results import Scalar
from mechanics.profile import Floats

type Bools = NDArray[np.bool_]

REACH_UM = 5.0
"""Distance from a crack's circle within which an island's centre counts as below it: cracks are no
circles."""
SCORED = ("risk_bulk", "risk_rim", "height_um", "aspect_ratio", "contact_diameter_um", "volume_um3")
"""Numbers of an island whose ROC is computed, the risk by which it is judged first."""
PERMUTATIONS = 10_000
"""Random permutations, where there are more possible ones than this; else all of them."""
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Score:
    """What a number is worth, and what chance would reach."""

    value: float
    p_value: float
    """Share of the permutations that do as well or better."""
    chance: float
    """Mean of the permutations."""
    low: float
    """2.5 % quantile of the permutations."""
    high: float
    """97.5 % quantile."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted hot spots against cracks."""

    table: pd.DataFrame
    """One row per island with a risk, the riskiest first: label, x_um, y_um, contact_diameter_um,
    the numbers that are scored, `predicted`, `cracked`, `crack_label` (of the nearest crack) and
    `crack_gap_um` (distance of the island's centre from its circle, 0 inside)."""
    cracks: pd.DataFrame
    """As segmented, with `island_label` (nearest) and `hotspot_distance_um`."""
    auc: dict[str, Score]
    """By the number that is scored; empty where all islands are cracked or none."""
    distance_um: Score | None
    """Mean distance from a crack to the nearest hot spot; None without hot spots."""
    synthetic: bool
    """Whether the cracks were put into synthetic scans by a rule."""

    @property
    def counts(self) -> dict[str, int]:
        """Return how many islands were predicted and found to be cracked, or not."""
        predicted, cracked = (self.table[name].to_numpy(bool) for name in ("predicted", "cracked"))
        return {
            "hits": int((predicted & cracked).sum()),
            "false_alarms": int((predicted & ~cracked).sum()),
            "misses": int((~predicted & cracked).sum()),
            "correct_rejections": int((~predicted & ~cracked).sum()),
        }

    def scalars(self) -> dict[str, Scalar]:
        """Return the scalars of ``result.json``."""
        found: dict[str, Scalar] = {
            "prediction_islands": len(self.table),
            "prediction_cracked": int(self.table["cracked"].sum()),
            "prediction_cracks_without_island": int(self.cracks["island_label"].isna().sum()),
            **{f"prediction_{name}": count for name, count in self.counts.items()},
        }
        for name, score in self.auc.items():
            suffix = "" if name == SCORED[0] else f"_{name}"
            found[f"prediction_auc{suffix}"] = score.value
            if not suffix:
                found["prediction_auc_p_value"] = score.p_value
                found["prediction_auc_chance_low"] = score.low
                found["prediction_auc_chance_high"] = score.high
        if self.distance_um is not None:
            found["prediction_distance_um"] = self.distance_um.value
            found["prediction_distance_chance_um"] = self.distance_um.chance
            found["prediction_distance_p_value"] = self.distance_um.p_value
        return found


def predict_cracks(
    risks: pd.DataFrame, cracks: pd.DataFrame, *, synthetic: bool, seed: int = 0
) -> Prediction | None:
    """Score the risk of islands against cracks.

    Parameters
    ----------
    risks
        One row per island: label, x_um, y_um, contact_diameter_um and the numbers of `SCORED`;
        islands without a risk are left out.
    cracks
        One row per crack: label, x_um, y_um, equivalent_diameter_um.
    synthetic
        Whether a rule put the cracks into synthetic scans.
    seed
        Of the random permutations.

    Returns
    -------
    Prediction or None
        None where there are no cracks, or fewer than two islands with a risk: nothing to score.
    """
    table = risks.dropna(subset=[SCORED[0]]).sort_values(SCORED[0], ascending=False)
    if cracks.empty or len(table) < 2:
        return None
    gap, centre = _gaps_um(table, cracks)
    nearest = gap.argmin(axis=1)
    names = ["label", "x_um", "y_um", *dict.fromkeys(("contact_diameter_um", *SCORED))]
    table = table[names].reset_index(drop=True)
    table["predicted"] = table[SCORED[0]] > LEVEL
    table["crack_gap_um"] = gap.min(axis=1)
    table["cracked"] = table["crack_gap_um"] <= REACH_UM
    table["crack_label"] = cracks["label"].to_numpy()[nearest]
    cracks = cracks.reset_index(drop=True).copy()
    touched = gap.min(axis=0) <= REACH_UM
    owner = table["label"].to_numpy()[centre.argmin(axis=0)]
    cracks["island_label"] = pd.array(np.where(touched, owner, -1), dtype="Int64")
    cracks.loc[~touched, "island_label"] = pd.NA
    predicted, cracked = table["predicted"].to_numpy(bool), table["cracked"].to_numpy(bool)
    reached = centre[predicted].min(axis=0) if predicted.any() else np.full(len(cracks), np.nan)
    cracks["hotspot_distance_um"] = reached
    auc = {}
    if 0 < cracked.sum() < len(cracked):
        deals = _deals(len(table), int(cracked.sum()), seed)
        auc = {name: _auc_score(table[name].to_numpy(float), cracked, deals) for name in SCORED}
    distance = None
    if predicted.any():
        distance = _distance_score(
            centre, predicted, _deals(len(table), int(predicted.sum()), seed)
        )
    return Prediction(table, cracks, auc, distance, synthetic)


def _gaps_um(islands: pd.DataFrame, cracks: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return distances of islands' centres from cracks' circles (0 inside) and centres, (n, m)."""
    apart = np.hypot(
        *(
            islands[name].to_numpy(float)[:, None] - cracks[name].to_numpy(float)[None]
            for name in ("x_um", "y_um")
        )
    )
    radius = 0.5 * cracks["equivalent_diameter_um"].to_numpy(float)[None]
    return np.maximum(apart - radius, 0.0), apart


def roc_curve(values: Floats, cracked: Bools) -> tuple[Floats, Floats]:
    """Return false and true positive rates as the threshold falls, from (0, 0) to (1, 1).

    Islands of equal value pass the threshold together.
    """
    order = np.argsort(-values, kind="stable")
    last = np.append(np.diff(values[order]) != 0, True)
    true = np.cumsum(cracked[order])[last] / cracked.sum()
    false = np.cumsum(~cracked[order])[last] / (~cracked).sum()
    return np.append(0.0, false), np.append(0.0, true)


def area_under_roc(values: Floats, cracked: Bools) -> float:
    """Return the probability that a cracked island has the larger value; ties count half.

    Examples
    --------
    >>> area_under_roc(np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False]))
    0.875
    """
    rank = stats.rankdata(values)
    many = int(cracked.sum())
    least = many * (many + 1) / 2
    return float((rank[cracked].sum() - least) / (many * (len(values) - many)))


def _deals(count: int, chosen: int, seed: int) -> NDArray[np.intp]:
    """Return ways to choose some of the islands, one per row: all, or many at random."""
    if math.comb(count, chosen) <= PERMUTATIONS:
        every: Iterator[tuple[int, ...]] = itertools.combinations(range(count), chosen)
        return np.array(list(every), dtype=np.intp).reshape(-1, chosen)
    random = np.random.default_rng(seed)
    parts = [
        np.argpartition(random.random((min(1000, PERMUTATIONS - done), count)), chosen - 1)
        for done in range(0, PERMUTATIONS, 1000)
    ]
    return np.concatenate([part[:, :chosen] for part in parts])


def _auc_score(values: Floats, cracked: Bools, deals: NDArray[np.intp]) -> Score:
    value = area_under_roc(values, cracked)
    rank = stats.rankdata(values)
    many = deals.shape[1]
    sums = rank[deals].sum(axis=1)
    chance = (sums - many * (many + 1) / 2) / (many * (len(values) - many))
    return _score(value, chance, chance >= value - 1e-12)


def _distance_score(centre: Floats, predicted: Bools, deals: NDArray[np.intp]) -> Score:
    value = float(centre[predicted].min(axis=0).mean())
    chance = np.array([centre[rows].min(axis=0).mean() for rows in deals])
    return _score(value, chance, chance <= value + 1e-9)


def _score(value: float, chance: Floats, as_good: Bools) -> Score:
    low, high = np.quantile(chance, INTERVAL)
    return Score(value, float(as_good.mean()), float(chance.mean()), float(low), float(high))


def in_words(prediction: Prediction) -> str:
    """Say what was scored, and what it is worth."""
    counts, table = prediction.counts, prediction.table
    cracked = int(table["cracked"].sum())
    words = (
        f"{len(prediction.cracks)} cracks were segmented; {cracked} of {len(table)} islands lie "
        f"below one. Of {int(table['predicted'].sum())} islands with R1 > 1, {counts['hits']} are "
        f"cracked; {counts['misses']} cracked islands have R1 < 1. "
    )
    if prediction.auc:
        own, height = prediction.auc[SCORED[0]], prediction.auc["height_um"]
        words += (
            f"Area under the ROC curve {own.value:.2f}; risks dealt out at random give "
            f"{own.low:.2f} to {own.high:.2f} (95 %), and as much or more with probability "
            f"{own.p_value:.2g}. The height alone reaches {height.value:.2f}. "
        )
    else:
        words += "All islands are cracked, or none is: there is no ROC curve. "
    if table["predicted"].all():
        words += "Every island is a hot spot, so the distance from cracks to them tells nothing. "
    elif prediction.distance_um is not None:
        d = prediction.distance_um
        words += (
            f"From a crack to the nearest hot spot it is {d.value:.0f} µm on average, "
            f"{d.chance:.0f} µm to islands taken at random (as near or nearer with probability "
            f"{d.p_value:.2g}). "
        )
    if prediction.synthetic:
        words += (
            "The scans are synthetic: a rule that knows heights but no stress has put the cracks "
            "there, so this tests the chain, not the physics."
        )
    return words.strip()


def record(prediction: Prediction) -> Mapping[str, object]:
    """Return the content of ``prediction.json``."""
    distance = prediction.distance_um
    return {
        "words": in_words(prediction),
        "synthetic": prediction.synthetic,
        "level": LEVEL,
        "counts": prediction.counts,
        "auc": {name: vars(score) for name, score in prediction.auc.items()},
        "distance_um": None if distance is None else vars(distance),
        "cracks": prediction.cracks.astype(object).where(prediction.cracks.notna(), None)
        .to_dict("records"),
    }  # fmt: skip
