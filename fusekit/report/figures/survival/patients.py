"""Survival of new patients, drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import TimeToEvent
from fusekit.data.target.time_to_event import SURVIVAL
from fusekit.report.drawing.palette import arm_styles
from fusekit.report.drawing.panels import Line, legend_below, plot
from fusekit.report.drawing.picture import SYNTHETIC, blank, plain_text
from fusekit.report.formatting import shortened

#: More patients than these are not drawn: their lines could not be distinguished.
MOST = 12


@plain_text()
def draw_curves(subjects: pd.DataFrame, target: TimeToEvent, path: Path, *, synthetic: bool = False) -> None:
    """Draw survival at the horizons, with lines between, a line per patient.

    Args:
        subjects: of ``Bundle.predict``, ``MOST`` or fewer; of an average of models also from the lowest to the highest
            of theirs.
        target: what was predicted.
        path: of the picture (PNG, SVG or PDF, by its ending).
        synthetic: whether the model knows invented patients only; the picture says so.
    """
    names = [name for name in target.columns if name.startswith(SURVIVAL)]
    times = np.concatenate([[0.0], target.horizons])
    figure = blank(6.4, 4.2 + 0.17 * len(subjects), SYNTHETIC if synthetic else "")
    axes = figure.subplots()
    people = [str(subject) for subject in subjects["subject"]]
    styles = arm_styles(people, people)
    for patient in subjects.to_dict("records"):
        ends = [[float(patient.get(f"{end}{name}", np.nan)) for name in names] for end in ("lowest_", "highest_", "")]
        low, high, survival = (np.concatenate([[1.0], own]) for own in ends)
        name = str(patient["subject"])
        plot(axes, Line(times, survival, low, high), styles[name], label=shortened(name, 34))
    axes.set(xlabel=target.title, ylabel="chance to be without the event", xlim=(0, None), ylim=(0, 1.02))
    legend_below(axes)
    figure.savefig(path, dpi=130)
