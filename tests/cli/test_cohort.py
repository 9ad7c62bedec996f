"""``fusekit cohort`` as a person uses it, on ADNI's synthetic cohort."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from fusekit.data import Cohort
from tests.conftest import CommandLine


@pytest.fixture
def download(small_folder: Path) -> Path:
    """The folder that ``small_cohort`` was read from."""
    return small_folder


def test_a_recipe_is_written_rebuilt_and_found_identical(
    download: Path, small_cohort: Cohort, tmp_path: Path, command_line: CommandLine
) -> None:
    code, said = command_line("cohort", "adni-ad", "--data", str(download), "--out", str(tmp_path / "recipe"))
    assert code == 0
    counts = small_cohort.scans.groupby("label").agg(subjects=("subject", "nunique"), scans=("subject", "size"))
    for name, (subjects, scans) in zip(("CN", "AD"), counts.to_numpy().tolist(), strict=True):
        assert re.search(rf"{name} │ +{subjects} │ +{scans} ", said)
    assert "SYNTHETIC" not in said  # it was given as data
    assert re.search(r"UPENNBIOMK_MASTER +6 +0", said)
    for finding in small_cohort.findings:
        assert re.search(rf"{finding.code} +{finding.count} ", said)
    assert "recipe: recipe.json, scans.csv" in said

    copy = shutil.copytree(download, tmp_path / "copy")
    code, said = command_line("cohort", "adni-ad", "--data", str(copy), "--recipe", str(tmp_path / "recipe"))
    assert code == 0
    subjects = small_cohort.scans["subject"].nunique()
    assert f"identical: {len(small_cohort.scans)} scans of {subjects} subjects" in said
    assert "The recipe lies in" not in said

    table = next(path for path in copy.rglob("BLENNOWPLASMANFL*.csv"))
    text = table.read_text()
    rows = pd.read_csv(table, dtype=str)
    ids = set(small_cohort.scans["subject"].str[-4:].astype(int).astype(str))
    changed = rows[rows["RID"].isin(list(ids)) & rows["PLASMA_NFL"].notna()].iloc[0]
    table.write_text(text.replace(changed["PLASMA_NFL"], "77.7"))
    arguments = ("cohort", "adni-ad", "--data", str(copy), "--recipe", str(tmp_path / "recipe"))
    code, said = command_line(*arguments, "--out", str(tmp_path / "rebuilt"))
    assert code == 1
    assert "values of BLENNOWPLASMANFL differ" in said
    assert f" of {subjects} subjects differ" in said
    listed = pd.read_csv(tmp_path / "rebuilt" / "differences.csv")
    assert set(listed["kind"]) == {"other-values"}
    assert str(int(changed["RID"])) in {str(int(subject[-4:])) for subject in listed["subject"]}
    assert "77.7" not in (tmp_path / "rebuilt" / "differences.csv").read_text()


def test_no_value_of_the_download_is_in_the_recipe(
    download: Path, small_cohort: Cohort, tmp_path: Path, command_line: CommandLine
) -> None:
    command_line("cohort", "adni-ad", "--data", str(download), "--out", str(tmp_path / "recipe"))
    written = {path.name: path.read_text() for path in (tmp_path / "recipe").iterdir()}
    content = json.loads(written["recipe.json"])
    rules = {str(column[limit]) for column in content["columns"] for limit in ("low", "high")}
    said = re.sub(r"\b[0-9a-f]{64}\b", "", "".join(written.values()))
    words = set(re.findall(r"[^\s\",]+", said)) - rules
    seen = 0
    for column in small_cohort.columns:
        if column.kind == "number":
            for value in small_cohort.clinical[column.name].dropna().unique():
                spelled = {text for text in (repr(float(value)), f"{value:g}", f"{value:.1f}") if len(text) >= 4}
                assert not spelled & words
                seen += len(spelled)
    assert seen > 1000
    dates = {d for path in small_cohort.scans["image"] for d in re.findall(r"\d{4}-\d\d-\d\d", str(path))}
    assert dates
    assert not any(date in said for date in dates)
    for name in ("CN", "AD", "Male", "Female"):
        assert name not in re.findall(r"\w+", written["scans.csv"])
    assert str(download) not in said


def test_the_synthetic_cohort_is_called_so(small_cohort: Cohort, tmp_path: Path, command_line: CommandLine) -> None:
    code, said = command_line("cohort", "adni-ad", "-o", "synthetic.subjects=24", "--out", str(tmp_path / "recipe"))
    assert code == 0
    assert "adni-ad · SYNTHETIC cohort" in said
    assert json.loads((tmp_path / "recipe" / "recipe.json").read_text())["synthetic"] is True
    code, said = command_line("cohort", "adni-ad", "--recipe", str(tmp_path / "recipe"))
    assert code == 0
    assert f"identical: {len(small_cohort.scans)} scans" in said


def test_errors_end_in_a_sentence_and_two(tmp_path: Path, command_line: CommandLine) -> None:
    code, said = command_line("cohort", "adni-ad", "--data", str(tmp_path))
    assert code == 2
    assert "--out names the folder that the recipe is written to" in said
    code, said = command_line("cohort", "adni-ad", "--data", str(tmp_path), "--recipe", str(tmp_path / "none"))
    assert code == 2
    assert "is no recipe: there is no" in said
    assert list(tmp_path.iterdir()) == []
