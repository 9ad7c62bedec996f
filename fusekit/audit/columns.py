"""Inputs that give the answer away: by their name, by their values, by what a single one of them can do."""

import re
from collections.abc import Iterator
from math import lgamma, log

import numpy as np
import pandas as pd

from fusekit.audit.association import best_area, column_areas, held_out_rates
from fusekit.audit.case import LEVEL, Case, note
from fusekit.data.cohort import Column, Finding
from fusekit.evaluation.delong import auc

#: A single column that predicts better than this is looked at before it is trained on.
SUSPICIOUS_AUC = 0.98

#: How far below that a column's area is looked at closely: the quick areas of thousands are not quite the exact ones.
NEAR = 0.03

#: Chance that values fit the label one to one by accident, over all columns.
ONE_TO_ONE_LEVEL = 1e-3

#: Names of the label itself, with what people put around them (``dx_bl``, ``label_2``). A task knows more of them.
_LABELS = re.compile(
    r"(the|true|final|patient|subject)?_?(label|target|outcome|diagnosis|dx|class|group|ground_truth|gt|y)"
    r"_?(bl|code|name|id|num|text|label|\d+)?"
)

#: Words in the names of columns that say where, when or how a subject was examined.
_SHORTCUTS = re.compile(
    r"(.*_)?(site|centre|center|hospital|institution|scanner|manufacturer|vendor|station|protocol|phase|cohort|batch|kit|"
    r"plate|visit|viscode|session|date|timestamp|time_?stamp|path|file|filename|folder|id|ids|uid|uuid|mrn|ptid|rid|"
    r"barcode|accession)(_.*)?|.*(siteid|site_id|patientid|subjectid|imageid|scandate|examdate|visitdate)"
)


def leaky_columns(case: Case) -> Iterator[Finding]:
    """Refuse columns whose name says that they are, define or betray the label."""
    reasons: dict[str, list[str]] = {}
    for column in case.cohort.columns:
        reason = next(filter(None, (_reason(case, name) for name in _names(column))), None)
        if reason is not None:
            reasons.setdefault(reason, []).append(column.name)
    for reason, names in reasons.items():
        message = f"clinical columns that are {reason}: with them no model is needed."
        yield from note("leaky-column", message, names, "Take them out of the clinical columns.", "refusal")


def _reason(case: Case, name: str) -> str | None:
    return case.task.reason_to_leave_out(name) or ("the label by name" if _LABELS.fullmatch(_plain(name)) else None)


def _names(column: Column) -> Iterator[str]:
    """A column's own name, without the table before it, and the one it had in its table."""
    yield column.name
    yield column.name.rpartition(".")[2] or column.name  # of "Pat.-Nr." nothing is left
    _, colon, name = column.source.partition(": ")
    yield (name if colon else re.split(r"[.:/]", column.source)[-1]) or column.name


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def shortcut_columns(case: Case) -> Iterator[Finding]:
    """Warn of columns whose name says where, when or how a subject was examined."""
    names = [
        column.name
        for column in case.cohort.columns
        if any(_SHORTCUTS.fullmatch(_plain(name)) for name in (column.name, column.name.rpartition(".")[2]))
        and not any(_reason(case, name) for name in _names(column))  # those are refused
    ]
    yield from note(
        "shortcut-column",
        "clinical columns whose name says where, when or how a subject was examined, or who it is.",
        names,
        "A model can learn them instead of the disease and fail at the next hospital. Take them out, unless each is a "
        "measurement with an unlucky name.",
    )


def columns_that_are_the_label(case: Case) -> Iterator[Finding]:
    """Refuse columns every value of which belongs to one class, more often than chance would have it."""
    names = []
    for column in case.cohort.columns:
        values = case.clinical[column.name].to_numpy()
        if column.kind == "number" and len(pd.unique(values)) > len(case.classes) + 1:  # one for the gaps
            continue  # a number's order counts: see strong_columns
        seen = ~pd.isna(values)
        if column.kind == "number" and len(pd.unique(values[seen])) > len(case.classes):
            continue
        pairs = set(zip(map(str, values[seen]), case.labels[seen], strict=True))
        groups = len({value for value, _ in pairs})
        pure = 2 <= groups == len(pairs)
        if pure and _log_chance(case.labels[seen], groups) < log(ONE_TO_ONE_LEVEL / len(case.cohort.columns)):
            names.append(column.name)
    message = "clinical columns every value of which belongs to one class: they are the label in other words."
    advice = "Take them out, or find out in which step of the study they were filled in with the diagnosis at hand."
    yield from note("column-is-label", message, names, advice, "refusal")


def _log_chance(labels: np.ndarray, groups: int) -> float:
    """Logarithm of a bound on the chance that so many groups of people happen to be pure.

    Pure groups are an assignment of groups to classes, of which there are classes ** groups; each fits one of the
    multinomially many ways in which the labels could lie.
    """
    counts = np.unique(labels, return_counts=True)[1]
    ways = lgamma(len(labels) + 1) - sum(lgamma(count + 1) for count in counts)
    return groups * log(max(len(counts), 1)) - ways


def strong_columns(case: Case) -> Iterator[Finding]:
    """Warn of single columns that predict the label with an AUC above 0.98, beyond what chance brings among so many."""
    from scipy.stats import mannwhitneyu

    found = []
    for column in _promising(case):
        values = case.clinical[column.name].to_numpy()
        seen = ~pd.isna(values)
        for name, cases in case.sides():
            positive = cases[seen]
            if min(positive.sum(), (~positive).sum()) < 2:
                continue
            if column.kind == "category":
                scores = held_out_rates(values[seen].astype(str).astype(object), positive)
                value = auc(positive, scores)
            else:
                scores = values[seen].astype(float)
                value = 0.5 + abs(auc(positive, scores) - 0.5)  # whichever way round
            if value > SUSPICIOUS_AUC:
                p = float(mannwhitneyu(scores[positive], scores[~positive], method="asymptotic").pvalue)
                if p * len(case.cohort.columns) < LEVEL:
                    found.append(f"{column.name}: AUC {value:.3f} for {name} in {seen.sum()} subjects")
    message = f"single clinical columns that predict the label with an AUC above {SUSPICIOUS_AUC:g}."
    advice = "No marker is that good: look up how the column came about. If the diagnosis went into it, take it out."
    yield from note("strong-column", message, found, advice)


def _promising(case: Case) -> list[Column]:
    """The columns whose order or categories may part the classes so well: of thousands, all at once, and few remain."""
    numbers = [column.name for column in case.cohort.columns if column.kind == "number"]
    values = case.clinical[numbers].to_numpy(dtype=float)
    likely = set[str]()
    for _, cases in case.sides():
        reach = np.abs(column_areas(cases, values) - 0.5) + 0.5
        likely |= {name for name, area in zip(numbers, reach, strict=True) if area > SUSPICIOUS_AUC - NEAR}
        for column in case.cohort.columns:
            if column.kind == "category" and column.name not in likely:
                codes = pd.factorize(case.clinical[column.name].to_numpy())[0]
                if best_area(codes[codes >= 0], cases[codes >= 0]) > SUSPICIOUS_AUC - NEAR:
                    likely.add(column.name)
    return [column for column in case.cohort.columns if column.name in likely]
