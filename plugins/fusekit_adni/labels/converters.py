"""Who with MCI developed dementia, and when, from the diagnoses at all visits.

As classes, the end of follow-up makes no one stable: that takes MCI seen as late as the rule asks. As a time, everyone
counts as long as they were followed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from fusekit.data import Finding
from fusekit.data.own.problems import note
from fusekit.data.target.follow_up import labelled
from fusekit.errors import OptionError
from fusekit_adni.labels.diagnosis import AD, CN, MCI
from fusekit_adni.labels.visits import LIMIT_DAYS, MONTH, months

STABLE, PROGRESSIVE = "stable", "progressive"
DEMENTIA, FOLLOWED = "dementia", "followed"

#: Code and message of every reason to leave subjects out, in the order in which they are listed.
_LEFT_OUT = {
    "no-baseline-diagnosis": "subjects without a diagnosis at baseline, left out",
    "not-mci": "subjects with another diagnosis than MCI at baseline, left out",
    "other-phase": "subjects with MCI of other phases of the study, left out",
    "visit-times-differ": f"subjects whose exam days lie more than {LIMIT_DAYS} days from what their visit codes say, "
    "and who would be labelled otherwise by the days, left out",
    "reverted": "subjects with MCI who went back to a milder diagnosis, left out",
    "late-conversion": "subjects with MCI in whom dementia was first seen after the horizon, left out",
    "short-follow-up": "subjects with MCI who were not followed long enough to be called stable, left out",
    "no-baseline-scan": "subjects with a label but without a scan at baseline, left out",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a subject."""

    verdict: str  # "stable", "progressive", "dementia", "followed", or why none of them: the code of a finding
    detail: str = ""  # the visit that decided, for a list of those left out
    month: float | None = None  # of that visit, after baseline; None for those left out
    day: str = ""  # of that visit (ISO), if known

    @property
    def label(self) -> float | None:
        """0 stable, 1 progressive; of a time the label of ``TimeToEvent``, in months; None for none of them."""
        if self.verdict in (STABLE, PROGRESSIVE):
            return (STABLE, PROGRESSIVE).index(self.verdict)
        if self.month is None:
            return None
        return float(labelled(np.array(self.month), np.array(self.verdict == DEMENTIA)))


@dataclass(frozen=True, slots=True)
class ConverterRule:
    """What stable and progressive mean.

    Less follow-up than the horizon is refused: people who were not followed long enough would count as stable.
    """

    horizon_months: int = 36  # progressive is dementia by this month after baseline
    require_followup_months: int = 36  # stable is no dementia, with a diagnosis in this month or later
    exclude_reverters: bool = True  # those who went back to CN, or from dementia to anything milder, at any visit

    def __post_init__(self) -> None:
        if self.horizon_months < 1:
            raise OptionError(f"task.horizon_months takes 1 or more, not {self.horizon_months}.")
        if self.require_followup_months < self.horizon_months:
            raise OptionError(
                f"task.require_followup_months={self.require_followup_months} is less than "
                f"task.horizon_months={self.horizon_months}: people whose follow-up ended before the horizon would "
                "count as stable. Require at least the horizon."
            )

    def outcome(self, baseline: str | None, later: Iterable[tuple[float, str]]) -> Outcome:
        """Judge one subject by the diagnosis at baseline, and (months after baseline, diagnosis) of later visits."""
        followed = self.followed(baseline, later)
        if followed.month is None:
            return followed
        if followed.verdict == DEMENTIA:
            if followed.month > self.horizon_months:
                return Outcome("late-conversion", followed.detail)
            return replace(followed, verdict=PROGRESSIVE)
        if followed.month < self.require_followup_months:
            return Outcome("short-follow-up", f"last diagnosis at month {followed.month:g}")
        return replace(followed, verdict=STABLE)

    def followed(self, baseline: str | None, later: Iterable[tuple[float, str]]) -> Outcome:
        """Until when one subject was followed, and whether dementia ended that; the rest as for ``outcome``."""
        if baseline is None:
            return Outcome("no-baseline-diagnosis")
        if baseline != MCI:
            return Outcome("not-mci", baseline)
        visits = sorted(later)
        first = next((month for month, diagnosis in visits if diagnosis == AD), None)
        for month, diagnosis in visits if self.exclude_reverters else ():
            ill = first is not None and month > first
            if diagnosis == CN or (ill and diagnosis != AD):
                return Outcome("reverted", f"{'from AD ' if ill else ''}to {diagnosis} at month {month:g}")
        if first is not None:
            return Outcome(DEMENTIA, f"AD first seen at month {first:g}", first)
        last, diagnosis = visits[-1] if visits else (0.0, baseline)
        return Outcome(FOLLOWED, f"{diagnosis} at month {last:g}", last)


