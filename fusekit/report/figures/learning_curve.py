"""The learning curve: the first measure over the number of training subjects."""

from __future__ import annotations

from collections.abc import Iterator

from fusekit.evaluation.arms.pairs import MEASURES
from fusekit.report.drawing.panels import TOGETHER, Line, overlay, small_multiples
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import limits_of, listed, records, with_interval


def learning_curve(evidence: Evidence) -> Iterator[Picture]:
    """Draw each arm's score over the number of training subjects that it had."""
    table = evidence.learning_curve
    if table.empty:
        return
    measure = str(table["measure"].iloc[0])
    title, columns = MEASURES[measure].title, ["training", "value", "low", "high"]
    of_arm = table.sort_values("percent").groupby("arm", sort=False)
    lines = {name: Line(*of_arm.get_group(name)[columns].to_numpy(dtype=float).T) for name in table["arm"].unique()}
    together, last = len(lines) <= TOGETHER, float(table["training"].max())

    def finish(axes: Axes) -> None:
        in_unit = f", {evidence.target.title}" if measure == "mae" else ""
        axes.set(xlabel="training subjects", ylabel=f"{title}{in_unit}", xlim=(0, 1.04 * last))

    def paint(figure: Figure) -> None:
        if together:
            axes = figure.subplots()
            overlay(axes, lines, {}, True, evidence.names)
            finish(axes)
        else:
            small_multiples(figure, lines, {}, finish, evidence.names)

    first = of_arm.get_group(next(iter(lines)))
    counts = listed(f"{count:,.0f}" for count in first["training"])
    points = {str(arm): records(own) for arm, own in of_arm}
    said = "; ".join(
        f"{arm} " + ", ".join(f"{row['training']:,.0f}: {with_interval(*limits_of(row))}" for row in own)
        for arm, own in points.items()
    )
    yield draw(
        "learning-curve",
        paint,
        title="Learning curve",
        caption=f"{title} on the same {first['subjects'].max():,} held-out subjects, of models of {counts} training "
        f"subjects (means over folds). Bands are 95 % limits over held-out subjects."
        f"{'' if together else ' Grey: the other arms.'}",
        alt=f"{title} by training subjects: {said}.",
        table=table,
        height=3.6 + 0.17 * len(lines) if together else 1.85 * -(-len(lines) // 2) + 0.5,
        synthetic=evidence.synthetic,
    )
