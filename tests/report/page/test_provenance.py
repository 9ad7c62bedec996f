"""What a report says of how runs were made, and what it keeps to itself."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from fusekit import Run
from fusekit.experiment.evidence import gather_evidence
from fusekit.report.page.provenance import again, config_grid, scrubbed, settings
from tests.fake_runs import fake_runs


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/ann/data/scan.nii.gz", "…/scan.nii.gz"),
        ("in '/mnt/x/y' and ~/runs/a", "in '…/y' and …/a"),
        (r"C:\Users\ann\table.csv", "…/table.csv"),
        ("tables/ADNIMERGE.csv, mg/dl, CN/AD, 1/2", "tables/ADNIMERGE.csv, mg/dl, CN/AD, 1/2"),
        ("https://example.org/a/b", "https://example.org/a/b"),
    ],
)
def test_absolute_paths_are_cut_to_their_last_part(text: str, kept: str) -> None:
    assert scrubbed(text) == kept


def test_settings_leave_places_out_and_options_in() -> None:
    config = {
        "task": "/home/ann/my.toml",
        "out": "/home/ann/out",
        "lr": 0.1,
        "allow": [],
        "options": {"task": {"clinical": "/a/b/c.toml"}},
    }
    assert settings(config) == {"task": "…/my.toml", "lr": "0.1", "task.clinical": "…/c.toml"}


def test_the_command_names_arms_seeds_and_options(tmp_path: Path) -> None:
    evidence = gather_evidence(
        [
            Run(path)
            for path in fake_runs(tmp_path, arms=["concat", "rbca", "gbdt"], seeds=2, subjects=40, ablations=False)
        ]
    )
    (line,) = again(evidence)
    words = shlex.split(line)
    assert words[:7] == [
        "fusekit",
        "compare",
        "adni-ad",
        "--fusion",
        "concat,rbca",
        "--baseline",
        "gbdt",
    ]
    assert words[words.index("--seeds") + 1] == "2"
    assert words[words.index("-o") + 1] == "synthetic.subjects=120"
    assert "--data" not in words


def test_a_late_fusion_is_made_again_by_the_comparison_that_joins_its_arms(tmp_path: Path) -> None:
    paths = fake_runs(tmp_path, arms=["image-only", "logistic", "rbca"], subjects=40, ablations=False)
    manifest = json.loads((paths[2] / "manifest.json").read_text())
    late = {**manifest, "arm": "mean of image-only and logistic", "kind": "late fusion"}
    (paths[2] / "manifest.json").write_text(json.dumps(late))
    words = shlex.split(again(gather_evidence([Run(path) for path in paths]))[0])
    assert words[:4] == ["fusekit", "compare", "adni-ad", "--fusion"]
    assert words[words.index("--late-fusion") + 1] == "mean"


def test_one_run_is_run_again(tmp_path: Path) -> None:
    evidence = gather_evidence([Run(path) for path in fake_runs(tmp_path, arms=["rbca"], subjects=40, ablations=False)])
    assert again(evidence)[0].startswith("fusekit run adni-ad --fusion rbca --seed 0 ")


def test_a_search_is_shown_and_made_again(tmp_path: Path) -> None:
    (path,) = fake_runs(tmp_path, arms=["rbca"], subjects=40, ablations=False)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["config"] |= {"search": {"lr": [1e-4, 3e-4], "epochs": "2..9"}, "trials": 7}
    (path / "manifest.json").write_text(json.dumps(manifest))
    evidence = gather_evidence([Run(path)])
    words = shlex.split(again(evidence)[0])
    assert [words[place + 1] for place, word in enumerate(words) if word == "--search"] == [
        "lr=0.0001,0.0003",
        "epochs=2..9",
    ]
    assert words[words.index("--trials") + 1] == "7"
    rows = {row[0].text: row[1].text for row in config_grid(evidence).rows}
    assert (rows["search lr"], rows["search epochs"], rows["trials"]) == ("0.0001, 0.0003", "2..9", "7")


def test_where_arms_differ_in_an_entry_each_is_told(tmp_path: Path) -> None:
    evidence = gather_evidence(
        [Run(path) for path in fake_runs(tmp_path, arms=["concat", "rbca"], subjects=40, ablations=False)]
    )
    rows = {row[0].text: row[1].text for row in config_grid(evidence).rows}
    assert rows["fusion"] == "concat: concat; rbca: rbca"
    assert rows["epochs"] == "8"
    assert not {"out", "data", "seed"} & set(rows)
