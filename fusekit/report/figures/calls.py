"""How probable each class was held to be, and what was called what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
import pandas as pd

from fusekit.evaluation import probabilities_of
from fusekit.report.drawing.palette import BLUE, GREY, ArmStyle, arm_styles
from fusekit.report.drawing.panels import TICKS, arm_panels, first_column
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import count_subjects, shortened
from fusekit.report.run import Run

#: Edges of the bars of probabilities.
EDGES = np.linspace(0, 1, 21)


def probabilities(evidence: Evidence) -> Iterator[Picture]:
    """Draw how probable the first seed's subjects of each class were held to be, a panel per arm.

    Of two classes it is the probability of the second, of more that of the subject's own class.
    """
    classes, two = evidence.classes, len(evidence.classes) == 2
    counts = pd.concat({arm.name: _binned(arm.runs[0], len(classes)) for arm in evidence.arms}, names=["arm"])
    table = counts.reset_index(level="arm").reset_index(drop=True)
    styles = arm_styles(evidence.names, evidence.names)
    of = classes[1] if two else "the true class"

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, evidence.names).items():
            for k, own in table[table["arm"] == arm].groupby("label"):
                _bars(axes, int(str(k)), own, styles[arm])
            axes.set_title(shortened(arm), fontsize=9)
            axes.set_yticks(range(len(classes)), [shortened(name, 12) for name in classes])
            axes.set(xlim=(0, 1), xticks=TICKS, ylim=(-0.1, len(classes)), xlabel=f"probability of {shortened(of, 24)}")
            axes.tick_params(axis="y", length=0)

    calls = table.groupby("arm", sort=False)[["right", "wrong"]].sum()
    said = "; ".join(f"{arm}: {n.right} called rightly, {n.wrong} wrongly" for arm, n in calls.iterrows())
    yield draw(
        "probabilities",
        paint,
        title="Probabilities by class",
        caption=f"{count_subjects(evidence.arms[0].runs[0].subjects)}, held out, by their true class: how many had "
        f"which probability of {of}. Full: called rightly, hollow: wrongly. Each class has its own height.",
        alt=f"Probabilities of {of} by true class. {said}.",
        table=table.assign(true=table["label"].map(dict(enumerate(classes)))).drop(columns="label"),
        height=(0.75 * len(classes) + 0.7) * ceil(len(evidence.arms) / 2) + 0.4,
        synthetic=evidence.synthetic,
    )


def _binned(run: Run, classes: int) -> pd.DataFrame:
    """Subjects by label and bin of their probability: those that were called rightly, and wrongly."""
    table = run.subjects
    labels, p = table["label"].to_numpy(), probabilities_of(table)
    shown, right = p[np.arange(len(p)), 1 if classes == 2 else labels], run.rule.called(table, "subject") == labels
    parts = []
    for k in range(classes):
        found = {
            name: np.histogram(shown[(labels == k) & which], EDGES)[0]
            for name, which in (("right", right), ("wrong", ~right))
        }
        parts.append(pd.DataFrame({"label": k, "from": EDGES[:-1].round(2), "to": EDGES[1:].round(2), **found}))
    return pd.concat(parts, ignore_index=True)


def _bars(axes: Axes, place: int, counts: pd.DataFrame, style: ArmStyle) -> None:
    """The bars of a class above the height ``place``; those of wrong calls stand on those of right ones."""
    unit = 0.85 / max(1, (counts["right"] + counts["wrong"]).max())
    right, wrong = (unit * counts[name].to_numpy() for name in ("right", "wrong"))
    how = {"width": EDGES[1], "align": "edge", "edgecolor": style.colour, "linewidth": 0.8}
    axes.bar(EDGES[:-1], right, bottom=place, color=style.colour, **how)
    axes.bar(EDGES[:-1], wrong, bottom=place + right, color="white", **how)
    axes.axhline(place, color=GREY, linewidth=0.6, zorder=0)


def confusion(evidence: Evidence) -> Iterator[Picture]:
    """Draw each arm's confusion matrix of the first seed's subjects: counts, and shares of the true class."""
    from sklearn.metrics import confusion_matrix

    classes, runs = evidence.classes, {arm.name: arm.runs[0] for arm in evidence.arms}
    tables = {arm: run.subjects for arm, run in runs.items()}
    counts = {
        arm: confusion_matrix(table["label"], runs[arm].rule.called(table, "subject"), labels=range(len(classes)))
        for arm, table in tables.items()
    }
    fitted = any(run.rule.thresholds for run in runs.values())
    called = "above the fold's threshold, fitted on validation subjects" if fitted else "the most probable class"

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(counts)).items():
            _matrix(axes, counts[arm], classes)
            axes.set_title(shortened(arm), fontsize=9)

    rows = [
        {"arm": arm, "true": classes[i], "called": classes[j], "subjects": int(count), "share": _shares(n)[i, j]}
        for arm, n in counts.items()
        for (i, j), count in np.ndenumerate(n)
    ]
    said = ", ".join(f"{arm} {np.trace(n)} of {n.sum()}" for arm, n in counts.items())
    yield draw(
        "confusion",
        paint,
        title="Confusion matrices",
        caption=f"{count_subjects(next(iter(tables.values())))}, held out; called: {called}. Per cent are of the "
        "true class.",
        alt=f"Subjects called rightly: {said}.",
        table=pd.DataFrame(rows),
        height=2.35 * ceil(len(counts) / 2) + 0.4 if len(counts) > 1 else 4.2,
        synthetic=evidence.synthetic,
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    """Shares of each true class; NaN where it has no subject."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))


def _matrix(axes: Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shares = _shares(counts)
    blues = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", BLUE])
    axes.imshow(np.nan_to_num(shares), cmap=blues, vmin=0, vmax=1)
    for (i, j), n in np.ndenumerate(counts):
        share = "" if np.isnan(shares[i, j]) else f"\n{100 * shares[i, j]:.0f} %"
        colour = "white" if shares[i, j] > 0.6 else "black"
        weight = "bold" if i == j else "normal"
        axes.text(j, i, f"{n}{share}", ha="center", va="center", color=colour, fontweight=weight)
    names = [shortened(name, 12) for name in classes]
    axes.set_xticks(range(len(classes)), names)
    axes.set_yticks(range(len(classes)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="called", ylabel="true" if first_column(axes) else "")
