"""Messages name what an estimator takes, and not what a task file or the command line says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.errors import FusekitError
from fusekit.sklearn import FuseKitClassifier
from fusekit.sklearn.errors import in_python

TABLE: dict[str, Any] = {"image": None, "baseline": "logistic"}
NETWORK: dict[str, Any] = {"image": None, "fusion": "clinical-only"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("--batch-size takes 1 or more", "batch_size takes 1 or more"),
        ("Set slices.plane=axial.", "Set options={'slices': {'plane': 'axial'}}."),
        ("or -o training.members=3", "or options={'training': {'members': 3}}"),
        ('say kind = "category" there', "say astype('category') there"),
        ("5 -- 6, X.a = 7, runs/a--b", "5 -- 6, X.a = 7, runs/a--b"),
        ("X, row 1.5, column 'a'", "X, row 1.5, column 'a'"),
    ],
)
def test_settings_are_spelled_as_in_python(said: str, expected: str) -> None:
    assert in_python(said) == expected


@pytest.mark.parametrize(
    ("columns", "given", "said"),
    [
        ({"a": range(40)}, {**NETWORK, "epochs": -1}, "^epochs takes 1 or more, not -1"),
        ({"a": range(40)}, {**NETWORK, "device": "gpu"}, "^device takes auto"),
        ({"a": ["1.5", "2,5"] * 20}, TABLE, r"if it is a category all the same, say astype\('category'\)"),
        ({"id": [f"p{k}" for k in range(40)]}, TABLE, "If it names the subjects: subject='id'"),
        ({"a": range(40), "Subject": range(40)}, TABLE, "Or name what they hold: subject='Subject'"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_parameter(
    columns: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        FuseKitClassifier(**given).fit(pd.DataFrame(columns), np.arange(40) % 2)
    assert isinstance(refused.value, FusekitError)
    assert not any(word in str(refused.value) for word in ("kind =", "--", "in missing"))
