"""Numbers, ordered classes and times to an event: how often tests and limits are right, in small.

``python -m benchmarks.statistics`` draws thousands. Seeds are fixed, so a test passes always or never.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from fusekit.data.target.follow_up import labels_of
from fusekit.evaluation.arms import differences
from fusekit.evaluation.arms.pairs import compare_arms
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.predictions import outputs_of, predicted_columns
from tests.evaluation.simulations.grades import Grades
from tests.evaluation.simulations.numbers import Numbers
from tests.evaluation.simulations.simulation import (
    Simulation,
    band,
    chances,
    compared,
    covered_scores,
    false_families,
    found_if_known,
    held,
)
from tests.evaluation.simulations.times import Times

LARGE: Mapping[str, Simulation] = {"number": Numbers(800, 2), "ordered": Grades(800, 2), "time": Times(800, 2)}
ALIKE: Mapping[str, Simulation] = {
    "number": Numbers(40, 2, (0.5,) * 3),
    "ordered": Grades(40, 2, (1.2,) * 3),
    "time": Times(40, 2, (0.7,) * 3),
}
APART: Mapping[str, Simulation] = {
    "number": Numbers(80, 2, (0.5, 0.65)),
    "ordered": Grades(80, 2, (1.0, 1.6)),
    "time": Times(80, 2, (0.5, 1.8)),
}
#: Cohorts of each simulation.
TIMES = 100

every = pytest.mark.parametrize("kind", LARGE)


@pytest.fixture(autouse=True)
def _fewer_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "FLIPS", 399)  # the level is the same


@every
def test_the_truth_in_closed_form_is_what_large_cohorts_score_on_average(kind: str) -> None:
    made, rng, found = LARGE[kind], np.random.default_rng(1), []
    for _ in range(12):
        table = made.tables(made.draw(rng))["a"][0]
        labels, said, folds = labels_of(table), outputs_of(table), Folds.of_table(table)
        read = [metric.reading(predicted_columns(table)) for metric in made.metrics.values()]
        found.append([m.value_in(folds, labels, said) if m.within_folds else m.value(labels, said) for m in read])
    values = np.array(found)
    truth = [of[0] for of in made.truth().values()]
    assert (np.abs(values.mean(axis=0) - truth) < 4 * values.std(axis=0, ddof=1) / np.sqrt(12)).all()


@every
def test_pairs_are_those_of_the_report(kind: str) -> None:
    made = ALIKE[kind]
    drawn = made.draw(np.random.default_rng(2))
    expected = made.find_pairs(drawn)
    for measure, rows in compare_arms(made.tables(drawn), kind=kind).groupby("measure"):
        assert rows[["difference", "low", "high", "p"]].to_numpy() == pytest.approx(np.array(expected[str(measure)]))


@every
def test_alike_arms_are_called_different_as_often_as_they_may_be(kind: str) -> None:
    low, high = band(0.05, TIMES)
    assert (low, high) == (0, 13)
    for measure, p in chances(ALIKE[kind], TIMES, seed=3).items():
        assert low <= (p[:, 0] < 0.05).sum() <= high, measure
        assert (p < 0.2).mean() > 0.05, measure  # nor is everything alike
        assert false_families(p).sum() <= high, measure


@every
def test_planted_differences_are_found_as_if_their_error_were_known(kind: str) -> None:
    truth = APART[kind].truth()
    low, high = band(0.95, TIMES)
    for measure, found in compared(APART[kind], TIMES, seed=4).items():
        power = float(np.mean(found[:, 0, 3] < 0.05))
        known = found_if_known(found[:, 0, 0])
        assert known > 0.4, measure
        assert power > known - 0.12, measure
        hits, defined = held(found[:, 0, 1:3], truth[measure][0] - truth[measure][1])
        assert defined == TIMES
        assert low <= hits <= high, measure


@every
def test_limits_hold_the_truth(kind: str) -> None:
    for metric, found in covered_scores(ALIKE[kind], 40, seed=5).items():
        assert found.defined > 30, metric
        assert found.hits >= band(0.95, found.defined)[0], metric
