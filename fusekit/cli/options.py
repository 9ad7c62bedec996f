"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Layout = Annotated[str | None, typer.Option(help="Layout of the data, for tasks that know several.")]
Clinical = Annotated[Path | None, typer.Option(help="TOML that names the clinical columns, for tasks that take one.")]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="PART.OPTION=VALUE", help="Set an option of a part; may be repeated."),
]


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
