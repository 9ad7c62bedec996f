"""The audit as a whole, and what a refusal says."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.audit import REFUSALS, audit_images, audit_tables, checks, refusals, refuse
from fusekit.data import Finding
from fusekit.errors import LeakageError, OptionError
from fusekit.experiment.external import cohort as external_cohort
from tests.audit.conftest import Plain, make_cohort, make_store, make_volumes

NOISE = np.random.default_rng(0).normal(size=60)


def test_planted_problems_are_found_in_tables_and_images() -> None:
    gaps = np.where(np.arange(60) % 2, NOISE, np.nan)
    cohort = make_cohort({"MMSE": NOISE, "site_no": NOISE, "csf": gaps}, {"acquired": ["2012-03-01"] * 60, "diagnosis_date": ["2010-03-01"] * 60})  # fmt: skip # noqa: E501
    volumes = make_volumes(cohort.scans.index, digest=["same"] * 2 + [f"d{i}" for i in range(58)])
    volumes.loc["scan9", "foreground"] = 0.01
    thumbnails = np.random.default_rng(1).integers(0, 255, (60, 16, 16, 16)).astype(np.uint8)
    folds = pd.Series(np.arange(60) // 2 % 5, index=cohort.scans["subject"].to_numpy())
    found = audit_tables(cohort, folds, Plain())
    found += audit_images(cohort, Plain(), make_store(volumes, thumbnails))
    assert [(f.severity, f.code) for f in found] == [
        ("refusal", "leaky-column"),
        ("warning", "shortcut-column"),
        ("warning", "telling-gaps"),
        ("warning", "telling-gap"),
        ("warning", "scan-after-diagnosis"),
        ("refusal", "same-image"),
        ("warning", "little-foreground"),
    ]
    assert all(f.items and f.advice and f.message.endswith(".") for f in found)


def test_a_clean_cohort_has_no_findings() -> None:
    cohort = make_cohort({"csf": NOISE}, {"sex": np.where(NOISE > 0, "f", "m")})
    assert audit_tables(cohort, None, Plain()) == ()


def test_a_subject_in_two_folds_stops_the_audit() -> None:
    cohort = make_cohort({"csf": NOISE})
    folds = pd.Series(0, index=[*cohort.scans["subject"], "s001"])
    folds.iloc[-1] = 1
    with pytest.raises(LeakageError, match="s001"):
        audit_tables(cohort, folds, Plain())


LEAKY = Finding("leaky-column", "columns.", tuple(f"c{k}" for k in range(12)), "refusal", "Take them out.")
OWN = Finding("two-sides", "of a task's own.", ("x",), "refusal", "Choose one.")


def test_a_refusal_names_code_first_ten_items_advice_and_the_way_out() -> None:
    with pytest.raises(LeakageError) as caught:
        refuse([LEAKY, Finding("note", "n."), OWN])
    text = str(caught.value)
    assert "for 2 reasons" in text
    assert "- leaky-column (12): columns." in text
    assert "c0; c1; c2; c3; c4; c5; c6; c7; c8; c9 and 2 more." in text
    assert "Take them out. To continue anyway: --allow leaky-column" in text
    assert "--allow two-sides" in text


def test_allowed_refusals_pass_by_name() -> None:
    refuse([LEAKY, OWN], ("leaky-column", "two-sides"))
    assert refusals([LEAKY, OWN], ("two-sides",)) == [LEAKY]
    refuse([], ("same-image",))  # it may be gone since


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="'leaky-colum' is none; did you mean 'leaky-column'"):
        refuse([], ("leaky-colum",))


def test_the_list_of_refusals_is_that_of_the_sources() -> None:
    made = set()
    sources = [*Path(inspect.getfile(checks)).parent.glob("*.py"), Path(inspect.getfile(external_cohort))]
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Finding", "note"):
                texts = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
                made |= {texts[0]} if "refusal" in texts else set()
    assert sorted({*made, "recipe-differs"}) == sorted(REFUSALS)  # that one is said where recipes are compared
