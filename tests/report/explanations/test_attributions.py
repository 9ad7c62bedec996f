"""Attributions to clinical columns, and gates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.explanations.attributions import MOST_COLUMNS, attributions, gates
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


def test_gates_of_every_site_and_class(drawn: list[Figure], explained: Callable[..., Explained]) -> None:
    rows = [(f"layer{k}", k, 64, label, 20, 0.5, 0.6 + 0.1 * label, 0.9) for k in range(3) for label in (0, 1)]
    table = pd.DataFrame(rows, columns=["site", "stage", "channels", "label", "subjects", "low", "median", "high"])
    (picture,) = gates(explained({"gates": table}, {}))
    (axes,) = drawn[0].axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axes.lines] == [[0.6] * 3, [0.7] * 3]
    assert [s[:, 0].tolist() for s in axes.collections[0].get_segments()] == [[0.5, 0.9]] * 3  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["layer0", "layer1", "layer2"]
    assert picture.alt == "Median gate over all sites: CN 0.600, AD 0.700."
