"""What columns add to a prior: Shapley values, against the definition."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd

from fusekit.baselines import Logistic
from fusekit.baselines.baseline import Baseline
from fusekit.baselines.prior import TablePrior
from fusekit.data import Classes, ClinicalEncoding
from fusekit.explain.prior import prior_shares
from tests.baselines.cohort import COLUMNS, invented

VALUES, LABELS, SUBJECTS = invented(60)
ENCODING = ClinicalEncoding.fit(VALUES, COLUMNS)
CLASSES = Classes(("well", "ill"))


class Product(Baseline):
    """Two columns that count only together."""

    def fit(self, *_: object) -> None: ...

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        old, male = values["AGE"].to_numpy() > 75, values["SEX"].to_numpy() == "Male"
        p = np.where(old & male, 0.9, 0.2)
        return np.stack([1 - p, p], axis=1)


def by_definition(prior: TablePrior, patient: pd.DataFrame) -> np.ndarray:
    """The mean over all orders (columns, K)."""
    names, total = [column.name for column in COLUMNS], np.zeros((len(COLUMNS), 2))
    for order in permutations(range(len(names))):
        line = ENCODING.reference()
        before = prior.transform(line)[0]
        for place in order:
            line[names[place]] = patient[names[place]].to_numpy()
            now = prior.transform(line)[0]
            total[place] += now - before
            before = now
    return total / factorial(len(names))


def test_shares_sum_to_what_the_prior_says_beyond_the_reference() -> None:
    baseline = Logistic()
    baseline.fit(VALUES, COLUMNS, LABELS, SUBJECTS, 0)
    prior = TablePrior("logistic", baseline, CLASSES)
    shares = prior_shares(prior, ENCODING, VALUES)
    expected = prior.transform(VALUES) - prior.transform(ENCODING.reference())
    np.testing.assert_allclose(shares.sum(axis=1), expected, atol=1e-5)


def test_log_odds_of_a_logistic_prior_are_shared_exactly() -> None:
    baseline = Logistic()
    baseline.fit(VALUES, COLUMNS, LABELS, SUBJECTS, 0)
    prior = TablePrior("logistic", baseline, CLASSES)
    shares = prior_shares(prior, ENCODING, VALUES.iloc[:3])
    odds = shares[..., 1] - shares[..., 0]  # additive, so that every order says the same
    expected = np.stack([by_definition(prior, VALUES.iloc[[row]]) for row in range(3)])
    np.testing.assert_allclose(odds, expected[..., 1] - expected[..., 0], atol=1e-5)


def test_two_columns_that_count_together_share_evenly_on_average() -> None:
    patient = pd.DataFrame({"AGE": [80.0], "TAU": [10.0], "SEX": ["Male"], "GENE": ["e2"]})
    prior = TablePrior("product", Product(), CLASSES)
    expected = by_definition(prior, patient)
    found = np.mean([prior_shares(prior, ENCODING, patient, seed=seed)[0] for seed in range(200)], axis=0)
    np.testing.assert_allclose(found, expected, atol=0.1)
    half = np.log(0.9 / 0.2) / 2
    np.testing.assert_allclose(expected[:, 1], [half, 0, half, 0], atol=1e-6)


def test_nothing_is_surer_than_a_network_can_correct() -> None:
    np.testing.assert_allclose(CLASSES.outputs_of(np.array([[0.0, 1.0]])), [[np.log(1e-4), 0.0]])
