from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data import assign_folds, refuse_leakage, set_aside
from fusekit.data.splits import beginning
from fusekit.errors import DataError, LeakageError, OptionError


@settings(max_examples=60)
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


@settings(max_examples=60)
@given(counts=st.lists(st.integers(4, 30), min_size=2, max_size=3), seed=st.integers(0, 2**32 - 1))
def test_validation_takes_its_share_of_every_class(counts: list[int], seed: int) -> None:
    labels = pd.Series({f"p{label}-{i}": label for label, count in enumerate(counts) for i in range(count)})
    aside = set_aside(labels, 0.25, seed)
    assert list(aside) == sorted(set(aside))
    assert len(aside) == round(0.25 * len(labels))
    for label, count in enumerate(counts):
        assert abs((labels[aside] == label).sum() - 0.25 * count) <= 1
    pd.testing.assert_index_equal(aside, set_aside(labels.sample(frac=1, random_state=1), 0.25, seed))


def test_validation_changes_with_the_seed_and_can_be_nobody() -> None:
    labels = pd.Series([0, 1] * 20, index=[f"p{i:02}" for i in range(40)])
    assert list(set_aside(labels, 0.2, (0, 1))) != list(set_aside(labels, 0.2, (0, 2)))
    assert list(set_aside(labels, 0, 0)) == []


@pytest.mark.parametrize(("share", "labels"), [(0.05, [0, 1] * 10), (0.5, [0, 0, 0, 1]), (0.95, [0, 1] * 10)])
def test_a_class_that_cannot_be_on_both_sides_is_refused(share: float, labels: list[int]) -> None:
    with pytest.raises(DataError, match="every class must be on both sides"):
        set_aside(pd.Series(labels, index=[f"p{i}" for i in range(len(labels))]), share, 0)


def test_leakage_names_the_subjects() -> None:
    refuse_leakage(["a", "b"], ["c"])
    with pytest.raises(LeakageError, match=r"2 subjects are in both the training and the test set: a, b\. Split"):
        refuse_leakage(pd.Series(["b", "a", "a"]), ["a", "b", "c"])
    with pytest.raises(LeakageError, match="and 2 more"):
        refuse_leakage([f"p{i}" for i in range(12)], [f"p{i}" for i in range(12)])


@settings(max_examples=60)
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=3), seed=st.integers(0, 2**32 - 1))
def test_beginnings_are_nested_and_balanced_whatever_the_order_of_rows(counts: list[int], seed: int) -> None:
    labels = pd.Series({f"p{label}-{i}": label for label, count in enumerate(counts) for i in range(count)})
    parts = [beginning(labels, percent, seed) for percent in (25, 50, 75, 100)]
    assert [len(part) for part in parts] == [-(-len(labels) * percent // 100) for percent in (25, 50, 75, 100)]
    assert list(parts[-1]) == sorted(labels.index)
    for smaller, larger in pairwise(parts):
        assert set(smaller) <= set(larger)
    for percent, part in zip((25, 50, 75), parts, strict=False):
        assert list(part) == sorted(set(part))
        share = len(part) / len(labels)
        for label, count in enumerate(counts):
            assert abs((labels[part] == label).sum() - share * count) <= 1
        pd.testing.assert_index_equal(part, beginning(labels.sample(frac=1, random_state=1), percent, seed))


def test_another_seed_begins_with_others_and_nobody_is_nobody() -> None:
    labels = pd.Series([0, 1] * 20, index=[f"p{i:02}" for i in range(40)])
    assert list(beginning(labels, 25, (0, 1))) != list(beginning(labels, 25, (0, 2)))
    assert list(beginning(labels[:0], 25, 0)) == []
