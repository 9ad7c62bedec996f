"""Times to an event, by hand-made tables and literal sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sksurv.linear_model.coxph import BreslowEstimator

from fusekit.data import TimeToEvent
from fusekit.data.target import target_of
from fusekit.data.target.follow_up import events_of, labelled, times_of
from fusekit.errors import DataError

DEATH = TimeToEvent("death", (12.0, 36.0), "months", intervals=3)


def scans(labels: list[float], subjects: list[str] | None = None) -> pd.DataFrame:
    names = subjects or [f"s{n:03}" for n in range(len(labels))]
    return pd.DataFrame(
        {"subject": names, "label": labels}, pd.Index([f"i{n}" for n in range(len(labels))], name="scan")
    )


def test_a_label_keeps_the_time_and_whether_it_was_seen_even_at_0() -> None:
    times, seen = np.array([0.0, 0.0, 5.0, 7.0]), np.array([True, False, True, False])
    labels = labelled(times, seen)
    assert times_of(labels).tolist() == times.tolist()
    assert events_of(labels).tolist() == seen.tolist()
    assert [DEATH.spelled(label) for label in labels] == ["0", "0+", "5", "7+"]


def survival_at(time: float, hazards: np.ndarray, edges: tuple[float, ...]) -> float:
    """Interval by interval; within one the hazard is constant."""
    left, begin = 1.0, 0.0
    for hazard, end in zip(hazards, edges, strict=True):
        if time >= end:
            left *= 1 - hazard
        elif time > begin:
            left *= (1 - hazard) ** ((time - begin) / (end - begin))
        begin = end
    return float(left)


@pytest.mark.parametrize("edges", [(6.0, 20.0, 36.0), (12.0, 24.0, 36.0), (1e-3, 35.0, 36.0)])
def test_answers_are_survival_at_horizons_and_the_share_of_time_that_is_lost(edges: tuple[float, ...]) -> None:
    target = TimeToEvent("death", (12.0, 36.0), "months", 3, edges)
    outputs = torch.tensor([[0.3, -1.0, 2.0], [-40.0, -40.0, -40.0], [3.0, 3.0, 40.0]], dtype=torch.float64)
    said = target.predict(target.answers(outputs).numpy())
    assert list(said) == ["risk", "survival_12", "survival_36"]
    grid = np.linspace(0, 36, 40_001)
    for hazards, (risk, *survival) in zip(torch.sigmoid(outputs).numpy(), said.to_numpy(), strict=True):
        expected = [survival_at(time, hazards, edges) for time in (12.0, 36.0)]
        np.testing.assert_allclose(survival, expected, atol=1e-12)
        restricted = np.trapezoid([survival_at(time, hazards, edges) for time in grid], grid)
        assert risk == pytest.approx(1 - restricted / 36, abs=2e-3)


def test_intervals_end_at_quantiles_of_the_training_events_each_subject_once() -> None:
    labels = [3.0, 3.0, 9.0, -40.0, 30.0, 50.0]  # the last event lies beyond the last horizon
    fitted = DEATH.fit(scans(labels, ["a", "a", "b", "c", "d", "e"]))
    assert fitted.edges == (3.0, 9.0, 36.0)
    assert fitted.unfitted == DEATH
    given = labelled(np.array([0.0, 0.0, 3.0, 6.0, 6.0, 22.5, 50.0, 50.0]), np.array([1, 0, 1, 1, 0, 1, 1, 0]))
    scaled = fitted.scaled(given)
    np.testing.assert_allclose(np.abs(scaled), [1e-6, 0, 1, 1.5, 1.5, 2.5, 3, 3])
    assert events_of(scaled).tolist() == [True, False, True, True, False, True, False, False]


def test_where_events_share_their_times_the_longest_intervals_are_halved() -> None:
    """An interval without length would have a hazard that nobody trains, and that counts all the same."""
    fitted = DEATH.fit(scans([12.0, 12.0, 12.0, 36.0, -20.0]))
    assert fitted.edges == (12.0, 24.0, 36.0)
    assert fitted.scaled(np.array([12.0, 36.0, -18.0, -50.0])).tolist() == [1.0, 3.0, -1.5, -3.0]
    early = TimeToEvent("death", (36.0,), intervals=4).fit(scans([0.0, 0.0, 36.0, 36.0]))
    assert early.edges == (9.0, 18.0, 27.0, 36.0)


def test_folds_are_balanced_by_events_and_times() -> None:
    draw = np.random.default_rng(0)
    labels = labelled(draw.uniform(1, 36, 200), draw.random(200) < 0.4)
    strata = DEATH.strata(scans(labels.tolist()))
    assert set(strata[events_of(labels)]) == set(range(5))
    assert set(strata[~events_of(labels)]) == set(range(5, 10))
    assert strata.value_counts().min() >= 10
    times = pd.Series(times_of(labels)).groupby(strata.to_numpy()).agg(["min", "max"])
    assert (times["max"].iloc[:4].to_numpy() <= times["min"].iloc[1:5].to_numpy()).all()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1.0, np.nan, 2.0], "1 scans have no time to death: i1"),
        ([1.0, -2.0, 3.0], "1 subjects have two times to death: b"),
        ([40.0, -3.0, -3.0], "no subject has death up to the last horizon, 36 months"),
        ([5.0, 5.0, 5.0], "all subjects have death at the same time"),
    ],
)
def test_times_that_cannot_be_learnt_are_refused(labels: list[float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        DEATH.check(scans(labels, ["a", "b", "b"]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"horizons": ()}, "times above 0, ascending"),
        ({"horizons": (12.0, 6.0)}, "times above 0, ascending"),
        ({"horizons": (0.0, 6.0)}, "times above 0, ascending"),
        ({"intervals": 0}, "needs 1 or more"),
        ({"edges": (3.0, 36.0)}, "3 ascending ends"),
        ({"edges": (3.0, 9.0, 30.0)}, "up to the last horizon, 36"),
        ({"edges": (9.0, 9.0, 36.0)}, "3 ascending ends"),
    ],
)
def test_horizons_that_are_none_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        replace(DEATH, **given)


def test_it_is_read_again_with_its_intervals() -> None:
    fitted = DEATH.fit(scans([3.0, 9.0, -40.0, 30.0]))
    assert target_of({"title": "t", **fitted.as_json()}) == fitted
    odd = TimeToEvent("x", (0.1, 12.3456789))
    assert odd.columns == ("risk", "survival_0.1", "survival_12.3456789")


RATIOS = TimeToEvent("death", (12.0, 36.0), "months", 3, (6.0, 20.0, 36.0), proportional=True)


def test_a_log_hazard_ratio_multiplies_the_hazard_of_everyone() -> None:
    target = replace(RATIOS, hazard=(0.1, 0.3, 0.2))
    said = target.answers(torch.tensor([[0.0], [np.log(2)], [-np.log(2)]], dtype=torch.float64)).numpy()
    at_12 = 0.1 + 0.3 * (12 - 6) / (20 - 6)
    for row, ratio in zip(said, (1, 2, 0.5), strict=True):
        np.testing.assert_allclose(row[1:], [np.exp(-ratio * at_12), np.exp(-ratio * 0.6)])
    grid = np.linspace(0, 36, 40_001)
    curve = np.exp(-np.interp(grid, [0, 6, 20, 36], [0, 0.1, 0.4, 0.6]))
    assert said[0, 0] == pytest.approx(1 - np.trapezoid(curve, grid) / 36, abs=1e-4)


def test_the_hazard_of_everyone_is_breslow_s_of_scikit_survival() -> None:
    draw = np.random.default_rng(3)
    ratio = draw.normal(0, 0.7, 200)
    times = np.ceil(draw.exponential(25 * np.exp(-ratio)))  # with ties
    seen = draw.uniform(size=200) < 0.7
    labels = labelled(times, seen)
    found = RATIOS.calibrated(lambda: ratio[:, None], labels, np.ones(200))
    surv = np.array(list(zip(seen, times, strict=True)), dtype=[("event", "?"), ("time", "f8")])
    breslow = BreslowEstimator().fit(ratio, surv["event"], surv["time"])
    expected = np.diff(breslow.cum_baseline_hazard_(np.array([6.0, 20.0, 36.0])), prepend=0)
    np.testing.assert_allclose(found.hazard, expected, rtol=1e-6)
    twice = RATIOS.calibrated(lambda: np.repeat(ratio[:, None], 2, axis=0), np.repeat(labels, 2), np.full(400, 0.5))
    np.testing.assert_allclose(twice.hazard, found.hazard)  # each subject counts once, however many its slices are


def test_what_a_training_leaves_open_is_not_in_what_is_predicted() -> None:
    target = replace(RATIOS, hazard=(0.1, 0.3, 0.2))
    assert target_of(target.as_json()) == target
    assert target.unfitted == TimeToEvent("death", (12.0, 36.0), "months", 3)
    assert target.columns == target.unfitted.columns
    for wrong in ((0.1, 0.3), (0.1, -0.3, 0.2), (0.1, float("nan"), 0.2)):
        with pytest.raises(DataError, match="one for each interval is expected"):
            replace(RATIOS, hazard=wrong)
    with pytest.raises(DataError, match="one for each interval is expected"):
        replace(target, proportional=False)


def test_the_hazard_of_everyone_steps_at_every_event_of_training() -> None:
    people = pd.DataFrame({"subject": list("abcde"), "label": [3.0, 9.0, -20.0, 9.0, 40.0]})
    fitted = TimeToEvent("death", (12.0, 36.0), proportional=True).fit(people)
    assert fitted.edges == (3.0, 9.0, 36.0)
    assert fitted.of_prior.horizons == tuple(3.6 * (k + 1) for k in range(10))


def test_what_is_explained_is_the_log_hazard_so_that_proportional_hazards_add_up() -> None:
    """Survival is S0 ** exp(beta x): the log of the cumulative hazard moves by beta x alone, whatever S0."""
    target = TimeToEvent("death", (12.0, 36.0), "months", 3, (6.0, 20.0, 36.0))
    baseline, ratios = np.array([0.1, 0.3, 0.2]), np.exp([0.0, 0.7, -1.3])
    hazards = 1 - (1 - baseline) ** ratios[:, None]
    outputs = torch.from_numpy(np.log(hazards / (1 - hazards)))
    found = target.explained(outputs).numpy()
    np.testing.assert_allclose(found - found[0], [0.0, 0.7, -1.3], atol=1e-12)
    np.testing.assert_allclose(found[0], np.log(-np.log(np.prod(1 - baseline))))
    np.testing.assert_allclose(target.explained_answers(target.answers(outputs).numpy()), found)
    one = replace(RATIOS, hazard=(0.1, 0.3, 0.2))
    found = one.explained(torch.tensor([[0.0], [0.7], [-1.3]], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found, np.log(0.6) + np.array([0.0, 0.7, -1.3]))
    certain = target.explained_answers(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
    assert np.isfinite(certain).all()
    assert certain[0] < -15 < 2 < certain[1]


def test_the_words_of_explanations_are_of_the_hazard() -> None:
    meaning = DEATH.meaning()
    assert meaning.more == "a higher risk of death"
    assert meaning.scale == "log cumulative hazard of death up to 36 months"
    assert meaning.said({"survival_36": 0.614, "risk": 0.2}) == "S(36 months) = 0.61"
    assert "no death up to then" in meaning.note