#: Diagnosis at baseline, and (months after baseline, diagnosis) of later visits -> what became of the subject.
Judgement: TypeAlias = Callable[[str | None, Iterable[tuple[float, str]]], Outcome]


def judge(known: pd.DataFrame, rule: Judgement) -> dict[int, Outcome]:
    """Judge everyone who has a diagnosis, by a method of ``ConverterRule``; returns the outcome by rid.

    A visit counts at the month of its code, early or late as people come. Where the exam's day lies more than 180 days
    from there, code and day contradict each other: a subject whose label depends on which is true is neither.

    ``known`` has the index (rid, visit), ``bl`` or ``mNN``, and the columns diagnosis and day (NaT if unknown).
    """
    visits: defaultdict[int, dict[str, tuple[str, Any]]] = defaultdict(dict)
    for (rid, visit), diagnosis, day in zip(known.index, known["diagnosis"], known["day"], strict=True):
        visits[int(rid)][str(visit)] = (diagnosis, day)
    return {rid: _judge(own, rule) for rid, own in visits.items()}


def _judge(visits: dict[str, tuple[str, Any]], rule: Judgement) -> Outcome:
    baseline, start = visits.get("bl", (None, pd.NaT))
    by_code, by_day, days, odd = [], [], {}, []
    for visit, (diagnosis, day) in visits.items():
        if visit == "bl":
            continue
        month = months(visit)
        by_code.append((month, diagnosis))
        days[month] = day
        passed = (day - start).days  # NaN where either is unknown
        if abs(passed - month * MONTH) > LIMIT_DAYS:
            odd.append(f"{visit} lies {passed / MONTH:.0f} months after baseline")
            month = round(passed / MONTH)
        by_day.append((month, diagnosis))
    judged = rule(baseline, by_code)
    if rule(baseline, by_day).label != judged.label:
        return Outcome("visit-times-differ", ", ".join(odd))
    day = pd.NaT if judged.month is None else days.get(int(judged.month), pd.NaT)
    return judged if day is pd.NaT else replace(judged, day=f"{day:%Y-%m-%d}")


def label_converters(
    scans: pd.DataFrame,
    outcomes: dict[int, Outcome],
    phases: tuple[str, ...],
    findings: list[Finding],
    column: str,
    kind: type = int,
) -> pd.DataFrame:
    """Keep the baseline scans of those who have a label, with label and diagnosis_date.

    The date is that of the visit that decided: dementia first seen, or the last one without it. Everyone who is left
    out is a finding, once. Scans have the columns subject, rid, visit, and, where phases are asked for, ``column``.
    ``kind`` is the type of labels.
    """
    dropped: defaultdict[str, list[str]] = defaultdict(list)
    with_them: Counter[str] = Counter()  # scans
    labels: dict[str, float] = {}
    for subject, own in scans.groupby("subject"):
        outcome = outcomes.get(int(own["rid"].iloc[0]), Outcome("no-baseline-diagnosis"))
        at_baseline = own[own["visit"] == "bl"]
        if outcome.verdict not in ("no-baseline-diagnosis", "not-mci"):
            phase = str((own if at_baseline.empty else at_baseline)[column].iloc[0]) if phases else ""
            if phases and phase.upper() not in phases:
                outcome = Outcome("other-phase", phase or "no phase known")
            elif outcome.label is not None and at_baseline.empty:
                outcome = Outcome("no-baseline-scan", outcome.verdict)
        if outcome.label is None:
            dropped[outcome.verdict].append(f"{subject}: {outcome.detail}" if outcome.detail else str(subject))
            with_them[outcome.verdict] += len(own)
        else:
            labels[str(subject)] = outcome.label
    for code, message in _LEFT_OUT.items():
        note(findings, code, message, dropped[code], dropped="subjects", along=with_them[code])
    kept = scans[scans["subject"].isin(labels)]
    later = kept[kept["visit"] != "bl"]
    message = "scans of later visits left out: the question is asked at baseline"
    note(findings, "later-visit", message, later.index, dropped="scans", along=0)
    kept = kept[kept["visit"] == "bl"]
    days = [outcomes[rid].day for rid in kept["rid"]]
    return kept.assign(
        label=kept["subject"].map(labels).astype(kind), diagnosis_date=pd.Series(days, index=kept.index, dtype=object)
    )
