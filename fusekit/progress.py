"""How long work shows itself: bars in a terminal or notebook, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """What code that takes long is handed."""

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on, showing how many of ``total`` are done, the rate and the time left."""
        ...

    def say(self, line: str) -> None:
        """Tell the user one thing."""
        ...


class Quiet:
    """No output at all."""

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on."""
        yield from items

    def say(self, line: str) -> None:
        """Say nothing."""


class Bars:
    """Rich bars with counts, rates and the time left; lines are printed above them."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on under a bar."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as bars:
            task = bars.add_task(label, total=total, unit=unit, rate="")
            for item in items:
                yield item
                bars.advance(task)
                speed = bars.tasks[0].speed
                bars.update(task, rate=f"{speed:,.1f}/s" if speed else "")

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, highlight=False)
