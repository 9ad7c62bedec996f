from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data import Finding
from fusekit.errors import OptionError
from fusekit_adni.labels.converters import ConverterRule, Outcome, judge, label_converters

RULE = ConverterRule()
LETTERS = {"C": "CN", "M": "MCI", "A": "AD"}

#: Diagnosis at months after baseline, and what follows under the default rule, written down by hand.
TRAJECTORIES = {
    # progressive: dementia by month 36, and never anything milder again
    "0M 6A": "progressive",
    "0M 6M 12M 18M 24M 36A": "progressive",
    "0M 6M 12A 24A 36A 48A": "progressive",
    "0M 24A": "progressive",  # gaps before
    "0M 36A 120A": "progressive",
    "0M 12A": "progressive",  # no more follow-up is needed
    # stable: MCI whenever seen, and seen at month 36 or later
    "0M 6M 12M 18M 24M 36M": "stable",
    "0M 36M": "stable",
    "0M 6M 48M": "stable",
    "0M 36M 60M 120M": "stable",
    "0M 37M": "stable",
    # dementia, but first seen after the horizon
    "0M 36M 48A": "late-conversion",
    "0M 24M 48A": "late-conversion",  # it may have begun before
    "0M 37A": "late-conversion",
    "0M 36M 60M 120A": "late-conversion",
    # follow-up ended
    "0M": "short-follow-up",
    "0M 6M": "short-follow-up",
    "0M 6M 12M 18M 24M": "short-follow-up",
    "0M 35M": "short-follow-up",
    # back to normal, before, without or after dementia
    "0M 6C": "reverted",
    "0M 12C 24M 36M": "reverted",
    "0M 36M 48C": "reverted",
    "0M 6C 12M 24A": "reverted",
    "0M 24A 36C": "reverted",
    # back from dementia to MCI, within or after the horizon, for good or for a visit
    "0M 12A 24M": "reverted",
    "0M 24A 48M": "reverted",
    "0M 12A 24M 36A": "reverted",
    "0M 48A 60M": "reverted",
    # not MCI to begin with
    "0C 12M 24A": "not-mci",
    "0C 36C": "not-mci",
    "0A 12A": "not-mci",
    "0A 12M 36M": "not-mci",
    # nothing is known of the beginning
    "6M 36M": "no-baseline-diagnosis",
    "12M 24A": "no-baseline-diagnosis",
}

#: The same with reverters kept: the first dementia counts, and what came after it does not.
WITH_REVERTERS = {
    "0M 6C": "short-follow-up",
    "0M 12C 24M 36M": "stable",
    "0M 36C": "stable",
    "0M 6C 12M 24A": "progressive",
    "0M 24A 48M": "progressive",
    "0M 12A 24M 36A": "progressive",
    "0M 48A 60M": "late-conversion",
    "0M 12C 24M 36M 48A": "late-conversion",
}


def _visits(text: str) -> list[tuple[int, str]]:
    return [(int(months), LETTERS[letter]) for months, letter in re.findall(r"(\d+)([CMA])", text)]


def _known(people: dict[int, list[tuple[int, str]]], **days: str) -> pd.DataFrame:
    rows = {(rid, f"m{m:02}" if m else "bl"): dx for rid, visits in people.items() for m, dx in visits}
    index = pd.MultiIndex.from_tuples(rows, names=["rid", "visit"])
    dates = pd.to_datetime([days.get(visit, "") for _, visit in rows])  # "" is NaT
    return pd.DataFrame({"diagnosis": list(rows.values()), "day": dates}, index=index)


def _outcome(visits: list[tuple[int, str]], rule: ConverterRule = RULE) -> Outcome:
    """Through the table, as the task asks."""
    return judge(_known({7: visits}), rule.outcome)[7]


@pytest.mark.parametrize(("trajectory", "verdict"), TRAJECTORIES.items())
def test_what_becomes_of_whom(trajectory: str, verdict: str) -> None:
    assert _outcome(_visits(trajectory)).verdict == verdict


def test_everybody_at_once_in_any_order() -> None:
    known = _known({rid: _visits(trajectory) for rid, trajectory in enumerate(TRAJECTORIES)})
    for table in (known, known.sample(frac=1, random_state=1), known[::-1]):
        assert {rid: o.verdict for rid, o in judge(table, RULE.outcome).items()} == dict(
            enumerate(TRAJECTORIES.values())
        )


@pytest.mark.parametrize(("trajectory", "verdict"), WITH_REVERTERS.items())
def test_with_reverters_kept_the_first_dementia_counts(trajectory: str, verdict: str) -> None:
    assert _outcome(_visits(trajectory), ConverterRule(exclude_reverters=False)).verdict == verdict


