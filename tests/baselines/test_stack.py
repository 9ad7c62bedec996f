"""What a network says, in columns that mean the same from every network, and a baseline on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from fusekit.baselines import GradientBoosting
from fusekit.baselines.stack import Stack, StackOptions, log_odds
from fusekit.data import Column
from fusekit.errors import DataError, OptionError

#: Slices of three scans, mixed: b has one, and the network is sure of c beyond what is taken.
SCANS = np.array(["a", "b", "a", "c", "c"])
SECOND = np.array([0.2, 0.9, 0.4, 1.0, 1.0])


def test_log_odds_are_those_of_the_second_class_as_means_over_a_scans_slices() -> None:
    found = log_odds(np.stack([1 - SECOND, SECOND], axis=1), SCANS)
    by_hand = [[(logit(0.2) + logit(0.4)) / 2], [logit(0.9)], [logit(1 - 1e-4)]]
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


def test_of_several_classes_each_has_a_column() -> None:
    said = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.7, 0.2, 0.1]])
    found = log_odds(said, np.array(["a", "b", "a"]))
    np.testing.assert_allclose(found, [(logit(said[0]) + logit(said[2])) / 2, logit(said[1])], rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_baseline_finds_what_neither_says_alone(classes: int) -> None:
    """The network's log odds count in carriers only, and with the other sign in others."""
    draw = np.random.default_rng(0)
    carrier, said = np.arange(400) % 2, draw.normal(size=400)
    labels = ((said > 0) == carrier).astype(int)
    values = pd.DataFrame({"GENE": carrier.astype(float)}, index=[f"s{n}" for n in range(400)])
    second = 1 / (1 + np.exp(-said))
    slices = np.stack([1 - second, second, *[np.zeros(400)] * (classes - 2)], axis=1)
    train, test = np.arange(400) < 300, np.arange(400) >= 300
    stack, scans = Stack(GradientBoosting(trees=30)), values.index.to_numpy()
    given = values[train], (Column("GENE"),), labels[train], scans[train], 0
    stack.fit(log_odds(slices[train], scans[train]), *given)
    found = stack.probabilities(slices[test], values[test], scans[test])
    assert ((found[:, 1] > 0.5) == labels[test]).mean() > 0.95
    assert list(values) == ["GENE"]  # the table is left as it was


def test_slices_of_a_scan_get_one_answer_in_their_own_places() -> None:
    values = pd.DataFrame({"AGE": [60.0, 70.0, 80.0]}, index=["a", "b", "c"])
    stack = Stack(GradientBoosting(trees=20, rows=1, rate=0.5))
    stack.fit(np.array([[-1.0], [2.0], [3.0]]), values, (Column("AGE"),), np.array([0, 1, 1]), np.arange(3), 0)
    of_slices = stack.probabilities(np.stack([1 - SECOND, SECOND], axis=1), values.loc[SCANS], SCANS)
    means = [logit([0.2, 0.4]).mean(), logit(0.9), logit(1 - 1e-4)]
    known = values.assign(**{"network log odds": means})
    expected = pd.DataFrame(stack.baseline.probabilities(known), index=values.index).loc[SCANS]
    np.testing.assert_array_equal(of_slices, expected)
    assert of_slices[0, 1] < of_slices[1, 1]


def test_a_column_that_is_called_like_the_networks_is_refused() -> None:
    values = pd.DataFrame({"network log odds": [1.0, 2.0]})
    with pytest.raises(DataError, match="'network log odds' has a name that a stack gives to its network"):
        Stack(GradientBoosting()).fit(
            np.zeros((2, 1)), values, (Column("network log odds"),), np.array([0, 1]), np.arange(2), 0
        )


def test_one_fold_is_refused() -> None:
    with pytest.raises(OptionError, match=r"stack\.folds takes 2 or more, not 1"):
        StackOptions(folds=1)
