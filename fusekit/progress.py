"""Show long work: bars in a terminal or notebook, lines in a log file, or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
#: Beginning of a line, up to its colon -> how it is shown.
STYLES = {
    "SYNTHETIC cohort": "bold yellow",
    "warning": "bold yellow",
    "refusal, allowed": "bold red",
}


class Progress(Protocol):
    """What code that takes long reports to."""

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on, showing how many of ``total`` are done, the rate and the time left."""
        ...

    def say(self, line: str) -> None:
        """Show one line."""
        ...


class Quiet:
    """No output at all."""

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on."""
        yield from items

    def say(self, line: str) -> None:
        """Say nothing."""


class Within:
    """A part of something larger, such as ``fold 2/5``: every label names it."""

    def __init__(self, progress: Progress, part: str):
        self.progress, self.part = progress, part

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on under the part's name and the label."""
        return self.progress.track(items, f"{self.part}, {label}", total, unit)

    def say(self, line: str) -> None:
        """Show one line."""
        self.progress.say(line)


class Bars:
    """Bars with counts, rates and the time left on standard error; where that is no terminal, one line when done."""

    def __init__(self) -> None:
        from fusekit.terminal import Terminal

        self.console = Terminal(stderr=True)

    def track(self, items: Iterable[T], label: str, total: int, unit: str = "") -> Iterator[T]:
        """Pass the items on under a bar."""
        from rich import progress

        from fusekit.terminal import in_line

        if not (self.console.is_terminal or self.console.is_jupyter):  # a bar would be a mess in a log file
            start = time.perf_counter()
            yield from items
            seconds = time.perf_counter() - start
            self.say(f"{label}: {total} {unit}, {total / max(seconds, 1e-9):,.1f}/s, {seconds:.0f} s")
            return
        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=None),  # takes what the others leave
            progress.TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        # Drawing takes 1 to 3 ms: at rich's ten times a second, some hundredths of a core that trains.
        with progress.Progress(*columns, console=self.console, expand=True, refresh_per_second=2) as bars:
            task = bars.add_task(in_line(label), total=total, unit=unit, rate="")
            for item in items:
                yield item
                bars.advance(task)
                speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
                bars.update(task, rate=f"{speed:,.1f}/s" if speed else "")

    def say(self, line: str) -> None:
        """Print a line, whatever is in it; what it begins with may have a style."""
        from fusekit.terminal import in_line, styled

        head, colon, rest = in_line(line).partition(":")
        text = styled((head + colon, STYLES.get(head, "")), rest)
        self.console.print(text, soft_wrap=not self.console.is_terminal)
