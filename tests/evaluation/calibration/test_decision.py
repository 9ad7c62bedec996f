"""Net benefit by the definition's own words, on a table made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from fusekit.evaluation.calibration.decision import net_benefit
from tests.evaluation.simulations.simulation import band

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
P = np.array([0.9, 0.6, 0.2, 0.7, 0.3, 0.2, 0.1, 0.1, 0.0, 0.0])


def test_net_benefit_by_hand() -> None:
    table = net_benefit(LABELS, P, np.array([0.2, 0.5, 0.8]))
    # Who is as likely as the threshold is treated.
    assert table["model"].tolist() == pytest.approx([3 / 10 - 3 / 10 * (0.2 / 0.8), 2 / 10 - 1 / 10, 1 / 10])
    assert table["all"].tolist() == pytest.approx([0.3 - 0.7 * (0.2 / 0.8), 0.3 - 0.7, 0.3 - 0.7 * (0.8 / 0.2)])
    assert (table["none"] == 0).all()


def test_net_benefit_by_its_definition() -> None:
    # Vickers and Elkin 2006 (Medical Decision Making 26, 565-574): TP / n - FP / n * (t / (1 - t)).
    table = net_benefit(LABELS, P)
    assert len(table) == 99
    for t, model in table[["threshold", "model"]].to_numpy():
        acted = t <= P
        true, false = (acted & (LABELS == 1)).sum(), (acted & (LABELS == 0)).sum()
        assert model == pytest.approx(true / 10 - false / 10 * t / (1 - t))


def test_acting_on_everybody_breaks_even_at_the_prevalence() -> None:
    table = net_benefit(LABELS, P, np.array([0.29, 0.3, 0.31]))
    assert table["all"].iloc[1] == pytest.approx(0)
    assert table["all"].iloc[0] > 0 > table["all"].iloc[2]


def test_limits_by_hand() -> None:
    # At 0.5 two of three cases and one of seven others are acted on; Wilson's limits of 2/3 and 1/7 by his formula.
    def wilson(share: float, n: int) -> tuple[float, float]:
        z = norm.ppf(0.975)
        middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)

    row = net_benefit(LABELS, P, np.array([0.5])).loc[0]
    cases, others = wilson(2 / 3, 3), wilson(1 / 7, 7)
    assert row["low"] == pytest.approx(
        0.1 - np.sqrt((0.3 * (2 / 3 - cases[0])) ** 2 + (0.7 * (others[1] - 1 / 7)) ** 2)
    )
    assert row["high"] == pytest.approx(
        0.1 + np.sqrt((0.3 * (cases[1] - 2 / 3)) ** 2 + (0.7 * (1 / 7 - others[0])) ** 2)
    )


def test_limits_of_a_threshold_that_no_one_reaches_stay_open() -> None:
    row = net_benefit(LABELS, P, np.array([0.95])).loc[0]
    assert row["model"] == 0
    assert row["low"] < 0 < row["high"]
    alone = net_benefit(np.ones(3, dtype=int), P[:3], np.array([0.5])).loc[0]
    assert alone["model"] == pytest.approx(2 / 3)  # of cases alone there is a value
    assert np.isnan([alone["low"], alone["high"]]).all()


@pytest.mark.parametrize(("subjects", "positive"), [(60, 30), (150, 30)])
def test_limits_hold_the_true_net_benefit_as_often_as_they_say(subjects: int, positive: int) -> None:
    """A score that is N(1.5, 1) of cases and N(0, 1) of others, and the probability that follows from it."""
    rng, times, share = np.random.default_rng(1), 500, positive / subjects
    thresholds = np.array([0.1, 0.3, 0.5, 0.7])
    labels = np.arange(subjects) < positive
    scores = rng.normal(size=(times, subjects)) + 1.5 * labels
    drawn = expit(1.5 * scores - 1.5**2 / 2 + logit(share))
    reached = (logit(thresholds) - logit(share) + 1.5**2 / 2) / 1.5  # the score at which the threshold is
    truth = share * norm.sf(reached - 1.5) - (1 - share) * norm.sf(reached) * thresholds / (1 - thresholds)
    tables = [net_benefit(labels.astype(int), p, thresholds) for p in drawn]
    hits = sum(((table["low"] <= truth) & (truth <= table["high"])).to_numpy().astype(int) for table in tables)
    low, high = band(0.95, times)
    assert (low <= hits).all()
    assert hits[1] <= high  # where both classes have many who are acted on and many who are not
