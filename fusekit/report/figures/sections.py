"""Every picture of a report, by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from fusekit.errors import attempt
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.explanations.explained import explanations
from fusekit.report.figures.calibration import decision_curve, reliability
from fusekit.report.figures.calls import confusion
from fusekit.report.figures.contribution import ablations, missingness, shapley
from fusekit.report.figures.curves import curves
from fusekit.report.figures.scores import differences, scores
from fusekit.report.figures.subgroups import subgroups
from fusekit.report.figures.training import training

Draw = Callable[[Evidence], Iterable[Picture]]

#: Sections, in the order of a report, and what draws them: nothing, where there is nothing to draw.
SECTIONS: dict[str, tuple[Draw, ...]] = {
    "scores": (scores,),
    "pairs": (differences,),
    "curves": (curves,),
    "calls": (confusion,),
    "calibration": (reliability,),
    "decision": (decision_curve,),
    "contribution": (ablations, shapley, missingness),
    "subgroups": (subgroups,),
    "explanations": (explanations,),
    "training": (training,),
}


def sections(evidence: Evidence, failed: Callable[[str], None] | None = None) -> dict[str, list[Picture]]:
    """Draw what there is to draw; a section without anything has an empty list.

    ``failed`` gets a sentence for each part of a section that cannot be drawn; without it, errors are raised.
    """
    pictures: dict[str, list[Picture]] = {}
    for name, functions in SECTIONS.items():
        pictures[name] = []
        for function in functions:
            draw = partial(explanations, failed=failed) if function is explanations else function
            with attempt(f"the figures of {name}", failed):
                pictures[name] += draw(evidence)
    return pictures
