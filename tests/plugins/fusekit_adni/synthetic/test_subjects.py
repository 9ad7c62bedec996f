import re
from functools import cache

import numpy as np
import pandas as pd
import pytest

from fusekit.errors import OptionError
from fusekit_adni.download.loni import SUBJECT
from fusekit_adni.synthetic.subjects import Strengths, draw_subjects

COUNT = 20_000
SIGNS = ["ventricles", "horns"]
FLUIDS = ["carrier", "alleles", "abeta", "tau", "ptau", "nfl"]
ANALYTES = [f"a{k:03}" for k in range(190)]
LABS = [f"l{k:02}" for k in range(39)]


@cache
def _people(image: float = 0.0, table: float = 0.0, interaction: float = 0.0) -> pd.DataFrame:
    return draw_subjects(np.random.default_rng(7), COUNT, Strengths(image, table, interaction))


def _distances(people: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Difference of the means of AD and CN, in its standard errors."""
    values = people[columns].astype(float).groupby(people["diagnosis"])
    mean, error = values.mean(), values.var().div(values.size(), axis=0)
    gap, noise = mean.T["AD"] - mean.T["CN"], error.T["AD"] + error.T["CN"]
    return gap / noise.pow(0.5)


def _gap(people: pd.DataFrame, column: str) -> float:
    mean = people.groupby("diagnosis")[column].mean()
    return float(mean["AD"] - mean["CN"])


def test_shares_and_identities() -> None:
    people = draw_subjects(np.random.default_rng(0), 480, Strengths())
    assert people["diagnosis"].value_counts().to_dict() == {"CN": 263, "AD": 217, "MCI": 36}
    assert people["rid"].is_unique
    assert people["ptid"].is_unique
    assert all(SUBJECT.fullmatch(ptid) for ptid in people["ptid"])
    assert all(int(re.split("_S_", ptid)[1]) == rid for ptid, rid in zip(people["ptid"], people["rid"], strict=True))
    assert people["age"].between(55, 91).all()
    assert (people[["abeta", "tau", "ptau", "nfl"]] > 0).to_numpy().all()
    assert ((people["alleles"] > 0) == people["carrier"]).all()


def test_the_same_seed_draws_the_same_people_and_another_seed_others() -> None:
    first, again, other = (draw_subjects(np.random.default_rng(seed), 60, Strengths()) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, again)
    assert not first["abeta"].equals(other["abeta"])


def test_another_seed_draws_other_people_with_the_same_disease() -> None:
    """A model of one cohort must mean the same in another: what tells something, which way, and what goes together."""
    cohorts = [draw_subjects(np.random.default_rng(seed), COUNT, Strengths(0, 3, 0)) for seed in (1, 2)]
    telling = [_distances(people, ANALYTES)[lambda d: d.abs() > 8].map(np.sign) for people in cohorts]
    assert len(telling[0]) == 12
    pd.testing.assert_series_equal(telling[0], telling[1])
    within = [people.loc[people["diagnosis"] == "CN", [*ANALYTES, *LABS]].corr() > 0.2 for people in cohorts]
    pd.testing.assert_frame_equal(within[0], within[1])


def test_with_all_strengths_at_zero_everything_is_independent_of_the_diagnosis() -> None:
    from scipy.stats import ks_2samp

    people = _people().assign(male=_people()["sex"] == "Male")
    columns = [*SIGNS, *FLUIDS, *ANALYTES, *LABS, "age", "education", "male", "site", "rid"]
    distances = _distances(people, columns)
    assert distances.abs().max() < 4.2, distances.abs().nlargest(3)  # of 241; by chance above 4.2 once in 150 times
    # Not the means alone: whole distributions, and together with the marker that the interaction hangs on.
    for rows in (people, people[people["carrier"]], people[~people["carrier"]]):
        ill, well = rows[rows["diagnosis"] == "AD"], rows[rows["diagnosis"] == "CN"]
        for column in (*SIGNS, "abeta", "tau", "ptau", "nfl"):
            assert ks_2samp(ill[column], well[column]).pvalue > 1e-4, column


def test_the_image_strength_moves_both_signs_by_0_7_and_nothing_else() -> None:
    null, strong = _people(), _people(image=1)
    pd.testing.assert_frame_equal(strong.drop(columns=SIGNS), null.drop(columns=SIGNS))
    for sign in SIGNS:
        assert _gap(strong, sign) == pytest.approx(0.7, abs=0.05)
        assert _gap(_people(image=2), sign) == pytest.approx(1.4, abs=0.05)
        assert strong.groupby("diagnosis")[sign].std().to_numpy() == pytest.approx(1, abs=0.06)


def test_the_interaction_moves_the_signs_apart_by_the_marker_and_nothing_else() -> None:
    null, strong = _people(), _people(interaction=1)
    pd.testing.assert_frame_equal(strong.drop(columns=SIGNS), null.drop(columns=SIGNS))
    carriers, others = strong[strong["carrier"]], strong[~strong["carrier"]]
    assert _gap(carriers, "horns") == pytest.approx(1.2, abs=0.07)
    assert _gap(carriers, "ventricles") == pytest.approx(-1.2, abs=0.07)
    assert _gap(others, "horns") == pytest.approx(-1.2, abs=0.07)
    assert _gap(others, "ventricles") == pytest.approx(1.2, abs=0.07)
    # Without the marker next to nothing is left: 0.45 of all are carriers, so 1.2 * (2 * 0.45 - 1).
    assert abs(_gap(strong, "horns")) < 0.2
    assert abs(_gap(strong, "ventricles")) < 0.2
    # The sum of both signs tells nothing at all.
    total = strong.assign(total=strong["horns"] + strong["ventricles"])
    assert abs(_distances(total, ["total"]).iloc[0]) < 4


def test_the_strengths_of_the_images_add_up() -> None:
    both, main, pattern, null = (
        _people(image=1, interaction=1)[SIGNS],
        _people(image=1)[SIGNS],
        _people(interaction=1)[SIGNS],
        _people()[SIGNS],
    )
    np.testing.assert_allclose(both - null, (main - null) + (pattern - null), atol=1e-12)


def test_the_table_strength_gives_the_published_group_values_and_leaves_the_images_alone() -> None:
    null, strong = _people(), _people(table=1)
    untouched = [*SIGNS, *LABS, "diagnosis", "rid", "site", "ptid", "sex", "age", "education"]
    pd.testing.assert_frame_equal(strong[untouched], null[untouched])
    groups = strong.groupby("diagnosis")
    published = {
        "carrier": ((0.27, 0.53, 0.66), 0.04),
        "abeta": ((206, 164, 143), 4),
        "tau": ((70, 103, 122), 5),
        "ptau": ((25, 35, 42), 1.5),
        "nfl": ((34.7, 42.8, 51.0), 2),
    }
    for column, (means, tolerance) in published.items():
        assert groups[column].mean()[["CN", "MCI", "AD"]].to_numpy() == pytest.approx(means, abs=tolerance), column
    for column, deviations in {"tau": (30, 61, 58), "ptau": (15, 18, 20), "nfl": (21, 27, 29)}.items():
        assert groups[column].std()[["CN", "MCI", "AD"]].to_numpy() == pytest.approx(deviations, rel=0.15), column
    # Amyloid has two modes: few people lie between them.
    assert strong["abeta"].between(190, 208).mean() < 0.5 * strong["abeta"].between(131, 149).mean()


def test_twelve_analytes_tell_0_35_standard_deviations_each() -> None:
    moved = _people(table=1)[ANALYTES] - _people()[ANALYTES]
    gaps = moved.groupby(_people()["diagnosis"]).mean()
    informative = (moved != 0).any()
    assert informative.sum() == 12
    assert (gaps.loc["AD"] - gaps.loc["CN"])[informative].abs().to_numpy() == pytest.approx(0.35)
    assert gaps.loc["MCI"].abs().max() == 0


def test_analytes_are_standardised_and_correlated_in_blocks() -> None:
    values = _people()[[*ANALYTES, *LABS]]
    assert values.mean().abs().max() < 0.05
    assert values.std().to_numpy() == pytest.approx(1, abs=0.05)
    correlation = values.corr().to_numpy()[np.triu_indices(values.shape[1], 1)]
    inside = correlation > 0.2
    assert correlation[inside] == pytest.approx(0.4, abs=0.06)
    assert correlation[~inside] == pytest.approx(0, abs=0.06)
    assert 0.03 < inside.mean() < 0.2  # twelve blocks of about equal size: one pair in twelve


@pytest.mark.parametrize("table", [0.0, 1.5, 3.0])
def test_concentrations_are_positive_at_every_strength_that_is_taken(table: float) -> None:
    people = draw_subjects(np.random.default_rng(0), 500, Strengths(table=table))
    assert (people[["tau", "ptau", "nfl"]] > 0).to_numpy().all()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(OptionError, match="image_effect takes a number 0 or more, not -1"):
        Strengths(image=-1)
    with pytest.raises(OptionError, match="table_effect takes a number from 0 to 3, not 4"):
        Strengths(table=4)
    with pytest.raises(OptionError, match="interaction takes a number 0 or more, not nan"):
        Strengths(interaction=float("nan"))
    with pytest.raises(OptionError, match="subjects takes 2 or more, not 1"):
        draw_subjects(np.random.default_rng(0), 1, Strengths())
    assert len(draw_subjects(np.random.default_rng(0), 2, Strengths())) == 2
