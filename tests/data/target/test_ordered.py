"""Ordered classes, by hand-made tables and products."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from fusekit.data import Classes, Ordered
from fusekit.data.target import target_of
from fusekit.errors import DataError

GRADES = Ordered(("low", "middle", "high", "highest"))
OUTPUTS = 4 * torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_probability_is_the_product_of_the_conditional_ones() -> None:
    assert GRADES.outputs == 3
    logits = [np.log(odds) for odds in (3.0, 1.0, 0.25)]  # three in four pass the first cut, half of them the next, ...
    found = GRADES.answers(torch.tensor([logits], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found, [[0.25, 0.75 * 0.5, 0.75 * 0.5 * 0.8, 0.75 * 0.5 * 0.2]])
    assert list(GRADES.predict(found)) == ["p_0", "p_1", "p_2", "p_3"]


def test_probabilities_are_rank_consistent_and_those_of_the_paper() -> None:
    """Above class k is the cumulative product of sigmoids, which never rises; all add up to one."""
    found = GRADES.answers(OUTPUTS)
    above = 1 - found.cumsum(dim=1)[:, :-1]
    torch.testing.assert_close(above, torch.cumprod(torch.sigmoid(OUTPUTS), dim=1))
    assert (above.diff(dim=1) <= 0).all()
    torch.testing.assert_close(found.sum(dim=1), torch.ones(200, dtype=torch.float64))


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_certain_outputs_give_numbers(size: float) -> None:
    found = GRADES.answers(torch.full((1, 3), size))
    assert found.tolist() == [[0, 0, 0, 1] if size > 0 else [1, 0, 0, 0]]


def test_the_most_probable_class_is_the_median_class_where_one_has_half_the_probability() -> None:
    found = GRADES.answers(OUTPUTS).numpy()
    median = (torch.cumprod(torch.sigmoid(OUTPUTS), dim=1) > 0.5).sum(dim=1).numpy()  # the paper's rank rule
    called = found.argmax(axis=1)
    sure = found.max(axis=1) > 0.5
    assert 20 < sure.sum() < 200
    assert (called[sure] == median[sure]).all()
    assert (called[~sure] != median[~sure]).any()


def test_an_order_is_read_again_from_what_a_manifest_says_and_is_not_the_classes_without() -> None:
    assert GRADES.as_json() == {"classes": ["low", "middle", "high", "highest"], "ordered": True}
    assert target_of({"title": "t", **GRADES.as_json()}) == GRADES
    assert target_of({"title": "t", "classes": ["low", "middle", "high"]}) == Classes(("low", "middle", "high"))
    assert Classes(GRADES.classes) != GRADES


def test_all_that_is_not_about_outputs_is_that_of_classes() -> None:
    scans = pd.DataFrame({"subject": list("badc"), "label": [1, 0, 2, 3]}, pd.Index(list("wxyz"), name="scan"))
    plain = Classes(GRADES.classes)
    pd.testing.assert_series_equal(GRADES.strata(scans), plain.strata(scans))
    assert {name: own.tolist() for name, own in GRADES.parts(scans["label"]).items()} == {
        name: own.tolist() for name, own in plain.parts(scans["label"]).items()
    }
    with pytest.raises(DataError, match="no subject is 'highest'"):
        GRADES.check(scans[scans["label"] < 3])


@pytest.mark.parametrize("names", [("no", "yes"), ("one",), ()])
def test_two_classes_have_no_order(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="two classes are classes"):
        Ordered(names)
