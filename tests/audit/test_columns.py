"""Columns that give the answer away, and columns that only look like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fusekit.audit import columns
from fusekit.audit.columns import (
    columns_that_are_the_label,
    leaky_columns,
    shortcut_columns,
    strong_columns,
)

NOISE = np.random.default_rng(0).normal(size=60)
LABEL = np.arange(60) % 2


def test_what_the_task_calls_leaky_is_refused_by_name_and_by_source(case: Callable[..., Any]) -> None:
    made = case(
        {"AGE": NOISE, "MMSE": NOISE, "score": NOISE, "ADNIMERGE.MMSE": NOISE}, sources={"score": "VISITS.MMSE"}
    )
    (found,) = leaky_columns(made)
    assert (found.code, found.severity) == ("leaky-column", "refusal")
    assert found.items == ("MMSE", "score", "ADNIMERGE.MMSE")
    assert "a criterion of the diagnosis" in found.message
    assert found.advice


@pytest.mark.parametrize("name", ["label", "Target", "OUTCOME", "diagnosis", "dx", "dx_bl", "class", "group", "y", "true_label"])  # fmt: skip # noqa: E501
def test_the_label_by_any_name_is_refused(case: Callable[..., Any], name: str) -> None:
    (found,) = leaky_columns(case({name: NOISE}))
    assert found.items == (name,)


@pytest.mark.parametrize("name", ["age", "blood_group", "classification_free_t4", "yield", "dxa_bone_density", "labile_iron"])  # fmt: skip # noqa: E501
def test_measurements_with_like_names_are_not(case: Callable[..., Any], name: str) -> None:
    made = case({name: NOISE})
    assert [*leaky_columns(made), *shortcut_columns(made)] == []


def test_shortcuts_by_name_are_warned_of_once(case: Callable[..., Any]) -> None:
    names = ["site", "Scanner_Model", "exam_date", "patient_id", "PHASE", "batch", "visit", "image_path", "T.SITEID"]
    clean = ["candidate", "lipid", "voxels", "basophils", "state", "albumin_batchless"]
    (found,) = shortcut_columns(case(dict.fromkeys([*names, *clean, "label"], NOISE)))
    assert found.severity == "warning"
    assert list(found.items) == names


def test_a_column_that_is_the_label_in_other_words_is_refused(case: Callable[..., Any]) -> None:
    ward = np.where(LABEL, np.where(NOISE > 0, "geriatrics", "memory"), "surgery")
    (found,) = columns_that_are_the_label(
        case({"ward": ward, "flag": np.where(LABEL, -1.0, 4.0), "noise": NOISE, "sex": np.where(NOISE > 0, "f", "m")})
    )
    assert (found.code, found.severity, found.items) == ("column-is-label", "refusal", ("ward", "flag"))


def test_pure_groups_that_chance_brings_are_not_refused(case: Callable[..., Any]) -> None:
    alone = [f"v{i}" for i in range(60)]  # every value is pure, and says nothing
    assert list(columns_that_are_the_label(case({"id_like": alone}))) == []
    few = case({"x": ["a", "b"] * 4}, count=8)  # 8 people: one in 35 columns would be pure by chance
    assert list(columns_that_are_the_label(few)) == []


def test_the_bound_on_chance_bounds_the_simulated_rate() -> None:
    rng = np.random.default_rng(1)
    labels, groups = np.array([0] * 4 + [1] * 4), np.array([0, 0, 0, 1, 1, 1, 2, 2])
    pure = 0
    for _ in range(4000):
        mixed = rng.permutation(labels)
        pure += all(len(set(mixed[groups == g])) == 1 for g in range(3))
    assert pure / 4000 <= np.exp(columns._log_chance(labels, 3))


def test_a_single_column_that_nearly_decides_is_warned_of(case: Callable[..., Any]) -> None:
    down = -LABEL + 0.3 * NOISE  # the other way round, AUC 0.99
    (found,) = strong_columns(case({"marker": down, "noise": NOISE, "weak": LABEL + NOISE}))
    assert found.severity == "warning"
    (item,) = found.items
    assert item.startswith("marker: AUC 0.9")
    assert "for B in 60 subjects" in item


def test_categories_that_nearly_decide_are_warned_of_by_held_out_subjects(case: Callable[..., Any]) -> None:
    word = [("abc" if k % 2 else "xyz")[k % 3] for k in range(60)]
    unique = [f"v{i}" for i in range(60)]
    (found,) = strong_columns(case({"word": word, "unique": unique, "one": ["same"] * 60}))
    assert [item.partition(":")[0] for item in found.items] == ["word"]


def test_perfect_columns_of_few_people_are_chance(case: Callable[..., Any]) -> None:
    values = {f"c{k}": np.random.default_rng(k).normal(size=8) for k in range(200)}
    assert any(abs(np.corrcoef(v, np.arange(8) % 2)[0, 1]) > 0.8 for v in values.values())
    assert list(strong_columns(case(values, count=8))) == []
