"""Tables as a page shows them: text, already rounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        notes: lines below it, smaller: an interval, say.
        strong: whether it is set off.
        colour: of the mark before it; empty for none.
        muted: whether it is only context.
    """

    text: str
    notes: tuple[str, ...] = ()
    strong: bool = False
    colour: str = ""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with a heading a column; the first column names its row.

    Attributes:
        rows: cells, as many a row as there are headings.
        texts: numbers of the columns that are read as text and set to the left, beside the first.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: Sequence[int] = field(default=())
