"""Sampled patients against the published values, typed anew from the facts."""

import numpy as np
import pandas as pd
import pytest

from fusekit.errors import OptionError
from fusekit_hmi.synthetic.patients import Strengths, draw_patients

COUNT = 40_000


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return draw_patients(np.random.default_rng(1), COUNT, Strengths())


def _by_mvi(people: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    return people.loc[people["mvi"] == 0, column], people.loc[people["mvi"] == 1, column]


def test_a_third_have_invasion(people: pd.DataFrame) -> None:
    assert people["mvi"].mean() == pytest.approx(0.34, abs=0.001)
    assert people["id"].is_unique


@pytest.mark.parametrize(
    ("column", "without", "invaded"),
    [
        ("male", 0.84, 0.84),
        ("hbsag", 0.84, 0.92),
        ("hbeag", 0.22, 0.33),
        ("hcv", 0.06, 0.06),
        ("cirrhosis", 0.53, 0.36),
        ("child_b", 0.06, 0.06),
    ],
)
def test_shares(people: pd.DataFrame, column: str, without: float, invaded: float) -> None:
    first, second = _by_mvi(people, column)
    assert (first.mean(), second.mean()) == pytest.approx((without, invaded), abs=0.015)


@pytest.mark.parametrize(
    ("column", "without", "invaded"),
    [
        ("age", (53.9, 12.9), (49.1, 12.1)),
        ("bmi", (22.7, 3.9), (22.7, 3.9)),
        ("diameter", (4.3, 2.7), (7.9, 4.1)),
        ("ast", (46, 46), (86, 132)),
        ("alb", (41.2, 5.5), (41.2, 5.5)),
        ("protein", (70, 6), (70, 6)),
        ("pt", (13.8, 1.2), (13.8, 1.2)),
        ("inr", (1.05, 0.09), (1.05, 0.09)),
        ("plt", (165, 65), (165, 65)),
        ("wbc", (5.6, 1.9), (5.6, 1.9)),
        ("hb", (142, 17), (142, 17)),
        ("creatinine", (73, 14), (73, 14)),
        ("glucose", (5.6, 1.7), (5.6, 1.7)),
    ],
)
def test_means_and_deviations(
    people: pd.DataFrame, column: str, without: tuple[float, float], invaded: tuple[float, float]
) -> None:
    for values, (mean, deviation) in zip(_by_mvi(people, column), (without, invaded), strict=True):
        assert values.mean() == pytest.approx(mean, rel=0.04)
        assert values.std() == pytest.approx(deviation, rel=0.13)  # the ends are cut off; long tails vary


@pytest.mark.parametrize(("column", "means"), [("ggt", (103, 114)), ("tbil", (20, 15.5))])
def test_means(people: pd.DataFrame, column: str, means: tuple[float, float]) -> None:
    assert tuple(values.mean() for values in _by_mvi(people, column)) == pytest.approx(means, rel=0.04)


@pytest.mark.parametrize(("column", "median"), [("cea", 2.2), ("ca199", 18), ("alt", 32), ("alp", 85), ("ldh", 190)])
def test_medians(people: pd.DataFrame, column: str, median: float) -> None:
    assert people[column].median() == pytest.approx(median, rel=0.03)


def test_tumour_markers_and_virus(people: pd.DataFrame) -> None:
    without, invaded = (np.log(values) for values in _by_mvi(people, "afp"))
    assert (without.mean(), invaded.mean()) == pytest.approx((4.6, 5.6), abs=0.1)
    assert without.std() == pytest.approx(2.95, rel=0.06)
    high = [(values >= 3).mean() for values in _by_mvi(people, "hbv_dna")]
    assert high == pytest.approx([0.12, 0.36], abs=0.015)
    assert people.loc[people["hbv_dna"] > 0, "hbv_dna"].mean() == pytest.approx(4.5, abs=0.1)
    assert (people["dbil"] / people["tbil"]).median() == pytest.approx(0.35, abs=0.01)
    assert np.corrcoef(people["inr"], people["pt"])[0, 1] > 0.98
    assert people["diameter"].between(0.8, 18).all()


def test_without_strengths_nothing_depends_on_invasion() -> None:
    people = draw_patients(np.random.default_rng(2), COUNT, Strengths(0, 0, 0))
    for column in people.columns.drop(["id", "mvi"]):
        without, invaded = _by_mvi(people.assign(rank=people[column].rank()), "rank")
        auc = (invaded.mean() - (len(invaded) + 1) / 2) / len(without)
        assert auc == pytest.approx(0.5, abs=0.02), column


def test_the_interaction_is_one_of_the_image_and_afp() -> None:
    people = draw_patients(np.random.default_rng(3), COUNT, Strengths(0, 0, 1))
    high = people["afp"] >= 100
    assert high.mean() == pytest.approx(0.55, abs=0.03)
    for sign, towards in (("margin", 1), ("satellites", -1)):
        for group, side in ((people[high], towards), (people[~high], -towards)):
            without, invaded = _by_mvi(group, sign)
            assert invaded.mean() - without.mean() == pytest.approx(1.2 * side, abs=0.06)


def test_the_main_effect_moves_both_signs() -> None:
    people = draw_patients(np.random.default_rng(4), COUNT, Strengths(1, 0, 0))
    for sign in ("margin", "satellites"):
        without, invaded = _by_mvi(people, sign)
        assert invaded.mean() - without.mean() == pytest.approx(0.7, abs=0.04)


def test_people_stay_when_a_strength_changes() -> None:
    with_it = draw_patients(np.random.default_rng(0), 500, Strengths(interaction=1))
    without = draw_patients(np.random.default_rng(0), 500, Strengths(interaction=0))
    assert [name for name in with_it if not with_it[name].equals(without[name])] == ["margin", "satellites"]


@pytest.mark.parametrize("bad", [{"image": -1.0}, {"table": 2.5}, {"interaction": float("nan")}])
def test_impossible_strengths_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="takes a number"):
        Strengths(**bad)


def test_too_few_people_are_refused() -> None:
    with pytest.raises(OptionError, match="4 or more"):
        draw_patients(np.random.default_rng(0), 3, Strengths())
