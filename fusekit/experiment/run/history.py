"""What every epoch came to, in a file that always says as much as the training knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.disk import write_table
from fusekit.report.run import Run

HISTORY = "history.csv"


class History:
    """A row per epoch, in a fold's ``history.csv``, which follows its checkpoint; followers are notified of each."""

    def __init__(self, folder: Path, notify: Callable[[Run, int, dict[str, float]], None] = lambda *_: None):
        self.folder, self.notify = folder, notify
        self.rows: list[dict[str, float]] = []

    def add(self, epoch: int, scores: dict[str, float]) -> None:
        """Write the row of the epoch, then notify."""
        self.rows.append({"epoch": epoch, **{name: float(value) for name, value in scores.items()}})
        self._write()
        self.notify(Run(self.folder), epoch, scores)

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go back to what was known at that moment, with the file."""
        self.rows = list(state_dict["rows"])
        self._write()

    def _write(self) -> None:
        columns = list(self.rows[0]) if self.rows else ["epoch"]
        write_table(pd.DataFrame(self.rows, columns=columns), self.folder / HISTORY)
