"""Reading own data and auditing it takes work in proportion to rows and columns: calls are counted, not seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusekit.audit import audit_tables
from fusekit.data.own.task import OwnTask
from fusekit.progress import Quiet

TOML = """table = "t.csv"
images = {images}
subject = "id"
label = "y"
classes = ["0", "1"]
rows_without_image = "leave out"
columns = [{columns}]
{more}
"""


def calls(work: Callable[[], Any]) -> int:
    """How many functions are called, those in C among them."""
    count = 0

    def note(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def cohort(folder: Path, rows: int, columns: int, images: str, more: str = "", used: int = 20) -> OwnTask:
    """Rows of which few have an image; every third column of categories, one cell in twenty missing, one censored."""
    folder.mkdir()
    (folder / "scans").mkdir()
    rng = np.random.default_rng(0)
    for k in range(used):
        (folder / "scans" / f"s{k}.nii").touch()
    names = [f"c{k}" for k in range(columns)]
    lines = [",".join(["id", "y", "path", *names])]
    for k in range(rows):
        cells = ["NA" if rng.random() < 0.05 else f"{rng.normal(5, 1):.3f}" for _ in names]
        cells[::3] = ["abc"[int(rng.integers(3))] for _ in names[::3]]
        cells[1:2] = ["<1"] if k % 7 == 0 else cells[1:2]
        lines.append(",".join([f"s{k}", str(k % 2), f"scans/s{k}.nii", *cells]))
    (folder / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    text = TOML.format(images=images, columns=", ".join(f'"{name}"' for name in names), more=more)
    (folder / "my.toml").write_text(text, "utf-8")
    return OwnTask(folder / "my.toml")


def check(task: OwnTask) -> None:
    assert task.folder is not None
    audit_tables(task.scan(task.folder, Quiet()), None, task)


@pytest.mark.parametrize(
    ("images", "more"),
    [
        ('"scans/{id}.nii"', ""),
        ('"**/{id}*.nii"', 'masks = "masks/{id}_*.nii"\njoin_ids = "alike"'),
        ('{column = "path"}', ""),
        ('{named_after = "id"}', ""),
    ],
)
def test_four_times_the_rows_are_four_times_the_work(tmp_path: Path, images: str, more: str) -> None:
    few, many = (cohort(tmp_path / str(rows), rows, 3, images, more) for rows in (1000, 4000))
    check(few)  # what is imported and cached once
    assert calls(lambda: check(many)) < 5 * calls(lambda: check(few))


def test_four_times_the_columns_are_four_times_the_work(tmp_path: Path) -> None:
    few, many = (cohort(tmp_path / str(columns), 40, columns, '"scans/{id}.nii"', used=40) for columns in (100, 400))
    check(few)
    assert calls(lambda: check(many)) < 5 * calls(lambda: check(few))
