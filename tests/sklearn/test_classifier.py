"""Classes: any labels, two or more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.sklearn import FuseKitClassifier

TABLE: dict[str, Any] = {"image": None, "image_size": 32, "device": "cpu", "baseline": "logistic"}


@pytest.mark.parametrize(
    "labels", [["well", "ill", "dead"], [3, 1, 2], [2.0, 0.0, 1.0], [True, False]], ids=["text", "int", "float", "bool"]
)
def test_labels_come_back_as_they_are(labels: list[Any]) -> None:
    draw = np.random.default_rng(0)
    code = draw.integers(0, len(labels), 90)
    X = pd.DataFrame({"a": code * 3 + draw.normal(size=90), "b": draw.normal(size=90)})
    y = np.array(labels)[code]
    fitted = FuseKitClassifier(**TABLE).fit(X, y)
    assert fitted.classes_.tolist() == sorted(labels)
    assert fitted.bundle_.classes == tuple(str(label) for label in fitted.classes_)
    said = fitted.predict_proba(X)
    assert np.allclose(said.sum(axis=1), 1)
    assert np.array_equal(fitted.classes_[np.argmax(said, 1)], fitted.predict(X))
    assert fitted.score(X, y) > 0.8
    assert fitted.predict(X).dtype == y.dtype


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="y has one class, 'a', and a classifier needs two"):
        FuseKitClassifier(**TABLE).fit(np.arange(4.0)[:, None], ["a"] * 4)


@pytest.mark.parametrize(
    "y", [pd.Series(["a", None, "b", "a"]), ["a", None, "b", "a"], ["a", np.nan, "b", "a"], [0, np.nan, 1, 0]]
)
def test_rows_without_a_label_are_refused(y: Any) -> None:
    with pytest.raises(ValueError, match=r"1 rows have no label: position 1\."):
        FuseKitClassifier(**TABLE).fit(np.arange(4.0)[:, None], y)
