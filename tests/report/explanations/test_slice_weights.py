"""Where the weight lies in a scan, against places counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from fusekit.report.explanations.slice_weights import along


def test_weights_are_multiples_of_the_equal_weight_along_the_scan() -> None:
    table = pd.DataFrame({"scan": list("aaaab"), "slice": [4, 2, 3, 1, 9], "weight": [0.1, 0.4, 0.3, 0.2, 1.0]})
    found = along(table)
    assert found["slice"].tolist() == [1, 2, 3, 4, 9]
    assert found["times"].tolist() == pytest.approx([0.8, 1.6, 1.2, 0.4, 1.0])
    assert found["along"].tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875, 0.5])
    assert found["part"].tolist() == [0, 1, 2, 3, 2]
