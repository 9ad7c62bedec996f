"""A run of times in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.figures.survival.overview import survival_overview
from tests.report.figures.survival.people import DEATH, RISKS, SUBJECTS


def test_a_run_in_one_picture_shows_loss_groups_and_risks(tmp_path: Path, drawn: list[Figure]) -> None:
    history = pd.DataFrame({"fold": [0, 0], "epoch": [1, 2], "loss": [2.0, 1.5]})
    slices = SUBJECTS.assign(scan=SUBJECTS["subject"], slice=0)
    survival_overview(tmp_path / "o.png", title="t", history=history, predictions=slices, target=DEATH)
    curve, groups, risks = drawn[0].axes
    assert np.asarray(curve.lines[-1].get_ydata(), dtype=float).tolist() == [2.0, 1.5]
    assert len(groups.lines) == 3
    assert np.asarray(risks.lines[-1].get_xdata(), dtype=float).tolist() == pytest.approx([np.mean(RISKS) + 0.1])
