"""Recipes from folder to folder: written, rebuilt elsewhere, and trained on exactly or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit.data import Cohort
from fusekit.data.recipe.recipe import read_recipe
from fusekit.errors import DataError, OptionError
from fusekit.experiment.setup.cohort import Described, describe, synthetic_cohort
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.given import read_config
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import catalog
from fusekit.progress import Progress, Quiet
from tests.tiny import Tiny, edit, write_image

pytestmark = pytest.mark.usefixtures("unexplained")


class Heard(Quiet):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    """``tiny`` is a task that a plugin registers."""
    tasks = catalog().tasks
    plugin = next(iter(catalog().host.plugins.values()))
    tasks.add(plugin, "tiny", Tiny)
    yield
    del tasks.entries["tiny"]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The folder of somebody who shares a recipe, which lies beside it."""
    folder = tmp_path / "theirs" / "data"
    folder.mkdir(parents=True)
    Tiny().synthesize(folder, Quiet())
    describe("tiny", data=folder, out=tmp_path / "recipe", progress=Quiet())
    return folder


@pytest.fixture
def mine(theirs: Path, tmp_path: Path) -> Path:
    """The same data on another machine, in another order, its images compressed."""
    folder = tmp_path / "elsewhere" / "mine"
    shutil.copytree(theirs, folder)
    for path in sorted((folder / "images").iterdir()):
        (folder / "images" / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    for table in folder.glob("*.csv"):
        pd.read_csv(table, dtype=str, keep_default_na=False).iloc[::-1].to_csv(table, index=False)
    return folder


def rebuilt(folder: Path, out: Path | None = None, **options: Any) -> Described:
    recipe = folder.parents[1] / "recipe"
    parts = {"task": options} if options else None
    return describe("tiny", data=folder, recipe=recipe, out=out, options=parts, progress=Quiet())


def test_a_copy_elsewhere_is_identical(mine: Path, tmp_path: Path) -> None:
    done = rebuilt(mine, tmp_path / "rebuilt")
    assert done.verdict == "identical: 12 scans of 8 subjects"
    assert not done.differences
    assert not done.remarks
    first, second = (pd.read_csv(tmp_path / name / "scans.csv") for name in ("recipe", "rebuilt"))
    pd.testing.assert_frame_equal(first, second)
    assert list(done.cohort.scans.index) == list(first["scan"])
    assert pd.read_csv(tmp_path / "rebuilt" / "differences.csv").empty
    assert {p.name for p in (tmp_path / "rebuilt").iterdir()} == {"recipe.json", "scans.csv", "differences.csv"}
    both = [json.loads((tmp_path / name / "recipe.json").read_text()) for name in ("recipe", "rebuilt")]
    assert both[0] == both[1]
    assert str(tmp_path) not in "".join(p.read_text() for p in (tmp_path / "recipe").iterdir())


def test_a_larger_download_gives_the_same_cohort(mine: Path, tmp_path: Path) -> None:
    table = pd.read_csv(mine / "scans.csv", dtype=str)
    more = table.iloc[:2].assign(subject=["p98", "p99"], image_id=["I998", "I999"])
    better = table[table["image_id"] == "I101"].assign(image_id="I000")  # preferred, where both are there
    pd.concat([better, table, more]).to_csv(mine / "scans.csv", index=False)
    for number, image in enumerate(("I998", "I999", "I000")):
        write_image(mine / "images" / f"{image}.nii", np.random.default_rng(50 + number).integers(0, 9, (8, 8, 8)))
    assert "I000" in set(describe("tiny", data=mine, out=tmp_path / "all", progress=Quiet()).recipe.scans["image_id"])
    done = rebuilt(mine)
    assert done.verdict == "identical: 12 scans of 8 subjects"
    assert done.remarks == ()  # nothing else was looked at


def test_without_image_ids_further_scans_are_left_out_and_counted(mine: Path, tmp_path: Path) -> None:
    ids = {"task": {"ids": "false"}}
    describe("tiny", data=mine, out=tmp_path / "plain", options=ids, progress=Quiet())
    listed = pd.read_csv(tmp_path / "plain" / "scans.csv")
    assert "image_id" not in listed
    assert listed["scan"].tolist()[:2] == ["p0_bl", "p1_bl"]
    table = pd.read_csv(mine / "scans.csv", dtype=str)
    more = table[table["image_id"] == "I100"].assign(subject="p99", image_id="I999")
    pd.concat([table, more]).to_csv(mine / "scans.csv", index=False)
    write_image(mine / "images" / "I999.nii", np.random.default_rng(50).integers(0, 9, (8, 8, 8)))
    done = describe("tiny", data=mine, recipe=tmp_path / "plain", progress=Quiet())
    assert done.verdict == "identical: 12 scans of 8 subjects"
    assert done.remarks == ("1 further scans of the folder are not in the recipe and were left out",)
    (mine / "images" / "I107.nii.gz").unlink()
    done = describe("tiny", data=mine, recipe=tmp_path / "plain", progress=Quiet())
    assert [str(difference) for difference in done.differences] == ["p5 bl: the scan p5_bl is absent"]


def _other_image(folder: Path) -> None:
    (folder / "images" / "I102.nii.gz").unlink()
    write_image(folder / "images" / "I999.nii", np.random.default_rng(5).integers(0, 9, (8, 8, 8)))
    table = pd.read_csv(folder / "scans.csv", dtype=str)
    again = table[table["image_id"] == "I102"].assign(image_id="I999")
    pd.concat([table, again]).to_csv(folder / "scans.csv", index=False)


def _remove(folder: Path, *images: str) -> None:
    for image in images:
        (folder / "images" / f"{image}.nii.gz").unlink()


def _reprocess(folder: Path) -> None:
    _remove(folder, "I102")
    write_image(folder / "images" / "I102.nii.gz", np.random.default_rng(5).integers(0, 9, (8, 8, 8)))


CHANGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "subject": (
        lambda f: _remove(f, "I101", "I102"),
        "p1: the subject is absent (2 scans)",
        "1 of 8 subjects differ",
    ),
    "scan": (lambda f: _remove(f, "I102"), "p1 m12: the image I102 is absent", "1 of 8 subjects differ"),
    "image": (_other_image, "p1 m12: the visit has the image I999, not I102", "1 of 8 subjects differ"),
    "voxels": (
        _reprocess,
        "p1 m12: the image I102 has other voxels (processed again?); label and values cannot be compared",
        "1 of 8 subjects differ",
    ),
    "label": (
        lambda f: edit(f / "scans.csv", "I100", "label", "1"),
        "p0 bl: the label differs",
        "1 of 8 subjects differ",
    ),
    "value": (
        lambda f: edit(f / "lab.csv", "I102", "tau", "99"),
        "p1 m12: values of lab differ",
        "1 of 8 subjects differ",
    ),
    "table": (
        lambda f: (f / "lab.csv").unlink(),
        "the table lab is absent (2 columns)",
        "0 of 8 subjects differ, and 1 difference of classes or columns",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_differs_is_reported_and_written(name: str, mine: Path, tmp_path: Path) -> None:
    change, sentence, verdict = CHANGES[name]
    change(mine)
    done = rebuilt(mine, tmp_path / "rebuilt")
    assert [str(difference) for difference in done.differences] == [sentence]
    assert done.verdict == verdict
    (row,) = pd.read_csv(tmp_path / "rebuilt" / "differences.csv", keep_default_na=False).to_dict("records")
    assert list(row) == ["kind", "subject", "visit", "scan", "what", "message"]
    assert sentence.endswith(row["message"])
    assert sentence.startswith(f"{row['subject']} {row['visit']}".strip())


def test_a_folder_with_none_of_the_images_is_told_so(mine: Path) -> None:
    for path in list((mine / "images").iterdir()):
        path.rename(path.with_name(f"J{path.name}"))
    table = pd.read_csv(mine / "scans.csv", dtype=str)
    table.assign(image_id="J" + table["image_id"]).to_csv(mine / "scans.csv", index=False)
    done = rebuilt(mine)
    assert done.verdict == "8 of 8 subjects differ"
    assert {difference.kind for difference in done.differences if difference.subject} == {"other-image"}
    assert any("the cohort has no scans" in remark for remark in done.remarks)
    shutil.rmtree(mine / "images")
    (mine / "images").mkdir()
    with pytest.raises(DataError, match="no images"):
        rebuilt(mine)


def test_the_recipes_options_are_used_and_those_given_win_aloud(theirs: Path, mine: Path, tmp_path: Path) -> None:
    describe("tiny", data=theirs, out=tmp_path / "bl", options={"task": {"visits": "bl"}}, progress=Quiet())
    assert read_recipe(tmp_path / "bl").options["task"] == {"visits": "bl", "ids": True, "rules": None, "place": ""}
    heard = Heard()
    done = describe("tiny", data=mine, recipe=tmp_path / "bl", progress=heard)
    assert done.verdict == "identical: 8 scans of 8 subjects"
    assert not any("recipe's" in line for line in heard.lines)
    describe("tiny", data=mine, recipe=tmp_path / "bl", options={"task": {"visits": "all"}}, progress=heard)
    assert "note: task.visits is all, not the recipe's bl" in heard.lines


def test_another_version_is_a_remark_and_no_difference(mine: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe" / "recipe.json"
    content = json.loads(path.read_text())
    content["versions"]["fusekit"] = "0.0.0"
    path.write_text(json.dumps(content))
    done = rebuilt(mine)
    assert done.verdict == "identical: 12 scans of 8 subjects"
    assert done.remarks == (f"the recipe was written by FuseKit 0.0.0, this is {fusekit.__version__}",)


def test_what_has_no_bearing_or_no_place_is_refused(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"-o slices\.\.\. has no bearing"):
        describe("tiny", data=theirs, out=tmp_path / "x", options={"slices": {"start": "1"}}, progress=Quiet())
    with pytest.raises(OptionError, match="task has no option 'visit'; did you mean 'visits'"):
        describe("tiny", data=theirs, out=tmp_path / "x", options={"task": {"visit": "bl"}}, progress=Quiet())
    with pytest.raises(OptionError, match="is one of real data"):
        describe("tiny", recipe=tmp_path / "recipe", progress=Quiet())
    with pytest.raises(OptionError, match="exists and is not empty"):
        describe("tiny", data=theirs, out=tmp_path / "recipe", progress=Quiet())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe", "theirs"]


def test_a_cohort_that_cannot_be_trained_on_has_no_recipe(theirs: Path, tmp_path: Path) -> None:
    edit(theirs / "scans.csv", "I101", "label", "0")
    with pytest.raises(DataError, match="1 subjects have two labels: p1"):
        describe("tiny", data=theirs, out=tmp_path / "x", progress=Quiet())
    assert not (tmp_path / "x").exists()


def test_a_synthetic_recipe_says_so_and_is_rebuilt_from_nothing(tmp_path: Path) -> None:
    heard = Heard()
    describe("tiny", out=tmp_path / "x", options={"synthetic": {"seed": "3"}}, progress=heard)
    assert heard.lines[0].startswith("SYNTHETIC cohort:")
    content = json.loads((tmp_path / "x" / "recipe.json").read_text())
    assert content["synthetic"] is True
    assert content["options"]["synthetic"] == {"seed": 3}
    done = describe("tiny", recipe=tmp_path / "x", progress=Quiet())
    assert done.verdict == "identical: 12 scans of 8 subjects"
    other = describe("tiny", recipe=tmp_path / "x", options={"synthetic": {"seed": "4"}}, progress=Quiet())
    assert other.verdict == "8 of 8 subjects differ"
    assert {difference.kind for difference in other.differences} == {"other-voxels"}


def test_a_default_spelled_out_is_the_same_synthetic_cohort() -> None:
    plain = synthetic_cohort("tiny", Tiny(), {}, Quiet())
    assert synthetic_cohort("tiny", Tiny(), {"synthetic": {"seed": "0"}}, Quiet()) == plain
    assert synthetic_cohort("tiny", Tiny(), {"synthetic": {"seed": "1"}}, Quiet()) != plain


def test_a_synthetic_cohort_that_was_damaged_is_written_again_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path))
    folder = synthetic_cohort("tiny", Tiny(), {}, Quiet())
    good = {path.name: path.read_bytes() for path in (folder / "images").iterdir()}
    image = folder / "images" / sorted(good)[3]
    image.write_bytes(image.read_bytes()[:-1] + b"\x7f")
    heard: list[str] = []

    class Ear(Quiet):
        def say(self, line: str) -> None:
            heard.append(line)

    assert synthetic_cohort("tiny", Tiny(), {}, Ear()) == folder
    assert f"{image} was changed or damaged" in "".join(heard)
    assert {path.name: path.read_bytes() for path in (folder / "images").iterdir()} == good


def test_of_two_processes_one_writes_a_synthetic_cohort_and_the_other_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path / "cache"))
    log = tmp_path / "log"
    log.touch()

    class Telling(Quiet):
        def say(self, line: str) -> None:
            with log.open("a") as file:
                file.write(line + "\n")

    class Slow(Tiny):
        def synthesize(self, folder: Path, progress: Progress, *, seed: int = 0) -> None:
            progress.say("writing")
            while "waiting for it" not in log.read_text():
                os.sched_yield()
            super().synthesize(folder, progress, seed=seed)

    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                read = Tiny().scan(synthetic_cohort("tiny", Slow(), {}, Telling()), Quiet())
                code = 0 if read.scans["subject"].nunique() == 8 else 2
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    said = log.read_text().splitlines()
    assert said.count("writing") == 1
    assert said.count("Another process is writing this cohort; waiting for it.") == 1
    (there,) = {path.name for path in (tmp_path / "cache" / "synthetic").iterdir()} - {".locks"}
    assert there.startswith("tiny-")  # and nothing half-written beside it


