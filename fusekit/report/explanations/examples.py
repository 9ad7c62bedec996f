"""Slices that were predicted well and badly, each beside the map of what spoke for what is explained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fusekit.data import Classes, Number, Ordered, TimeToEvent
from fusekit.report.drawing.picture import Figure, Picture
from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.maps import SCALE, orientation, scale, show
from fusekit.report.formatting import records, shortened

#: Height of a row of slices with its heading, in inches.
ROW = 1.62

#: Kind of the examples that what-if answers are of (``choose_close``).
CLOSE = "close"

#: Kind of example -> sign and colour of its heading.
SIGNS = {
    "right": ("\N{CHECK MARK} right", "#006B4E"),
    "wrong": ("\N{BALLOT X} WRONG", "#A94A00"),
    "near": ("\N{CHECK MARK} near", "#006B4E"),
    "far": ("\N{BALLOT X} FAR", "#A94A00"),
}


class _Words(NamedTuple):
    """What was chosen (``choose_examples``)."""

    title: str
    caption: str
    good: str
    bad: str
    close: str


_CALLS = _Words(
    "slices called rightly and wrongly",
    ", the surest right and the surest wrong calls of each class.",
    "called rightly",
    "called wrongly",
    "near the threshold between two classes",
)
#: Kind of target -> words.
WORDS = {
    Classes.kind: _CALLS,
    Ordered.kind: _CALLS,
    Number.kind: _Words(
        "slices predicted well and badly",
        ": the smallest and the largest errors in each third of the true values.",
        "predicted well",
        "predicted badly",
        "near the median prediction",
    ),
    TimeToEvent.kind: _Words(
        "slices whose risk fits and does not",
        ": the highest and the lowest risks of those with the event up to the last horizon, the lowest and the highest "
        "of those followed beyond it without. A time with a plus is the end of a follow-up; who was censored before "
        "the last horizon is not shown.",
        "with a risk that fits",
        "with one that does not",
        "near the median risk",
    ),
}


def examples(own: Explained) -> Iterator[Picture]:
    """Draw the slices of ``examples.csv``, image by image, and again with their Grad-CAM; of one image, two per row."""
    table, images, maps = own.table("examples.csv"), own.panels("images.npy"), own.array("grad_cam.npy")
    if table is None or images is None or "kind" not in table:  # as in folders of older runs
        return
    table = table[table["kind"] != CLOSE]  # what-if pictures show them
    words, meaning = WORDS[own.target.kind], own.meaning_of(table)
    several = len(images[0]) > 1
    side, each = 1 if several else 2, len(images[0]) + 1  # examples per row, and pictures of each
    lines = -(-len(table) // side)

    def paint(figure: Figure) -> None:
        parts = figure.add_gridspec(2, 1, height_ratios=[ROW * lines, SCALE]) if maps is not None else None
        above = figure.add_subfigure(parts[0]) if parts is not None else figure
        grid = above.subplots(lines, side * each, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for k, row in enumerate(records(table)):
            plain, *others, covered = grid[k // side, each * (k % side) :][:each]
            first = images[k][0]
            show(plain, first.image, None, own.plane)
            for axes, panel in zip(others, images[k][1:], strict=True):
                show(axes, panel.image, None, own.plane, letters=False)
                axes.set_title(shortened(panel.name, 16), fontsize=8, fontweight="normal")
            if maps is not None:
                show(covered, first.image, maps[k], own.plane, letters=False)
            sign, colour = SIGNS[row["kind"]]
            true = shortened(own.target.spelled(row["label"]), 12)
            called = f"{true} called {shortened(own.target.spelled(row['called']), 12)}" if "called" in row else ""
            said = own.meaning_of(table.iloc[[k]]).said(row, most=15)
            heading = f"{sign}: {called or f'true {true}'}\n{said}"
            heading += f"\n{shortened(first.name, 16)}" * several
            plain.set_title(heading, fontsize=8, fontweight="normal", color=colour)
        if parts is not None:
            title = f"speaks for {shortened(meaning.more, 30)}"
            scale(figure.add_subfigure(parts[1]), "nothing", "most of this slice", title)

    counts = table["kind"].value_counts()
    spelled = {"true": table["label"].map(own.target.spelled)}
    if "called" in table:
        spelled["called"] = table["called"].map(own.target.spelled)
    shown = table.assign(**spelled)
    columns = ["row", "true", "called", "kind", *own.target.columns, "maximum"]
    on = f", on {images[0][0].name}" if several else ""
    beside = f" Beside each its Grad-CAM, scaled to its own maximum{on}." if maps is not None else ""
    with_maps = f", with maps of what speaks for {meaning.more}" if maps is not None else ""
    yield own.draw(
        "examples",
        paint,
        words.title,
        caption=f"Held-out slices of different subjects{words.caption}{beside}{meaning.note} {orientation(own.plane)}",
        alt=f"{counts.get('right', counts.get('near', 0))} slices {words.good} and "
        f"{counts.get('wrong', counts.get('far', 0))} {words.bad} by {own.arm}{with_maps}.",
        table=shown[[c for c in columns if c in shown]],
        height=ROW * lines + (SCALE if maps is not None else 0) + 0.25,
    )
