"""Recipes: what they must not tell, that they come back as they were written, and that a changed one is refused."""

from __future__ import annotations

import getpass
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusekit.data import Cohort, Column
from fusekit.data.recipe.recipe import Recipe, read_recipe
from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet
from tests.tiny import Tiny

VERSIONS = {"fusekit": "0.0.1"}


def recipe_of(cohort: Cohort, **options: Any) -> Recipe:
    parts = {"task": {"visits": "all", **options}}
    return Recipe.of(cohort, task="tiny", synthetic=False, options=parts, versions=VERSIONS, progress=Quiet())


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("hospital") / "secret-place"
    folder.mkdir()
    Tiny().synthesize(folder, Quiet())
    return Tiny().scan(folder, Quiet())


def texts(folder: Path) -> str:
    """Everything in a folder, names and contents, without the digests, in which any short text turns up by chance."""
    said = "\n".join(f"{path.name}\n{path.read_text()}" for path in sorted(folder.rglob("*")))
    return re.sub(r"\b[0-9a-f]{64}\b", "", said)


def test_no_value_label_date_age_or_path_is_in_any_file(cohort: Cohort, tmp_path: Path) -> None:
    recipe_of(cohort).write(tmp_path)
    said = texts(tmp_path)
    values = [repr(v) for name in ("age", "tau", "plasma") for v in cohort.clinical[name].dropna()]
    values += [f"{v:.2f}" for name in ("age", "tau", "plasma") for v in cohort.clinical[name].dropna()]
    values += [*cohort.scans["acquired"], *cohort.clinical["gene"], *cohort.scans["age"]]
    assert len({value for value in values if len(value) >= 4}) > 40
    for value in values:
        assert value not in said or len(value) < 4
    for finding in cohort.findings:
        assert finding.message not in said
        assert not any(item in said for item in finding.items)
    for place in {str(part) for path in cohort.scans["image"] for part in path.parents[:-1]}:
        assert place not in said
    assert "secret-place" not in said
    assert getpass.getuser() not in json.dumps(json.loads((tmp_path / "recipe.json").read_text())["options"])
    # The classes are named once, as rules; no line about a subject names one.
    listed = (tmp_path / "scans.csv").read_text().splitlines()
    assert len(listed) == len(cohort.scans) + 1
    assert not any(name in line for name in cohort.classes for line in listed)
    assert [said.count(name) for name in cohort.classes] == [1, 1]


def test_the_order_of_scans_does_not_tell_the_labels(cohort: Cohort, tmp_path: Path) -> None:
    assert cohort.scans["label"].is_monotonic_increasing  # as a task may list them: class by class
    recipe_of(cohort).write(tmp_path)
    assert list(pd.read_csv(tmp_path / "scans.csv")["scan"]) == sorted(cohort.scans.index)


def test_it_says_ids_rules_and_counts(cohort: Cohort, tmp_path: Path) -> None:
    recipe_of(cohort).write(tmp_path)
    content = json.loads((tmp_path / "recipe.json").read_text())
    assert content["counts"] == {"scans": 12, "subjects": 8}
    assert content["findings"] == {"odd-cell": 2}
    assert content["options"] == {"task": {"visits": "all"}}
    assert [column["name"] for column in content["columns"]] == ["age", "tau", "plasma", "gene"]
    assert content["columns"][1]["high"] == 1300
    scans = pd.read_csv(tmp_path / "scans.csv", dtype=str)
    expected = cohort.scans.sort_index()[["subject", "visit", "image_id"]].astype(str).reset_index()
    pd.testing.assert_frame_equal(scans[["scan", "subject", "visit", "image_id"]], expected, check_dtype=False)
    assert content["files"]["scans.csv"] == hashlib.sha256((tmp_path / "scans.csv").read_bytes()).hexdigest()


def test_it_comes_back_as_it_was_written(cohort: Cohort, tmp_path: Path) -> None:
    recipe = recipe_of(cohort, place="ward 3, bed 7/8")
    written, left_out = recipe.write(tmp_path)
    back = read_recipe(tmp_path)
    assert left_out == []
    assert back.sha256 == written.sha256 == hashlib.sha256((tmp_path / "recipe.json").read_bytes()).hexdigest()
    pd.testing.assert_frame_equal(back.scans, recipe.scans)
    assert replace(back, scans=recipe.scans) == replace(written, scans=recipe.scans)
    assert back.images == frozenset(cohort.scans["image_id"])


def test_ids_survive_that_look_like_something_else(cohort: Cohort, tmp_path: Path) -> None:
    names = ["NA", "007", "1e5", "a,b", 'say "x"', " pad ", "None", "ünï", "=1+1", "true", "1.0", "-"]
    scans = cohort.scans.set_axis(pd.Index(names, name="scan")).assign(subject=names)
    odd = replace(cohort, scans=scans, clinical=cohort.clinical.set_axis(scans.index))
    recipe_of(odd).write(tmp_path)
    back = read_recipe(tmp_path)
    assert list(back.scans.index) == list(back.scans["subject"]) == sorted(names)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("/home/anna/study/patients.csv, column age", "patients.csv, column age"),
        ("C:\\Users\\anna\\patients.csv.age", "patients.csv.age"),
        ("~/study/patients.csv", "patients.csv"),
        ("read from '/home/anna/patients.csv'", "read from 'patients.csv'"),
        ("LABDATA.A/G", "LABDATA.A/G"),
    ],
)
def test_sources_lose_their_folders(cohort: Cohort, source: str, kept: str) -> None:
    columns = (Column("age", source=source), *cohort.columns[1:])
    assert recipe_of(replace(cohort, columns=columns)).columns[0].source == kept