@pytest.mark.parametrize(
    ("horizon", "required", "trajectory", "verdict"),
    [
        (24, 24, "0M 24M", "stable"),
        (24, 24, "0M 24M 36A", "late-conversion"),
        (24, 36, "0M 24M", "short-follow-up"),
        (24, 36, "0M 24A", "progressive"),
        (24, 36, "0M 36A", "late-conversion"),
        (48, 60, "0M 48A", "progressive"),
        (48, 60, "0M 48M", "short-follow-up"),
        (12, 120, "0M 12M 108M", "short-follow-up"),
    ],
)
def test_horizon_and_required_follow_up(horizon: int, required: int, trajectory: str, verdict: str) -> None:
    assert _outcome(_visits(trajectory), ConverterRule(horizon, required)).verdict == verdict


def test_details_name_the_visit_that_decided() -> None:
    assert _outcome(_visits("0M 12A 48M")).detail == "from AD to MCI at month 48"
    assert _outcome(_visits("0M 12C 48M")).detail == "to CN at month 12"
    assert _outcome(_visits("0M 48A 60A")).detail == "AD first seen at month 48"
    assert _outcome(_visits("0M 24M 12M")).detail == "last diagnosis at month 24"


def test_rules_that_would_call_people_stable_too_early_are_refused() -> None:
    with pytest.raises(OptionError, match=r"require_followup_months=24 is less than task\.horizon_months=36"):
        ConverterRule(36, 24)
    with pytest.raises(OptionError, match="horizon_months takes 1 or more, not 0"):
        ConverterRule(0, 24)


MONTHS = st.sampled_from([0, 3, 6, 12, 18, 24, 30, 36, 42, 48, 60, 72])
PEOPLE = st.dictionaries(MONTHS, st.sampled_from(["CN", "MCI", "MCI", "AD"]), min_size=1).map(
    lambda d: sorted(d.items())
)
RULES = st.builds(
    lambda horizon, more, exclude: ConverterRule(horizon, horizon + more, exclude),
    st.sampled_from([12, 24, 36, 48]),
    st.sampled_from([0, 6, 12, 24]),
    st.booleans(),
)


@given(PEOPLE, RULES)
def test_stable_and_progressive_are_what_they_say(visits: list[tuple[int, str]], rule: ConverterRule) -> None:
    verdict = _outcome(visits, rule).verdict
    if verdict == "stable":
        assert visits[0] == (0, "MCI")
        assert visits[-1][0] >= rule.require_followup_months
        assert "AD" not in dict(visits).values()
        assert not rule.exclude_reverters or set(dict(visits).values()) == {"MCI"}
    if verdict == "progressive":
        first = min(month for month, diagnosis in visits if diagnosis == "AD")
        assert visits[0] == (0, "MCI")
        assert first <= rule.horizon_months
        after = {diagnosis for month, diagnosis in visits if month > first}
        assert not rule.exclude_reverters or after <= {"AD"}


@given(PEOPLE, RULES, MONTHS)
def test_when_follow_up_ends_earlier_nobody_becomes_stable_who_was_not_seen_long_enough(
    visits: list[tuple[int, str]], rule: ConverterRule, end: int
) -> None:
    shorter = [visit for visit in visits if visit[0] <= end] or visits[:1]
    before, after = _outcome(visits, rule).verdict, _outcome(shorter, rule).verdict
    if end < rule.require_followup_months:
        assert after != "stable"
    if before == "progressive":
        assert after in ("progressive", "short-follow-up")
    if after == "stable" and before != "stable":  # what spoils it comes later still
        spoiler = {"late-conversion": {"AD"}, "reverted": {"CN", "AD"}}[before]
        assert {diagnosis for month, diagnosis in visits if month > end} & spoiler


@given(PEOPLE, RULES, st.lists(st.tuples(st.integers(73, 200), st.sampled_from(["CN", "MCI", "AD"])), max_size=3))
def test_later_visits_never_turn_stable_into_progressive_or_back(
    visits: list[tuple[int, str]], rule: ConverterRule, more: list[tuple[int, str]]
) -> None:
    before, after = _outcome(visits, rule).verdict, _outcome([*visits, *dict(more).items()], rule).verdict
    if before == "progressive":
        assert after in ({"progressive", "reverted"} if rule.exclude_reverters else {"progressive"})
    if before in ("stable", "short-follow-up"):
        assert after in {before, "stable", "late-conversion", "reverted"}
    if before in ("late-conversion", "reverted", "not-mci", "no-baseline-diagnosis"):
        assert after in {before, "reverted"} if rule.exclude_reverters else after == before


@settings(max_examples=50)
@given(st.lists(PEOPLE, min_size=1, max_size=4), RULES, st.randoms())
def test_neither_the_order_of_rows_nor_other_people_matter(
    people: list[list[tuple[int, str]]], rule: ConverterRule, random: Any
) -> None:
    known = _known(dict(enumerate(people)))
    order = list(range(len(known)))
    random.shuffle(order)
    together = judge(known.iloc[order], rule.outcome)
    assert together == {rid: _outcome(visits, rule) for rid, visits in enumerate(people)}


