"""ROC and precision-recall curves: of all arms in one panel, and of each arm with its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from fusekit.report.bands import Band, precision_recall_band, roc_band
from fusekit.report.palette import GREY, ArmStyle, arm_styles
from fusekit.report.picture import Picture, draw
from fusekit.report.words import count_subjects, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: More arms than these have their bands in panels of their own: bands over bands cannot be read.
TOGETHER = 2
BAND = (
    "Bands are pointwise 95 % limits over subjects (bootstrap within fold and class). Curves are means of the folds' "
    "curves, weighted by subjects, because scores of different models are not on one scale."
)


class _Kind(NamedTuple):
    """What an ROC and a precision-recall picture do not share."""

    name: str
    title: str
    x: str
    y: str
    area: str


_ROC = _Kind("roc", "ROC curves", "1 - specificity", "sensitivity", "AUC")
_PRECISION_RECALL = _Kind("precision-recall", "Precision-recall curves", "recall", "precision", "AP")


def roc(
    arms: Mapping[str, Sequence[pd.DataFrame]],
    classes: Sequence[str],
    *,
    aucs: pd.DataFrame | None = None,
    synthetic: bool = False,
) -> list[Picture]:
    """Draw ROC curves of all arms, and of each arm with its band.

    Args:
        arms: arm -> of each seed, one row a subject: subject, fold, label, p_0, p_1, ...
        classes: names of the labels; with more than two, each class against the rest.
        aucs: arm, value, low, high: the scores that the report's table shows, for the legend; without it, and with
            more than two classes, the areas below the drawn curves.
        synthetic: say so.

    Returns:
        ``roc``; and with two classes and more than two arms ``roc-by-arm``.
    """
    return _pictures(arms, classes, _ROC, aucs, synthetic)


def precision_recall(
    arms: Mapping[str, Sequence[pd.DataFrame]], classes: Sequence[str], *, synthetic: bool = False
) -> list[Picture]:
    """Draw precision-recall curves as ``roc`` does, over the line of a coin that knows the prevalence."""
    return _pictures(arms, classes, _PRECISION_RECALL, None, synthetic)


def _pictures(
    arms: Mapping[str, Sequence[pd.DataFrame]],
    classes: Sequence[str],
    kind: _Kind,
    aucs: pd.DataFrame | None,
    synthetic: bool,
) -> list[Picture]:
    of_classes = [1] if len(classes) == 2 else list(range(len(classes)))
    compute = roc_band if kind is _ROC else precision_recall_band
    bands = {label: {arm: compute(seeds, label) for arm, seeds in arms.items()} for label in of_classes}
    first = next(iter(arms.values()))[0]
    shares = {label: float((first["label"] == label).mean()) for label in of_classes}
    areas = {label: {arm: band.area for arm, band in own.items()} for label, own in bands.items()}
    if aucs is not None and len(classes) == 2:
        areas[1] |= {row.arm: (row.value, row.low, row.high) for row in aucs.itertuples() if row.arm in arms}
    table = pd.concat([_rows(label, bands[label], areas[label], classes, kind) for label in of_classes])
    words = {
        "table": table.drop(columns="class") if len(classes) == 2 else table,
        "alt": f"{kind.title}. " + "; ".join(_sentence(label, areas[label], classes, kind) for label in of_classes),
        "synthetic": synthetic,
    }
    versus = "" if len(classes) == 2 else " Each class against the rest."
    together = len(arms) <= TOGETHER
    told = f"{count_subjects(first)}, held out.{versus} {kind.area} with 95 % intervals over subjects."

    def all_arms(figure: Figure) -> None:
        panels = figure.subplots(len(of_classes), 1, squeeze=False)[:, 0]
        for axes, label in zip(panels, of_classes, strict=True):
            _overlay(axes, bands[label], areas[label], kind, shares[label], together)
            if len(classes) > 2:
                axes.set_title(f"{classes[label]} against the rest")

    pictures = [
        draw(
            kind.name,
            all_arms,
            title=kind.title,
            caption=f"{told} {BAND if together else BAND.split('. ', 1)[1]}",
            height=len(of_classes) * (3.9 + 0.17 * (len(arms) + 1)),
            **words,
        )
    ]
    if len(classes) == 2 and not together:
        pictures.append(
            draw(
                f"{kind.name}-by-arm",
                lambda figure: _small_multiples(figure, bands[1], areas[1], kind, shares[1]),
                title=f"{kind.title}, each arm with its band",
                caption=f"{told} {BAND} Grey: the other arms.",
                height=2.55 * ceil(len(arms) / 2),
                **words,
            )
        )
    return pictures


def _rows(
    label: int, bands: Mapping[str, Band], areas: Mapping[str, tuple[float, ...]], classes: Sequence[str], kind: _Kind
) -> pd.DataFrame:
    parts = []
    for arm, band in bands.items():
        columns = {"class": classes[label], "arm": arm, kind.x: band.x, kind.y: band.y}
        limits = dict(zip((kind.area, f"{kind.area} low", f"{kind.area} high"), areas[arm], strict=True))
        parts.append(pd.DataFrame({**columns, "low": band.low, "high": band.high, **limits}))
    return pd.concat(parts)


def _sentence(label: int, areas: Mapping[str, tuple[float, ...]], classes: Sequence[str], kind: _Kind) -> str:
    each = ", ".join(f"{arm} {with_interval(*area)}" for arm, area in areas.items())
    return f"{kind.area} for {classes[label]}: {each}"


def _overlay(
    axes: Axes,
    bands: Mapping[str, Band],
    areas: Mapping[str, tuple[float, ...]],
    kind: _Kind,
    prevalence: float,
    with_bands: bool,
) -> None:
    for k, (arm, style) in enumerate(arm_styles(list(bands)).items()):
        if with_bands:
            _band(axes, bands[arm], style)
        text = f"{arm}: {kind.area} {with_interval(*areas[arm])}"
        _line(axes, bands[arm], style, label=text, markevery=(4 + 3 * k, 24))
    _reference(axes, kind, prevalence)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.16), borderaxespad=0, handlelength=3.2)


def _small_multiples(
    figure: Figure,
    bands: Mapping[str, Band],
    areas: Mapping[str, tuple[float, ...]],
    kind: _Kind,
    prevalence: float,
) -> None:
    panels = figure.subplots(ceil(len(bands) / 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(bands) :]:
        axes.set_visible(False)
    for axes, (arm, style) in zip(panels.flat, arm_styles(list(bands)).items(), strict=False):
        for other in bands:
            if other != arm:
                axes.plot(bands[other].x, bands[other].y, color="#C8C8C8", linewidth=0.8)
        _band(axes, bands[arm], style)
        _line(axes, bands[arm], style, markevery=(8, 24))
        _reference(axes, kind, prevalence)
        axes.set_title(f"{arm}\n{kind.area} {with_interval(*areas[arm])}", fontsize=8.5)
        axes.label_outer()
    for axes in panels[-1] if len(bands) % 2 == 0 else (panels[-1][0], panels[-2][1]):
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlabel(kind.x)


def _line(axes: Axes, band: Band, style: ArmStyle, **rest: object) -> None:
    axes.plot(band.x, band.y, color=style.colour, linestyle=style.line, marker=style.marker, markersize=4.5, **rest)  # type: ignore[arg-type]


def _band(axes: Axes, band: Band, style: ArmStyle) -> None:
    axes.fill_between(band.x, band.low, band.high, color=style.colour, alpha=0.18, linewidth=0)


def _reference(axes: Axes, kind: _Kind, prevalence: float) -> None:
    """What no knowledge gives: the diagonal, or the prevalence."""
    ends = [0.0, 1.0] if kind is _ROC else [prevalence, prevalence]
    axes.plot([0, 1], ends, color=GREY, linewidth=0.9, linestyle=":", zorder=1)
    if kind is not _ROC:
        text = f"prevalence {prevalence:.2f}"
        axes.annotate(text, (0.01, prevalence), (2, 2), textcoords="offset points", fontsize=8)
    axes.set(xlabel=kind.x, ylabel=kind.y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), box_aspect=1)