SMALL: dict[str, Any] = {"fusion": "concat", "folds": 2, "progress": Quiet()}


def test_a_run_trains_on_exactly_the_recipes_scans(mine: Path, tmp_path: Path) -> None:
    table = pd.read_csv(mine / "scans.csv", dtype=str)
    more = table.iloc[:1].assign(subject="p99", image_id="I999")
    pd.concat([table, more]).to_csv(mine / "scans.csv", index=False)
    write_image(mine / "images" / "I999.nii", np.random.default_rng(50).integers(0, 9, (8, 8, 8)))
    recipe = tmp_path / "recipe"
    run = fusekit.run("tiny", data=mine, recipe=recipe, out=tmp_path / "run", **SMALL)
    counts = [c for side in ("train", "test") for c in run.manifest["data"]["folds"]["0"][side].values()]
    assert sum(count["scans"] for count in counts) == 12
    assert "p99" not in set(run.predictions["subject"])
    assert run.manifest["recipe"] == {"sha256": hashlib.sha256((recipe / "recipe.json").read_bytes()).hexdigest()}
    assert run.manifest["config"]["recipe"] == str(recipe)
    assert run.manifest["config"]["options"]["task"]["visits"] == "all"
    assert "recipe-differs" not in {finding["code"] for finding in run.manifest["findings"]}
    again = Settings.of(read_config(run.folder / "manifest.json"))
    assert (again.recipe, again.options["task"]["visits"]) == (recipe, "all")