def _on(trajectory: str, **days: str) -> Outcome:
    return judge(_known({7: _visits(trajectory)}, **days), RULE.outcome)[7]


def test_codes_count_unless_the_exam_days_would_give_another_label() -> None:
    # 31 months: early, as people come.
    assert _on("0M 36M", bl="2010-01-01", m36="2012-08-01").verdict == "stable"
    # A code that counts from another start: really month 12, when follow-up was too short.
    found = _on("0M 36M", bl="2010-01-01", m36="2011-01-01")
    assert found == Outcome("visit-times-differ", "m36 lies 12 months after baseline")
    # Dementia in m12 of a later phase, nine years after baseline.
    assert _on("0M 12A", bl="2005-01-01", m12="2014-01-01").verdict == "visit-times-differ"
    # Where both readings say the same, nothing is lost; and where one day is unknown, there is one reading.
    assert _on("0M 12A", bl="2010-01-01", m12="2011-09-01").verdict == "progressive"
    assert _on("0M 12A", m12="2014-01-01").verdict == "progressive"


def test_the_day_is_that_of_the_visit_that_decided() -> None:
    days = {"bl": "2010-01-01", "m12": "2011-01-05", "m24": "2012-01-09", "m36": "2013-01-02"}
    assert _on("0M 12M 24A 36A", **days).day == "2012-01-09"
    assert _on("0M 12M 24M 36M", **days).day == "2013-01-02"
    assert _on("0M 12M 24M 48M", **days).day == ""
    assert _on("0M 12M 24M", **days) == Outcome("short-follow-up", "last diagnosis at month 24")


def _scans(**subjects: str) -> pd.DataFrame:
    rows = [(f"002_S_{rid[1:]}", int(rid[1:]), visit) for rid, visits in subjects.items() for visit in visits.split()]
    index = pd.Index([f"{subject}_{visit}" for subject, _, visit in rows], name="scan")
    return pd.DataFrame(rows, columns=["subject", "rid", "visit"], index=index)


OUTCOMES = {
    1: Outcome("stable", day="2011-02-03"),
    2: Outcome("progressive"),
    3: Outcome("reverted", "to CN at month 6"),
    4: Outcome("stable"),
    5: Outcome("not-mci", "CN"),
}


def test_baseline_scans_are_kept_and_everybody_else_is_listed_once() -> None:
    findings: list[Finding] = []
    scans = _scans(s1="bl m12", s2="bl", s3="bl m12", s4="m12", s5="bl", s6="bl")
    kept = label_converters(scans, OUTCOMES, (), findings, "phase")
    assert kept["label"].to_dict() == {"002_S_1_bl": 0, "002_S_2_bl": 1}
    assert kept["diagnosis_date"].tolist() == ["2011-02-03", ""]
    assert {f.code: f.items for f in findings} == {
        "no-baseline-diagnosis": ("002_S_6",),
        "not-mci": ("002_S_5: CN",),
        "reverted": ("002_S_3: to CN at month 6",),
        "no-baseline-scan": ("002_S_4: stable",),
        "later-visit": ("002_S_1_m12",),
    }


def test_the_phase_is_that_of_the_baseline_visit() -> None:
    findings: list[Finding] = []
    scans = _scans(s1="bl m12", s2="bl", s3="bl", s4="bl", s5="bl")
    scans["phase"] = ["ADNI1", "ADNI2", "ADNI2", "ADNI2", "", "ADNI1"]
    kept = label_converters(scans, OUTCOMES, ("ADNI2",), findings, "phase")
    assert kept["label"].to_dict() == {"002_S_2_bl": 1}
    assert {f.code: f.items for f in findings} == {
        "other-phase": ("002_S_1: ADNI1", "002_S_4: no phase known"),
        "reverted": ("002_S_3: to CN at month 6",),
        "not-mci": ("002_S_5: CN",),
    }


def test_as_a_time_everyone_counts_as_long_as_they_were_followed() -> None:
    """Short follow-up, late conversion: a time each; who went back, or had no MCI at baseline, has none."""
    cases = {
        "MCI": ((), 0.0, False),
        "MCI, MCI": (((12, "MCI"), (24, "MCI")), 24.0, False),
        "late": (((12, "MCI"), (48, "AD"), (60, "AD")), 48.0, True),
        "soon": (((6, "AD"),), 6.0, True),
    }
    for later, month, seen in cases.values():
        label = RULE.followed("MCI", later).label
        assert label is not None
        assert (abs(label), bool(np.signbit(label))) == (month, not seen)
    for baseline, back in (("MCI", ((12, "CN"),)), ("MCI", ((12, "AD"), (24, "MCI"))), ("AD", ()), (None, ())):
        assert RULE.followed(baseline, back).label is None
