"""Reliability and decision curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.figures.calibration import decision_curve, reliability
from tests.report.conftest import evidence_of, run_of

BINS = pd.DataFrame(
    [
        ("a", "as predicted", 0.2, 0.1, 0.05, 0.3, 20),
        ("a", "as predicted", 0.8, 0.7, 0.5, 0.9, 10),
        ("a", "after temperature", 0.3, 0.1, 0.05, 0.3, 20),
        ("b", "as predicted", 0.6, 0.5, 0.3, 0.7, 30),
    ],
    columns=["arm", "state", "predicted", "observed", "low", "high", "subjects"],
)


def test_bins_intervals_and_where_the_probabilities_lie_are_drawn(drawn: list[Figure]) -> None:
    p = np.array([0.2] * 20 + [0.8] * 10)
    summary = pd.DataFrame(
        {"arm": "a", "state": ["as predicted", "after temperature"], "brier": [0.2, 0.18], "ece": 0.1}
    ).assign(slope=[0.5, 1.0], slope_low=0.4, slope_high=0.6)
    arms = {"a": run_of(subjects=pd.DataFrame({"p_1": p})), "b": run_of(subjects=pd.DataFrame({"p_1": [0.6]}))}
    together, picture = reliability(evidence_of(arms, reliability=BINS, calibration=summary, synthetic=True))
    (overlaid,) = drawn[0].axes
    assert np.asarray(overlaid.lines[0].get_xydata()).tolist() == [[0.2, 0.1], [0.8, 0.7]]
    legend = overlaid.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a: slope 0.50 [0.40, 0.60]", "b"]
    assert (together.name, picture.name) == ("reliability", "reliability-by-arm")
    first, second = drawn[1].axes
    curve, recalibrated = first.lines[1:]
    assert np.asarray(curve.get_xydata()).tolist() == [[0.2, 0.1], [0.8, 0.7]]
    assert recalibrated.get_markerfacecolor() == "white"
    bars = [segment[:, 1].tolist() for segment in first.collections[0].get_segments()]  # type: ignore[attr-defined]
    assert bars == [[0.05, 0.3], [0.5, 0.9]]
    heights = np.array([bar.get_height() for bar in first.patches])  # type: ignore[attr-defined]
    np.testing.assert_allclose(heights / heights.sum(), np.histogram(p, 20, (0, 1))[0] / 30)
    assert sum(bar.get_height() > 0 for bar in second.patches) == 1  # type: ignore[attr-defined]
    assert second.get_title(loc="left") == "b"
    assert picture.alt.endswith("ECE 0.100 \N{RIGHTWARDS ARROW} 0.100; b.")
    assert (
        first.get_title(loc="left") == "a\nBrier 0.200 \N{RIGHTWARDS ARROW} 0.180\nECE 0.100 \N{RIGHTWARDS ARROW} 0.100"
    )
    assert "after temperature, fitted on validation subjects" in picture.caption
    assert picture.table.equals(BINS)
    assert "SYNTHETIC data" in picture.svg


def test_without_recalibration_nothing_is_said_of_it() -> None:
    arms = dict.fromkeys("ab", run_of(subjects=pd.DataFrame({"p_1": [0.5]})))
    _, picture = reliability(evidence_of(arms, reliability=BINS[BINS["state"] == "as predicted"]))
    assert "validation" not in picture.caption


def benefits(arms: dict[str, float]) -> pd.DataFrame:
    thresholds = np.linspace(0.01, 0.99, 50)
    everybody = 0.4 - 0.6 * thresholds / (1 - thresholds)
    rows = [
        (arm, t, b, b - 0.1, b + 0.2, e) for arm, b in arms.items() for t, e in zip(thresholds, everybody, strict=True)
    ]
    return pd.DataFrame(rows, columns=["arm", "threshold", "net_benefit", "low", "high", "treat_all"])


def test_net_benefit_beside_treating_all_and_none(drawn: list[Figure]) -> None:
    table = benefits({"a": 0.3, "b": 0.1})
    (picture,) = decision_curve(evidence_of(dict.fromkeys("ab", run_of()), net_benefit=table))
    (axes,) = drawn[0].axes
    lines = {line.get_label(): np.asarray(line.get_ydata(), dtype=float) for line in axes.lines}
    everybody = table["treat_all"][:50]
    np.testing.assert_allclose(lines["treat all"], everybody)
    assert lines["treat none"].tolist() == [0, 0]
    assert set(lines["a"]) == {0.3}
    low, high = axes.get_ylim()
    assert low > -0.1  # what lies far below zero takes no room
    assert high == pytest.approx(1.15 * everybody.max())
    assert picture.alt.endswith("0.300 [0.200, 0.500], of a.")
    heights = [band.get_datalim(axes.transData).intervaly for band in axes.collections]
    np.testing.assert_allclose(heights, [[0.2, 0.5], [0.0, 0.3]])


def test_more_than_two_decision_curves_have_bands_in_panels_of_their_own(drawn: list[Figure]) -> None:
    table = benefits({"a": 0.3, "b": 0.1, "c": 0.2})
    together, apart = decision_curve(evidence_of(dict.fromkeys("abc", run_of()), net_benefit=table))
    assert (together.name, apart.name) == ("decision-curve", "decision-curve-by-arm")
    assert ("Bands" in together.caption, "Bands" in apart.caption) == (False, True)
    assert not drawn[0].axes[0].collections
    panels = [axes for axes in drawn[1].axes if axes.get_visible()]
    assert [len(axes.collections) for axes in panels] == [1, 1, 1]
    assert together.table.equals(apart.table)
