"""Thresholds against every possible one, and what moving the scale may not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from fusekit.errors import DataError, OptionError
from fusekit.evaluation.thresholds import most_probable, recentre, youden

GRADES = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=2, max_size=40)


@given(GRADES)
def test_no_threshold_is_better_than_youdens(rows: list[tuple[bool, int]]) -> None:
    labels, p = np.array([int(label) for label, _ in rows]), np.array([grade / 12 for _, grade in rows])
    if labels.min() == labels.max():
        with pytest.raises(DataError, match="needs both classes"):
            youden(labels, p)
        return
    t = youden(labels, p)
    false, true, _ = roc_curve(labels, p)
    gain = (p[labels == 1] > t).mean() - (p[labels == 0] > t).mean()
    assert gain == pytest.approx((true - false).max())
    assert t not in p or t in (0, 1)  # it lies between values, so that rounding changes no call


def test_of_equally_good_thresholds_the_one_nearest_one_half_is_taken() -> None:
    labels = np.array([0, 0, 1, 1])
    assert youden(labels, np.array([0.1, 0.2, 0.3, 0.9])) == pytest.approx(0.25)  # the only perfect cut
    # Cuts at 0.2 and 0.75 both gain one half; 0.75 is nearer.
    assert youden(np.array([0, 1, 0, 1]), np.array([0.1, 0.3, 0.7, 0.8])) == pytest.approx(0.75)
    assert youden(labels, np.array([0.9, 0.8, 0.3, 0.2])) == pytest.approx(0.1)  # calling all is better than inverted
    assert youden(labels, np.full(4, 0.3)) == pytest.approx(0.65)  # nothing is learnt: call as one half would


def test_undefined_probabilities_and_third_classes_have_no_threshold() -> None:
    with pytest.raises(DataError, match="not a number"):
        youden(np.array([0, 1]), np.array([0.1, np.nan]))
    with pytest.raises(OptionError, match="two classes"):
        youden(np.array([0, 1, 2]), np.array([0.1, 0.2, 0.3]))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, np.nextafter(0.3, 1)])),
)
def test_moving_the_scale_keeps_every_call_and_the_order(values: list[float], t: float) -> None:
    p = np.array([*values, t, np.nextafter(t, 1), np.nextafter(t, 0)]).clip(0, 1)
    moved = recentre(np.column_stack([1 - p, p]), t)
    assert np.array_equal(moved[:, 1] > 0.5, p > t)
    assert np.array_equal(moved.argmax(axis=1) == 1, p > t)
    assert (np.diff(moved[np.argsort(p), 1]) >= 0).all()
    assert ((moved >= 0) & (moved <= 1)).all()
    assert np.allclose(moved.sum(axis=1), 1)


def test_a_threshold_of_one_half_moves_nothing() -> None:
    p = np.linspace(0, 1, 101)
    assert recentre(np.column_stack([1 - p, p]), 0.5)[:, 1] == pytest.approx(p)


def test_what_is_no_number_is_never_the_most_probable_class() -> None:
    assert most_probable(np.array([[0.2, 0.8], [0.5, 0.5]])).tolist() == [1, 0]
    for wrong in (np.nan, np.inf, -np.inf):
        with pytest.raises(DataError, match="no class can be called"):
            most_probable(np.array([[0.2, 0.8], [wrong, 0.5]]))
