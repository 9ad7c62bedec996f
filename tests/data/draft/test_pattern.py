"""The pattern that names the images, found by comparing a table's values with paths."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fusekit.data.draft.pattern import guess, within

TABLE = pd.DataFrame(
    {
        "patient": ["01", "02", "02", "10"],
        "visit": ["M00", "M00", "M12", "M00"],
        "scan": ["S1", "S2", "S3", "S10"],
        "path": ["x/1.nii", "x/2.nii", "x/3.nii", "x/10.nii"],
        "age": ["61", "62", "2", "10"],
    }
)


@pytest.mark.parametrize(
    ("template", "expected", "rows"),
    [
        ("scans/{scan}.nii.gz", "scans/{scan}.nii.gz", 4),
        ("{scan}/series/t1_{scan}.nii", "{scan}/series/t1_{scan}.nii", 4),
        ("sub-{patient}/ses-{visit}/anat/sub-{patient}_ses-{visit}_T1w.nii", None, 4),
        ("p{scan}-x.nii", None, 0),  # glued to a letter, it is no word
        ("{path}", "path", 4),
        ("scans/{scan}_run-1.nii", "scans/{scan}_run-1.nii", 4),
        ("{scan}/{hash}/scan.nii", "{scan}/*/scan.nii", 4),
        ("scans/{scan}_{hash}.nii", "scans/{scan}_*.nii", 4),
    ],
)
def test_patterns_are_found(tmp_path: Path, template: str, expected: str | None, rows: int) -> None:
    images = []
    for number, row in enumerate(TABLE.to_dict("records")):
        path = template.format(
            **{str(name): cell for name, cell in row.items()}, hash=f"{'qwer'[number]}9{'abcd'[number]}"
        )
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
        images.append(path)
    found = guess(TABLE, sorted(images), tmp_path)
    if rows == 0:
        assert found is None or found.rows < 4
        return
    assert found is not None
    assert found.rows == rows
    assert found.text == (expected or template)
    assert found.is_column == (template == "{path}")


def test_rows_and_images_without_partner_are_only_counted(tmp_path: Path) -> None:
    for name in ("S1", "S2", "S99", "readme"):
        (tmp_path / f"{name}.nii").touch()
    found = guess(TABLE, ["S1.nii", "S2.nii", "S99.nii", "readme.nii"], tmp_path)
    assert found is not None
    assert (found.text, found.rows) == ("{scan}.nii", 2)
    assert guess(TABLE[["age"]], ["a.nii", "b.nii"], tmp_path) is None


def test_ids_within_the_names_of_images_are_found(tmp_path: Path) -> None:
    table = TABLE.assign(scan=["01_M00", "02_M00", "02_M12", "10_M00"])
    for scan in table["scan"]:
        (tmp_path / f"{scan}.nii").touch()
    found = guess(table, [f"{scan}.nii" for scan in table["scan"]], tmp_path)
    assert found is not None
    assert found.columns == ("scan",)
    assert within(table, found) == ("patient", "visit")
