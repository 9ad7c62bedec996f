"""Tables as text that can be copied into a spreadsheet, a note or a manuscript."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from fusekit.report.formatting import MINUS, NOTHING
from fusekit.report.page.tables import Cell, Grid

_LATEX = {**{sign: f"\\{sign}" for sign in "&%$#_{}"}, "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {"\\": r"\textbackslash{}", MINUS: "$-$", NOTHING: "--", "<": "$<$", ">": "$>$"}
_IN_LATEX = re.compile("|".join(map(re.escape, _LATEX)))


def copies(grid: Grid) -> dict[str, str]:
    """Format -> the table in it, what stands below a number in brackets behind it."""
    rows = [list(grid.columns), *([_plain(cell) for cell in row] for row in grid.rows)]
    return {"CSV": _csv(rows), "Markdown": _markdown(rows, grid.texts), "LaTeX": _latex(rows, grid.texts)}


def _plain(cell: Cell) -> str:
    return f"{cell.text} ({'; '.join(cell.notes)})" if cell.notes else cell.text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _markdown(rows: Sequence[Sequence[str]], texts: Sequence[int]) -> str:
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    rule = [":--" if k in (0, *texts) else "--:" for k in range(len(rows[0]))]
    return "".join(f"| {' | '.join(row)} |\n" for row in (cells[0], rule, *cells[1:]))


def _latex(rows: Sequence[Sequence[str]], texts: Sequence[int]) -> str:
    first, *rest = [
        " & ".join(_IN_LATEX.sub(lambda sign: _LATEX[sign[0]], cell) for cell in row) + r" \\" for row in rows
    ]
    sides = "".join("l" if k in (0, *texts) else "r" for k in range(len(rows[0])))
    lines = [rf"\begin{{tabular}}{{{sides}}}", r"\hline", first, r"\hline", *rest, r"\hline", r"\end{tabular}"]
    return "\n".join(lines) + "\n"
