"""Which clinical values speak for what is predicted."""

from __future__ import annotations

from collections.abc import Iterator

from fusekit.report.drawing.palette import ARM_MARKERS, COLOURS, GREY
from fusekit.report.drawing.panels import legend_below, legend_columns, rows
from fusekit.report.drawing.picture import Figure, Picture
from fusekit.report.explanations.folder import Explained
from fusekit.report.formatting import shortened

MOST_COLUMNS = 12
MARKERS = ("o", "^", "s", *ARM_MARKERS[3:])


def attributions(own: Explained) -> Iterator[Picture]:
    """Draw every subject's attribution to the columns that matter most, and the mean of their sizes."""
    table = own.table("attributions.csv")
    if table is None or "group" not in table:
        return
    table["size"] = table["attribution"].abs()
    sizes = table.groupby("column")["size"].mean().sort_values(ascending=False, kind="stable")[:MOST_COLUMNS]
    of, places = own.meaning_of(table).scale, {column: k for k, column in enumerate(sizes.index)}
    table, columns = table[table["column"].isin(sizes.index)], legend_columns(own.groups)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linewidth=1)
        for place, size in enumerate(sizes):
            axes.plot([0, size], [place, place], color="#D8D8D8", linewidth=9, solid_capstyle="butt", zorder=1)
        for group, part in table.groupby("group"):
            group = int(str(group))
            # Those of one group side by side, spread by their order within the row.
            spread = part.groupby("column").cumcount().to_numpy() * 0.6180339887 % 1 - 0.5
            heights = part["column"].map(places).to_numpy() + 0.5 * spread
            axes.plot(
                part["attribution"], heights, linestyle="none", marker=MARKERS[group % len(MARKERS)], markersize=3.8,
                color=COLOURS[group % len(COLOURS)], alpha=0.75, markeredgewidth=0, label=own.groups[group],
            )  # fmt: skip
        rows(axes, [shortened(column, 24) for column in places])
        axes.set_xlabel(f"attribution: {of}")
        legend_below(axes, columns=columns)

    said = ", ".join(f"{column} {size:.2f}" for column, size in sizes.items())
    yield own.draw(
        "attributions",
        paint,
        "which clinical values speak",
        caption=f"Integrated gradients of {table['subject'].nunique()} held-out subjects against the training "
        f"mean: what each value adds to the {of}. Grey bars: mean size over subjects.",
        alt=f"Mean size of the attribution: {said}.",
        table=table.drop(columns=["subject", "value"], errors="ignore"),
        height=0.3 * len(sizes) + 0.93 + 0.17 * -(-len(own.groups) // columns),
    )
