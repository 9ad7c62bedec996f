"""The history is what the training knows, before an interruption and after."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fusekit.experiment.run.history import HISTORY, History


def test_rows_that_are_forgotten_leave_the_file(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(1, {"loss": 0.1 + 0.2, "seconds": 1.5})
    kept = history.state_dict()["rows"].copy()
    one = (tmp_path / HISTORY).read_bytes()
    history.add(2, {"loss": 0.25, "seconds": 1.0})
    table = pd.read_csv(tmp_path / HISTORY)
    assert table.to_dict("list") == {"epoch": [1, 2], "loss": [0.1 + 0.2, 0.25], "seconds": [1.5, 1.0]}
    again = History(tmp_path)
    again.load_state_dict({"rows": kept})
    assert (tmp_path / HISTORY).read_bytes() == one
    again.add(2, {"loss": 0.25, "seconds": 1.0})
    assert pd.read_csv(tmp_path / HISTORY).equals(table)
    again.load_state_dict({"rows": []})  # of a checkpoint in the middle of the first epoch
    again.add(1, {"loss": 0.1 + 0.2, "seconds": 1.5})
    assert (tmp_path / HISTORY).read_bytes() == one