def test_a_run_refuses_differences_unless_they_are_allowed(mine: Path, tmp_path: Path) -> None:
    for image in pd.read_csv(mine / "lab.csv")["image_id"]:
        edit(mine / "lab.csv", image, "tau", "99")
    recipe = tmp_path / "recipe"
    with pytest.raises(DataError, match="the cohort is not the recipe's: 8 of 8 subjects differ") as refused:
        fusekit.run("tiny", data=mine, recipe=recipe, out=tmp_path / "run", **SMALL)
    said = str(refused.value)
    assert said.count("values of lab differ") == 10
    assert "p0 bl: values of lab differ" in said
    assert "and 2 more" in said
    assert "--allow recipe-differs" in said
    assert not (tmp_path / "run").exists()
    given = {"task": "tiny", "data": mine, "recipe": recipe, "folds": 2, "allow": ("recipe-differs",)}
    plan = make_plan(Settings.of(given))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    (finding,) = [f for f in gathered.findings if f.code == "recipe-differs"]
    assert (finding.severity, finding.count) == ("refusal", 12)
    assert gathered.rows["scan"].nunique() == 12


def test_a_run_needs_the_recipes_task_and_data(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="the recipe is one of the task 'tiny', not of 'adni-ad'"):
        Settings.of({"task": "adni-ad", "data": theirs, "recipe": tmp_path / "recipe"})
    with pytest.raises(OptionError, match="--recipe is one of real data"):
        Settings.of({"task": "tiny", "recipe": tmp_path / "recipe"})
    with pytest.raises(DataError, match="is no recipe"):
        Settings.of({"task": "tiny", "data": theirs, "recipe": theirs})


def test_the_wish_for_images_does_not_stay_with_the_task(
    mine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted: list[frozenset[str] | None] = []
    scan = Tiny.scan

    def listening(self: Tiny, folder: Path, progress: Progress) -> Cohort:
        wanted.append(self.wanted)
        return scan(self, folder, progress)

    monkeypatch.setattr(Tiny, "scan", listening)
    rebuilt(mine)
    assert wanted == [read_recipe(tmp_path / "recipe").images]
    _remove(mine, "I102")
    rebuilt(mine)
    assert wanted[2:] == [None]  # a second look, for other images of the visit
