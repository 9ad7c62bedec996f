"""Classes, by hand-made tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from fusekit.data import Classes
from fusekit.data.target import target_of
from fusekit.errors import DataError

SCANS = pd.DataFrame(
    {"subject": ["b", "a", "b", "c"], "label": [1, 0, 1, 2]}, pd.Index(["s1", "s2", "s3", "s4"], name="scan")
)
THREE = Classes(("CN", "MCI", "AD"))


def test_classes_balance_folds_by_the_class_of_each_subject() -> None:
    assert THREE.strata(SCANS).to_dict() == {"a": 0, "b": 1, "c": 2}
    assert list(THREE.strata(SCANS).index) == ["a", "b", "c"]


def test_classes_are_counted_by_name_and_every_label_once() -> None:
    parts = THREE.parts(SCANS["label"])
    assert {name: int(own.sum()) for name, own in parts.items()} == {"CN": 1, "MCI": 2, "AD": 1}
    assert np.sum([own.to_numpy() for own in parts.values()], axis=0).tolist() == [1, 1, 1, 1]


def test_what_a_model_says_of_classes_are_probabilities_by_column() -> None:
    outputs = torch.tensor([[0.0, np.log(3.0), 0.0], [2.0, 2.0, 2.0]], dtype=torch.float64)
    assert THREE.outputs == 3
    table = THREE.predict(THREE.answers(outputs).numpy())
    assert list(table) == ["p_0", "p_1", "p_2"]
    np.testing.assert_allclose(table.to_numpy(), [[0.2, 0.6, 0.2], [1 / 3] * 3])


def test_classes_are_read_again_from_what_a_manifest_says() -> None:
    assert THREE.as_json() == {"classes": ["CN", "MCI", "AD"]}
    assert target_of({"title": "t", **THREE.as_json(), "metrics": []}) == THREE
    with pytest.raises(DataError, match="does not say what is predicted"):
        target_of({"title": "t"})


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, 0, 1, 3], "1 scans have a label that names none of the classes CN, MCI, AD: s4"),
        ([1, 0, 2, 2], "1 subjects have two labels: b"),
        ([1, 0, 1, 0], r"no subject is 'AD' \(found CN: 2, MCI: 1, AD: 0\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels: list[int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        THREE.check(SCANS.assign(label=labels))


def test_log_odds_of_one_class_are_explained_from_outputs_and_from_probabilities() -> None:
    outputs = torch.tensor([[0.0, np.log(3.0), 0.0], [2.0, 2.0, 2.0]], dtype=torch.float64)
    for of in range(3):
        p = THREE.answers(outputs).numpy()[:, of]
        np.testing.assert_allclose(THREE.explained(outputs, of), np.log(p / (1 - p)))
        np.testing.assert_allclose(THREE.explained_answers(THREE.answers(outputs).numpy(), of), np.log(p / (1 - p)))
    assert THREE.meaning(2).said({"p_1": 0.1, "p_2": 0.874}) == "p(AD) = 0.87"
    assert THREE.meaning(2).scale == "log odds of AD"
    assert THREE.meaning().more == "the class called"
