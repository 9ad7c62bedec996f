from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from fusekit.errors import OptionError
from fusekit_adni.labels.visits import canonical
from fusekit_adni.synthetic.subjects import Strengths, draw_subjects
from fusekit_adni.synthetic.trajectories import CODES, draw_people, draw_visits

COUNT = 1500


@cache
def _drawn(strength: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(3)
    people = draw_people(rng, COUNT, Strengths(strength, strength, strength))
    return people, draw_visits(rng, people)


def test_people_have_what_those_of_the_other_cohort_have_and_more() -> None:
    people, _ = _drawn()
    others = draw_subjects(np.random.default_rng(0), 20, Strengths())
    assert set(people) == {*others, "entered", "baseline", "onset"}
    assert people["diagnosis"].value_counts().to_dict() == {"MCI": COUNT, "CN": 90, "AD": 60}
    assert people["rid"].is_unique
    assert people["entered"].value_counts(normalize=True)["ADNI2"] == pytest.approx(0.5, abs=0.05)


def test_of_people_with_mci_one_in_six_falls_ill_each_year() -> None:
    people, _ = _drawn()
    onset = people.loc[people["diagnosis"] == "MCI", "onset"]
    for year in (1, 2, 3, 4):
        assert (onset > 12 * year).mean() == pytest.approx(0.835**year, abs=0.04)


def test_the_signs_say_what_is_to_come_and_nothing_without_effects() -> None:
    signs = {}
    for strength in (0.0, 1.0):
        people, _ = _drawn(strength)
        mci = people[people["diagnosis"] == "MCI"]
        soon, never = mci[mci["onset"] <= 36], mci[mci["onset"] > 60]
        signs[strength] = {name: soon[name].mean() - never[name].mean() for name in ("ventricles", "horns", "tau")}
    assert abs(signs[0.0]["horns"]) < 0.22
    assert abs(signs[0.0]["tau"]) < 12
    assert signs[1.0]["tau"] > 40
    carriers = _drawn()[0].query("diagnosis == 'MCI' and carrier")
    gap = carriers[carriers["onset"] <= 36]["horns"].mean() - carriers[carriers["onset"] > 60]["horns"].mean()
    assert gap == pytest.approx(0.7 + 1.2, abs=0.3)  # main effect and interaction, as between AD and CN


def test_visits_are_those_of_the_phase_under_its_codes() -> None:
    people, visits = _drawn()
    rows = visits.merge(people[["rid", "entered", "baseline"]], on="rid")
    for phase, codes in CODES.items():
        own = rows[rows["entered"] == phase]
        assert set(zip(own["months"], own["code"], strict=True)) == set(codes.items())
    assert set(rows.loc[(rows["entered"] == "ADNI1") & (rows["months"] == 48), "phase"]) == {"ADNI2"}
    assert (rows["visit"].map(lambda v: 0 if v == "bl" else int(v[1:])) == rows["months"]).all()
    # The reader knows every code of ADNI2 but v06, which has a month of its own for each subject.
    assert {code: canonical(code) for code in CODES["ADNI2"].values()} == dict(
        zip(CODES["ADNI2"].values(), ["bl", "m06", "m12", "m24", "m36", "m48"], strict=True)
    )
    late = [(day - start).days - 30.4 * month for day, start, month in rows[["day", "baseline", "months"]].to_numpy()]
    assert max(map(abs, late)) <= 20.5
    assert not rows.duplicated(["rid", "months"]).any()
    assert (rows.groupby("rid")["months"].min() == 0).all()


def test_everything_that_can_happen_happens_in_its_share() -> None:
    people, visits = _drawn()
    mci = people[people["diagnosis"] == "MCI"]
    own = visits[visits["rid"].isin(mci["rid"])]
    last = own.groupby("rid")["months"].max()
    assert (last < 36).mean() == pytest.approx(1 - 0.92**3, abs=0.07)
    assert (visits["diagnosis"] == "").mean() == pytest.approx(0.02, abs=0.007)
    assert (own.loc[own["months"] == 0, "diagnosis"] == "").mean() == pytest.approx(0.015, abs=0.012)
    ever = own.groupby("rid")["state"].agg(set)
    assert ever.map(lambda states: "CN" in states).mean() == pytest.approx(0.06, abs=0.03)  # some of 8 % do not come
    onset = mci.set_index("rid")["onset"]
    again = own[(own["state"] == "MCI") & (own["months"] >= own["rid"].map(onset)) & (own["months"] > 0)]
    assert 0.01 < again["rid"].nunique() / len(mci) < 0.05
    assert set(own.loc[own["months"] < own["rid"].map(onset), "state"]) == {"MCI", "CN"}
    for start in ("CN", "AD"):
        same = people.loc[people["diagnosis"] == start, "rid"]
        assert set(visits.loc[visits["rid"].isin(same), "state"]) == {start}


def test_who_stops_coming_does_not_depend_on_the_disease() -> None:
    people, visits = _drawn()
    last = visits.groupby("rid")["months"].max()
    mci = people[people["diagnosis"] == "MCI"].assign(last=lambda p: p["rid"].map(last))
    # Of each phase: the first has a visit more.
    for _, own in mci.groupby("entered"):
        ill, well = own[own["onset"] <= 36]["last"], own[own["onset"] > 36]["last"]
        error = (ill.var() / len(ill) + well.var() / len(well)) ** 0.5
        assert abs(ill.mean() - well.mean()) < 4 * error


def test_fewer_than_ten_are_refused() -> None:
    with pytest.raises(OptionError, match="subjects takes 10 or more, not 9"):
        draw_people(np.random.default_rng(0), 9, Strengths())
    assert len(draw_people(np.random.default_rng(0), 10, Strengths())) >= 10
