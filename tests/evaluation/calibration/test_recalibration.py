"""Recalibration: known maps are recovered, and nobody is calibrated by their own outcome."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss as log_loss_of_sklearn
from statsmodels.api import Logit, add_constant

from fusekit.errors import DataError, OptionError
from fusekit.evaluation.calibration.recalibration import (
    METHODS,
    CalibrationMap,
    cross_fitted,
    fit_logistic,
    log_loss,
    parts_of,
    recalibration_table,
)


def _drawn(intercept: float, slope: float, subjects: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and probabilities from which the right ones are got by this map of their logits."""
    rng = np.random.default_rng(seed)
    linear = rng.normal(0, 1.5, subjects)
    labels = (rng.random(subjects) < expit(intercept + slope * linear)).astype(int)
    p = expit(linear)
    return labels, np.column_stack([1 - p, p])


def _subjects(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    names = [f"s{k:04}" for k in range(len(labels))]
    columns = {f"p_{k}": probabilities[:, k] for k in range(probabilities.shape[1])}
    return pd.DataFrame({"subject": names, "label": labels, **columns})


def test_intercept_and_slope_are_those_of_statsmodels() -> None:
    labels, probabilities = _drawn(-0.7, 0.6, 300)
    x = logit(probabilities[:, 1])
    expected = Logit(labels, add_constant(x)).fit(disp=False).params
    assert fit_logistic(labels, probabilities) == pytest.approx(tuple(expected), abs=1e-5)


@pytest.mark.parametrize(("method", "intercept", "slope"), [("temperature", 0.0, 0.5), ("logistic", 0.8, 0.5)])
def test_a_planted_map_is_recovered(method: Any, intercept: float, slope: float) -> None:
    labels, probabilities = _drawn(intercept, slope, 20_000)
    fitted = CalibrationMap.fit(method, labels, probabilities)
    if method == "temperature":
        assert fitted.temperature == pytest.approx(1 / slope, rel=0.05)
    else:
        assert fitted.intercept == pytest.approx(intercept, abs=0.06)
        assert fitted.slope == pytest.approx(slope, abs=0.03)
    right = expit(intercept + slope * logit(probabilities[:, 1]))
    np.testing.assert_allclose(fitted.apply(probabilities)[:, 1], right, atol=0.02)
    plain = json.loads(json.dumps({**fitted.as_json(), "weights": "abc"}))
    assert CalibrationMap.from_json(plain) == fitted


def test_maps_by_hand() -> None:
    p = np.array([[0.2, 0.8], [0.5, 0.5]])
    moved = CalibrationMap("logistic", intercept=np.log(2), slope=1).apply(p)  # odds of 4 and 1, doubled
    np.testing.assert_allclose(moved, [[1 / 9, 8 / 9], [1 / 3, 2 / 3]])
    np.testing.assert_allclose(CalibrationMap("temperature", temperature=2).apply(p), [[1 / 3, 2 / 3], [0.5, 0.5]])


@pytest.mark.parametrize("method", list(METHODS))
def test_no_subject_calibrates_itself(method: Any) -> None:
    """Turning a part's outcomes round changes everybody's probabilities but that part's own."""
    labels, probabilities = _drawn(0.5, 0.7, 60)
    parts = np.arange(60) % 5
    before = cross_fitted(method, labels, probabilities, parts)
    for part in range(5):
        turned = np.where(parts == part, 1 - labels, labels)
        after = cross_fitted(method, turned, probabilities, parts)
        np.testing.assert_array_equal(after[parts == part], before[parts == part])
        assert (after[parts != part] != before[parts != part]).any(axis=1).all()


def test_cross_fitting_is_not_flattered_by_noise() -> None:
    """Labels without any relation: fitted and measured on the same few, a map seems to help; cross-fitted, it does not.

    Nothing is better than the share of the positives, whose log loss is ln 2.
    """
    rng = np.random.default_rng(3)
    flattered, honest = [], []
    for _ in range(60):
        labels = rng.permutation([0, 1] * 10)
        p = expit(rng.normal(0, 1, 20))
        probabilities = np.column_stack([1 - p, p])
        flattered.append(log_loss(labels, CalibrationMap.fit("logistic", labels, probabilities).apply(probabilities)))
        honest.append(log_loss(labels, cross_fitted("logistic", labels, probabilities, np.arange(20) // 2 % 5)))
    assert np.mean(flattered) < np.log(2) < np.mean(honest)
    assert max(flattered) <= np.log(2) + 1e-9


def test_the_table_measures_before_and_after() -> None:
    labels, probabilities = _drawn(1.0, 0.4, 400)
    table, mapped = recalibration_table(_subjects(labels, probabilities))
    table = table.set_index("method")
    assert table.index.tolist() == ["as it is", "temperature", "logistic"]
    raw, logistic = table.loc["as it is"], table.loc["logistic"]
    assert raw["brier"] == pytest.approx(np.mean((probabilities[:, 1] - labels) ** 2))
    assert raw["log_loss"] == pytest.approx(log_loss_of_sklearn(labels, probabilities))
    assert (raw["observed"], raw["predicted"]) == (labels.mean(), pytest.approx(probabilities[:, 1].mean()))
    assert raw["calibration_slope"] == pytest.approx(
        logistic["slope"], abs=1e-4
    )  # Cox: the slope is the map that is needed
    assert logistic["calibration_slope"] == pytest.approx(1, abs=0.1)
    assert logistic["calibration_intercept"] == pytest.approx(0, abs=0.1)
    assert logistic["brier"] < table.loc["temperature", "brier"] < raw["brier"]
    assert (logistic["measured"], logistic["parts"], raw["measured"]) == ("cross-fitted", 5, "directly")
    assert logistic["brier"] == pytest.approx(np.mean((mapped["logistic"][:, 1] - labels) ** 2))


def test_separated_classes_end_at_a_limit() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = CalibrationMap.fit("logistic", labels, probabilities)
    assert fitted.slope <= 50
    assert np.isfinite(fitted.apply(probabilities)).all()


def test_few_subjects_are_cut_into_fewer_parts_or_not_at_all() -> None:
    three = pd.Series([0, 0, 0, 1, 1, 1, 1], index=list("abcdefg"))
    assert sorted(parts_of(three).unique()) == [0, 1, 2]
    for labels in ([0, 0, 1], [0, 0, 0]):
        with pytest.raises(DataError, match="needs two subjects of each class"):
            parts_of(pd.Series(labels, index=list("abc")))
    table, mapped = recalibration_table(_subjects(np.array([0, 0, 1]), np.full((3, 2), 0.5)))
    assert table["method"].tolist() == ["as it is"]
    assert mapped == {}


def test_three_classes_have_a_temperature_and_no_logistic_map() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    probabilities = rng.dirichlet([1, 1, 1], 60)
    table, mapped = recalibration_table(_subjects(labels, probabilities))
    assert table["method"].tolist() == ["as it is", "temperature"]
    np.testing.assert_allclose(mapped["temperature"].sum(axis=1), 1)
    assert table[["brier", "observed"]].isna().all(axis=None)
    assert table["ece"].notna().all()
    with pytest.raises(OptionError, match="logistic is for two classes, and here are 3; take temperature"):
        CalibrationMap.fit("logistic", labels, probabilities)
    with pytest.raises(OptionError, match="takes none, temperature or logistic, not 'isotonic'"):
        CalibrationMap.fit("isotonic", labels, probabilities)
