"""Trees as arrays predict as scikit-learn's estimator, and nodes that would be walked astray are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from fusekit.baselines.trees import Trees
from fusekit.errors import DataError

FEATURES, CATEGORIES = 4, (5, 32)


def inputs(rows: int, seed: int) -> np.ndarray:
    """Two columns of categories, two of numbers, with gaps in all, and a category that training may lack."""
    draw = np.random.default_rng(seed)
    columns = [draw.integers(0, count, rows) for count in CATEGORIES] + [draw.normal(size=rows).round(1)] * 2
    found = np.stack(columns, axis=1).astype(float)
    found[draw.random(found.shape) < 0.2] = np.nan
    return found


def fitted(classes: int) -> HistGradientBoostingClassifier:
    table = inputs(400, 0)
    labels = (np.nan_to_num(table[:, 0], nan=2) + np.nan_to_num(table[:, 1]) + (table[:, 2] > 0)).astype(int) % classes
    options = {"max_iter": 15, "early_stopping": False, "categorical_features": [0, 1]}
    return HistGradientBoostingClassifier(**options).fit(table, labels)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_they_predict_the_same_to_the_last_bit(classes: int) -> None:
    model = fitted(classes)
    trees = Trees.of(model, CATEGORIES)
    others = inputs(300, 1)
    assert {bool(flag) for tree in trees.trees for flag in tree.nodes["is_categorical"]} == {False, True}
    np.testing.assert_array_equal(trees.probabilities(others), model.predict_proba(others))
    again = Trees.from_arrays(trees.as_arrays(), FEATURES, CATEGORIES)
    np.testing.assert_array_equal(again.probabilities(others), model.predict_proba(others))


ARRAYS = Trees.of(fitted(2), CATEGORIES).as_arrays()
INNER = int(np.flatnonzero((ARRAYS["nodes"]["is_leaf"] == 0) & (ARRAYS["nodes"]["is_categorical"] == 1))[0])
NUMBER = int(np.flatnonzero((ARRAYS["nodes"]["is_leaf"] == 0) & (ARRAYS["nodes"]["is_categorical"] == 0))[0])
LEAF = int(np.flatnonzero(ARRAYS["nodes"]["is_leaf"])[0])


def with_node(row: int, field: str, value: Any) -> dict[str, np.ndarray]:
    nodes = ARRAYS["nodes"].copy()
    nodes[field][row] = value
    return {**ARRAYS, "nodes": nodes}


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        (INNER, "left", 0),  # a circle
        (INNER, "right", 10_000),
        (INNER, "left", 2**32 - 1),
        (INNER, "feature_idx", FEATURES),
        (INNER, "feature_idx", -1),
        (INNER, "feature_idx", 3),  # a number, whose categories there are none of
        (INNER, "bitset_idx", 10_000),
        (INNER, "is_categorical", 2),
        (NUMBER, "is_categorical", 1),
        (NUMBER, "num_threshold", np.nan),
        (NUMBER, "is_leaf", 3),
        (NUMBER, "missing_go_to_left", 7),
        (LEAF, "value", np.inf),
        (LEAF, "value", np.nan),
        (LEAF, "is_leaf", 0),  # its children are the first node
    ],
)
def test_a_node_that_leads_astray_is_refused(row: int, field: str, value: float) -> None:
    with pytest.raises(DataError, match="its trees are damaged: nodes"):
        Trees.from_arrays(with_node(row, field, value), FEATURES, CATEGORIES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", np.zeros(2)),
        ("start", np.array([np.nan])),
        ("start", np.zeros(1, dtype=np.float32)),
        ("bitsets", np.zeros((3, 7), dtype=np.uint32)),
        ("bitsets", np.zeros((0, 8), dtype=np.uint32)),
        ("node_counts", np.array([-1, 5])),
        ("node_counts", np.array([2**62] * 4)),
        ("node_counts", ARRAYS["node_counts"].astype(float)),
        ("node_counts", np.r_[ARRAYS["node_counts"], 0]),
        ("nodes", np.zeros(len(ARRAYS["nodes"]))),
        ("nodes", ARRAYS["nodes"][["value", "left", "right"]]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name: str, value: np.ndarray) -> None:
    with pytest.raises(DataError, match="trees"):
        Trees.from_arrays({**ARRAYS, name: value}, FEATURES, CATEGORIES)


@settings(max_examples=200, deadline=None)
@given(
    row=st.integers(0, len(ARRAYS["nodes"]) - 1),
    field=st.sampled_from(ARRAYS["nodes"].dtype.names or ()),
    value=st.integers(0, 2**8 - 1) | st.integers(0, 40),
)
def test_whatever_is_not_refused_can_be_walked(row: int, field: str, value: int) -> None:
    try:
        trees = Trees.from_arrays(with_node(row, field, value), FEATURES, CATEGORIES)
    except DataError:
        return
    found = trees.probabilities(inputs(50, 2))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
