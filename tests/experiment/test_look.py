"""What ``look`` shows of a cohort: the same slices as a training, classes in turn, and the edges of masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit.errors import DataError, OptionError
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from tests.experiment.people import write_numbers
from tests.tiny import write_image

TASK = """
table = "people.csv"
images = "{id}.nii"
masks = "{id}-mask.nii"
subject = "id"
label = "ill"
classes = ["no", "yes"]
columns = ["age"]

[slices]
plane = "axial"
space = "fraction"
start = 0
stop = 1
"""


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people with five slices, half of them with a mask of four pixels in the middle slice."""
    folder, draw = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for number in range(12):
        write_image(folder / f"p{number:02}.nii", draw.integers(0, 900, (8, 8, 5)))
        if number % 2:
            mask = np.zeros((8, 8, 5), dtype=np.uint8)
            mask[2:4, 5:7, 2] = 1
            write_image(folder / f"p{number:02}-mask.nii", mask)
    people = {"id": [f"p{n:02}" for n in range(12)], "ill": ["no"] * 8 + ["yes"] * 4, "age": range(50, 62)}
    pd.DataFrame(people).to_csv(folder / "people.csv", index=False)
    (folder / "own.toml").write_text(TASK)
    return folder / "own.toml"


def look(task: Path, **given: Any) -> Any:
    return fusekit.look(str(task), image_size=32, progress=Quiet(), **given)


def test_classes_are_drawn_in_turn_and_slices_are_those_of_a_training(toml: Path) -> None:
    found = look(toml, count=6, slices=3)
    assert [strip.group for strip in found.strips] == ["no"] * 3 + ["yes"] * 3
    assert [strip.slices for strip in found.strips] == [[0, 2, 4]] * 6
    plan = make_plan(Settings.of({"task": str(toml), "fusion": "image-only", "image_size": 32, "folds": 2}))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    rows = gathered.rows.reset_index().set_index(["scan", "slice"])["row"]
    for strip in found.strips:
        own = [rows[strip.scan, place] for place in strip.slices]
        np.testing.assert_array_equal(strip.images, gathered.store.images[own])
    assert found._repr_png_().startswith(b"\x89PNG")
    assert list(found.picture.table["scan"].unique()) == [strip.scan for strip in found.strips]


def test_the_edge_of_a_mask_is_where_the_mask_is(toml: Path) -> None:
    with_mask, without = look(toml, subjects=("p01", "p02")).strips
    assert [strip.subject for strip in look(toml, subjects="p01").strips] == ["p01"]
    assert without.outlines is None
    assert with_mask.outlines is not None
    assert with_mask.outlines.any(axis=(1, 2)).tolist() == [False, False, True, False, False]
    share = with_mask.outlines[2].mean()  # four of 64 pixels
    assert share == pytest.approx(4 / 64, abs=0.03)
    assert "the line is the edge of the mask" in look(toml, subjects=("p01",)).picture.caption
    assert "mask" not in look(toml, subjects=("p02",)).picture.caption


def test_a_cohort_of_numbers_shows_its_numbers(tmp_path: Path) -> None:
    found = look(write_numbers(tmp_path), count=4)
    numbers = pd.read_csv(tmp_path / "people.csv", index_col="id")["score"]
    assert [float(strip.group) for strip in found.strips] == sorted(numbers[strip.subject] for strip in found.strips)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    toml = write_cohort(tmp_path)
    with pytest.raises(DataError, match="no subject of the cohort with an image is called 'p1'; did you mean 'p1"):
        look(toml, subjects=("p1",))
    for name in ("count", "slices"):
        with pytest.raises(OptionError, match=f"--{name} takes 1 or more, not 0"):
            look(toml, **{name: 0})
