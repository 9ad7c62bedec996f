"""Attributions to clinical columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.explanations.attributions import MOST_COLUMNS, attributions
from fusekit.report.explanations.folder import Explained


def test_columns_are_ordered_by_their_mean_size_and_every_subject_is_a_point(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    rng = np.random.default_rng(0)
    rows = [(f"s{s}", s % 2, f"c{c}", "1", (c + 1) * rng.normal()) for s in range(10) for c in range(14)]
    table = pd.DataFrame(rows, columns=["subject", "label", "column", "value", "attribution"])
    (picture,) = attributions(explained({"attributions": table}, {}, synthetic=True))
    assert picture.name == "attributions-a"
    sizes = table.assign(size=table["attribution"].abs()).groupby("column")["size"].mean().sort_values(ascending=False)
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == sizes.index[:MOST_COLUMNS].tolist()
    _, *bars = axes.lines[: MOST_COLUMNS + 1]
    assert [np.asarray(bar.get_xdata())[1] for bar in bars] == pytest.approx(sizes[:MOST_COLUMNS].tolist())
    for line, label in zip(axes.lines[-2:], (0, 1), strict=True):
        own = table[(table["label"] == label) & table["column"].isin(sizes.index[:MOST_COLUMNS])]
        assert np.asarray(line.get_xdata()).tolist() == own["attribution"].tolist()
        places = np.rint(np.asarray(line.get_ydata(), dtype=float)).astype(int)
        assert [sizes.index[k] for k in places] == own["column"].tolist()
    assert {line.get_marker() for line in axes.lines[-2:]} == {"o", "^"}
    assert not {"subject", "value"} & set(picture.table)
    assert "10 held-out subjects" in picture.caption
    assert "SYNTHETIC data" in picture.svg
