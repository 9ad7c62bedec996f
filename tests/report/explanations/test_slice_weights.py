"""Where the weight lies in a scan, against places and means counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.slice_weights import along, slice_weights


def test_weights_are_multiples_of_the_equal_weight_along_the_scan() -> None:
    table = pd.DataFrame({"scan": list("aaaab"), "slice": [4, 2, 3, 1, 9], "weight": [0.1, 0.4, 0.3, 0.2, 1.0]})
    found = along(table)
    assert found["slice"].tolist() == [1, 2, 3, 4, 9]
    assert found["times"].tolist() == pytest.approx([0.8, 1.6, 1.2, 0.4, 1.0])
    assert found["along"].tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875, 0.5])
    assert found["part"].tolist() == [0, 1, 2, 3, 2]


def test_every_scan_is_a_line_and_every_class_the_mean_of_its_scans(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    rows = [(scan, scan, number, int(scan > "b"), weight)
            for scan, own in {"a": (0.8, 0.2), "b": (0.6, 0.4), "c": (0.1, 0.9)}.items()
            for number, weight in enumerate(own)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["subject", "scan", "slice", "label", "weight"]).rename_axis("row").reset_index()
    (picture,) = slice_weights(explained({"slice_weights": table}, {}, synthetic=True))
    (axes,) = drawn[0].axes
    _, *scans, first, second = axes.lines
    assert [np.asarray(line.get_ydata()).tolist() for line in scans] == [[1.6, 0.4], [1.2, 0.8], [0.2, 1.8]]
    assert np.asarray(first.get_ydata()).tolist() == pytest.approx([1.4, 0.6])
    assert np.asarray(second.get_xdata()).tolist() == [0.25, 0.75]
    assert picture.alt == (
        "SYNTHETIC data. Highest mean weights: CN 1.40 times the equal weight at 25% of the scan; "
        "AD 1.80 times the equal weight at 75% of the scan."
    )
    assert "subject" not in picture.table
    assert "SYNTHETIC data" in picture.svg
