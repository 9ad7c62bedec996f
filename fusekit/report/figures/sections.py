"""Every picture of a report, by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from fusekit.data import Classes, Number, Ordered, TimeToEvent
from fusekit.errors import attempt
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.explanations.explained import explanations
from fusekit.report.figures.calibration import decision_curve, reliability
from fusekit.report.figures.calls import confusion, probabilities
from fusekit.report.figures.contribution import ablations, missingness, shapley
from fusekit.report.figures.curves import curves, cut_curves
from fusekit.report.figures.cuts import cut_reliability
from fusekit.report.figures.learning_curve import learning_curve
from fusekit.report.figures.numbers import bland_altman, scatter
from fusekit.report.figures.scores import differences, scores
from fusekit.report.figures.subgroups import subgroups
from fusekit.report.figures.survival.horizons import at_horizons, calibration
from fusekit.report.figures.survival.risk_groups import kaplan_meier
from fusekit.report.figures.training import training

Draw = Callable[[Evidence], Iterable[Picture]]

#: Kind of target -> its sections, in the order of a report, and what draws them: nothing, where nothing is to be drawn.
SECTIONS: dict[str, dict[str, tuple[Draw, ...]]] = {
    Classes.kind: {
        "scores": (scores,),
        "pairs": (differences,),
        "curves": (curves,),
        "calls": (probabilities, confusion),
        "calibration": (reliability,),
        "decision": (decision_curve,),
        "contribution": (ablations, shapley, missingness),
        "subgroups": (subgroups,),
        "explanations": (explanations,),
        "learning_curve": (learning_curve,),
        "training": (training,),
    },
    Ordered.kind: {
        "scores": (scores,),
        "pairs": (differences,),
        "curves": (cut_curves,),
        "calls": (probabilities, confusion),
        "cuts": (cut_reliability,),
        "contribution": (ablations, shapley, missingness),
        "subgroups": (subgroups,),
        "explanations": (explanations,),
        "learning_curve": (learning_curve,),
        "training": (training,),
    },
    Number.kind: {
        "scores": (scores,),
        "pairs": (differences,),
        "errors": (scatter, bland_altman),
        "contribution": (ablations, shapley, missingness),
        "subgroups": (subgroups,),
        "explanations": (explanations,),
        "learning_curve": (learning_curve,),
        "learning": (training,),
    },
    TimeToEvent.kind: {
        "scores": (scores,),
        "pairs": (differences,),
        "survival": (kaplan_meier, at_horizons, calibration),
        "contribution": (ablations, shapley, missingness),
        "subgroups": (subgroups,),
        "explanations": (explanations,),
        "learning_curve": (learning_curve,),
        "learning": (training,),
    },
}

#: Kind of target -> the pictures that tell the story, in order; all others are in folds.
STORY: dict[str, tuple[str, ...]] = {
    Classes.kind: ("scores", "differences", "roc", "reliability"),
    Ordered.kind: ("scores", "differences", "roc", "reliability"),
    Number.kind: ("scores", "differences", "scatter"),
    TimeToEvent.kind: ("scores", "differences", "horizons", "calibration-at-horizons"),
}


def sections(evidence: Evidence, failed: Callable[[str], None] | None = None) -> dict[str, list[Picture]]:
    """Draw what there is to draw; a section without anything has an empty list.

    ``failed`` gets a sentence for each part of a section that cannot be drawn; without it, errors are raised.
    """
    pictures: dict[str, list[Picture]] = {}
    for name, functions in SECTIONS[evidence.target.kind].items():
        pictures[name] = []
        for function in functions:
            draw = partial(explanations, failed=failed) if function is explanations else function
            with attempt(f"the figures of {name}", failed):
                pictures[name] += draw(evidence)
    return pictures
