"""Scores of predicted hot spots: counted exactly, and chance where there is nothing to find."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coupling.prediction import (
    SCORED,
    Prediction,
    area_under_roc,
    in_words,
    predict_cracks,
    roc_curve,
)
from coupling.prediction_output import PREDICTION_FILES, is_synthetic, score
from coupling.results import Result, write_result
from coupling.schema_figures import Figures
from imaging.phantom import CrackRule
from imaging.phantom_cracks import ruled_cracks
from imaging.phantom_shapes import IslandShape


def islands(risk: list[float], apart_um: float = 200.0) -> pd.DataFrame:
    """Islands in a row, of given risks."""
    count = len(risk)
    table = pd.DataFrame(dict.fromkeys(SCORED, np.linspace(20, 30, count)))
    return table.assign(
        label=range(1, count + 1), x_um=apart_um * np.arange(count), y_um=0.0, risk_bulk=risk
    )


def cracks(*places: tuple[float, float, float]) -> pd.DataFrame:
    """Cracks at x, y of a diameter."""
    frame = pd.DataFrame(list(places), columns=["x_um", "y_um", "equivalent_diameter_um"])
    return frame.assign(label=range(1, len(places) + 1))


def scored(risks: pd.DataFrame, found: pd.DataFrame) -> Prediction:
    prediction = predict_cracks(risks, found, synthetic=False)
    assert prediction is not None
    return prediction


def test_area_under_the_curve_is_that_of_all_pairs() -> None:
    random = np.random.default_rng(3)
    values = random.integers(0, 6, 40).astype(float)  # with ties
    cracked = random.random(40) < 0.3
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0 for a in values[cracked] for b in values[~cracked]
    ]
    assert area_under_roc(values, cracked) == pytest.approx(np.mean(wins), rel=1e-12)
    false, true = roc_curve(values, cracked)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(np.mean(wins), rel=1e-12)


def test_cracks_above_the_riskiest_are_told_with_the_p_value_of_counting() -> None:
    prediction = scored(
        islands([3.0, 0.4, 2.0, 0.2, 0.1, 0.3]), cracks((10, 5, 50), (400, -12, 40))
    )
    assert list(prediction.table["label"]) == [1, 3, 2, 6, 4, 5]
    assert list(prediction.table["cracked"]) == [True, True, False, False, False, False]
    auc = prediction.auc["risk_bulk"]
    assert auc.value == 1
    assert auc.p_value == pytest.approx(1 / math.comb(6, 2))
    assert auc.chance == pytest.approx(0.5)
    assert list(prediction.counts.values()) == [2, 0, 0, 4]
    distance = prediction.distance_um
    assert distance is not None
    assert distance.value == pytest.approx((math.hypot(10, 5) + 12) / 2)
    assert distance.p_value == pytest.approx(1 / 15)
    assert distance.chance > 150
    assert list(prediction.cracks["island_label"]) == [1, 3]


def test_what_is_missed_is_counted() -> None:
    risks = islands([3.0, 0.4, 2.0, math.nan])
    prediction = scored(risks, cracks((200, 0, 60), (600, 0, 40), (1000, 500, 30)))
    assert len(prediction.table) == 3  # without a risk there is nothing to score
    assert list(prediction.counts.values()) == [0, 2, 1, 0]
    assert prediction.scalars()["prediction_cracks_without_island"] == 2
    assert prediction.auc["risk_bulk"].value == 0
    words = in_words(prediction)
    assert "3 cracks were segmented; 1 of 3 islands" in words
    assert "synthetic" not in words


def test_without_cracks_there_is_nothing_to_score() -> None:
    assert predict_cracks(islands([2.0, 1.0]), cracks(), synthetic=True) is None
    everything = scored(islands([2.0, 0.5]), cracks((100, 0, 300)))
    assert everything.auc == {}
    assert "there is no ROC curve" in in_words(everything)
    none = scored(islands([0.5, 0.4]), cracks((0, 0, 50)))
    assert none.distance_um is None


def random_cell(seed: int) -> tuple[list[IslandShape], pd.DataFrame]:
    """Islands of many sizes at random places; risk rises with height and diameter."""
    random = np.random.default_rng(seed)
    shapes = [
        IslandShape(*random.uniform(0, 1500, 2), *random.uniform((20, 2), (90, 20)))
        for _ in range(60)
    ]
    table = pd.DataFrame(
        {
            "label": range(1, 61),
            "y_um": [s.y_um for s in shapes],
            "x_um": [s.x_um for s in shapes],
            "contact_diameter_um": [s.diameter_um for s in shapes],
            "height_um": [s.height_um for s in shapes],
            "aspect_ratio": [s.height_um / s.diameter_um for s in shapes],
            "volume_um3": [s.volume_um3 for s in shapes],
            "risk_rim": 2.0,
            "risk_bulk": [0.1 * s.height_um + 0.01 * s.diameter_um for s in shapes],
        }
    )
    return shapes, table


def placed(rule: CrackRule, seed: int) -> Prediction | None:
    shapes, table = random_cell(seed)
    made = ruled_cracks(rule, 12, shapes, (1500.0, 1500.0), seed)
    found = cracks(*((c.x_um, c.y_um, c.diameter_um) for c in made))
    return predict_cracks(table, found, synthetic=True, seed=seed)


def test_cracks_at_random_places_are_not_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The null: an area of 1/2, and small p-values as seldom as they say."""
    monkeypatch.setattr("coupling.prediction.PERMUTATIONS", 500)
    found = [placed(CrackRule.random, seed) for seed in range(120)]
    scores = [one.auc["risk_bulk"] for one in found if one is not None and one.auc]
    assert len(scores) > 80
    values = np.array([one.value for one in scores])
    assert values.mean() == pytest.approx(0.5, abs=3 * values.std() / math.sqrt(len(values)))
    assert values.std() / math.sqrt(len(values)) < 0.03
    assert np.mean([one.p_value < 0.1 for one in scores]) < 0.25
    distances = [one.distance_um.p_value for one in found if one is not None and one.distance_um]
    assert 0.3 < np.mean(distances) < 0.7


