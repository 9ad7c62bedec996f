"""A SYNTHETIC cohort whose truth is known, for every kind of target: the task `planted`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    from fusekit.extension import Register


@hookimpl
def register(to: Register) -> None:
    """One task, whose target is an option."""
    to.task(
        "planted",
        "fusekit_planted.task:PlantedTask",
        "SYNTHETIC alone: a class, a number or a time whose slopes, odds and hazard ratios are known",
    )
