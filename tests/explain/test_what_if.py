"""What if a value were another: the same as predicting a patient who has it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fusekit.bundle.bundle import Bundle
from fusekit.data import Column
from fusekit.data.clinical.column import EncodedColumn
from fusekit.errors import DataError
from fusekit.explain import Predictor, what_if
from fusekit.explain.what_if import answers, moved, usual_levels
from tests.explain.conftest import Cohort


def test_answers_are_predictions_of_changed_patients(injected: Bundle, both: Cohort) -> None:
    values = both.table.iloc[[3]]
    found = what_if(injected, both.images[3], values, "DECISIVE", [-1.0, 4.0, None])
    assert found.levels[0] == values["DECISIVE"].iloc[0]
    for level, said in zip(found.levels, found.answers, strict=True):
        changed = values.assign(DECISIVE=np.nan if level is None else level)
        alone = injected.probabilities(both.images[[3]], injected.encode(changed))[0]
        np.testing.assert_allclose(said, alone, atol=1e-6)


def test_only_what_is_injected_moves_the_map(injected: Bundle, sees_column: Bundle, both: Cohort) -> None:
    values = both.table.iloc[[3]]
    asked = ("DECISIVE", [-3.0, 6.0])
    added = what_if(sees_column, both.images[3], values, *asked)
    assert added.maps is not None
    assert np.ptp(added.answers[:, 1]) > 0.1
    for other in added.maps[1:]:
        np.testing.assert_allclose(other, added.maps[0], atol=1e-6 * max(1.0, added.maps.max()))
    inside = what_if(injected, both.images[3], values, *asked)
    assert inside.maps is not None
    assert inside.changes[0] == 0
    assert inside.changes[1:].max() > 0.01


def test_tables_of_answers_are_in_order_and_on_one_scale(injected: Bundle, both: Cohort) -> None:
    table, maps = answers(Predictor(injected), both.images[3], both.table.iloc[[3]], "DECISIVE", [4.0, -1.0])
    assert table["number"].is_monotonic_increasing
    assert table["is_original"].sum() == 1
    assert maps is not None
    assert maps.max() == 1
    np.testing.assert_allclose(maps.reshape(3, -1).max(axis=1), table["maximum"] / table["maximum"].max(), rtol=1e-5)
    sexes, _ = answers(Predictor(injected), both.images[3], both.table.iloc[[3]], "SEX", ["Male", "Female"])
    assert sexes["level"].tolist() == ["Female", "Male"]


def test_usual_levels_stay_within_training(injected: Bundle, both: Cohort) -> None:
    assert injected.encoding is not None
    columns = {column.name: column for column in injected.encoding.columns}
    assert usual_levels(columns["SEX"]) == ["Female", "Male"]
    levels = usual_levels(columns["DECISIVE"])
    assert len(levels) > 2
    assert set(levels) <= set(both.table["DECISIVE"])


def test_values_that_are_tried_occur() -> None:
    """Alleles are 0, 1 or 2, whatever their mean; of many values the nearest to mean and deviations, by hand."""
    alleles = EncodedColumn.fit(pd.Series([0.0, 0, 1, 0, 2, 1, np.nan]), Column("e4"))
    assert usual_levels(alleles) == [0, 1, 2]
    ages = pd.Series(np.array([51.0, 60, 61, 63, 64, 66, 67, 70, 79, 90]))
    nearest = {ages.iloc[(ages - ages.mean() - k * ages.std(ddof=0)).abs().argmin()] for k in (-2, -1, 0, 1, 2)}
    column = EncodedColumn.fit(ages, Column("age"))
    assert usual_levels(column) == sorted(nearest)
    again = EncodedColumn.from_json(json.loads(json.dumps(column.as_json())))
    assert usual_levels(again) == sorted(nearest)
    older = {name: value for name, value in column.as_json().items() if name != "levels"}
    assert usual_levels(EncodedColumn.from_json(older)) == [51, 90]


def test_an_unknown_column_is_refused_by_name(injected: Bundle, both: Cohort) -> None:
    with pytest.raises(DataError, match="no column 'DECISIV'; did you mean 'DECISIVE'"):
        what_if(injected, both.images[0], both.table.iloc[[0]], "DECISIV", [1.0])


def test_moved_is_total_variation() -> None:
    one, other = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 5.0]])
    assert moved(one, 3 * one) == 0
    assert moved(one, other) == 1
    assert moved(one, one + other / 5) == 0.5
    assert np.isnan(moved(one, 0 * one))
