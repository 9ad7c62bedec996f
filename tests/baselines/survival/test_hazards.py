"""Boosted hazards, against scikit-learn on a table of intervals that is written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusekit.baselines import GradientBoostingHazards
from fusekit.baselines.survival.hazards import hazard_loss
from fusekit.data import TimeToEvent
from fusekit.data.target.follow_up import exposure, labelled
from fusekit.evaluation.survival.concordance import harrell
from fusekit.evaluation.survival.kaplan_meier import survival
from fusekit.training.objectives import Hazards
from tests.baselines.survival.people import COLUMNS, DEATH, LABELS, SUBJECTS, VALUES


def test_each_interval_that_is_reached_is_a_row() -> None:
    labels = labelled(np.array([0.5, 1.0, 2.25, 3.0, 1.5]), np.array([True, True, False, False, True]))
    passed, died = exposure(labels, 3)
    assert passed.tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0.25], [1, 1, 1], [1, 1, 0]]
    assert died.tolist() == [[True, False, False], [True, False, False], [False] * 3, [False] * 3, [False, True, False]]


def test_the_loss_is_that_of_networks() -> None:
    draw = np.random.default_rng(0)
    labels = labelled(draw.uniform(0, 4, 30), draw.random(30) < 0.5)
    outputs = torch.from_numpy(draw.normal(size=(30, 4)))
    expected = Hazards().term(outputs, torch.from_numpy(labels))
    assert hazard_loss(labels, torch.sigmoid(outputs).numpy(), np.ones(30)) == pytest.approx(float(expected))


def test_without_columns_that_matter_hazards_are_shares_of_those_who_reach_an_interval() -> None:
    """One tree of one leaf per interval, at full rate and without penalty, ends at the share."""
    made = GradientBoostingHazards(trees=60, rate=1.0, leaves=4, rows=1, penalty=0.0)
    blank = VALUES.assign(**{column.name: np.nan for column in COLUMNS if column.kind == "number"})
    made.target = DEATH
    text = [column for column in COLUMNS if column.kind == "number"]
    made.fit(blank[[column.name for column in text]], text, LABELS, SUBJECTS, 0)
    target = made.asked
    passed, died = exposure(target.scaled(LABELS), target.intervals)
    _, of_row, counts = np.unique(SUBJECTS, return_inverse=True, return_counts=True)
    weights = 1 / counts[of_row]
    shares = (weights @ died) / (weights @ passed)
    expected = target.answers(torch.from_numpy(np.log(shares / (1 - shares)))[None]).numpy()
    np.testing.assert_allclose(made.survival(blank)[:1], expected, atol=1e-3)


def test_who_has_the_event_early_is_at_the_higher_risk() -> None:
    made, labels = GradientBoostingHazards(trees=60), 100 - VALUES["AGE"].fillna(70).to_numpy()
    made.target = TimeToEvent("death", (50.0,))
    made.fit(VALUES, COLUMNS, labels, SUBJECTS, 0)
    assert harrell()(labels, made.survival(VALUES)[:, 0])[0] > 0.9


def test_with_events_at_visits_the_risk_that_is_predicted_is_the_one_that_is_seen() -> None:
    """Visits every 6 months: events and the end of follow-up share their times."""
    draw = np.random.default_rng(0)
    count = len(VALUES)
    visit = np.ceil(draw.exponential(30, count) / 6) * 6
    end = draw.choice([12.0, 24.0, 36.0, 48.0], count)
    labels = labelled(np.minimum(visit, end), visit <= end)
    made = GradientBoostingHazards(trees=40)
    made.target = TimeToEvent("death", (12.0, 36.0), intervals=10)
    made.fit(VALUES, COLUMNS, labels, np.arange(count).astype(str), 0)
    predicted = 1 - made.survival(VALUES)[:, 1:].mean(axis=0)
    observed = 1 - survival(labels).at(np.array([12.0, 36.0]))
    np.testing.assert_allclose(predicted, observed, atol=0.06)


def test_trees_of_late_entries_say_what_kaplan_meier_says_of_all_and_too_much_survival_without_them() -> None:
    """With one leaf's worth of trees the prediction is the cohort's; the truth is exponential with a mean of 30."""
    draw = np.random.default_rng(1)
    times, entries = draw.exponential(30, 1500), draw.uniform(0, 30, 1500) * (draw.random(1500) < 0.7)
    seen = times > entries
    labels = labelled(times, np.ones(1500, dtype=bool), entries)[seen]
    values = VALUES.iloc[np.arange(seen.sum()) % len(VALUES)]
    said = []
    for own in (labels, labels[:, 0]):
        made = GradientBoostingHazards(trees=60, rows=100)
        made.target = TimeToEvent("death", (12.0, 36.0), intervals=8)
        made.fit(values, COLUMNS, own, np.arange(seen.sum()).astype(str), 0)
        said.append(made.survival(VALUES)[:, 1:].mean(axis=0))
    np.testing.assert_allclose(said[0], survival(labels).at(np.array([12.0, 36.0])), atol=0.04)
    np.testing.assert_allclose(said[0], np.exp([-12 / 30, -36 / 30]), atol=0.05)
    assert (said[1] > said[0] + 0.05).all()
