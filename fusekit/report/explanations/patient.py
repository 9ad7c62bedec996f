"""One patient's picture: the slice, what in it speaks for a class or for more, what the values add, and what if."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.bundle.patients import one_patient
from fusekit.errors import OptionError
from fusekit.explain.patient import Patient, explain_patient, parse_asked
from fusekit.extension.options import convert
from fusekit.report.drawing.channels import panels_of
from fusekit.report.drawing.palette import BLUE, GREY, ORANGE
from fusekit.report.drawing.picture import Axes, SubFigure, blank, plain_text
from fusekit.report.explanations.maps import edges
from fusekit.report.formatting import records
from fusekit.terminal import visible

#: Values shown as bars.
BARS = 10


class Explained(Patient):
    """One patient explained, with a picture that a notebook shows."""

    __slots__ = ()

    @property
    def title(self) -> str:
        """What is predicted of what, and whether the model knows a synthetic cohort only."""
        synthetic = " · model of a SYNTHETIC cohort" if self.synthetic else ""
        return f"{self.meaning.said(self.predicted, 3)} for {self.what}{synthetic}"

    @property
    def what(self) -> str:
        """What the prediction is of."""
        what = "the scan" if self.slice is None or self.weights is not None else f"slice {self.slice}"
        return what if self.models == 1 else f"{what} (the first of {self.models} models)"

    def save(self, path: Path) -> None:
        """Write the picture as ``path``.png and ``path``.svg."""
        svg, png = _drawn(self)
        path.with_suffix(".svg").write_text(svg, encoding="utf-8")
        path.with_suffix(".png").write_bytes(png)

    def __repr__(self) -> str:
        return f"Explained({self.title})"

    def _repr_png_(self) -> bytes:
        return _drawn(self)[1]


def explain(
    bundle: Bundle,
    image: Any = None,
    clinical: Any = None,
    mask: str | Path | None = None,
    what_if: str | Sequence[str] | Mapping[str, Any] = (),
    of: str | None = None,
    allow_out_of_range: bool = False,
) -> Explained:
    """Explain one patient: ``Bundle.explain``, which says what the arguments are."""
    if image is None and clinical is None:
        raise OptionError("give a patient: image and clinical.")
    return Explained(
        *explain_patient(
            bundle,
            one_patient(image, clinical, mask),
            parse_asked(_pairs(what_if), bundle),
            asked_class=of,
            source=str(clinical) if isinstance(clinical, str | Path) else "the patient",
            allow_out_of_range=allow_out_of_range,
        )
    )


def _pairs(what_if: str | Sequence[str] | Mapping[str, Any]) -> list[str]:
    """As the command line has them: ``COLUMN=VALUE``, or ``COLUMN``."""
    if not isinstance(what_if, Mapping):
        return [what_if] if isinstance(what_if, str) else list(convert("what_if", tuple[str, ...], what_if))
    pairs = []
    for column, given in what_if.items():
        values = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
        pairs += [f"{column}={value}" for value in values] or [str(column)]
    return pairs


@plain_text({"svg.fonttype": "none", "svg.hashsalt": "fusekit"})  # text stays text, and nothing is left to chance
def _drawn(found: Explained) -> tuple[str, bytes]:
    """The picture as SVG and PNG."""
    asked = [] if found.answers is None else [part for _, part in found.answers.groupby("column", sort=False)]
    shown = None if found.gates is None else _shown(found.gates)
    heights = [
        2.6,
        *[1.6] * len(asked),
        *[1.1] * (found.weights is not None),
        *([] if shown is None else [0.4 + 0.12 * len(shown)]),
    ]
    figure = blank(11, sum(heights) * 1.45 + 0.5)
    figure.suptitle(found.title, fontsize=12, fontweight="bold")
    if found.meaning.note:
        figure.supxlabel(found.meaning.note.strip(), fontsize=8)
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    panels = [] if found.image is None else panels_of(found.image, found.channels)
    pictures = max(2, len(panels) + 1)
    plain, *others, covered, bars = rows[0].subplots(1, pictures + 1, width_ratios=[*[1] * pictures, 1.5])
    if not panels:
        covered.set_axis_off()
        _says(plain, "This model reads no image.")
    else:
        first, on = panels[0], f" on {panels[0].name}" * (len(panels) > 1)
        _picture(plain, first.image, None, found.plane, "as the model sees it" if not on else first.name)
        for axes, panel in zip(others, panels[1:], strict=True):
            _picture(axes, panel.image, None, found.plane, panel.name)
        if found.map is None:
            _says(covered, "A baseline has no map.")
        else:
            _picture(covered, first.image, found.map, found.plane, f"speaks for {found.meaning.more} (Grad-CAM{on})")
    if found.attributions is None:
        _says(bars, "This model reads no table.")
    else:
        _bars(bars, found.attributions, found.meaning.scale, found.method)
    for part, row in zip(asked, rows[1:], strict=False):
        _answers(row, part, found)
    if found.weights is not None:
        _weights(rows[1 + len(asked)].subplots(), found.weights, found.slice)
    if shown is not None:
        _gates(rows[-1].subplots(), shown)
    svg, png = StringIO(), BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=130)
    return visible(svg.getvalue()), png.getvalue()  # XML has no control characters


def _says(axes: Axes, text: str) -> None:
    axes.set_axis_off()
    axes.text(0, 0.5, text, fontsize=10)


def _picture(axes: Axes, image: np.ndarray, map_: np.ndarray | None, plane: str, title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if map_ is not None:
        # Opaque where the map is high: where it is zero, the grey levels are untouched.
        shown = map_.astype(float)
        axes.imshow(shown, cmap="inferno", vmin=0, vmax=1, alpha=0.65 * np.clip(shown * 1.5, 0, 1))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    box: dict[str, Any] = {"color": "white", "fontsize": 8, "transform": axes.transAxes}
    places = [(0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center")]
    places += [(0.5, 0.98, "center", "top"), (0.5, 0.02, "center", "bottom")]
    for letter, (x, y, across, down) in zip(edges(plane), places, strict=False):
        axes.text(x, y, letter, ha=across, va=down, **box)
    axes.set_title(title, fontsize=9)


def _weights(axes: Axes, weights: pd.DataFrame, shown: int | None) -> None:
    colours = [ORANGE if position == shown else BLUE for position in weights["slice"]]
    axes.bar(range(len(weights)), weights["weight"], color=colours, width=0.8)
    axes.axhline(1 / len(weights), color=GREY, linewidth=0.8, linestyle="--")
    each = max(1, len(weights) // 20)
    axes.set_xticks(range(0, len(weights), each), weights["slice"][::each].astype(str), fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_xlabel("slice", fontsize=8)
    axes.set_title(f"weight of each slice; slice {shown} is shown, dashed: if all weighed the same", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _shown(gates: pd.DataFrame) -> pd.DataFrame:
    """A head's weights, the largest first; without a head's, the gates at each site."""
    of_head = gates[gates["part"] == "head"].sort_values("median", ascending=False, kind="stable")
    return gates if of_head.empty else of_head[:BARS]


def _gates(axes: Axes, gates: pd.DataFrame) -> None:
    places = range(len(gates))[::-1]
    axes.hlines(places, gates["low"], gates["high"], color=BLUE, linewidth=1.5)
    axes.plot(gates["median"], places, linestyle="none", marker="o", markersize=4, color=BLUE)
    axes.set_yticks(places, gates["site"], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    of_head = (gates["part"] == "head").all()
    if of_head:
        axes.set_xlim(0, None)  # weights that hardly differ look alike
    what = "what the head weighs" if of_head else "gates of the image's channels at each site"
    axes.set_title(f"{what}; point: median, line: 5th to 95th percentile of channels", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Axes, attributions: pd.DataFrame, of: str, method: str) -> None:
    order = attributions["attribution"].abs().sort_values(ascending=False, kind="stable").index[:BARS]
    top = attributions.loc[order[::-1]]
    colours = [ORANGE if value > 0 else BLUE for value in top["attribution"]]
    axes.barh(range(len(top)), top["attribution"], color=colours)
    pairs = zip(top["column"], top["value"], strict=True)
    names = [f"{column} = {value}" if value else f"{column} (missing)" for column, value in pairs]
    axes.set_yticks(range(len(top)), names, fontsize=8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(fill(f"adds to the {of}, against the training mean", 60), fontsize=8)
    axes.set_title(f"what the values add ({method})", fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _answers(row: SubFigure, part: pd.DataFrame, found: Patient) -> None:
    """One column's values side by side; lines of ``part`` are those of the patient's answers and maps."""
    unit = f" ({part['unit'].iloc[0]})" if part["unit"].iloc[0] else ""
    row.suptitle(f"what if {part['column'].iloc[0]}{unit} were ...", fontsize=9, x=0.01, ha="left")
    panels = row.subplots(1, len(part), squeeze=False)[0]
    for axes, number, line in zip(panels, part.index, records(part), strict=True):
        own, change = line["is_original"], line["change"]
        said = f"{line['level'] or 'missing'}{' (as it is)' if own else ''}"
        said += f"\n{found.meaning.said(line, 3)}"
        said += "" if own or pd.isna(change) else f"\nmap moved {change:.0%}"
        if found.image is None or found.answer_maps is None:
            axes.set_axis_off()
            axes.text(0.5, 0.5, said, ha="center", fontsize=9, weight="bold" if own else "normal")
        else:
            first = panels_of(found.image, found.channels)[0]
            _picture(axes, first.image, found.answer_maps[number], found.plane, said)
            axes.title.set_fontweight("bold" if own else "normal")
