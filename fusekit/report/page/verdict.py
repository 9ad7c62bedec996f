"""The answer in a sentence or two: whether fusion helps here, by how much, and how sure that is.

Nothing is picked by its result: a fusion helps only if it beats every arm of one modality and every baseline after
Holm's correction over all pairs, whichever of them turns out best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from fusekit.report.evidence import Arm, Evidence
from fusekit.report.formatting import counted, equals, listed, number, signed

#: Chance of a false alarm over all pairs together.
LEVEL = 0.05

#: Measures of a comparison, the one that decides first.
MEASURES = ("auc", "macro-auc", "accuracy")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer."""

    call: str  # in a few words
    sentences: tuple[str, ...]  # with numbers
    kind: str  # helps, harms, undecided, or unasked


class Edge(NamedTuple):
    """How far one arm is ahead of another."""

    difference: float
    low: float
    high: float
    p: float  # after Holm's correction
    subjects: int

    @property
    def ahead(self) -> bool:
        """Distinguishably better."""
        return self.p < LEVEL and self.difference > 0

    @property
    def behind(self) -> bool:
        """Distinguishably worse."""
        return self.p < LEVEL and self.difference < 0


def measure_of(pairs: pd.DataFrame) -> str:
    """Which measure decides; empty if there are no pairs."""
    there = set(pairs["measure"]) if "measure" in pairs else set()
    return next((name for name in MEASURES if name in there), "")


def edge(pairs: pd.DataFrame, first: str, second: str, measure: str) -> Edge | None:
    """How far ``first`` is ahead of ``second``, whichever way round the pair was compared."""
    for a, b, sign in ((first, second, 1), (second, first, -1)):
        row = pairs[(pairs["first"] == a) & (pairs["second"] == b) & (pairs["measure"] == measure)]
        if len(row):
            own = row.iloc[0]
            low, high = sorted((sign * float(own["low"]), sign * float(own["high"])))
            return Edge(sign * float(own["difference"]), low, high, float(own["p_holm"]), int(own["subjects"]))
    return None


def best_for_sure(evidence: Evidence) -> str | None:
    """The arm that is distinguishably better than every other, if there is one."""
    measure, names = measure_of(evidence.pairs), evidence.names
    for name in names:
        edges = [edge(evidence.pairs, name, other, measure) for other in names if other != name] if measure else []
        if edges and all(one is not None and one.ahead for one in edges):
            return name
    return None


def verdict(evidence: Evidence) -> Verdict:
    """Answer the question that the arms can answer."""
    fusions = [arm for arm in evidence.arms if arm.fuses]
    others = [arm for arm in evidence.arms if not arm.fuses]
    measure = measure_of(evidence.pairs)
    if not (fusions and others and measure):
        return _unasked(evidence, fusions)
    edges = {(a.name, b.name): edge(evidence.pairs, a.name, b.name, measure) for a in fusions for b in others}
    known = {names: one for names, one in edges.items() if one is not None}
    title, best = {"auc": "AUC", "macro-auc": "macro AUC"}.get(measure, measure), _best(evidence, others, measure)
    ahead = [a for a in fusions if all((a.name, b.name) in known and known[a.name, b.name].ahead for b in others)]
    beaten = [a for a in fusions if any((a.name, b.name) in known and known[a.name, b.name].behind for b in others)]
    if ahead:
        return _helps(evidence, ahead, fusions, others, best, known, title)
    first = _best(evidence, fusions, measure)
    compared = _compared(first, best, known.get((first.name, best.name)), title, evidence)
    if len(beaten) == len(fusions):
        winners = listed(b.name for b in others if all(known[a.name, b.name].behind for a in fusions))
        every = fusions[0].name if len(fusions) == 1 else f"each of {listed(arm.name for arm in fusions)}"
        what = f"better than {every}" if winners else "Each fusion is beaten by an arm without fusion"
        lead = f"{winners} is {what}." if winners and " and " not in winners else f"{winners} are {what}."
        return Verdict("Fusion does not help here.", (lead if winners else f"{what}.", compared), "harms")
    return Verdict("Whether fusion helps is not settled here.", (compared, *_also(fusions, others, known)), "undecided")


