"""The picture of a demonstration, read back from the figure's own objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fusekit.report import inflation


def test_every_score_is_drawn_with_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **kwargs: Any) -> None:
        kept.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    settings = [(labels, split) for labels in ("true", "shuffled") for split in ("slice", "subject")]
    table = pd.DataFrame(
        [
            (*setting, level, metric, 0.1 * k + 0.3, 0.1 * k + 0.2, 0.1 * k + 0.4)
            for k, setting in enumerate(settings)
            for level in ("slice", "subject")
            for metric in ("accuracy", "auc")
        ],
        columns=["labels", "split", "level", "metric", "value", "low", "high"],
    )
    inflation(tmp_path / "inflation.png", title="a SYNTHETIC cohort", scores=table, chance=0.6)
    (figure,) = kept
    assert figure.get_suptitle() == "a SYNTHETIC cohort"
    accuracy, auc = figure.axes
    for axes, chance in ((accuracy, 0.6), (auc, 0.5)):
        across = [np.asarray(line.get_xdata(), dtype=float).tolist() for line in axes.lines]
        line, *drawn = [x for x in across if x]
        assert line == [chance, chance]
        bars = [x for x in drawn if len(x) == 2]
        assert bars == [pytest.approx([0.1 * k + 0.2, 0.1 * k + 0.4]) for _ in range(2) for k in range(4)]
        points = [x[0] for x in drawn if len(x) == 1]
        assert points == pytest.approx([0.1 * k + 0.3 for _ in range(2) for k in range(4)])
    assert accuracy.yaxis_inverted()
    assert accuracy.get_yticklabels()[0].get_text() == "true labels,\nsplit by slice"
    with Image.open(tmp_path / "inflation.png") as image:
        assert min(image.size) > 300
