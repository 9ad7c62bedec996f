"""Show long work: bars in a terminal or notebook, lines in a log file, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
#: What is under way; a function where that changes from item to item.
Label = str | Callable[[], str]
#: Beginning of a line, up to its colon -> how it is shown.
STYLES = {
    "SYNTHETIC cohort": "bold yellow",
    "warning": "bold yellow",
    "refusal, allowed": "bold red",
}


class Progress(Protocol):
    """What code that takes long reports to."""

    def track(
        self, items: Iterable[T], label: Label, total: int, unit: str = "", size: Callable[[T], int] | None = None
    ) -> Iterator[T]:
        """Pass the items on, showing how much of ``total`` is done, the rate and the time left.

        ``size`` is how much an item counts; without it, each is one.
        """
        ...

    def log(self, line: str) -> None:
        """Show one line where there are no bars, in which it would be seen."""
        ...

    def say(self, line: str) -> None:
        """Show one line."""
        ...


class Countdown:
    """How many trainings are left, and about how long they will take: as long as the finished ones did on average."""

    def __init__(self, total: int):
        self.left, self.done, self._start = total, 0, time.perf_counter()

    def ended(self) -> str:
        """Count one that ended; ``; 3 trainings left, about 5 min``, or nothing after the last."""
        self.done, self.left = self.done + 1, self.left - 1
        minutes = (time.perf_counter() - self._start) / self.done * self.left / 60
        about = f"{minutes:.0f} min" if minutes >= 1 else f"{max(60 * minutes, 1):.0f} s"
        return f"; {self.left} training{'s' * (self.left > 1)} left, about {about}" if self.left else ""


class Quiet:
    """No output at all."""

    def track(
        self, items: Iterable[T], label: Label, total: int, unit: str = "", size: Callable[[T], int] | None = None
    ) -> Iterator[T]:
        """Pass the items on."""
        yield from items

    def log(self, line: str) -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""


class Within:
    """A part of something larger, such as ``fold 2/5``: every label names it."""

    def __init__(self, progress: Progress, part: str):
        self.progress, self.part = progress, part

    def track(
        self, items: Iterable[T], label: Label, total: int, unit: str = "", size: Callable[[T], int] | None = None
    ) -> Iterator[T]:
        """Pass the items on under the part's name and the label."""
        whole = f"{self.part}, {label}" if isinstance(label, str) else lambda: f"{self.part}, {label()}"
        return self.progress.track(items, whole, total, unit, size)

    def log(self, line: str) -> None:
        """Show one line, with the part's name, where there are no bars."""
        self.progress.log(f"{self.part}, {line}")

    def say(self, line: str) -> None:
        """Show one line."""
        self.progress.say(line)


class Bars:
    """Bars with counts, rates and the time left on standard error; where that is no terminal, one line when done."""

    def __init__(self) -> None:
        from fusekit.terminal import Terminal

        self.console = Terminal(stderr=True)

    def track(
        self, items: Iterable[T], label: Label, total: int, unit: str = "", size: Callable[[T], int] | None = None
    ) -> Iterator[T]:
        """Pass the items on under a bar."""
        from rich import progress
        from rich.table import Column

        from fusekit.terminal import in_line

        def said() -> str:
            return label if isinstance(label, str) else label()

        if not self._drawn:
            start = time.perf_counter()
            yield from items
            seconds = time.perf_counter() - start
            self.say(f"{said()}: {total} {unit}, {total / max(seconds, 1e-9):,.1f}/s, {seconds:.0f} s")
            return
        columns: list[progress.ProgressColumn] = [
            progress.TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            progress.BarColumn(bar_width=None),  # takes what the others leave
            progress.TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            progress.TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True, min_width=6)),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
        ]
        if not isinstance(label, str) and self.console.width < 120:  # a label that says much
            columns = [columns[0], columns[1], columns[3], columns[6]]
        # Drawing takes 1 to 3 ms: at rich's ten times a second, some hundredths of a core that trains.
        with progress.Progress(*columns, console=self.console, expand=True, refresh_per_second=2) as bars:
            task = bars.add_task(in_line(said()), total=total, unit=unit, rate="")
            for item in items:
                yield item
                bars.advance(task, size(item) if size else 1)
                speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
                bars.update(task, description=in_line(said()), rate=f"{speed:,.{int(speed < 100)}f}/s" if speed else "")

    def log(self, line: str) -> None:
        """Print a line in a log file."""
        if not self._drawn:
            self.say(line)

    @property
    def _drawn(self) -> bool:
        """Whether there are bars, which would be a mess in a log file."""
        return self.console.is_terminal or self.console.is_jupyter

    def say(self, line: str) -> None:
        """Print a line, whatever is in it; what it begins with may have a style."""
        from fusekit.terminal import in_line, styled

        head, colon, rest = in_line(line).partition(":")
        text = styled((head + colon, STYLES.get(head, "")), rest)
        self.console.print(text, soft_wrap=not self.console.is_terminal)
