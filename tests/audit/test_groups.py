"""Circumstances that go with the label, and those that chance brings together with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.audit import association
from fusekit.audit.groups import confounded_geometry, confounded_groups, scans_after_diagnosis
from tests.audit.conftest import make_store, make_volumes

LABEL = np.arange(60) % 2


def test_a_scanner_that_goes_with_the_label_is_named_with_its_numbers(case: Callable[..., Any]) -> None:
    tesla = np.where(LABEL, "3", np.where(np.arange(60) % 3 == 0, "3", "1.5"))
    rng = np.random.default_rng(0)
    groups = {"field_strength": tesla, "site": rng.choice(list("abcd"), 60), "age": rng.normal(70, 8, 60)}
    (found,) = confounded_groups(case(groups=groups))
    assert (found.code, found.severity) == ("confounded-group", "warning")
    (item,) = found.items
    # 30 B at 3 T; of 30 A, 10 at 3 T and 20 at 1.5 T.
    assert "field_strength: Cramer's V 0.7" in item
    assert "AUC of it alone 0.77 [0.61, 0.87] for B" in item
    assert "'1.5' has 20 A of 20, against 50% in all" in item


def test_age_that_goes_with_the_label_is_named_with_its_medians(case: Callable[..., Any]) -> None:
    age = 70 + 10 * LABEL + np.random.default_rng(1).normal(0, 5, 60).round(2)
    (found,) = confounded_groups(case(groups={"age": age}))
    a, b = (np.median(age[k == LABEL]) for k in (0, 1))
    assert found.items[0].startswith(f"age: median {a:.4g} in A, {b:.4g} in B; AUC of it alone 0.9")


def test_a_class_of_one_subject_has_no_interval_and_none_is_printed_as_nan(case: Callable[..., Any]) -> None:
    single = np.arange(60) == 5
    site = np.where(single, "z", np.where(np.arange(60) % 2, "x", "y"))
    site[6] = "z"
    (found,) = confounded_groups(case(groups={"site": site}, labels=single.astype(int)))
    assert "AUC of it alone undefined [undefined] for B" in found.items[0]


def test_ids_dates_and_constants_are_no_groups(case: Callable[..., Any]) -> None:
    days = [f"2020-01-{k % 28 + 1:02}-{LABEL[k]}-{k}" for k in range(60)]
    assert list(confounded_groups(case(groups={"acquired": days, "phase": ["ADNI1"] * 60}))) == []


def test_blanks_are_a_level_of_their_own(case: Callable[..., Any]) -> None:
    made = case(groups={"scanner": [None if label else "x" for label in LABEL]})
    (found,) = confounded_groups(made)
    assert "'(blank)' has " in found.items[0]
    assert "Cramer's V 1.00" in found.items[0]


def test_without_anything_to_find_alarms_are_as_rare_as_promised(
    case: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(association, "PERMUTATIONS", 99)
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = {
            "site": rng.choice(list("abcdefgh"), 60),
            "sex": rng.choice(["f", "m"], 60),
            "age": rng.normal(size=60),
        }
        alarms += bool(list(confounded_groups(case(labels=rng.permutation(LABEL), groups=groups))))
    assert alarms <= 9  # 99.9 % of a binomial with 60 times 5 %


def test_a_voxel_size_that_goes_with_the_label_is_found(case: Callable[..., Any]) -> None:
    plain = case()
    volumes = make_volumes(plain.cohort.scans.index, spacing_z=np.where(LABEL, 1.2, 1.0))
    (found,) = confounded_geometry(case(store=make_store(volumes)))
    (item,) = found.items
    assert item.startswith("voxel size: Cramer's V 1.00")
    assert list(confounded_geometry(case(store=make_store(make_volumes(plain.cohort.scans.index))))) == []
    assert list(confounded_geometry(plain)) == []


def test_scans_long_after_the_diagnosis_are_listed_latest_first(case: Callable[..., Any]) -> None:
    known = pd.Series(["2010-01-01"] * 4 + [None] * 56, dtype=object)
    acquired = [
        "2010-06-30",
        "2010-07-01",
        "2012-01-01",
        "2009-01-01",
        *["2015-01-01"] * 56,
    ]  # 180, 181, 730 days after
    groups = {"acquired": acquired, "diagnosis_date": known.to_numpy()}
    (found,) = scans_after_diagnosis(case(groups=groups, labels=[1] * 4 + [0, 1] * 28))
    assert found.severity == "warning"
    assert found.items == ("scan2: 730 days", "scan1: 181 days")
    assert "2 of B; of 4 scans with both days; at most 2.0 years" in found.message
    assert list(scans_after_diagnosis(case())) == []
