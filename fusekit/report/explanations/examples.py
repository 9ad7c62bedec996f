"""Slices that were called rightly and wrongly, each beside the map of what spoke for the positive class."""

from __future__ import annotations

from collections.abc import Iterator

from fusekit.report.drawing.picture import Figure, Picture
from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.maps import SCALE, orientation, scale, show
from fusekit.report.formatting import explained, named, records, shortened

#: Height of a row of slices with its heading, in inches.
ROW = 1.62

#: Kind of example -> sign and colour of its heading.
SIGNS = {"right": ("\N{CHECK MARK} right", "#006B4E"), "wrong": ("\N{BALLOT X} WRONG", "#A94A00")}


def examples(own: Explained) -> Iterator[Picture]:
    """Draw the slices of ``examples.csv``, image by image, and again with their Grad-CAM; of one image, two per row."""
    table, images, maps = own.table("examples.csv"), own.panels("images.npy"), own.array("grad_cam.npy")
    if table is None or images is None or "called" not in table:  # as in folders of older runs
        return
    classes, targets = own.classes, explained(table)
    several = len(images[0]) > 1
    side, each = 1 if several else 2, len(images[0]) + 1  # examples per row, and pictures of each
    speaks_for, lines = named(targets, classes), -(-len(table) // side)

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
            target = targets[k]
            true, called, shown = (shortened(classes[n], 12) for n in (row["label"], row["called"], target))
            heading = f"{sign}: {true} called {called}\np({shown}) = {row[f'p_{target}']:.2f}"
            heading += f"\n{shortened(first.name, 16)}" * several
            plain.set_title(heading, fontsize=8, fontweight="normal", color=colour)
        if parts is not None:
            title = f"speaks for {shortened(speaks_for, 30)}"
            scale(figure.add_subfigure(parts[1]), "nothing", "most of this slice", title)

    counts = table["kind"].value_counts()
    names = dict(enumerate(classes))
    shown = table.assign(true=table["label"].map(names), called=table["called"].map(names))
    columns = ["row", "true", "called", "kind", *(f"p_{k}" for k in names), "maximum"]
    on = f", on {images[0][0].name}" if several else ""
    beside = f" Beside each its Grad-CAM, scaled to its own maximum{on}." if maps is not None else ""
    with_maps = f", with maps of what speaks for {speaks_for}" if maps is not None else ""
    yield own.draw(
        "examples",
        paint,
        "slices called rightly and wrongly",
        caption="Held-out slices of different subjects, the surest right and the surest wrong calls of each class."
        f"{beside} {orientation(own.plane)}",
        alt=f"{counts.get('right', 0)} slices called rightly and {counts.get('wrong', 0)} called wrongly by "
        f"{own.arm}{with_maps}.",
        table=shown[[c for c in columns if c in shown]],
        height=ROW * lines + (SCALE if maps is not None else 0) + 0.25,
    )
