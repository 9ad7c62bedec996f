"""The table of predictions holds probabilities, and nothing that only looks like one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes
from fusekit.errors import DataError
from fusekit.evaluation.predictions import prediction_table, probabilities_of

ROWS = pd.DataFrame(
    {"subject": ["b", "a"], "scan": ["b1", "a1"], "slice": [0, 7], "fold": 0, "label": [0, 1]},
    index=pd.Index([4, 2], name="row"),
)


def test_probabilities_stand_beside_their_rows() -> None:
    table = prediction_table(
        ROWS, Classes(("no", "yes")).predict(np.array([[0.25, 0.75], [1.0, 0.0]], dtype=np.float32))
    )
    assert table["row"].tolist() == [4, 2]
    assert probabilities_of(table).tolist() == [[0.25, 0.75], [1.0, 0.0]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1.5, -0.1])
def test_what_is_no_probability_is_refused_by_name(wrong: float) -> None:
    with pytest.raises(DataError, match=r"p_1 of subject a, scan a1, slice 7, fold 0 is .* \(1 of 2 rows\)"):
        prediction_table(ROWS, Classes(("no", "yes")).predict(np.array([[0.25, 0.75], [0.5, wrong]])))
    with pytest.raises(DataError, match="p_0 of row 0"):
        probabilities_of(pd.DataFrame({"p_0": [wrong], "p_1": [0.5]}))
