"""What every epoch came to, in a file that always says as much as the training knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.disk import write_table
from fusekit.experiment.folder import Run

HISTORY = "history.csv"


class History:
    """A row an epoch, in ``history.csv`` of a fold's folder; those who follow are told of each.

    It is part of a training's checkpoint: going on after an interruption, the file has the rows of that moment again.

    Args:
        folder: the fold's.
        told: of every epoch: the run where it is being written, epoch, scores.
    """

    def __init__(self, folder: Path, told: Callable[[Run, int, dict[str, float]], None] | None = None):
        self.folder, self.told = folder, told
        self.rows: list[dict[str, float]] = []

    def add(self, epoch: int, scores: dict[str, float]) -> None:
        """Write the epoch's row, then tell those who follow."""
        self.rows.append({"epoch": epoch, **{name: float(value) for name, value in scores.items()}})
        self._write()
        if self.told:
            self.told(Run(self.folder), epoch, scores)

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Become what was known at that moment; the file, too."""
        self.rows = list(state_dict["rows"])
        self._write()

    def _write(self) -> None:
        columns = list(self.rows[0]) if self.rows else ["epoch"]
        write_table(pd.DataFrame(self.rows, columns=columns), self.folder / HISTORY)
