"""The pictures of an external validation, read back from the figures' own objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fusekit.data import ClinicalEncoding, Column
from fusekit.evaluation.calibration.reliability import reliability
from fusekit.evaluation.cohorts.intensity import grey_levels
from fusekit.evaluation.cohorts.shift import clinical_shift
from fusekit.evaluation.cohorts.two_cohorts import beside_training
from fusekit.report.drawing.palette import BLUE, ORANGE
from fusekit.report.figures.shift import COLUMNS, external_pictures

TITLES = {"auc": "AUC", "ppv": "PPV"}


def _row(metric: str, value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"level": "subject", "metric": metric, "value": value, "low": low, "high": high, "subjects": 40}


def _x(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_xdata(), dtype=float)


@pytest.fixture
def given() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    names = [f"c{k:02}" for k in range(30)]
    index = pd.Index([f"s{k}" for k in range(200)], name="scan")
    trained = pd.DataFrame(rng.normal(size=(200, 30)), index, names)
    encoding = ClinicalEncoding.fit(trained, [Column(name, signed=True) for name in names])
    other = trained.assign(c03=trained["c03"] * 1000 + 5000, c07=trained["c07"] + trained["c07"].std(ddof=0))
    labels, p = rng.integers(0, 2, 200), rng.random(200)
    images = rng.integers(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    external = pd.DataFrame([_row("auc", 0.7, 0.6, 0.8), _row("ppv", 0.5, 0.3, 0.7)])
    return {
        "classes": ("CN", "AD"),
        "titles": TITLES,
        "scores": beside_training([_row("auc", 0.9, 0.8, 0.95), _row("ppv", None, None, None)], external),
        "clinical": clinical_shift(encoding, other, pd.Series(index, index)),
        "grey": {"image": grey_levels(images, np.arange(4))},
        "trained": {"image": (100.0, 50.0)},
        "reliability": reliability(labels, p),
        "synthetic": True,
    }


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is drawn, once."""
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **settings: Any) -> None:
        if self not in kept:
            kept.append(self)
        save(self, *args, **settings)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def test_scores_shifts_grey_levels_and_reliability(given: dict[str, Any], figures: list[Figure]) -> None:
    pictures = list(external_pictures(**given))
    assert [picture.name for picture in pictures] == [
        "external-scores",
        "external-clinical",
        "external-intensity",
        "external-reliability",
    ]
    assert all("SYNTHETIC" in picture.caption and "SYNTHETIC" in picture.svg for picture in pictures)
    scores, clinical, grey, curve = (figure.axes[0] for figure in figures)

    drawn = {line.get_label(): _x(line) for line in scores.lines}
    assert list(drawn["other cohort"]) == [0.7, 0.5]
    assert drawn["training cohort, held out"][0] == 0.9
    assert np.isnan(drawn["training cohort, held out"][1])  # undefined there, so not drawn
    assert [label.get_text() for label in scores.get_yticklabels()] == ["AUC", "PPV"]
    assert "AUC: 0.90 in training, 0.70 elsewhere." in pictures[0].alt

    names = [label.get_text() for label in clinical.get_yticklabels()]
    assert names[:2] == ["c03", "c07"]
    assert len(names) == COLUMNS
    points = [line for line in clinical.lines if line.get_marker() in ("o", ">", "<")]
    assert points[0].get_marker() == ">"  # far beyond the edge, and its number beside it
    assert clinical.texts[0].get_text().startswith("+")
    assert _x(points[1])[0] == pytest.approx(1)
    assert [point.get_color() for point in points[:3]] == [ORANGE, ORANGE, BLUE]
    assert pictures[1].alt.startswith("SYNTHETIC data. 2 of 30 columns differ")

    assert _x(grey.lines[0])[0] == 100  # the training's mean
    levels = given["grey"]["image"]
    assert _x(grey.lines[1])[0] == pytest.approx(((levels["low"] + 2) * levels["share"]).sum())
    diagonal, line = curve.lines
    assert list(_x(diagonal)) == [0, 1]
    assert line.get_ydata() == pytest.approx(given["reliability"]["observed"].to_numpy())
    assert curve.get_ylabel() == "observed share of AD"


def test_a_model_without_a_table_has_no_picture_of_one(given: dict[str, Any]) -> None:
    drawn = list(external_pictures(**{**given, "clinical": given["clinical"].head(0), "synthetic": False}))
    assert "external-clinical" not in [picture.name for picture in drawn]
    assert not any("SYNTHETIC" in picture.svg for picture in drawn)
