"""The picture of a run: what is drawn, read back from the figure's own objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import auc, roc_auc_score

from fusekit.data import Classes
from fusekit.evaluation import Rule, score
from fusekit.evaluation.metrics.ranking import AreaUnderCurve
from fusekit.report import overview
from fusekit.report.figures import overview as figures

HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.4], "accuracy": [0.5, 0.7, 0.8]})


def predictions(subjects: int = 20, classes: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(subjects), 2)
    table = pd.DataFrame(
        {"row": np.arange(2 * subjects), "subject": [f"s{n:02}" for n in number], "scan": number, "fold": 0}
    )
    table["label"] = number % classes
    p = rng.dirichlet(np.ones(classes), len(table))
    return table.assign(**{f"p_{k}": p[:, k] for k in range(classes)})


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draw an overview; gives the figure and the path."""
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **kwargs: Any) -> None:
        kept.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)

    def draw(table: pd.DataFrame, classes: tuple[str, ...] = ("CN", "AD")) -> tuple[Figure, Path]:
        path = tmp_path / "overview.png"
        images = np.random.default_rng(1).integers(0, 255, (len(table), 1, 16, 16), dtype=np.uint8)
        scores = score(table, {"auc": AreaUnderCurve()})
        overview(
            path,
            title="a title",
            history=HISTORY,
            predictions=table,
            scores=scores,
            images=images,
            target=Classes(classes),
        )
        return kept[-1], path

    return draw


def test_curves_are_those_of_the_tables(drawn: Any) -> None:
    table = predictions()
    figure, path = drawn(table)
    curve, roc, histogram = figure.subfigs[0].axes
    loss, accuracy = curve.lines
    assert loss.get_ydata().tolist() == HISTORY["loss"].tolist()
    assert accuracy.get_ydata().tolist() == HISTORY["accuracy"].tolist()

    slices, subjects, _ = roc.lines
    for line, rows in ((slices, table), (subjects, Rule().subjects(table))):
        expected = roc_auc_score(rows["label"], rows["p_1"])
        assert auc(line.get_xdata(), line.get_ydata()) == pytest.approx(expected)
        assert f"AUC {expected:.2f} [" in line.get_label()

    assert sum(patch.get_height() for patch in histogram.patches) == 20  # every subject once
    assert figure.get_suptitle() == "a title"
    with Image.open(path) as image:
        assert min(image.size) > 800


def test_the_slices_shown_are_of_different_subjects_of_both_classes_surest_first(drawn: Any) -> None:
    table = predictions()
    shown = figures._examples(table, Rule())
    assert len(shown) == 8
    assert shown["subject"].is_unique
    assert shown["label"].tolist() == [1] * 4 + [0] * 4
    for label in (1, 0):
        certainty = table[f"p_{label}"][table["label"] == label].groupby(table["subject"]).max().sort_values()
        mine = shown[shown["label"] == label]["certainty"].tolist()
        assert mine == pytest.approx([*certainty.iloc[-2:].iloc[::-1], *certainty.iloc[:2].iloc[::-1]])
    figure, _ = drawn(table)
    titles = [axes.get_title() for axes in figure.subfigs[1].axes]
    assert len(titles) == 8
    for title, (_, row) in zip(titles, shown.iterrows(), strict=True):
        assert title == (
            f"{('CN', 'AD')[row['label']]}: {'right' if row['certainty'] > 0.5 else 'wrong'}\np(AD) = {row['p_1']:.2f}"
        )


@pytest.mark.parametrize(("subjects", "classes"), [(2, 2), (3, 2), (9, 3)])
def test_few_subjects_and_more_classes_are_drawn_too(drawn: Any, subjects: int, classes: int) -> None:
    figure, path = drawn(predictions(subjects, classes), ("CN", "AD", "MCI")[:classes])
    assert path.stat().st_size > 0
    assert 2 <= len(figure.subfigs[1].axes) <= 8


def test_a_whole_volume_shows_its_middle_axial_slice(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.subplots()
    volume = np.random.default_rng(0).uniform(0, 255, (1, 6, 5, 4)).astype(np.float16)
    figures._slice(axes, volume, pd.Series({"certainty": 0.7, "right": True, "label": 1, "p_1": 0.7}), ("CN", "AD"))
    shown: Any = axes.images[0].get_array()
    np.testing.assert_array_equal(shown, volume[0, 3])
    figure.savefig(tmp_path / "a.png")  # half precision is drawn


def test_three_classes_have_a_curve_and_a_histogram_each(drawn: Any) -> None:
    names = ("CN", "AD", "MCI")
    table = predictions(18, 3)
    figure, _ = drawn(table, names)
    _, roc, histogram = figure.subfigs[0].axes
    subjects = Rule().subjects(table)
    assert [line.get_label() for line in roc.lines[:3]] == list(names)
    for label, line in enumerate(roc.lines[:3]):
        expected = roc_auc_score(subjects["label"] == label, subjects[f"p_{label}"])
        assert auc(line.get_xdata(), line.get_ydata()) == pytest.approx(expected)
    assert sum(patch.get_height() for patch in histogram.patches) == 18
    shown = figures._examples(table, Rule())
    assert shown["label"].tolist() == [2, 2, 1, 1, 0, 0]
    for axes, (_, row) in zip(figure.subfigs[1].axes, shown.iterrows(), strict=True):
        own = int(row["label"])
        right = max(range(3), key=lambda k: row[f"p_{k}"]) == own
        assert (
            axes.get_title()
            == f"{names[own]}: {'right' if right else 'wrong'}\np({names[own]}) = {row[f'p_{own}']:.2f}"
        )
