"""Times to an event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sksurv.metrics import concordance_index_censored

from fusekit.sklearn import FuseKitSurvival

TABLE: dict[str, Any] = {"image": None, "image_size": 32, "device": "cpu"}
TYPE = [("died", bool), ("months", float)]


def follow_up(count: int = 150) -> tuple[pd.DataFrame, np.ndarray]:
    """People whose hazard rises with a, and does not depend on b."""
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(count, 2)), columns=["a", "b"], index=range(1000, 1000 + count))
    time, end = draw.exponential(20 * np.exp(-1.5 * X["a"])), draw.uniform(5, 60, count)
    return X, np.array(list(zip(time <= end, np.minimum(time, end), strict=True)), dtype=TYPE)


@pytest.mark.parametrize("arm", [{"fusion": "clinical-only", "epochs": 20, "lr": 0.02}, {"baseline": "cox"}])
def test_a_planted_effect_is_ranked_above_chance(arm: dict[str, Any]) -> None:
    X, y = follow_up()
    fitted = FuseKitSurvival(**TABLE, **arm, horizons=[12, 24, 60]).fit(X[:100], y[:100])
    risk = fitted.predict(X[100:])
    theirs = concordance_index_censored(y["died"][100:], y["months"][100:], risk)[0]  # all events are before 60
    assert fitted.score(X[100:], y[100:]) == pytest.approx(theirs, abs=1e-12)
    assert theirs > 0.7
    chances = fitted.predict_survival(X[100:])
    assert list(map(float, chances.columns)) == [12, 24, 60]
    assert chances.index.tolist() == X.index[100:].tolist()
    assert (chances.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)
    assert np.corrcoef(risk, chances[24])[0, 1] < -0.9


def test_horizons_follow_from_the_events() -> None:
    X, y = follow_up()
    fitted = FuseKitSurvival(**TABLE, baseline="kaplan-meier").fit(X, y)
    seen = pd.Series(y["months"][y["died"]])
    assert fitted.horizons_ == pytest.approx((*seen.quantile([0.25, 0.5, 0.75]), seen.max()))
    assert fitted.score(X, y) == 0.5  # everyone has the same risk


def test_cross_validation() -> None:
    X, y = follow_up(60)
    assert (cross_val_score(FuseKitSurvival(**TABLE, baseline="cox"), X, y, cv=2) > 0.6).all()


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.arange(4.0), "structured array of two fields"),
        (np.array([(1, 2.0)] * 4, dtype=[("died", int), ("months", float)]), "structured array of two fields"),
        (np.array([(True, -1.0)] * 4, dtype=TYPE), "4 times are below 0"),
        (np.array([(True, np.nan)] * 4, dtype=TYPE), "NaN"),
        (np.array([(False, 1.0)] * 4, dtype=TYPE), "no event"),
    ],
)
def test_what_is_no_follow_up(y: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FuseKitSurvival(**TABLE, baseline="cox").fit(np.arange(4.0)[:, None], y)


def test_horizons_are_checked() -> None:
    X, y = follow_up(20)
    with pytest.raises(ValueError, match="horizons of 'died'"):
        FuseKitSurvival(**TABLE, baseline="cox", horizons=[12, 6]).fit(X, y)
