"""The answer follows from the pairs, and claims no more."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from fusekit.data import Classes
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.page.verdict import best_for_sure, edge, verdict

READS = {
    "image-only": ("fusion", {"image"}),
    "clinical-only": ("fusion", {"table"}),
    "concat": ("fusion", {"image", "table"}),
    "rbca": ("fusion", {"image", "table"}),
    "logistic": ("baseline", {"table"}),
}
SCORES = {"image-only": 0.65, "clinical-only": 0.80, "concat": 0.82, "rbca": 0.86, "logistic": 0.78}


def evidence_of(pairs: list[tuple[str, str, float, float, float, float]], *arms: str) -> Evidence:
    """Of pairs: first, second, difference, low, high, p after Holm's correction."""
    columns = ["first", "second", "difference", "low", "high", "p_holm"]
    table = pd.DataFrame(pairs, columns=columns).assign(
        measure="auc", p=0.01, spread=math.nan, subjects=120, sentence=""
    )
    scores = [
        (arm, "subject", "auc", SCORES[arm], SCORES[arm] - 0.05, SCORES[arm] + 0.05, math.nan, 1, 120, 120)
        for arm in arms
    ]
    names = ["arm", "level", "metric", "value", "low", "high", "spread", "seeds", "rows", "subjects"]
    return Evidence(
        task="t",
        title="t",
        target=Classes(("no", "yes")),
        synthetic=False,
        metrics={"auc": "AUC"},
        aggregate="mean",
        arms=tuple(Arm(arm, READS[arm][0], frozenset(READS[arm][1]), ()) for arm in arms),
        scores=pd.DataFrame(scores, columns=names),
        pairs=table,
    )


def test_a_fusion_that_beats_every_other_arm_helps() -> None:
    found = verdict(
        evidence_of(
            [("clinical-only", "rbca", -0.06, -0.10, -0.02, 0.004), ("rbca", "logistic", 0.08, 0.03, 0.13, 0.003)],
            "clinical-only",
            "rbca",
            "logistic",
        )
    )
    assert found.kind == "helps"
    assert found.sentences == (
        "rbca predicts better than every arm of one modality and every classical baseline.",
        "rbca against clinical-only, the best of the arms without fusion: +0.060 AUC (95 % CI +0.020 to +0.100; "
        "p = 0.004 after Holm's correction), with 120 subjects.",
    )


def test_beating_all_but_one_settles_nothing_and_says_what_is_settled() -> None:
    found = verdict(
        evidence_of(
            [
                ("image-only", "rbca", -0.21, -0.30, -0.12, 0.0002),
                ("clinical-only", "rbca", -0.06, -0.13, 0.01, 0.2),
            ],
            "image-only",
            "clinical-only",
            "rbca",
        )
    )
    assert found.kind == "undecided"
    assert (
        "not distinguishable with 120 subjects; the data fit anything from 0.010 worse to 0.130 better"
        in found.sentences[0]
    )
    assert found.sentences[1] == "rbca is better than image-only."


def test_an_interval_clear_of_zero_is_not_enough_if_the_correction_takes_it_back() -> None:
    found = verdict(evidence_of([("rbca", "clinical-only", 0.05, 0.01, 0.09, 0.07)], "clinical-only", "rbca"))
    assert found.kind == "undecided"
    assert "the data fit" not in found.sentences[0]
    assert "not distinguishable" in found.sentences[0]


def test_where_every_fusion_is_beaten_the_answer_is_no() -> None:
    pairs = [("rbca", "logistic", -0.08, -0.12, -0.04, 0.001), ("concat", "logistic", -0.07, -0.12, -0.02, 0.01)]
    found = verdict(evidence_of(pairs, "concat", "rbca", "logistic"))
    assert found.call == "Fusion does not help here."
    assert found.sentences[0] == "logistic is better than each of concat and rbca."


def test_one_fusion_that_helps_does_not_speak_for_the_other() -> None:
    pairs = [("rbca", "clinical-only", 0.06, 0.02, 0.10, 0.004), ("concat", "clinical-only", 0.02, -0.02, 0.06, 0.9)]
    found = verdict(evidence_of(pairs, "clinical-only", "concat", "rbca"))
    assert found.kind == "helps"
    assert found.sentences[-1] == "For concat this is not shown."


@pytest.mark.parametrize(
    ("arms", "why"),
    [
        (("rbca",), "There is one arm, rbca, and nothing to compare it with."),
        (("clinical-only", "logistic"), "No arm is known to read both image and table."),
        (("concat", "rbca"), "There is no arm of one modality and no baseline to compare with."),
    ],
)
def test_what_was_not_asked_is_not_answered(arms: tuple[str, ...], why: str) -> None:
    found = verdict(evidence_of([("concat", "rbca", 0.0, -0.1, 0.1, 1.0)], *arms))
    assert found.kind == "unasked"
    assert found.sentences[0] == why


def test_one_arm_says_what_it_reaches() -> None:
    found = verdict(evidence_of([], "rbca"))
    assert "Its AUC is 0.86 (95 % CI 0.81 to 0.91)" in found.sentences[1]


def test_a_pair_reads_the_same_from_both_sides() -> None:
    pairs = evidence_of([("rbca", "concat", 0.05, 0.01, 0.09, 0.02)], "concat", "rbca").pairs
    forth, back = edge(pairs, "rbca", "concat", "auc"), edge(pairs, "concat", "rbca", "auc")
    assert forth is not None
    assert back is not None
    assert (back.difference, back.low, back.high) == (-forth.difference, -forth.high, -forth.low)
    assert forth.ahead
    assert back.behind


def test_only_an_arm_ahead_of_all_is_the_best_for_sure() -> None:
    pairs = [
        ("rbca", "concat", 0.05, 0.01, 0.09, 0.02),
        ("rbca", "logistic", 0.08, 0.03, 0.13, 0.01),
        ("concat", "logistic", 0.03, -0.02, 0.08, 0.3),
    ]
    assert best_for_sure(evidence_of(pairs, "concat", "rbca", "logistic")) == "rbca"
    pairs[0] = ("rbca", "concat", 0.05, 0.01, 0.09, 0.06)
    assert best_for_sure(evidence_of(pairs, "concat", "rbca", "logistic")) is None
