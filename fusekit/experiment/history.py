"""What every epoch came to, in a file that always says as much as the training knows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from fusekit.experiment.folder import Run
from fusekit.extension import catalog

HISTORY = "history.csv"


class History:
    """A row an epoch, in ``history.csv`` of a fold's folder; plugins are told of each.

    It is part of a training's checkpoint: going on after an interruption, the file has the rows of that moment again.

    Args:
        folder: the fold's.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows: list[dict[str, float]] = []

    def add(self, epoch: int, scores: dict[str, float]) -> None:
        """Write the epoch's row, then tell the plugins."""
        self.rows.append({"epoch": epoch, **{name: float(value) for name, value in scores.items()}})
        self._write()
        host = catalog().host
        for plugin in host.implementing("epoch_ended"):
            host.call(plugin, "epoch_ended", run=Run(self.folder), epoch=epoch, scores=scores)

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Become what was known at that moment; the file, too."""
        self.rows = list(state_dict["rows"])
        self._write()

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]) if self.rows else ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        (self.folder / HISTORY).write_text(text.getvalue(), encoding="utf-8", newline="")
