"""Differences: each kind provoked once, and reported for the right subject and nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes, Cohort
from fusekit.data.recipe.compare import Difference, compare, count_subjects, pair, select
from fusekit.data.recipe.recipe import Recipe
from fusekit.errors import DataError
from fusekit.progress import Quiet
from tests.tiny import Tiny, write_image

_PAGE = (Path(__file__).parents[3] / "docs/how-to/share-a-cohort.md").read_text(encoding="utf-8")
#: Kinds of differences that the documentation explains.
KINDS = set(re.findall(r"`([a-z]+-[a-z]+)`", "".join(re.findall(r"^\| (`[^|]*) \|", _PAGE, flags=re.MULTILINE))))


def recipe_of(cohort: Cohort) -> Recipe:
    return Recipe.of(cohort, task="tiny", synthetic=False, options={}, versions={"fusekit": "0.0.1"}, progress=Quiet())


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("tiny")
    Tiny().synthesize(folder, Quiet())
    return Tiny().scan(folder, Quiet())


@pytest.fixture(scope="module")
def theirs(cohort: Cohort) -> Recipe:
    return recipe_of(cohort)


def without(cohort: Cohort, scans: list[str]) -> Cohort:
    return replace(cohort, scans=cohort.scans.drop(index=scans), clinical=cohort.clinical.drop(index=scans))


def with_cell(cohort: Cohort, scan: str, column: str, value: Any) -> Cohort:
    clinical = cohort.clinical.copy()
    clinical.loc[scan, column] = value
    return replace(cohort, clinical=clinical)


def with_scan(cohort: Cohort, scan: str, name: str | None = None, **cells: Any) -> Cohort:
    """One scan changed, and called otherwise."""
    scans = cohort.scans.astype(object)
    for column, value in cells.items():
        scans.loc[scan, column] = value
    scans = scans.rename(index={scan: name or scan}).assign(label=scans["label"].to_numpy().astype(int))
    return replace(cohort, scans=scans, clinical=cohort.clinical.rename(index={scan: name or scan}))


def another(tmp_path: Path) -> Path:
    write_image(tmp_path / "other.nii", np.random.default_rng(9).integers(0, 900, (8, 8, 8)))
    return tmp_path / "other.nii"


def rule(cohort: Cohort, name: str, **rules: object) -> Cohort:
    changed = [replace(column, **rules) if column.name == name else column for column in cohort.columns]  # type: ignore[arg-type]
    return replace(cohort, columns=tuple(changed))


def drop(cohort: Cohort, *names: str) -> Cohort:
    kept = tuple(column for column in cohort.columns if column.name not in names)
    return replace(cohort, columns=kept, clinical=cohort.clinical[[column.name for column in kept]])


Case = tuple[Callable[[Cohort, Path], Cohort], list[tuple[str, str, str, str]]]
TWO = "p1_m12_I102"
CASES: dict[str, Case] = {
    "nothing": (lambda c, _: c, []),
    "order": (lambda c, _: replace(c, scans=c.scans.iloc[::-1], clinical=c.clinical.iloc[::-1]), []),
    "column order": (lambda c, _: replace(c, columns=c.columns[::-1], clinical=c.clinical.iloc[:, ::-1]), []),
    "new ids of images": (
        lambda c, _: with_scan(c, TWO, "p1_m12_I999", image_id="I999"),
        # Neither the scan's nor the image's id is there, so that only the visit is left to look by.
        [("other-image", "p1", "m12", "p1 m12: the visit has the image I999, not I102")],
    ),
    "same image renumbered": (lambda c, _: with_scan(c, TWO, image_id="I999"), []),
    "new ids of scans": (lambda c, _: with_scan(c, TWO, "scan 2"), []),
    "subject": (
        lambda c, _: without(c, ["p1_bl_I101", TWO]),
        [("subject-absent", "p1", "", "p1: the subject is absent (2 scans)")],
    ),
    "scan": (lambda c, _: without(c, [TWO]), [("scan-absent", "p1", "m12", "p1 m12: the image I102 is absent")]),
    "image": (
        lambda c, t: with_scan(c, TWO, image_id="I999", image=another(t)),
        [
            (
                "other-image",
                "p1",
                "m12",
                "p1 m12: the visit has the image I999, not I102; label and values cannot be compared",
            )
        ],
    ),
    "voxels": (
        lambda c, t: with_scan(c, TWO, image=another(t)),
        [
            (
                "other-voxels",
                "p1",
                "m12",
                "p1 m12: the image I102 has other voxels (processed again?); label and values cannot be compared",
            )
        ],
    ),
    "visit": (
        lambda c, _: with_scan(c, TWO, "p1_m06_I102", visit="m06"),
        [("other-visit", "p1", "m12", "p1 m12: the image is that of p1 m06 here")],
    ),
    "owner": (
        lambda c, _: with_scan(c, TWO, "p2_m12_I102", subject="p2"),
        [("other-visit", "p1", "m12", "p1 m12: the image is that of p2 m12 here")],
    ),
    "label": (
        lambda c, _: with_scan(c, "p0_bl_I100", label=1),
        [("other-label", "p0", "bl", "p0 bl: the label differs")],
    ),
    "value": (
        lambda c, _: with_cell(c, TWO, "tau", 100.0),
        [("other-values", "p1", "m12", "p1 m12: values of lab differ")],
    ),
    "last digit": (
        lambda c, _: with_cell(c, TWO, "tau", np.nextafter(c.clinical["tau"].to_dict()[TWO], 0)),
        [("other-values", "p1", "m12", "p1 m12: values of lab differ")],
    ),
    "missing": (
        lambda c, _: with_cell(c, TWO, "plasma", np.nan),
        [("other-values", "p1", "m12", "p1 m12: values of lab differ")],
    ),
    "category": (
        lambda c, _: with_cell(c, TWO, "gene", "e2/e3"),
        [("other-values", "p1", "m12", "p1 m12: values of genes differ")],
    ),
    "two tables": (
        lambda c, _: with_cell(with_cell(c, TWO, "gene", None), TWO, "tau", 100.0),
        [
            ("other-values", "p1", "m12", "p1 m12: values of lab differ"),
            ("other-values", "p1", "m12", "p1 m12: values of genes differ"),
        ],
    ),
    "column": (
        lambda c, _: drop(c, "plasma"),
        [("column-absent", "", "", "the column 'plasma' is absent")],
    ),
    "table": (
        lambda c, _: drop(c, "plasma", "tau"),
        [("table-absent", "", "", "the table lab is absent (2 columns)")],
    ),
    "rules": (
        lambda c, _: rule(c, "tau", unit="ng/L", high=99),
        [("column-differs", "", "", "the column 'tau' has unit 'ng/L', not 'pg/mL'; high 99, not 1300")],
    ),
    "classes": (
        lambda c, _: replace(c, target=Classes(("well", "dementia"))),
        [
            ("other-classes", "", "", "the classes are well, dementia, not hearty, dementia"),
            *[
                ("other-label", f"p{s}", v, f"p{s} {v}: the label differs")
                for s, v in [(0, "bl"), (3, "bl"), (3, "m12"), (4, "bl"), (7, "bl"), (7, "m12")]
            ],
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_difference_is_reported_for_its_subject_alone(
    name: str, cohort: Cohort, theirs: Recipe, tmp_path: Path
) -> None:
    change, expected = CASES[name]
    mine = recipe_of(select(change(cohort, tmp_path), theirs))
    found = compare(theirs, mine, change(cohort, tmp_path).scans)
    assert [(d.kind, d.subject, d.visit, str(d)) for d in found] == expected
    assert count_subjects(found) == len({subject for _, subject, _, _ in expected if subject})
    assert {difference.kind for difference in found} <= set(KINDS)


def test_differences_go_both_ways_for_columns(cohort: Cohort, theirs: Recipe) -> None:
    smaller = recipe_of(drop(cohort, "plasma", "gene"))
    told = [(d.kind, d.what, str(d)) for d in compare(smaller, theirs)]
    assert told == [
        ("column-additional", "plasma", "the column 'plasma' is not in the recipe"),
        ("table-additional", "genes", "the table genes is not in the recipe (1 column)"),
    ]
    assert {kind for kind, _, _ in told} <= set(KINDS)


def test_a_column_from_another_table_is_one_difference(cohort: Cohort, theirs: Recipe) -> None:
    moved = rule(cohort, "gene", source="dna.gene")
    told = [str(d) for d in compare(theirs, recipe_of(moved))]
    assert told == ["the column 'gene' has source 'dna.gene', not 'genes.gene'"]


def test_another_mask_is_reported(cohort: Cohort, tmp_path: Path) -> None:
    def masked(limit: int) -> Recipe:
        path = tmp_path / f"{limit}.nii"
        write_image(path, np.random.default_rng(1).integers(0, 9, (8, 8, 8)) > limit)
        masks = pd.Series(None, index=cohort.scans.index, dtype=object)
        masks.iloc[1] = path
        return recipe_of(replace(cohort, scans=cohort.scans.assign(mask=masks)))

    second = str(cohort.scans.index[1])
    (found,) = compare(masked(4), masked(5))
    assert (found.kind, found.scan) == ("other-mask", second)
    assert compare(masked(4), masked(4)) == []


def test_the_rebuilt_cohort_has_the_recipes_scans_and_columns_in_its_order(cohort: Cohort, theirs: Recipe) -> None:
    jumbled = cohort.scans.sample(frac=1, random_state=1).index
    columns = (cohort.columns[2], cohort.columns[0], cohort.columns[3], cohort.columns[1])
    mine = replace(
        cohort,
        scans=cohort.scans.loc[jumbled],
        clinical=cohort.clinical.loc[jumbled, [column.name for column in columns]],
        columns=columns,
    )
    rebuilt = select(mine, theirs)
    assert list(rebuilt.scans.index) == list(theirs.scans.index) == sorted(cohort.scans.index)
    assert rebuilt.columns == cohort.columns
    pd.testing.assert_frame_equal(rebuilt.clinical, cohort.clinical.sort_index())
    assert list(rebuilt.clinical.index) == list(rebuilt.scans.index)


def test_further_scans_are_left_out_with_the_columns_that_only_they_fill(cohort: Cohort) -> None:
    part = ["p0_bl_I100", "p3_bl_I104", "p6_bl_I109"]  # none of them has a value of plasma
    assert cohort.clinical.loc[part, "plasma"].isna().all()
    smaller = replace(cohort, scans=cohort.scans.loc[part], clinical=cohort.clinical.loc[part])
    theirs = recipe_of(drop(smaller, "plasma"))
    rebuilt = select(cohort, theirs)
    assert [column.name for column in rebuilt.columns] == ["age", "tau", "gene"]
    assert compare(theirs, recipe_of(rebuilt)) == []


def test_scans_pair_by_their_own_id_then_by_the_images() -> None:
    theirs = pd.DataFrame({"image_id": ["I1", "I2", "I3", "I4"]}, index=["a", "b", "c", "d"])
    mine = pd.DataFrame({"image_id": ["I2", "I1", "I3", "I9", "I9"]}, index=["a", "x", "y", "z", "d"])
    assert pair(theirs, mine) == {"a": "a", "d": "d", "c": "y"}
    assert pair(theirs[[]], mine) == {"a": "a", "d": "d"}
    # Two images of one id: neither is taken.
    twice = pd.DataFrame({"image_id": ["I2", "I2"]}, index=["p", "q"])
    assert pair(theirs, twice) == {}


def test_repeated_ids_are_refused_before_anything_is_compared(cohort: Cohort, theirs: Recipe) -> None:
    twice = pd.concat([cohort.scans, cohort.scans.iloc[:1]])
    with pytest.raises(DataError, match="1 scan ids are repeated"):
        select(replace(cohort, scans=twice, clinical=cohort.clinical.loc[twice.index]), theirs)


def test_a_difference_names_visit_or_scan() -> None:
    assert str(Difference("x", "s1", "", "s1_a", message="m")) == "s1 s1_a: m"
    assert str(Difference("x", "s1", "bl", "s1_a", message="m")) == "s1 bl: m"
    assert str(Difference("x", message="m")) == "m"


def test_a_further_image_with_other_voxels_or_of_another_name_is_reported(cohort: Cohort, tmp_path: Path) -> None:
    def with_flair(seed: int | None, name: str = "flair") -> Recipe:
        paths: list[Path] = []
        for number, scan in enumerate(cohort.scans.index):
            draw = np.random.default_rng(number if seed is None or number != 3 else seed)
            paths.append(tmp_path / f"{seed}-{name}-{scan}.nii")
            write_image(paths[-1], draw.integers(0, 900, (8, 8, 8)))
        scans = cohort.scans.copy()
        scans[f"image:{name}"] = pd.Series(paths, scans.index, dtype=object)
        return recipe_of(replace(cohort, scans=scans, images=("t1", name)))

    theirs = with_flair(None)
    assert compare(theirs, with_flair(None)) == []
    (found,) = compare(theirs, with_flair(99))
    scan = str(cohort.scans.index[3])
    assert (found.kind, found.scan, found.what) == ("other-voxels", scan, "flair")
    assert found.message == "the image flair has other voxels"
    (other,) = compare(theirs, with_flair(None, "dwi"))
    assert (other.kind, other.subject) == ("other-images", "")
    assert other.message == "beside the first, scans have the images dwi, not flair"
    (less,) = compare(theirs, recipe_of(cohort))
    assert less.message == "beside the first, scans have the images none, not flair"
