"""Scores and calibration at horizons, against tables made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.figures.survival.horizons import at_horizons, calibrated, calibration
from tests.report.figures.survival.people import RISKS, SUBJECTS, evidence


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
    together, picture = calibration(evidence())
    assert "ranks: " in picture.alt
    assert together.table["horizon"].unique().tolist() == [found["horizon"].max()]
    line = drawn[0].axes[0].lines[0]
    assert np.asarray(line.get_xydata()).tolist() == [found[["predicted", "observed"]].iloc[1].tolist()]
    last = drawn[1].axes[0].lines[-1]
    assert np.asarray(last.get_ydata(), dtype=float)[0] == pytest.approx(found["observed"].iloc[1])
