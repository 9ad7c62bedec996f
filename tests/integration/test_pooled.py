"""A run whose samples are scans of several lengths, from files to the shipped model and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.errors import OptionError
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from tests.tiny import write_image

TASK = """
table = "people.csv"
images = "{id}.nii"
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
SMALL: dict[str, Any] = {
    "fusion": "rbca+attention",
    "backbone": "test_resnet",
    "epochs": 2,
    "batch_size": 4,
    "image_size": 32,
    "folds": 1,
}
PEOPLE = 20


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty people with a volume of three to six slices each."""
    folder, draw = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for number in range(PEOPLE):
        write_image(folder / f"p{number:02}.nii", draw.integers(0, 900, (8, 8, 3 + number % 4)))
    ages = draw.integers(50, 90, PEOPLE)
    people = {"id": [f"p{n:02}" for n in range(PEOPLE)], "ill": ["no", "yes"] * (PEOPLE // 2), "age": ages}
    pd.DataFrame(people).to_csv(folder / "people.csv", index=False)
    (folder / "own.toml").write_text(TASK)
    return folder / "own.toml"


@pytest.fixture(scope="module")
def done(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("run") / "pooled"
    return fusekit.run(str(task), **SMALL, out=out, progress=Quiet())


def test_predictions_have_one_row_per_scan_and_the_bundle_gives_them_again(done: Run, task: Path) -> None:
    predictions = done.predictions
    assert predictions["scan"].is_unique
    lengths = {f"p{number:02}": 3 + number % 4 for number in range(PEOPLE)}
    assert predictions["slice"].tolist() == [(lengths[subject] - 1) // 2 for subject in predictions["subject"]]
    tested = predictions.set_index("subject")
    people = pd.read_csv(task.parent / "people.csv", dtype=str).set_index("id").loc[tested.index]
    files = [str(task.parent / f"{subject}.nii") for subject in tested.index]
    patients = people.assign(subject=people.index, image=files).reset_index(drop=True)
    said = fusekit.load(done.folder).predict(patients)
    assert len(said.slices) == len(tested)
    np.testing.assert_allclose(said.slices.set_index("subject").loc[tested.index, "p_1"], tested["p_1"], rtol=1e-6)


def test_the_manifest_counts_slices_and_the_weights_of_all_of_them_are_written(done: Run) -> None:
    counted = sum(own["slices"] for own in done.manifest["data"]["folds"]["0"]["test"].values())
    weights = pd.read_csv(done.folder / "explanations" / "fold-0" / "slice_weights.csv")
    assert len(weights) == counted > len(done.predictions)
    np.testing.assert_allclose(weights.groupby("scan")["weight"].sum(), 1, atol=1e-6)


def test_scans_may_lack_their_image_or_their_table(task: Path, tmp_path: Path) -> None:
    """A scan without an image is one sample, which gets the stand-in of what a pool makes of a scan's slices."""
    options = {
        "absence": {"hide_image": 0.3, "hide_table": 0.2},
        "training": {"drop_image": 0.2, "drop_table": 0.2},
    }
    run = fusekit.run(str(task), **SMALL, options=options, out=tmp_path / "run", progress=Quiet())
    assert run.predictions["scan"].is_unique
    cohort = run.cohort.set_index("subject")["available"]
    tested = run.predictions.set_index("subject")["p_1"]
    bundle = fusekit.load(run.folder)
    people = pd.read_csv(task.parent / "people.csv", dtype=str).set_index("id")
    for subject in tested.index:
        available = cohort[subject]
        shown = {"age": people.loc[[subject], "age"].to_list(), "image": [str(task.parent / f"{subject}.nii")]}
        gone = {"image alone": "age", "table alone": "image"}.get(str(available))
        given = pd.DataFrame({name: [""] if name == gone else own for name, own in shown.items()})
        said = bundle.predict(given).subjects.iloc[0]
        assert said["available"] == available
        assert said["p_1"] == pytest.approx(tested[subject], rel=1e-6)
    assert len(set(cohort.loc[tested.index])) > 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"options": {"training": {"compile": True}}}, "reads scans of different numbers of slices"),
        ({"backbone": "r3d_18", "options": {"slices": {"plane": "volume"}}}, "the pool 'attention' joins the slices"),
        ({"fusion": "clinical-only+mean"}, r"a pool \('mean'\) joins the slices of an image"),
        ({"options": {"pool": {"hiden": 3}}}, "pool has no option 'hiden'; did you mean 'hidden'"),
    ],
)
def test_what_does_not_go_with_a_pool_is_refused_before_data_are_read(
    task: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        make_plan(Settings.of({"task": str(task), **SMALL, **changes}))
