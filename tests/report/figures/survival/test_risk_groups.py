"""Survival of the thirds of risk, against tables made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.figures.survival.risk_groups import kaplan_meier, log_rank, with_groups
from tests.report.figures.survival.people import SUBJECTS, evidence


def test_thirds_of_risk_are_taken_within_folds_and_equal_risks_stay_together() -> None:
    assert with_groups(SUBJECTS)["group"].tolist() == ["low"] * 3 + ["middle"] * 3 + ["high"] * 3
    two = pd.concat([SUBJECTS, SUBJECTS.assign(fold=1, risk=SUBJECTS["risk"] / 100)])
    assert with_groups(two)["group"].tolist() == (["low"] * 3 + ["middle"] * 3 + ["high"] * 3) * 2
    assert set(with_groups(SUBJECTS.assign(risk=0.5))["group"]) == {"middle"}


def test_survival_of_the_thirds_is_counted_by_hand(drawn: list[Figure]) -> None:
    (picture,) = kaplan_meier(evidence())
    own = picture.table[picture.table["arm"] == "ranks"]
    steps = {group: part[["time", "survival", "at_risk"]].to_numpy().tolist() for group, part in own.groupby("group")}
    assert steps["low"] == [[12, 1, 3], [20, 0.5, 2], [25, 0.5, 1]]
    assert steps["middle"] == [
        [4, pytest.approx(2 / 3), 3],
        [8, pytest.approx(2 / 3), 2],
        [25, pytest.approx(2 / 3), 1],
    ]
    assert steps["high"] == [[2, pytest.approx(2 / 3), 3], [6, pytest.approx(1 / 3), 2], [9, pytest.approx(1 / 3), 1]]
    ranks, alike = drawn[0].axes
    low, middle, high = (np.asarray(line.get_ydata(), dtype=float).tolist() for line in ranks.lines)
    assert low == [1, 1, 0.5, 0.5]
    assert middle == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3])
    assert high == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3])
    texts = [text.get_text() for text in ranks.texts]
    assert texts[:5] == ["low", "3", "3", "2", "1"]  # at 0, 8, 17 and 25 months
    assert texts[10:15] == ["high", "3", "1", "0", "0"]
    assert len(alike.lines) == 1
    assert "alike one group" in picture.alt
    assert "SYNTHETIC" in picture.svg


def test_the_log_rank_test_is_the_textbook_s() -> None:
    """Observed and expected deaths of two groups, counted at each death (Mantel 1966)."""
    two = with_groups(SUBJECTS)
    two = two[two["group"] != "middle"]
    times, seen = two["label"].abs().to_numpy(), ~np.signbit(two["label"].to_numpy())
    high = (two["group"] == "high").to_numpy()
    excess = variance = 0.0
    for when in sorted(times[seen]):
        at_risk, died = times >= when, seen & (times == when)
        n, own, d = at_risk.sum(), (at_risk & high).sum(), died.sum()
        excess += (died & high).sum() - d * own / n
        variance += d * own / n * (1 - own / n) * (n - d) / max(1, n - 1)
    from scipy.stats import chi2

    assert log_rank(two) == pytest.approx(chi2.sf(excess**2 / variance, 1))
    assert np.isnan(log_rank(SUBJECTS.assign(group="low")))


def test_who_enters_late_is_at_risk_from_then_on(drawn: list[Figure]) -> None:
    """Three enter after the death at 2 in the high third: it alone is lost, and the numbers at risk rise."""
    late = SUBJECTS.assign(entry=[0, 10, 0, 1, 5, 0, 0, 3, 5.0])
    (picture,) = kaplan_meier(evidence(late))
    own = picture.table[picture.table["arm"] == "ranks"]
    steps = {group: part[["time", "survival", "at_risk"]].to_numpy().tolist() for group, part in own.groupby("group")}
    assert steps["low"] == [[12, 1, 3], [20, 0.5, 2], [25, 0.5, 1]]
    assert steps["middle"] == [[4, 0.5, 2], [8, 0.5, 2], [25, 0.5, 1]]
    assert steps["high"] == [[2, 0, 1], [6, 0, 2], [9, 0, 1]]
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert texts[:5] == ["low", "2", "2", "2", "1"]  # at 0, 8, 17 and 25 months
    assert log_rank(with_groups(late)) != log_rank(with_groups(SUBJECTS))
