"""A draft as TOML: which class is written as the positive one, and how images of each kind are cut."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fusekit.data.draft.draft import Draft, Found, as_toml
from fusekit.data.draft.pattern import Guess

DRAFT = Draft(
    folder=Path("data"),
    table="t.csv",
    found=Found(images={"NIfTI": ["1.nii"]}),
    rows=10,
    images=Guess("{id}.nii", ("id",), False, 10),
    masks=None,
    subject="id",
    scan="",
    label="y",
    other_labels=(),
    label_values={"0": 5, "1": 5},
    columns=(),
    groups=(),
)


def read(**changes: Any) -> dict[str, Any]:
    return tomllib.loads(as_toml(replace(DRAFT, **changes), "data"))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ({"1": 5, "0": 5}, ["0", "1"]),
        ({"malignant": 7, "benign": 3}, ["benign", "malignant"]),
        ({"Yes": 7, "No": 3}, ["No", "Yes"]),
        ({"x": 3, "b": 7}, ["b", "x"]),  # unknown words: the rarer is the likelier case
        ({"c": 1, "a": 2, "b": 3}, ["a", "b", "c"]),
    ],
)
def test_the_positive_class_is_guessed_and_stated(values: dict[str, int], classes: list[str]) -> None:
    entries = read(label_values=values)
    assert entries["classes"] == classes
    assert entries.get("positive") == (classes[1] if len(classes) == 2 else None)


def test_rows_without_image_or_label_are_left_to_the_reader() -> None:
    assert "rows_without_image" not in read()
    entries = read(images=Guess("path", ("path",), True, 8), label_values={"0": 5, "1": 4})
    assert entries["images"] == {"column": "path"}
    assert entries["rows_without_image"] == "refuse"
    assert entries["leave_out"] == [""]


def test_slices_follow_the_kind_of_image() -> None:
    assert read()["slices"] == {"plane": "axial", "space": "fraction", "start": 0.45, "stop": 0.55, "fit": "stretch"}
    assert read(ct=True)["slices"]["window"] == [400, 40]
    pictures = read(found=Found(images={"picture": ["1.png"]}))["slices"]
    assert (pictures["start"], pictures["stop"], pictures["fit"]) == (0, 1, "pad")
