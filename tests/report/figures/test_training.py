"""Training curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.figures.training import training
from tests.report.conftest import evidence_of, run_of


def history(epochs: dict[int, int], **more: float) -> pd.DataFrame:
    rows = [(f, e, 1 / e + f, 1 - 1 / e) for f, last in epochs.items() for e in range(1, last + 1)]
    return pd.DataFrame(rows, columns=["fold", "epoch", "loss", "accuracy"]).assign(**more)


def test_every_fold_is_a_line_and_the_mean_ends_with_the_shortest(drawn: list[Figure]) -> None:
    arms = {"image-only": run_of(), "concat": run_of(history=history({0: 4, 1: 3}))}
    (picture,) = training(evidence_of(arms, synthetic=True))
    loss, accuracy = drawn[0].axes
    thin, other, mean = loss.lines
    assert np.asarray(thin.get_ydata()).tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
    assert len(np.asarray(other.get_ydata())) == 3
    assert np.asarray(mean.get_ydata()).tolist() == pytest.approx([1.5, 1.0, 1 / 3 + 0.5])
    assert {line.get_color() for line in loss.lines} == {
        arm_styles(["concat"], ["image-only", "concat"])["concat"].colour
    }
    assert len(accuracy.lines) == 3
    assert len(picture.table) == 7
    assert "validation" not in picture.caption
    assert "SYNTHETIC data" in picture.svg


def test_validation_is_a_panel_where_some_arm_has_it(drawn: list[Figure]) -> None:
    histories = {"a": history({0: 2}), "b": history({0: 2}, validation_auc=0.8)}
    (picture,) = training(evidence_of({arm: run_of(history=own) for arm, own in histories.items()}))
    grid = np.array(drawn[0].axes).reshape(2, 3)
    assert [axes.get_visible() for axes in grid[:, 2]] == [False, True]
    assert np.asarray(grid[1, 2].lines[0].get_ydata()).tolist() == [0.8, 0.8]
    assert "validation AUC" in picture.caption


def test_a_single_epoch_is_no_curve() -> None:
    assert list(training(evidence_of({"a": run_of(history=history({0: 1, 1: 1}))}))) == []
