"""One page of HTML from evidence and pictures: no network, no scripts, the same bytes for the same runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import groupby
from typing import Any

from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import counted
from fusekit.report.kept import PAGE
from fusekit.report.page.checklist import checklist
from fusekit.report.page.flow import flow_of
from fusekit.report.page.grid import Grid
from fusekit.report.page.provenance import again, config_grid, scrubbed, versions_grid
from fusekit.report.page.tables import (
    arms_grid,
    frame_grid,
    pairs_grids,
    published_grid,
    shapley_grid,
    wide_subgroups,
)
from fusekit.report.page.verdict import verdict

#: So many items of a finding are shown.
SHOWN = 10

#: The picture of the pairs, among those of the scores.
DIFFERENCES = "differences"

#: Severities, the worst first, as printed.
SEVERITIES = {"refusal": "refused, allowed on purpose", "warning": "warning", "note": "note"}


@dataclass(frozen=True)
class Section:
    """A part of the page below the first screen.

    Attributes:
        key: its anchor.
        title: heading.
        text: a sentence or two on how to read it.
        remark: why something is not there.
    """

    key: str
    title: str
    text: str = ""
    grids: Sequence[Grid] = ()
    pictures: Sequence[Picture] = field(default=())
    remark: str = ""

    @property
    def empty(self) -> bool:
        """Whether it has nothing to show."""
        return not (self.grids or self.pictures)


def page(evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], notes: Sequence[Mapping[str, Any]] = ()) -> str:
    """Write the page.

    Args:
        evidence: everything in tables.
        pictures: section -> pictures, as ``fusekit.report.figures.sections.sections`` gives them.
        notes: findings about the report itself: what of it could not be made.

    Returns:
        HTML with its style and pictures inside.
    """
    from jinja2 import Environment, StrictUndefined

    folder = resources.files("fusekit.report") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["css"] = (folder / "report.css").read_text(encoding="utf-8")
    environment.filters["scrubbed"] = lambda text: scrubbed(str(text))
    html = environment.from_string((folder / "report.html").read_text(encoding="utf-8")).render(
        _content(evidence, pictures, notes)
    )
    return "\n".join(line.rstrip() for line in html.splitlines() if line.strip()) + "\n"


def _content(
    evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], notes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    predictions = evidence.arms[0].runs[0].predictions
    facts = [counted(evidence.subjects, "tested subject"), counted(len(predictions), "slice")]
    facts += [counted(int(predictions["fold"].nunique()), "fold"), counted(len(evidence.arms), "arm")]
    facts += [counted(len(evidence.seeds), "seed")]
    entries = checklist(evidence)
    # What the manifest says of an earlier page is of no use here.
    found = [one for one in evidence.manifest.get("findings") or () if one.get("items") != [PAGE]]
    return {
        "evidence": evidence,
        "verdict": verdict(evidence),
        "facts": facts,
        "subject_grid": arms_grid(evidence, "subject"),
        "slice_grid": arms_grid(evidence, "slice"),
        "first_pictures": [picture for picture in pictures.get("scores", ()) if picture.name != DIFFERENCES],
        "flow": flow_of(evidence.manifest.get("flow", {}), evidence.classes, set(predictions["fold"].tolist())),
        "findings": _findings([*found, *notes]),
        "sections": [section for section in _sections(evidence, pictures) if not section.empty or section.remark],
        "config_grid": config_grid(evidence),
        "versions_grid": versions_grid(evidence),
        "again": again(evidence),
        "checklist": [(name, list(own)) for name, own in groupby(entries, key=lambda entry: entry.section)],
        "known": sum(not entry.to_do for entry in entries),
        "entries": len(entries),
    }


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """Severity, its title, and the findings of it."""
    shown: list[Mapping[str, Any]] = [
        {**finding, "shown": list(finding.get("items", ()))[:SHOWN]} for finding in findings
    ]
    grouped = [(name, title, [f for f in shown if f["severity"] == name]) for name, title in SEVERITIES.items()]
    return [group for group in grouped if group[2]]


def _sections(evidence: Evidence, pictures: Mapping[str, Sequence[Picture]]) -> list[Section]:
    remarks = evidence.remarks

    def section(key: str, title: str, text: str, *grids: Grid | None, of: Sequence[str] = ()) -> Section:
        shown = [picture for name in (of or (key,)) for picture in pictures.get(name, ())]
        return Section(key, title, text, [grid for grid in grids if grid], shown, remarks.get(key, ""))

    differences = [picture for picture in pictures.get("scores", ()) if picture.name == DIFFERENCES]
    published = published_grid(evidence)
    context = Section("published", "The published rows, as context", PUBLISHED, [published]) if published else None
    return [
        Section("pairs", "Pairs of arms", PAIRS, pairs_grids(evidence), differences, remarks.get("pairs", "")),
        *([context] if context else []),
        section("curves", "ROC and precision-recall", CURVES),
        section("calls", "Calls: confusion matrices", CALLS),
        section("calibration", "Calibration", CALIBRATION, _calibration(evidence)),
        section("decision", "Decision curve", DECISION),
        section("contribution", "Contribution of image and table", CONTRIBUTION, shapley_grid(evidence)),
        section("subgroups", "Subgroups", SUBGROUPS, *wide_subgroups(evidence)),
        section("explanations", "Explanations, right and wrong", EXPLANATIONS, of=("examples", "explanations")),
        section("training", "Training", TRAINING),
    ]


def _calibration(evidence: Evidence) -> Grid | None:
    columns = {name: name for name in ("arm", "state", "temperature", "brier", "ece", "slope", "intercept")}
    columns |= {"state": "probabilities", "brier": "Brier score", "ece": "ECE"}
    caption = "Calibration at subject level; ideal: Brier and ECE 0, intercept 0, slope 1"
    return frame_grid(evidence.calibration, caption, columns)


PAIRS = (
    "Each pair is compared on the same subjects. A difference counts as found only if p after Holm's correction is "
    "below 0.05; where it is not, the interval says how large a difference may still be there."
)
PUBLISHED = (
    "Not comparable: other patients, other images, other columns. The published values are means over folds. One "
    "confusion matrix fixes PPV and NPV once accuracy, sensitivity and specificity are given. With the prevalence "
    "q = (ACC - Spec) / (Sens - Spec), PPV = q Sens / (q Sens + (1 - q)(1 - Spec)) and NPV = (1 - q) Spec / "
    "((1 - q) Spec + q (1 - Sens)); what follows so stands below PPV and NPV. Where the published ones differ, "
    "it is because each was averaged over folds: a mean of ratios is not the ratio of the means, and a fold in which "
    "little is called positive (or negative) weighs as much as the others. Ours are counted over all tested subjects."
)
CURVES = "The model of each fold has a scale of its own, so curves are drawn within folds and averaged."
CALLS = "Rows are the true class, columns what was called, at subject level."
CALIBRATION = (
    "Whether a probability of 0.8 comes true in 80 of 100. The temperature is fitted on validation subjects alone; it "
    "is shown here, and not applied to any other number of this report."
)
DECISION = (
    "Net benefit of acting on a model from a threshold on, against treating all and treating none (Vickers, 2006)."
)
CONTRIBUTION = (
    "The trained models, tested again with the image, the table or a block of it taken away (its training mean in its "
    "place) or swapped between test subjects. An arm that does not read a modality does not change."
)
SUBGROUPS = (
    "Small groups have wide intervals; a difference between groups is a reason to look, not a finding. No correction "
    "is made for how many groups there are. An AUC without an interval has a fold with a single subject of a class."
)
EXPLANATIONS = "Where and which: maps over slices, and clinical columns. They show what a model used, not what is true."
TRAINING = "Loss and accuracy over the training slices, epoch by epoch and fold by fold."