def test_cracks_above_the_tallest_are_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coupling.prediction.PERMUTATIONS", 2000)
    found = [placed(CrackRule.above_tallest, seed) for seed in range(6)]
    scores = [one.auc["risk_bulk"] for one in found if one is not None and one.auc]
    assert len(scores) == 6
    assert np.mean([one.value for one in scores]) > 0.8
    assert all(one.p_value < 0.01 for one in scores)


def test_random_permutations_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    risks = islands(list(np.linspace(0.1, 3, 14)))
    found = cracks((1800, 0, 50), (2200, 0, 50), (2600, 0, 50), (400, 0, 50))
    exact = scored(risks, found).auc["risk_bulk"]
    monkeypatch.setattr("coupling.prediction.PERMUTATIONS", 900)  # of 1001
    sampled = scored(risks, found).auc["risk_bulk"]
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.03)
    assert sampled.p_value != exact.p_value
    assert sampled == scored(risks, found).auc["risk_bulk"]  # the same seed


def test_outputs(tmp_path: Path) -> None:
    source = tmp_path / "image"
    source.mkdir()
    risks = islands([3.0, 0.4, 2.0])
    assert score(risks, source, tmp_path, Figures.svg, synthetic=True) == (None, [])
    cracks((10, 5, 50)).to_csv(source / "cracks.csv", index=False)
    _, files = score(risks, source, tmp_path, Figures.none, synthetic=True)
    assert [file.name for file in files] == list(PREDICTION_FILES)
    _, files = score(risks, source, tmp_path, Figures.svg, synthetic=True)
    assert [file.name for file in files][2:] == ["prediction.png", "prediction.svg"]
    assert all(file.stat().st_size > 100 for file in files)
    told = json.loads((tmp_path / "prediction.json").read_text())
    assert told["synthetic"] is True
    assert "no stress" in told["words"]
    assert told["auc"]["risk_bulk"]["value"] == 1
    assert told["cracks"][0]["island_label"] == 1
    assert list(pd.read_csv(tmp_path / "prediction.csv")["cracked"]) == [True, False, False]
    (source / "cracks.csv").write_text("label,x_um\n1,2\n")
    with pytest.raises(ValueError, match="no column y_um, equivalent_diameter_um"):
        score(risks, source, tmp_path, Figures.png, synthetic=True)


@pytest.mark.parametrize(("truth", "expected"), [(True, True), (False, False)])
def test_scans_beside_a_truth_are_synthetic(tmp_path: Path, truth: bool, expected: bool) -> None:
    scans = tmp_path / "scans"
    (scans / "truth").mkdir(parents=True)
    if truth:
        (scans / "truth/transform.json").write_text("{}")
    inputs = {"before": str(scans / "before.tif"), "after": str(scans / "after.tif")}
    write_result(tmp_path, Result("ok", "0", "image", "x", inputs))
    assert is_synthetic(tmp_path) is expected
    write_result(tmp_path, Result("ok", "0", "run", "x", {"before": None}))
    assert is_synthetic(tmp_path)
