"""Several images of each row: drafted as a table of names, and read back by the task that the draft describes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest

from fusekit.data.draft.draft import as_toml, draft
from fusekit.data.own.task import OwnTask
from fusekit.progress import Quiet

nibabel: Any = untyped_nibabel


def cohort(folder: Path, *patterns: str, absent: tuple[str, ...] = (), further: str = "") -> Path:
    """Ten patients, each with a small volume by each pattern; ``further`` columns are patterns too."""
    names = [f"P{k:02}" for k in range(10)]
    columns = further.split()
    lines = [",".join(["id", "outcome", *(f"path {n}" for n in range(len(columns)))])]
    for k, name in enumerate(names):
        lines.append(",".join([name, ["no", "yes"][k % 2], *(column.format(id=name) for column in columns)]))
        for pattern in patterns:
            path = folder / pattern.format(id=name)
            if pattern.format(id=name) not in absent:
                path.parent.mkdir(parents=True, exist_ok=True)
                nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), "f4"), np.eye(4)), path)
    (folder / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("scans/{id}_flair.nii.gz", "scans/{id}_t1.nii.gz"), ["t1", "flair"]),
        (("{id}/FLAIR/image.nii", "{id}/T1/image.nii", "{id}/T2/image.nii"), ["t1", "flair", "t2"]),
        (("sub-{id}/anat/sub-{id}_T1w.nii.gz", "sub-{id}/anat/sub-{id}_FLAIR.nii.gz"), ["t1w", "flair"]),
        (("ct/{id}_portal_phase.nii", "ct/{id}_arterial_phase.nii"), ["arterial", "portal"]),
    ],
)
def test_images_that_differ_by_a_word_are_drafted_by_it(
    tmp_path: Path, patterns: tuple[str, ...], names: list[str]
) -> None:
    made = draft(cohort(tmp_path, *patterns))
    assert list(made.sequences) == names
    assert {way.text for way in made.sequences.values()} == set(patterns)
    assert made.complete == 10
    (tmp_path / "my.toml").write_text(as_toml(made, "."), "utf-8")
    read = OwnTask(tmp_path / "my.toml").scan(tmp_path, Quiet())
    assert read.images == tuple(names)
    assert len(read.scans) == 10


@pytest.mark.parametrize(
    "patterns",
    [
        ("{id}.nii.gz",),
        ("scans/{id}_1.nii", "scans/{id}_2.nii"),  # slices or repetitions
        ("{id}.nii.gz", "{id}_brain.nii.gz"),  # one has no name
        ("{id}_t1.nii", "{id}_t1_mask.nii"),
    ],
)
def test_other_images_are_no_sequences(tmp_path: Path, patterns: tuple[str, ...]) -> None:
    made = draft(cohort(tmp_path, *patterns))
    assert made.sequences == {}
    assert isinstance(tomllib.loads(as_toml(made, "."))["images"], str)


def test_rows_that_lack_one_are_counted(tmp_path: Path) -> None:
    made = draft(cohort(tmp_path, "{id}_t1.nii", "{id}_flair.nii", absent=("P03_t1.nii", "P07_flair.nii")))
    assert made.complete == 8
    text = as_toml(made, ".")
    assert "gives 8 of 10 rows all of them" in text
    assert tomllib.loads(text)["rows_without_image"] == "refuse"


def test_columns_of_paths_are_drafted_too(tmp_path: Path) -> None:
    folder = cohort(tmp_path, "a/{id}.nii", "b/{id}.nii", further="a/{id}.nii b/{id}.nii")
    table = (folder / "t.csv").read_text("utf-8").replace("path 0", "T1").replace("path 1", "FLAIR")
    (folder / "t.csv").write_text(table, "utf-8")
    made = draft(folder)
    assert {name: (way.text, way.is_column) for name, way in made.sequences.items()} == {
        "t1": ("T1", True),
        "flair": ("FLAIR", True),
    }
    read = tomllib.loads(as_toml(made, "."))
    assert read["images"] == {"t1": {"column": "T1"}, "flair": {"column": "FLAIR"}}
    assert read["columns"] == {}
