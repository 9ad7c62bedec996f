"""Figures of times to an event, against tables made by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.data import TimeToEvent
from fusekit.data.target.follow_up import labelled
from fusekit.evaluation import Rule
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.figures.survival.horizons import at_horizons, calibrated, calibration
from fusekit.report.figures.survival.overview import survival_overview
from fusekit.report.figures.survival.patients import draw_curves
from fusekit.report.figures.survival.risk_groups import kaplan_meier, log_rank, with_groups

DEATH = TimeToEvent("death", (10.0, 20.0), "months")
#: Nine people of one fold: times, whether death was seen, risks; the first three have the lowest.
TIMES, SEEN = [12.0, 20.0, 25.0, 4.0, 8.0, 25.0, 2.0, 6.0, 9.0], [0, 1, 0, 1, 0, 0, 1, 1, 0]
RISKS = [0.1, 0.15, 0.2, 0.4, 0.45, 0.5, 0.8, 0.85, 0.9]
SUBJECTS = pd.DataFrame(
    {
        "subject": list("abcdefghi"),
        "fold": 0,
        "label": labelled(np.array(TIMES), np.array(SEEN, dtype=bool)),
        "risk": RISKS,
        "survival_10": 1 - np.array(RISKS),
        "survival_20": 0.9 - np.array(RISKS),
    }
)


def evidence(subjects: pd.DataFrame = SUBJECTS) -> Evidence:
    run: Any = SimpleNamespace(seed=0, subjects=subjects, rule=Rule())
    constant: Any = SimpleNamespace(seed=0, subjects=subjects.assign(risk=0.5), rule=Rule())
    arms = (Arm("ranks", "fusion", frozenset(), (run,)), Arm("alike", "baseline", frozenset(), (constant,)))
    return Evidence("t", "T", DEATH, True, {}, "mean", arms, pd.DataFrame())


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


def test_scores_at_each_horizon_are_counted_by_hand(drawn: list[Figure]) -> None:
    """At 10 months: d, g and h died; a, b, c and f are known to live; e and i left before, at 8 and 9."""
    (picture,) = at_horizons(evidence())
    first = picture.table.query("arm == 'ranks' and horizon == 10").iloc[0]
    assert first["auc"] == pytest.approx((3 + 4 + 4) / 12)  # d lies below f; nobody had left before a death
    followed = (1 - 1 / 6) * (1 - 1 / 5)  # of six who are there at 8 months one leaves, and of five at 9
    survivors = np.square([0.1, 0.15, 0.2, 0.5]).sum() / followed
    assert first["brier"] == pytest.approx((np.square([0.6, 0.2, 0.15]).sum() + survivors) / 9)
    alike = picture.table.query("arm == 'alike'")
    assert alike["auc"].tolist() == [0.5, 0.5]
    shown = drawn[0].axes[1].lines[0]
    assert np.asarray(shown.get_ydata(), dtype=float)[0] == pytest.approx(first["brier"])


def test_observed_risk_is_kaplan_meiers_in_groups_of_like_predictions(drawn: list[Figure]) -> None:
    found = calibrated(SUBJECTS)
    assert found["subjects"].tolist() == [9, 9]  # fewer than twenty are one group
    assert found["predicted"].tolist() == pytest.approx([np.mean(RISKS), np.mean(RISKS) + 0.1])
    lived = (8 / 9) * (7 / 8) * (6 / 7)  # deaths at 2, 4 and 6 months
    assert found["observed"].tolist() == pytest.approx([1 - lived, 1 - lived * 2 / 3])  # and at 20, of three
    assert (found["low"] < found["observed"]).all()
    assert (found["observed"] < found["high"]).all()
    many = pd.concat([SUBJECTS] * 10, ignore_index=True)
    assert calibrated(many).query("horizon == 10")["subjects"].tolist() == [20, 20, 10, 20, 20]  # ties are one group
    (picture,) = calibration(evidence())
    assert "ranks: " in picture.alt
    last = drawn[0].axes[0].lines[-1]
    assert np.asarray(last.get_ydata(), dtype=float)[0] == pytest.approx(found["observed"].iloc[1])


def test_patients_have_a_line_from_one_over_the_horizons(tmp_path: Path, drawn: list[Figure]) -> None:
    two = SUBJECTS.head(2).assign(lowest_survival_10=0.5, highest_survival_10=0.95, lowest_survival_20=0.4,
                                  highest_survival_20=0.9)  # fmt: skip
    draw_curves(two, DEATH, tmp_path / "curves.svg", synthetic=True)
    axes = drawn[0].axes[0]
    lines = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 3]
    assert np.asarray(lines[0].get_xdata(), dtype=float).tolist() == [0, 10, 20]
    assert np.asarray(lines[0].get_ydata(), dtype=float).tolist() == pytest.approx([1, 0.9, 0.8])
    assert len(axes.collections) >= 2  # a band each, from the lowest model to the highest
    svg = (tmp_path / "curves.svg").read_text()
    assert "time to death (months)" in svg
    assert "SYNTHETIC" in svg


def test_a_run_in_one_picture_shows_loss_groups_and_risks(tmp_path: Path, drawn: list[Figure]) -> None:
    history = pd.DataFrame({"fold": [0, 0], "epoch": [1, 2], "loss": [2.0, 1.5]})
    slices = SUBJECTS.assign(scan=SUBJECTS["subject"], slice=0)
    survival_overview(tmp_path / "o.png", title="t", history=history, predictions=slices, target=DEATH)
    curve, groups, risks = drawn[0].axes
    assert np.asarray(curve.lines[-1].get_ydata(), dtype=float).tolist() == [2.0, 1.5]
    assert len(groups.lines) == 3
    assert np.asarray(risks.lines[-1].get_xdata(), dtype=float).tolist() == pytest.approx([np.mean(RISKS) + 0.1])
