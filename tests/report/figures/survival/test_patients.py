"""Curves of patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from fusekit.report.figures.survival.patients import draw_curves
from tests.report.figures.survival.people import DEATH, SUBJECTS


def test_patients_have_a_line_from_one_over_the_horizons(tmp_path: Path, drawn: list[Figure]) -> None:
    two = SUBJECTS.head(2).assign(lowest_survival_10=0.5, highest_survival_10=0.95, lowest_survival_20=0.4,
                                  highest_survival_20=0.9)  # fmt: skip
    draw_curves(two, DEATH, tmp_path / "curves.svg", synthetic=True)
    axes = drawn[0].axes[0]
    lines = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 3]
    assert np.asarray(lines[0].get_xdata(), dtype=float).tolist() == [0, 10, 20]
    assert np.asarray(lines[0].get_ydata(), dtype=float).tolist() == pytest.approx([1, 0.9, 0.8])
    assert len(axes.collections) >= 2  # a band each, from the lowest model to the highest
    svg = (tmp_path / "curves.svg").read_text()
    assert "time to death (months)" in svg
    assert "SYNTHETIC" in svg
