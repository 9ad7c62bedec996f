"""Mean curves against scikit-learn's curves of each fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from fusekit.evaluation import score
from fusekit.evaluation.metrics.ranking import AreaUnderCurve
from fusekit.report.figures.bands import GRID, precision_recall_band, roc_band
from tests.report.conftest import subject_table


def weighted(table: pd.DataFrame, value: object) -> np.ndarray:
    parts = [(value(own["label"] == 1, own["p_1"]), len(own)) for _, own in table.groupby("fold")]  # type: ignore[operator]
    return np.average([v for v, _ in parts], axis=0, weights=[n for _, n in parts])


def test_roc_is_the_weighted_mean_of_the_folds_curves() -> None:
    table = subject_table(61)

    def height(labels: pd.Series, p: pd.Series) -> np.ndarray:
        false, true, _ = roc_curve(labels, p, drop_intermediate=False)
        # Straight between points, and the top of a vertical step.
        return np.array([max(true[false == x].max(initial=-1), np.interp(x, false, true)) for x in GRID])

    band = roc_band([table])
    np.testing.assert_allclose(band.y[1:], weighted(table, height), atol=1e-12)
    assert (band.x[0], band.y[0]) == (0, 0)
    assert band.area[0] == pytest.approx(float(weighted(table, roc_auc_score)))
    pooled = roc_auc_score(table["label"] == 1, table["p_1"])
    assert abs(band.area[0] - pooled) > 0.03  # folds on scales of their own: pooling is something else


def test_the_area_is_the_score_of_the_table() -> None:
    table = subject_table(400)
    slices = table.assign(scan=table["subject"], row=range(len(table)), slice=0)
    own = score(slices, {"auc": AreaUnderCurve()}).set_index("level").loc["subject"]
    value, low, high = roc_band([table]).area
    assert value == pytest.approx(own["value"])
    assert (low, high) == pytest.approx((own["low"], own["high"]), abs=0.015)  # a bootstrap and DeLong


def test_precision_recall_is_the_weighted_mean_of_the_folds_staircases() -> None:
    table = subject_table(61)

    def height(labels: pd.Series, p: pd.Series) -> np.ndarray:
        precision, recall, _ = precision_recall_curve(labels, p)
        precision, recall = precision[:-1][::-1], recall[:-1][::-1]  # from the highest threshold down
        return np.array([precision[np.flatnonzero((recall >= x - 1e-12) & (recall > 0))[0]] for x in GRID])

    band = precision_recall_band([table])
    np.testing.assert_allclose(band.y, weighted(table, height), atol=1e-12)
    assert band.area[0] == pytest.approx(float(weighted(table, average_precision_score)))


@pytest.mark.parametrize("compute", [roc_band, precision_recall_band])
def test_bands_hold_the_curve_and_narrow_with_the_square_root_of_the_subjects(compute: object) -> None:
    few, many = (compute([subject_table(n, seed=3)]) for n in (60, 960))  # type: ignore[operator]
    for band in (few, many):
        assert (band.low <= band.y).all()
        assert (band.y <= band.high).all()
        assert band.low.min() >= 0
        assert band.high.max() <= 1
    widths = [band.area[2] - band.area[1] for band in (few, many)]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.35)


def test_seeds_with_folds_of_their_own_are_averaged() -> None:
    one, two = subject_table(40, seed=1), subject_table(40, seed=2)
    bands = [roc_band([one]), roc_band([two]), roc_band([one, two])]
    for name in ("y", "low", "high"):
        a, b, both = (getattr(band, name) for band in bands)
        np.testing.assert_allclose(both, (a + b) / 2)
    assert bands[2].area[0] == pytest.approx((bands[0].area[0] + bands[1].area[0]) / 2)


def test_folds_without_both_sides_do_not_count() -> None:
    table = subject_table(40, folds=2)
    lame = table.assign(label=table["label"].where(table["fold"] == 0, 0))
    band, alone = roc_band([lame]), roc_band([lame[lame["fold"] == 0]])
    np.testing.assert_allclose(band.y, alone.y)
    nothing = roc_band([table.assign(label=0)])
    assert np.isnan(nothing.area).all()
    assert np.isnan(nothing.y[1:]).all()