def test_rules_in_a_file_travel_with_it_and_tables_do_not(cohort: Cohort, tmp_path: Path) -> None:
    rules, table = tmp_path / "my-rules.toml", tmp_path / "patients.csv"
    rules.write_text('[[column]]\nname = "TAU"\n')
    table.write_text("patient,tau\np1,4711\n")
    shared = tmp_path / "shared"
    shared.mkdir()
    recipe = recipe_of(cohort, rules=rules, table=table, place=str(tmp_path), both=("~/x", "y"))
    assert recipe.write(shared)[1] == ["task.table", "task.place", "task.both"]
    assert {path.name for path in shared.iterdir()} == {"recipe.json", "scans.csv", "task.rules.toml"}
    assert str(tmp_path) not in texts(shared)
    back = read_recipe(shared)
    assert back.options["task"]["rules"] == str(shared / "task.rules.toml")
    assert Path(back.options["task"]["rules"]).read_text() == rules.read_text()
    (shared / "task.rules.toml").write_text("")
    with pytest.raises(DataError, match=r"task\.rules\.toml is not as the recipe was written"):
        read_recipe(shared)


def test_ids_that_tell_something_are_named(cohort: Cohort) -> None:
    recipe = recipe_of(cohort)
    assert recipe.telling_ids() == []
    telling = ["p1_2008-07-31", "dementia_01", "x20080731y", "s-Hearty"]
    harmless = ["I20081357", "12008073199", "demented", "p1_200807"]
    scans = recipe.scans.iloc[:8].set_axis(pd.Index([*telling, *harmless], name="scan"))
    assert replace(recipe, scans=scans).telling_ids() == telling


def test_the_options_that_are_given_win_and_are_named(cohort: Cohort) -> None:
    recipe = recipe_of(cohort, ids=True, rules=None, many=["a", "b"])
    given = {"task": {"visits": "bl", "ids": "true", "rules": "none", "many": "a,b", "place": "here"}}
    merged = recipe.overlaid("tiny", given)
    assert merged == {"task": {**given["task"]}}
    assert recipe.overruled(merged) == ["task.visits is bl, not the recipe's all"]
    assert recipe.overlaid("tiny", {})["task"]["visits"] == "all"
    with pytest.raises(OptionError, match="the recipe is one of the task 'tiny', not of 'adni-ad'"):
        recipe.overlaid("adni-ad", {})
    own = replace(recipe, task="my-task.toml")
    assert own.overlaid("/home/ben/bens.toml", {}) == recipe.options  # people name their own files
    with pytest.raises(OptionError, match=r"the task 'my-task\.toml', not of 'tiny'"):
        own.overlaid("tiny", {})


def _rewrite(folder: Path, **entries: Any) -> None:
    content = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(content | entries))


def _replace_list(folder: Path, text: str) -> None:
    (folder / "scans.csv").write_text(text)
    _rewrite(folder, files={"scans.csv": hashlib.sha256(text.encode()).hexdigest()})


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no-file": (lambda f: (f / "recipe.json").unlink(), r"is no recipe: there is no .*recipe\.json"),
    "no-list": (lambda f: (f / "scans.csv").unlink(), r"scans\.csv cannot be read: No such file"),
    "no-json": (lambda f: (f / "recipe.json").write_text("{"), r"recipe\.json: this is not JSON"),
    "deep": (lambda f: (f / "recipe.json").write_text("[" * 100_000), r"recipe\.json: this is not JSON.*recursion"),
    "other-json": (
        lambda f: (f / "recipe.json").write_text("[1]"),
        r"recipe\.json: it is a list, an object is expected",
    ),
    "no-text": (lambda f: (f / "recipe.json").write_bytes(b"\xff\xfe\x00"), r"recipe\.json: this is not JSON"),
    "later-format": (lambda f: _rewrite(f, format=2), r"has the format 2; this FuseKit reads 1.*0\.0\.1"),
    "changed-list": (
        lambda f: (f / "scans.csv").write_text((f / "scans.csv").read_text().replace("p1", "p9")),
        r"scans\.csv is not as the recipe was written",
    ),
    "outside": (lambda f: _rewrite(f, files={"../x": "0"}), "is not as the recipe was written"),
    "unlisted": (lambda f: _rewrite(f, files={}), "is not as the recipe was written"),
    "path": (lambda f: _rewrite(f, options={"task": {"rules": "/etc/passwd"}}), "is a path of another machine"),
    "file": (
        lambda f: _rewrite(f, options={"task": {"rules": {"file": "../../x.toml"}}}),
        r"the option task\.rules names no file of the recipe",
    ),
    "column": (
        lambda f: _rewrite(f, columns=[{"name": "x", "categories": [], "odd": 1}]),
        r"recipe\.json: columns\[0\]\.odd is not known",
    ),
    "no-digests": (lambda f: _replace_list(f, "scan,subject\na,b\n"), "columns missing: 'image_sha256', 'label_hmac'"),
    "twice": (
        lambda f: _replace_list(f, "scan,subject,image_sha256,label_hmac\na,b,c,d\na,b,c,d\n"),
        r"scans\.csv, column 'scan': 'a' is listed twice",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_or_hostile_recipe_ends_in_a_sentence(name: str, cohort: Cohort, tmp_path: Path) -> None:
    recipe_of(cohort).write(tmp_path)
    damage, message = DAMAGE[name]
    damage(tmp_path)
    with pytest.raises(DataError, match=message):
        read_recipe(tmp_path)
