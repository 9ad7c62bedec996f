"""RBCA in somebody's own network and loop, as the example shows it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "embedding.py"


def test_it_learns_in_under_forty_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 40
    names = runpy.run_path(str(EXAMPLE))
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", capsys.readouterr().out)]
    assert len(losses) == 15
    assert losses[0] > 0.5
    assert losses[-1] < 0.1
    assert names["backbone"].net is names["net"]  # the user's own network, not a copy
