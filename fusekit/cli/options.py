"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path


def task_options(option: list[str] | None, layout: str | None, clinical: Path | None) -> dict[str, dict[str, str]]:
    """``-o part.option=value``, with ``--layout`` and ``--clinical`` for the task's options of those names.

    Raises:
        OptionError: a pair is not ``part.option=value``.
    """
    from fusekit.experiment.config import parse_options

    options = parse_options(option or [])
    given = {"layout": layout, "clinical": str(clinical) if clinical else None}
    named = {name: value for name, value in given.items() if value is not None}
    if named:
        options["task"] = {**options.get("task", {}), **named}
    return options
