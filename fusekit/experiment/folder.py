"""What a run folder holds while it is being trained, and before a training is taken over."""

from __future__ import annotations

from pathlib import Path

from fusekit.disk import refuse_damaged
from fusekit.report.run import FILES, FURTHER, SCHEMAS, Run

__all__ = ["CHECKPOINTS", "FILES", "FURTHER", "SCHEMAS", "Run", "take_over"]

#: Where a fold that is being trained keeps the states of its trainings.
CHECKPOINTS = "checkpoints"


def take_over(folder: Path) -> None:
    """Refuse a training that is finished and was damaged since.

    Raises:
        DataError: with what to do.
    """
    refuse_damaged(folder, f"Put it back, or delete {folder}: then this training is done again. Is the disk sound?")
