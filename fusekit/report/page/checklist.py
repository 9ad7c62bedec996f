"""What a reader of a prediction study asks for, after TRIPOD+AI (2024) and CLAIM (2024), filled in as far as known.

Collins et al., BMJ 2024;385:e078378, and Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300. Items are
in our own short words, with the numbers of both lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusekit.report.evidence import Evidence
from fusekit.report.formatting import counted

#: Stands where only the authors know.
TO_DO = "To be filled in by the authors."


@dataclass(frozen=True, slots=True)
class Entry:
    """One item.

    Attributes:
        section: part of a paper.
        item: what is asked for.
        tripod, claim: numbers in TRIPOD+AI and CLAIM; empty where a list does not have it.
        known: what the run folders say; empty where they say nothing.
        to_do: what remains for the authors; empty if nothing does.
    """

    section: str
    item: str
    tripod: str
    claim: str
    known: str
    to_do: str


def checklist(evidence: Evidence) -> list[Entry]:
    """Go through both lists, section by section."""
    known = {name: fill(evidence) for name, fill in _KNOWN.items()}
    entries = []
    for section, item, tripod, claim, name, to_do in _ITEMS:
        text = known[name] if name else ""
        entries.append(Entry(section, item, tripod, claim, text, to_do if text else " ".join([TO_DO, to_do]).strip()))
    return entries


def _eligibility(evidence: Evidence) -> str:
    dropped = evidence.manifest.get("flow", {}).get("dropped", [])
    reasons = "; ".join(str(entry["reason"]) for entry in dropped)
    return f"Left out: {reasons} (counts in the flow diagram)." if reasons else ""


def _preparation(evidence: Evidence) -> str:
    slices: Mapping[str, Any] = evidence.manifest.get("slices", {})
    said = ", ".join(f"{name} {value}" for name, value in slices.items() if not isinstance(value, dict | list))
    size = evidence.manifest.get("config", {}).get("image_size")
    scaling = "Clinical columns and grey levels are scaled by the training subjects of each fold alone."
    return f"Slices: {said}; {size} pixels square. {scaling}" if said else scaling


def _sample(evidence: Evidence) -> str:
    labels = evidence.arms[0].runs[0].predictions.groupby("subject")["label"].first()
    parts = ", ".join(f"{int((labels == k).sum())} {name}" for k, name in enumerate(evidence.classes))
    return f"{counted(len(labels), 'tested subject')}: {parts}. Intervals are over subjects."


def _missing(evidence: Evidence) -> str:
    return (
        "A missing clinical value is replaced by the mean of the fold's training subjects, with a mark that it is "
        "missing where training had gaps."
        + ("" if evidence.missingness.empty else " Tested by hiding 10 to 90 % of the values (“Contribution”).")
    )


def _partition(evidence: Evidence) -> str:
    config = evidence.manifest.get("config", {})
    evaluation = evidence.manifest.get("evaluation", {})
    tested = evidence.arms[0].runs[0].predictions["fold"].nunique()
    how = (
        f"Subjects, never slices, were cut into folds stratified by class; {counted(tested, 'fold')} tested, each by a "
        "model trained on the others, identical for all arms."
    )
    part = evaluation.get("validation") or config.get("validation")
    aside = f" {part:.0%} of the training subjects were set aside for validation." if part else ""
    return how + aside + " Nothing was fitted or chosen on tested subjects."


def _model(evidence: Evidence) -> str:
    fusions = [arm.name for arm in evidence.arms if arm.kind == "fusion"]
    baselines = [arm.name for arm in evidence.arms if arm.kind == "baseline"]
    parts = [f"Networks: {', '.join(fusions)}"] if fusions else []
    parts += [f"classical baselines on the clinical table: {', '.join(baselines)}"] if baselines else []
    return "; ".join(parts) + ". Every part with its options is in each run's manifest.json." if parts else ""


def _training(evidence: Evidence) -> str:
    config = evidence.manifest.get("config", {})
    names = ("epochs", "batch_size", "lr", "precision")
    said = ", ".join(f"{name.replace('_', ' ')} {config[name]}" for name in names if name in config)
    return f"{said}; seeds {', '.join(map(str, evidence.seeds))}." if said else ""


def _selection(evidence: Evidence) -> str:
    select = evidence.manifest.get("config", {}).get("select")
    if select and select != "none":
        return f"The epoch with the best {select} on the validation part of the training subjects."
    return "None: the number of epochs was fixed beforehand, and the last one was tested."


def _metrics(evidence: Evidence) -> str:
    threshold = evidence.manifest.get("evaluation", {}).get("threshold", "argmax")
    call = "the most probable class is called" if threshold == "argmax" else "Youden's threshold, fitted on validation"
    return f"{', '.join(evidence.metrics.values())}; {call}; slices to subjects by {evidence.aggregate}."


def _uncertainty(evidence: Evidence) -> str:
    text = "95 % intervals over subjects (Wilson for proportions, bootstrap for the rest)."
    if not evidence.pairs.empty:
        text += " Arms are compared in pairs (DeLong for AUC, McNemar for accuracy) with Holm's correction."
    return text


def _robustness(evidence: Evidence) -> str:
    done = [
        *(["missing values"] if not evidence.missingness.empty else []),
        *(["modalities and blocks taken away or permuted"] if not evidence.contribution.empty else []),
        *(["several seeds"] if len(evidence.seeds) > 1 else []),
    ]
    return f"{', '.join(done).capitalize()}." if done else ""


def _explained(evidence: Evidence) -> str:
    there = any(run.explanations for arm in evidence.arms for run in arm.runs)
    return "Grad-CAM, integrated gradients and permutation; see “Explanations”." if there else ""


def _limits(evidence: Evidence) -> str:
    findings: Sequence[Mapping[str, Any]] = evidence.manifest.get("findings", [])
    warnings = sum(finding.get("severity") != "note" for finding in findings)
    base = "One cohort, tested internally." if not any(a.kind == "external" for a in evidence.arms) else ""
    return f"{base} The audit has {counted(warnings, 'warning')}.".strip()


#: Name in ``_ITEMS`` -> what the run folders say; empty where they say nothing.
_KNOWN: dict[str, Callable[[Evidence], str]] = {
    "title": lambda e: (
        f"Question: {e.title}. A prediction model from medical images and clinical values (deep learning)."
    ),
    "source": lambda e: (
        f"SYNTHETIC cohort of the task {e.task}, written by a program: no patients."
        if e.synthetic
        else f"Task {e.task}; the SHA-256 of labels, values and slices stand under “How it was made”."
    ),
    "outcome": lambda e: (
        f"Classes: {', '.join(e.classes)}"
        + (f"; {e.classes[1]} is the positive class." if len(e.classes) == 2 else ".")
    ),
    "disjoint": lambda _: "At the level of subjects: all scans and slices of a subject are in one fold.",
    "calibration": lambda e: (
        ""
        if e.calibration.empty
        else "Reliability, Brier score, ECE, slope and intercept; "
        "temperature fitted on validation, shown but not applied."
    ),
    "groups": lambda e: (
        ""
        if e.subgroups.empty
        else f"Scores by {', '.join(dict.fromkeys(e.subgroups['variable'].astype(str)))}."
    ),
    "flow": lambda e: "See the flow diagram." if e.manifest.get("flow") else "",
    "software": lambda e: ", ".join(f"{name} {version}" for name, version in e.manifest.get("versions", {}).items()),
    "performance": lambda _: "See “Scores” and “Pairs of arms”.",
    "failures": lambda e: "Example slices that were called wrongly are under “Explanations”." if _explained(e) else "",
    "output": lambda e: f"A probability for each of {', '.join(e.classes)}, of every slice and subject.",
    "eligibility": _eligibility, "preparation": _preparation, "sample": _sample, "missing": _missing,
    "partition": _partition, "model": _model, "training": _training, "selection": _selection, "metrics": _metrics,
    "uncertainty": _uncertainty, "robustness": _robustness, "explained": _explained, "limits": _limits,
}  # fmt: skip

#: Section, item, TRIPOD+AI, CLAIM, name in ``_KNOWN`` or "", what remains to be said.
_ITEMS = (
    ("Title and abstract", "What kind of study, of whom, predicting what", "1", "1", "title", "Name the population."),
    ("Title and abstract", "Structured summary", "2", "2", "", ""),
    ("Introduction", "Setting, rationale, intended use and users, known inequalities", "3a-3c", "3", "", ""),
    ("Introduction", "Aims and hypotheses", "4", "4, 6", "title", "State the hypotheses."),
    ("Data", "Prospective or retrospective", "", "5", "", ""),
    ("Data", "Sources and dates", "5a, 5b", "7", "source", "Give origin, dates and why these data."),
    ("Data", "Setting and centres; treatments", "6a, 6c", "", "", ""),
    ("Data", "Who is included and excluded", "6b", "8, 10", "eligibility", "Give the study's own criteria."),
    ("Data", "Preparation and scaling", "7, 12b", "9", "preparation", ""),
    ("Data", "De-identification", "", "11", "", ""),
    ("Data", "Missing data", "11", "12", "missing", ""),
    ("Data", "How images were acquired", "", "13", "", ""),
    ("Outcome", "Definition, rationale and source of the label", "8a", "14-16", "outcome", "Say how it was obtained."),
    ("Outcome", "Who assessed it; blinding; agreement of raters", "8b, 8c", "17, 18", "", ""),
    ("Predictors", "Choice, definition and assessment", "9a-9c", "", "", ""),
    ("Sample size", "How it was reached", "10", "21", "sample", "Justify it."),
    ("Analysis", "How data were assigned to training and test", "12a", "19", "partition", ""),
    ("Analysis", "Level at which the parts are disjoint", "12a", "20", "disjoint", ""),
    ("Analysis", "Model, parts, initialisation, ensembles", "12c", "22, 24, 27", "model", "Say why this model."),
    ("Analysis", "Training", "12c", "25", "training", ""),
    ("Analysis", "Choice of the final model", "12c", "26", "selection", ""),
    ("Analysis", "Measures of performance", "12e", "28", "metrics", ""),
    ("Analysis", "Uncertainty and significance", "12e", "29", "uncertainty", ""),
    ("Analysis", "Calibration and recalibration", "12e, 12f", "", "calibration", ""),
    ("Analysis", "Heterogeneity and fairness: groups compared", "12d, 14", "", "groups", "Say why these groups."),
    ("Analysis", "Class imbalance", "13", "", "sample", "Nothing was resampled or reweighted by default."),
    ("Analysis", "Robustness and sensitivity", "", "30", "robustness", ""),
    ("Analysis", "Explanations", "", "31", "explained", ""),
    ("Analysis", "What the model gives out", "15", "", "output", ""),
    ("Analysis", "Internal and external testing, and their differences", "16", "32, 33", "partition", ""),
    ("Analysis", "Software and versions", "", "23", "software", ""),
    ("Ethics and openness", "Ethics approval and consent", "17", "", "", ""),
    ("Ethics and openness", "Funding and conflicts of interest", "18a, 18b", "44", "", ""),
    ("Ethics and openness", "Protocol and registration", "18c, 18d", "34, 42", "", ""),
    ("Ethics and openness", "Data, code and model sharing", "18e, 18f", "43", "", ""),
    ("Ethics and openness", "Patients and public", "19", "", "", ""),
    ("Results", "Flow of participants", "20a", "35", "flow", ""),
    ("Results", "Characteristics of participants, by part", "20b, 20c", "36", "", ""),
    ("Results", "Numbers of participants and events", "21", "", "sample", ""),
    ("Results", "The full model", "22", "", "model", "Say where the bundle can be had."),
    ("Results", "Performance with intervals", "23a", "37, 38", "performance", ""),
    ("Results", "Performance by group", "23b", "", "groups", ""),
    ("Results", "Results of updating the model", "24", "", "calibration", ""),
    ("Results", "Failures", "", "39", "failures", "Discuss them."),
    ("Discussion", "Interpretation, with fairness", "25", "", "", ""),
    ("Discussion", "Limitations", "26", "40", "limits", "Discuss them."),
    ("Discussion", "Use in practice: poor inputs, users, next steps", "27a-27c", "41", "", ""),
)
