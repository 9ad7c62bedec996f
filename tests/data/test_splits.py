from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data import Cohort, assign_folds, refuse_leakage, split
from fusekit.errors import DataError, LeakageError, OptionError


def _cohort(subjects: list[str], labels: list[int]) -> Cohort:
    index = pd.Index([f"scan{i}" for i in range(len(subjects))], name="scan")
    images = [Path(f"{scan}.nii") for scan in index]
    scans = pd.DataFrame({"subject": subjects, "image": images, "label": labels}, index=index)
    return Cohort(scans, pd.DataFrame(index=index), (), ("CN", "AD"))


@settings(deadline=None, max_examples=60)
@given(data=st.data(), folds=st.integers(2, 5), seed=st.integers(0, 2**32 - 1))
def test_folds_deal_out_every_subject_evenly_whatever_the_order_of_rows(
    data: st.DataObject, folds: int, seed: int
) -> None:
    counts = [data.draw(st.integers(folds, 15)) for _ in range(data.draw(st.integers(1, 3)))]
    labels = pd.Series({f"p{label}-{i}": label for label, count in enumerate(counts) for i in range(count)})
    shuffled = labels.loc[data.draw(st.permutations(list(labels.index)))]
    assigned = assign_folds(shuffled, folds, seed)
    assert list(assigned.index) == sorted(labels.index)
    pd.testing.assert_series_equal(assigned, assign_folds(labels, folds, seed))
    for label, count in enumerate(counts):
        sizes = assigned[labels.loc[assigned.index] == label].value_counts().reindex(range(folds), fill_value=0)
        assert sizes.sum() == count
        assert sizes.max() - sizes.min() <= 1
    sizes = assigned.value_counts()
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1


def test_another_seed_deals_other_folds() -> None:
    labels = pd.Series([0, 1] * 20, index=[f"p{i:02}" for i in range(40)])
    assert not assign_folds(labels, 5, 0).equals(assign_folds(labels, 5, 1))


def test_too_few_subjects_are_counted() -> None:
    labels = pd.Series(["CN"] * 6 + ["AD"] * 2, index=[f"p{i}" for i in range(8)])
    with pytest.raises(DataError, match=r"5 folds need 5 subjects of every class.*2 of 'AD', 6 of 'CN'\. Use fewer"):
        assign_folds(labels, 5, 0)
    with pytest.raises(DataError, match="there are none"):
        assign_folds(pd.Series([], dtype=int), 2, 0)
    with pytest.raises(OptionError, match="2 or more, not 1"):
        assign_folds(labels, 1, 0)


@settings(deadline=None, max_examples=40)
@given(
    scans=st.lists(st.integers(1, 3), min_size=6, max_size=20),
    seed=st.integers(0, 1000),
    fold=st.integers(0, 2),
)
def test_no_subject_is_on_both_sides_and_no_scan_on_none(scans: list[int], seed: int, fold: int) -> None:
    subjects = [f"p{i}" for i, count in enumerate(scans) for _ in range(count)]
    cohort = _cohort(subjects, [int(subject[1:]) % 2 for subject in subjects])
    halves = split(cohort, 3, seed, fold)
    of = cohort.scans["subject"]
    assert not set(of[halves.train]) & set(of[halves.test])
    assert list(halves.train.union(halves.test, sort=False).sort_values()) == sorted(cohort.scans.index)
    assert set(of[halves.test]) == set(assign_folds(cohort.subjects, 3, seed).loc[lambda f: f == fold].index)


def test_a_split_names_classes_and_refuses_a_fold_that_is_not_there() -> None:
    cohort = _cohort(["a", "b", "c", "d"], [0, 0, 0, 1])
    with pytest.raises(DataError, match="1 of 'AD', 3 of 'CN'"):
        split(cohort, 2, 0)
    with pytest.raises(OptionError, match="fold takes 0 to 1, not 2"):
        split(cohort, 2, 0, fold=2)


def test_leakage_names_the_subjects() -> None:
    refuse_leakage(["a", "b"], ["c"])
    with pytest.raises(LeakageError, match=r"2 subjects are in both the training and the test set: a, b\. Split"):
        refuse_leakage(pd.Series(["b", "a", "a"]), ["a", "b", "c"])
    with pytest.raises(LeakageError, match="and 2 more"):
        refuse_leakage([f"p{i}" for i in range(12)], [f"p{i}" for i in range(12)])
