"""What is dropped is gone, what is permuted is another subject's, and a decisive column shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.bundle.bundle import Bundle
from fusekit.data import Classes
from fusekit.evaluation import Rule, prediction_table
from fusekit.evaluation.arms.contribution import contribution, missingness, shapley
from fusekit.explain import Predictor, ablate
from tests.explain.conftest import COLUMNS, Cohort

TARGET = Classes(("no", "yes"))


class Spy:
    """A predictor that keeps what it is shown, and says p_1 = the DECISIVE value squashed."""

    def __init__(self) -> None:
        self.seen: list[tuple[np.ndarray | None, pd.DataFrame]] = []

    def __call__(self, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
        self.seen.append((images, values.copy()))
        p = 1 / (1 + np.exp(-values["DECISIVE"].fillna(1.0).to_numpy()))
        return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def spied(telling: Cohort) -> tuple[Spy, pd.DataFrame]:
    spy = Spy()
    table = ablate(spy, telling.images, telling.table, telling.rows, COLUMNS, target=TARGET, seed=3, grey=(77.5,))
    return spy, table


def test_every_condition_has_every_subject_once(spied: tuple[Spy, pd.DataFrame], telling: Cohort) -> None:
    _, table = spied
    names = ["as-is", "table:drop", "table:permute", "both:drop"]
    names += [f"block:{block}:{how}" for block in "ab" for how in ("drop", "permute")]
    names += [f"hidden:{share}" for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    names += [f"column:{column.name}:permute" for column in COLUMNS] + ["image:drop", "image:permute"]
    assert list(table["condition"].unique()) == names
    assert not table.duplicated(["condition", "subject"]).any()
    assert len(table) == len(names) * telling.rows["subject"].nunique()
    assert list(table.columns) == ["fold", "condition", "subject", "label", "p_0", "p_1"]


def test_what_the_model_is_shown(spied: tuple[Spy, pd.DataFrame], telling: Cohort) -> None:
    spy, table = spied
    shown = dict(zip(table["condition"].unique(), spy.seen, strict=True))
    values = telling.table.reset_index(drop=True)
    assert shown["as-is"][0] is telling.images
    pd.testing.assert_frame_equal(shown["as-is"][1], values)
    assert shown["table:drop"][1].isna().all().all()
    assert shown["table:drop"][0] is telling.images
    drop = shown["image:drop"]
    assert drop[0] is not None
    assert (drop[0] == 77.5).all()
    pd.testing.assert_frame_equal(drop[1], values)
    nothing = shown["both:drop"]
    assert nothing[0] is not None
    assert len(nothing[0]) == len(nothing[1]) == 1  # all are alike
    block = shown["block:b:drop"][1]
    assert block[["DECISIVE", "OTHER"]].isna().all().all()
    pd.testing.assert_frame_equal(block[["NOISE", "SEX"]], values[["NOISE", "SEX"]])


def test_permuted_is_another_subject_whole(spied: tuple[Spy, pd.DataFrame], telling: Cohort) -> None:
    spy, table = spied
    shown = dict(zip(table["condition"].unique(), spy.seen, strict=True))
    subjects = telling.rows["subject"].to_numpy()
    owner = dict(zip(telling.table["OTHER"], subjects, strict=True))  # these values are unique to a subject
    given = shown["table:permute"][1]
    donors = given["OTHER"].map(owner).to_numpy()
    assert (donors != subjects).all()
    assert sorted(donors) == sorted(subjects)  # each one once
    for name in ("NOISE", "DECISIVE", "SEX"):  # the donor's whole row
        expected = telling.table.reset_index(drop=True).set_axis(subjects).groupby(level=0)[name].first()
        pd.testing.assert_series_equal(
            given[name], expected.loc[donors].reset_index(drop=True), check_names=False, check_dtype=False
        )
    one = shown["column:DECISIVE:permute"][1]
    pd.testing.assert_frame_equal(
        one.drop(columns="DECISIVE"), telling.table.reset_index(drop=True).drop(columns="DECISIVE")
    )
    images = shown["image:permute"][0]
    assert images is not None
    source = [int(np.flatnonzero((telling.images == image).all(axis=(1, 2, 3)))[0]) for image in images]
    assert (subjects[source] != subjects).all()
    assert [number % 2 for number in source] == [0, 1] * (len(source) // 2)  # slices keep their order


def test_hidden_shares_are_hidden_scan_by_scan(spied: tuple[Spy, pd.DataFrame], telling: Cohort) -> None:
    spy, table = spied
    shown = dict(zip(table["condition"].unique(), spy.seen, strict=True))
    whole = ["DECISIVE", "SEX", "OTHER"]
    for share in (0.1, 0.5, 0.9):
        hidden = shown[f"hidden:{share}"][1][whole].isna()
        assert abs(hidden.to_numpy().mean() - share) < 4 * np.sqrt(share * (1 - share) / (hidden.size / 2))
        assert (hidden.iloc[::2].to_numpy() == hidden.iloc[1::2].to_numpy()).all()


def test_the_same_seed_draws_the_same(spied: tuple[Spy, pd.DataFrame], telling: Cohort) -> None:
    def again(seed: int) -> pd.DataFrame:
        return ablate(
            Spy(), telling.images, telling.table, telling.rows, COLUMNS, target=TARGET, seed=seed, single=["DECISIVE"]
        )

    _, table = spied
    found = again(3)
    kept = table[table["condition"].isin(found["condition"].unique())].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept)
    assert not found.equals(again(4))


def test_what_is_not_read_costs_nothing(telling: Cohort) -> None:
    spy = Spy()
    table = ablate(spy, None, telling.table, telling.rows, COLUMNS, target=TARGET, seed=0, reads_image=False, single=[])
    assert all(images is None for images, _ in spy.seen)
    wide = table.pivot_table(index="subject", columns="condition", values="p_1")
    assert (wide["image:drop"] == wide["as-is"]).all()
    assert wide["table:drop"].nunique() == wide["both:drop"].nunique() == 1
    spy = Spy()
    ablate(spy, telling.images, telling.table, telling.rows, COLUMNS, target=TARGET, seed=0, reads_clinical=False)
    assert len(spy.seen) == 4  # as it is, nothing, no image, another's image


def test_one_block_is_the_table(telling: Cohort) -> None:
    spy = Spy()
    table = ablate(spy, telling.images, telling.table, telling.rows, COLUMNS[1:2], target=TARGET, seed=0)
    wide = table.pivot_table(index="subject", columns="condition", values="p_1")
    assert (wide["block:b:permute"] == wide["table:permute"]).all()


def test_a_model_that_reads_one_column_is_found_out(sees_column: Bundle, telling: Cohort) -> None:
    predictor = Predictor(sees_column)
    table = ablate(
        predictor,
        telling.images,
        telling.table,
        telling.rows,
        COLUMNS,
        target=TARGET,
        seed=0,
        grey=sees_column.pixels.mean,
    )
    probabilities = sees_column.probabilities(telling.images, sees_column.encode(telling.table))
    expected = Rule().subjects(prediction_table(telling.rows, Classes(("no", "yes")).predict(probabilities)))["p_1"]
    as_is = table.loc[table["condition"] == "as-is", "p_1"]
    np.testing.assert_allclose(as_is, expected, atol=1e-6)  # features are kept, probabilities the same
    drops = contribution(table).set_index("condition")["drop"]
    columns = drops[[name for name in drops.index if name.startswith("column:")]]
    assert columns.idxmax() == "column:DECISIVE:permute"
    assert drops["block:b:drop"] > 0.3 > abs(drops["block:a:drop"])
    shares = shapley(table).set_index("modality")["value"]
    assert shares["table"] > 0.35 > 0.1 > abs(shares["image"])
    curve = missingness(table)
    assert curve["value"].iloc[0] > 0.95 > curve["value"].iloc[-1]


def test_images_whose_features_are_kept_change_no_answer_and_no_call_leaves_a_trace(
    sees_column: Bundle, telling: Cohort
) -> None:
    predictor, plain = Predictor(sees_column, images=telling.images), Predictor(sees_column)
    before = dict(vars(predictor))
    table = telling.table.assign(DECISIVE=2.0)
    for images in (telling.images, telling.images[::-1].copy(), telling.images):
        np.testing.assert_array_equal(predictor(images, table), plain(images, table))
    assert vars(predictor).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(predictor).items())
