"""Metrics of times to an event: values, folds, limits, and what they read from the columns' names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.data.target.follow_up import labelled
from fusekit.evaluation import Rule, score
from fusekit.evaluation.arms.pairs import compare_arms
from fusekit.evaluation.survival.brier import brier_terms, integrated
from fusekit.evaluation.survival.concordance import auc_at, harrell, uno
from fusekit.evaluation.survival.kaplan_meier import survival
from fusekit.extension import catalog

NAMES = ("uno-c", "harrell-c", "time-auc", "integrated-brier", "observed-over-predicted")
METRICS = {name: catalog().metrics.make(name) for name in NAMES}
HORIZONS = (12.0, 36.0)


def predictions(count: int, seed: int, *, effect: float = 1.0, noise: float = 0.7, folds: int = 1) -> pd.DataFrame:
    """True survival, and a risk with noise; a subject a row."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=count)
    rate = np.exp(effect * x) / 30
    time, end = draw.exponential(1 / rate), draw.uniform(5, 60, count)
    said = np.exp(np.random.default_rng(seed + 999).normal(0, noise, count)) * rate
    grid = np.linspace(0, 36, 200)
    risk = 1 - np.exp(-said[:, None] * grid).mean(axis=1)
    at = {f"survival_{horizon:g}": np.exp(-said * horizon) for horizon in HORIZONS}
    names = [f"s{n:04}" for n in range(count)]
    labels = labelled(np.minimum(time, end), time <= end)
    known = {"subject": names, "scan": names, "slice": 0, "fold": np.arange(count) % folds, "label": labels}
    return pd.DataFrame({**known, "risk": risk, **at})


def test_values_are_those_of_the_functions_behind_them() -> None:
    table = predictions(150, 0)
    labels, risk, at = table["label"].to_numpy(), table["risk"].to_numpy(), table.filter(like="survival_").to_numpy()
    found = score(table, METRICS).query("level == 'subject'").set_index("metric")["value"]
    assert found["harrell-c"] == pytest.approx(harrell(36.0)(labels, risk)[0])
    assert found["uno-c"] == pytest.approx(uno(36.0)(labels, risk)[0])
    assert found["time-auc"] == pytest.approx(np.mean([auc_at(horizon)(labels, risk)[0] for horizon in HORIZONS]))
    terms = brier_terms(labels, at, HORIZONS)
    assert found["integrated-brier"] == pytest.approx(integrated(terms, HORIZONS).mean())
    assert found["observed-over-predicted"] == pytest.approx((1 - survival(labels).at(36.0)) / (1 - at[:, 1]).mean())


def test_ranks_are_compared_within_folds_and_errors_over_all() -> None:
    table = predictions(120, 1, folds=3)
    shifted = table.assign(risk=table["risk"].where(table["fold"] > 0, table["risk"] / 2))
    before, after = (score(one, METRICS).set_index(["level", "metric"])["value"]["subject"] for one in (table, shifted))
    assert after["uno-c"] == pytest.approx(before["uno-c"])
    each = [uno(36.0)(own["label"].to_numpy(), own["risk"].to_numpy())[0] for _, own in table.groupby("fold")]
    assert before["uno-c"] == pytest.approx(np.mean(each))


def test_slices_are_one_person() -> None:
    """Four equal slices each: the same limits at both levels, but for the bootstrap's own noise."""
    table = predictions(60, 2)
    slices = pd.concat([table.assign(slice=number) for number in range(4)], ignore_index=True)
    found = score(slices, METRICS).sort_values("metric")
    at = {level: own[["value", "low", "high"]].to_numpy(dtype=float) for level, own in found.groupby("level")}
    np.testing.assert_allclose(at["slice"], at["subject"], rtol=0.02)


def test_slices_are_joined_by_their_mean_or_median_and_nothing_is_called() -> None:
    table = predictions(20, 3)
    slices = pd.concat([table, table.assign(slice=1, risk=table["risk"] / 2)], ignore_index=True)
    joined = Rule().subjects(slices)
    assert joined["risk"].to_numpy() == pytest.approx(0.75 * table["risk"].to_numpy())
    assert Rule.fit(table).temperatures == {}


def test_two_arms_are_compared_by_the_same_people() -> None:
    good, bad = predictions(200, 5, noise=0.2), predictions(200, 5, noise=3.0)
    assert (good["label"] == bad["label"]).all()
    pairs = compare_arms({"good": [good], "bad": [bad], "same": [good]}).to_dict("records")
    of = {(row["first"], row["second"], row["measure"]): row for row in pairs}
    ahead = of["good", "bad", "uno-c"]
    values = [uno(36.0)(one["label"].to_numpy(), one["risk"].to_numpy())[0] for one in (good, bad)]
    assert ahead["difference"] == pytest.approx(values[0] - values[1])
    assert ahead["p_holm"] < 0.001
    assert "good beats bad" in ahead["sentence"]
    error = of["good", "bad", "integrated-brier"]
    assert error["difference"] < 0
    assert "good beats bad" in error["sentence"]
    assert of["good", "same", "uno-c"]["p"] == 1
    assert "the same Uno's c" in of["good", "same", "uno-c"]["sentence"]


def test_arms_whose_people_are_not_followed_to_a_horizon_cannot_be_compared_there() -> None:
    table = predictions(40, 6)
    short = table.assign(label=-np.linspace(1, 30, 40)).assign(
        label=lambda one: one["label"].where(one.index > 9, -one["label"])
    )
    pairs = compare_arms({"a": [short], "b": [short.assign(risk=short["risk"] / 2)]}).to_dict("records")
    (error,) = [row for row in pairs if row["measure"] == "integrated-brier"]
    assert np.isnan(error["p"])
    assert "cannot be compared by integrated Brier score: too few have the event" in error["sentence"]


@pytest.mark.parametrize("name", ["time-auc", "integrated-brier"])
def test_limits_at_horizons_are_given_where_enough_subjects_are_followed(name: str) -> None:
    """Five beyond the last horizon, not five scans; for areas also a fifth that is not censored."""
    draw = np.random.default_rng(0)
    metric = catalog().metrics.make(name).reading(["risk", "survival_12", "survival_36"])
    said = np.column_stack([draw.uniform(size=40), draw.uniform(0.5, 1, 40), draw.uniform(0, 0.5, 40)])
    times, seen = draw.uniform(1, 35, 40), np.arange(40) % 20 == 0
    for beyond, given in ((4, False), (5, True)):
        labels = labelled(np.where(np.arange(40) < beyond, 50.0, times), seen & (np.arange(40) >= beyond))
        low, high = metric.interval(labels, said, np.arange(40))
        if name == "integrated-brier":
            assert np.isfinite([low, high]).all() == given
        else:
            assert np.isnan(low)  # most of the others are censored before
        few = labelled(np.where(np.arange(40) < beyond, 50.0, times), np.arange(40) >= beyond)
        assert np.isfinite(metric.interval(few, said, np.arange(40))).all() == given
    names = np.where(np.arange(40) < 5, 0, np.arange(40))  # five scans of one subject
    assert np.isnan(metric.interval(few, said, names)).all()
    assert np.isfinite(metric.value(few, said))
