"""The answer in a sentence or two: whether fusion helps here, by how much, and how sure that is.

Nothing is picked by its result: a fusion helps only if it beats every arm of one modality and every baseline after
Holm's correction over all pairs, whichever of them turns out best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.evaluation.arms.pairs import LEVEL, MEASURES
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.formatting import counted, equals, limits_of, listed, number, signed
from fusekit.report.trained import doubts


class Verdict(NamedTuple):
    """The answer."""

    call: str  # in a few words
    sentences: tuple[str, ...]  # with numbers
    kind: str  # helps, harms, undecided, or unasked


class Edge(NamedTuple):
    """How far one arm is ahead of another: above 0 it is better, whatever the measure."""

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
            difference, *ends = limits_of(own, "difference")
            sign *= MEASURES[measure].sign
            low, high = sorted(sign * end for end in ends)
            return Edge(sign * difference, low, high, float(own["p_holm"]), int(own["subjects"]))
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
    """Answer the question that the arms can answer, and say where its networks were not trained as they should be."""
    answer, found = _answer(evidence), doubts(evidence)
    if not found:
        return answer
    call = f"{answer.call} But {'; '.join(f'{doubt.arms} {doubt.briefly}' for doubt in found)}."
    said = (f"{doubt.arms} {doubt.what}: {doubt.advice}." for doubt in found)
    return Verdict(call, (*answer.sentences, *said), answer.kind)


def _answer(evidence: Evidence) -> Verdict:
    fusions = [arm for arm in evidence.arms if arm.fuses]
    others = [arm for arm in evidence.arms if not arm.fuses]
    if not (fusions and others and measure_of(evidence.pairs)):
        return _unasked(evidence, fusions)
    measure = measure_of(evidence.pairs)
    edges = {(a.name, b.name): edge(evidence.pairs, a.name, b.name, measure) for a in fusions for b in others}
    won = {a.name: [b.name for b in others if (one := edges[a.name, b.name]) and one.ahead] for a in fusions}
    lost = {a.name: [b.name for b in others if (one := edges[a.name, b.name]) and one.behind] for a in fusions}
    ahead = [a for a in fusions if len(won[a.name]) == len(others)]
    first, second = best_of(evidence, ahead or fusions, measure), best_of(evidence, others, measure)
    compared = _compared(first, second, edges[first.name, second.name], evidence)
    if ahead:
        kinds = {"every classical baseline" if b.kind == "baseline" else "every arm of one modality" for b in others}
        predicts = "predicts" if len(ahead) == 1 else "predict"
        lead = f"{listed(a.name for a in ahead)} {predicts} better than {listed(sorted(kinds))}."
        rest = listed(a.name for a in fusions if a not in ahead)
        last = (f"For {rest} this is not shown.",) if rest else ()
        return Verdict("Fusion helps here.", (lead, compared, *last), "helps")
    if all(lost.values()):
        winners = [b.name for b in others if all(b.name in names for names in lost.values())]
        every = fusions[0].name if len(fusions) == 1 else f"each of {listed(a.name for a in fusions)}"
        lead = f"{listed(winners)} {'is' if len(winners) == 1 else 'are'} better than {every}."
        lead = lead if winners else "Each fusion is beaten by an arm without fusion."
        return Verdict("Fusion does not help here.", (lead, compared), "harms")
    sentences = [compared]
    for arm in fusions:
        said = {"better": listed(won[arm.name]), "worse": listed(lost[arm.name])}
        if any(said.values()):
            settled = " but ".join(f"{how} than {names}" for how, names in said.items() if names)
            sentences.append(f"{arm.name} is {settled}.")
    return Verdict("Whether fusion helps is not settled here.", tuple(sentences), "undecided")


def _compared(first: Arm, second: Arm, one: Edge | None, evidence: Evidence) -> str:
    """The decisive pair with its numbers."""
    roles = f"{second.name}, the best of the arms without fusion"
    if one is None:
        return f"{first.name} and {roles}, were not compared."
    seeds = f" over {counted(len(evidence.seeds), 'seed')}" if len(evidence.seeds) > 1 else ""
    measure = MEASURES[measure_of(evidence.pairs)]
    low, high = sorted((measure.sign * one.low, measure.sign * one.high))
    lead = (
        f"{first.name} against {roles}: {signed(measure.sign * one.difference)} {measure.title} (95 % CI "
        f"{signed(low)} to {signed(high)}; p {equals(one.p)} after Holm's correction){seeds}"
    )
    people = counted(one.subjects, "subject")
    if one.ahead or one.behind:
        return f"{lead}, with {people}."
    range_ = f"from {number(abs(one.low), 3)} worse to {number(abs(one.high), 3)} better"
    fits = f"; the data fit anything {range_}" if one.low < 0 < one.high else ""
    return f"{lead}: not distinguishable with {people}{fits}."


def _unasked(evidence: Evidence, fusions: Sequence[Arm]) -> Verdict:
    sentences = ["The arms were not compared."]
    if len(evidence.arms) == 1:
        name = evidence.names[0]
        sentences = [f"There is one arm, {name}, and nothing to compare it with."]
        scores = [(metric, row) for metric in MEASURES if (row := evidence.score(name, metric)) is not None]
        for metric, row in scores[:1]:
            reached = f"{number(row['value'])} (95 % CI {number(row['low'])} to {number(row['high'])})"
            title, people = evidence.metrics.get(metric, metric), counted(int(row["subjects"]), "subject")
            sentences.append(f"Its {title} is {reached} with {people}.")
    elif not fusions:
        sentences = ["No arm is known to read both image and table."]
    elif len(fusions) == len(evidence.arms):
        sentences = ["There is no arm of one modality and no baseline to compare with."]
    return Verdict("Whether fusion helps was not asked here.", tuple(sentences), "unasked")


def best_of(evidence: Evidence, arms: Sequence[Arm], measure: str) -> Arm:
    """The arm with the best score, to be named first; what is claimed never rests on it."""
    rows = {arm.name: evidence.score(arm.name, measure) for arm in arms}
    sign = MEASURES[measure].sign
    return max(arms, key=lambda arm: -np.inf if (row := rows[arm.name]) is None else sign * float(row["value"]))