def _helps(
    evidence: Evidence,
    ahead: Sequence[Arm],
    fusions: Sequence[Arm],
    others: Sequence[Arm],
    best: Arm,
    known: dict[tuple[str, str], Edge],
    title: str,
) -> Verdict:
    names = listed(arm.name for arm in ahead)
    kinds = {"every classical baseline" if arm.kind == "baseline" else "every arm of one modality" for arm in others}
    lead = f"{names} {'predicts' if len(ahead) == 1 else 'predict'} better than {listed(sorted(kinds))}."
    measure = measure_of(evidence.pairs)
    first = _best(evidence, ahead, measure)
    sentences = [lead, _compared(first, best, known.get((first.name, best.name)), title, evidence)]
    rest = [arm for arm in fusions if arm not in ahead]
    if rest:
        sentences.append(f"For {listed(arm.name for arm in rest)} this is not shown.")
    return Verdict("Fusion helps here.", tuple(sentences), "helps")


def _compared(first: Arm, second: Arm, one: Edge | None, title: str, evidence: Evidence) -> str:
    """The decisive pair with its numbers."""
    roles = f"{second.name}, the best of the arms without fusion"
    if one is None:
        return f"{first.name} and {roles}, were not compared."
    seeds = f" over {counted(len(evidence.seeds), 'seed')}" if len(evidence.seeds) > 1 else ""
    numbers = (
        f"{signed(one.difference)} {title} (95 % CI {signed(one.low)} to {signed(one.high)}; "
        f"p {equals(one.p)} after Holm's correction){seeds}"
    )
    if one.ahead or one.behind:
        return f"{first.name} against {roles}: {numbers}, with {counted(one.subjects, 'subject')}."
    range_ = f"from {number(abs(one.low), 3)} worse to {number(abs(one.high), 3)} better"
    fits = f"; the data fit anything {range_}" if one.low < 0 < one.high else ""
    return (
        f"{first.name} against {roles}: {numbers}: not distinguishable with {counted(one.subjects, 'subject')}{fits}."
    )


def _also(fusions: Sequence[Arm], others: Sequence[Arm], known: dict[tuple[str, str], Edge]) -> list[str]:
    """What is settled all the same."""
    sentences = []
    for arm in fusions:
        won = [b.name for b in others if (arm.name, b.name) in known and known[arm.name, b.name].ahead]
        lost = [b.name for b in others if (arm.name, b.name) in known and known[arm.name, b.name].behind]
        said = [*([f"better than {listed(won)}"] if won else []), *([f"worse than {listed(lost)}"] if lost else [])]
        if said:
            sentences.append(f"{arm.name} is {' but '.join(said)}.")
    return sentences


def _unasked(evidence: Evidence, fusions: Sequence[Arm]) -> Verdict:
    names = listed(arm.name for arm in evidence.arms)
    if len(evidence.arms) == 1:
        why = f"There is one arm, {names}, and nothing to compare it with."
    elif not fusions:
        why = "No arm is known to read both image and table."
    elif len(fusions) == len(evidence.arms):
        why = "There is no arm of one modality and no baseline to compare with."
    else:
        why = "The arms were not compared."
    sentences = [why, *_alone(evidence)]
    return Verdict("Whether fusion helps was not asked here.", tuple(sentences), "unasked")


def _alone(evidence: Evidence) -> list[str]:
    """What a single arm reaches."""
    if len(evidence.arms) > 1:
        return []
    for metric in MEASURES:
        row = evidence.score(evidence.arms[0].name, metric)
        if row is not None:
            title = evidence.metrics.get(metric, metric)
            limits = f"95 % CI {number(row['low'])} to {number(row['high'])}"
            return [
                f"Its {title} is {number(row['value'])} ({limits}) with {counted(int(row['subjects']), 'subject')}."
            ]
    return []


def _best(evidence: Evidence, arms: Sequence[Arm], measure: str) -> Arm:
    """The highest score, to be named first; what is claimed never rests on it."""
    rows = {arm.name: evidence.score(arm.name, measure) for arm in arms}
    return max(arms, key=lambda arm: -1.0 if (row := rows[arm.name]) is None else float(row["value"]))
