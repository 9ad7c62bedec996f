"""What a person reads when a command is done."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from fusekit import Comparison, Run
from fusekit.cli import console
from fusekit.experiment.evidence import gather_evidence
from fusekit.report.page.verdict import verdict
from fusekit.report.run import FILES, FURTHER
from tests.fake_runs import fake_runs


def text_of(renderable: object) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(renderable)
    return out.getvalue()


def test_the_table_has_every_score_at_both_levels_with_its_interval(small_run: Run) -> None:
    shown = text_of(console.scores_table(small_run))
    assert "SYNTHETIC cohort" in shown
    for level in ("slice", "subject"):
        scores = small_run.metrics[small_run.metrics["level"] == level]
        assert f"{level} level (n = {scores['rows'].iloc[0]})" in shown
        for row in scores.dropna().itertuples():
            assert f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]" in shown
    for title in ("accuracy", "sensitivity", "specificity", "PPV", "NPV", "AUC"):
        assert title in shown


def test_undefined_scores_are_called_undefined(small_run: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(small_run.folder, tmp_path / "run")
    content = json.loads((folder / "metrics.json").read_text())
    for row in content["scores"]:
        row |= {"value": None, "low": None, "high": None} if row["metric"] == "ppv" else {}
        row |= {"value": 0.545, "low": None, "high": None} if row["metric"] == "auc" else {}
    (folder / "metrics.json").write_text(json.dumps(content))
    lines = text_of(console.scores_table(Run(folder))).splitlines()
    assert next(line for line in lines if "PPV" in line).count("undefined") == 2
    assert next(line for line in lines if "AUC" in line).count("0.545 [undefined]") == 2
    assert "undefined: too few subjects" in " ".join(" ".join(lines).split())
    assert "undefined" not in text_of(console.scores_table(small_run)) or small_run.metrics["low"].isna().any()


def test_the_end_of_a_run_says_where_every_file_lies(small_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_run(small_run)
    shown = capsys.readouterr().out
    assert f", {small_run.predictions['subject'].nunique()} others tested; 95 % intervals over subjects" in shown
    assert str(small_run.folder) in shown.replace("\n", "")
    for name in [*FILES, *FURTHER]:
        assert (name in shown.split()) == (small_run.folder / name).exists()
    assert f"{small_run.manifest['peak_memory_mib']:,} MiB" in shown


def test_after_cross_validation_it_says_that_each_subject_was_tested_once(small_run: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(small_run.folder, tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    first = manifest["data"]["folds"]["0"]
    manifest["data"]["folds"]["1"] = first
    (folder / "manifest.json").write_text(json.dumps(manifest))
    tested = 2 * sum(count["subjects"] for count in first["test"].values())
    out = io.StringIO()
    console.print_run(Run(folder), Console(file=out, width=160))
    assert f"{tested} subjects, each tested once by a model trained on other folds (2 folds)" in out.getvalue()


def test_a_comparison_prints_every_arm_and_what_can_be_told_apart(tmp_path: Path) -> None:
    arms = ["clinical-only", "concat", "gbdt"]
    runs = [Run(path) for path in fake_runs(tmp_path, arms=arms, seeds=2, subjects=60, ablations=False)]
    evidence = gather_evidence(runs)
    out = io.StringIO()
    console.print_comparison(Comparison(tmp_path, tuple(runs), evidence), Console(file=out, width=600))
    shown = out.getvalue()
    assert "SYNTHETIC cohort" in shown
    assert "mean of 2 seeds" in shown
    for arm in evidence.arms:
        row = evidence.score(arm.name, "auc")
        assert row is not None
        line = next(line for line in shown.splitlines() if f" {arm.name} " in line)
        assert f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in line
    names = [line.split()[1] for line in shown.splitlines() if line.startswith("│ ")]
    scores = {name: row["value"] for name in arms if (row := evidence.score(name, "auc")) is not None}
    assert names == sorted(arms, key=lambda name: -scores[name])
    answer = verdict(evidence)
    assert " ".join([answer.call, *answer.sentences]) in shown
    assert not any(sentence in shown for sentence in evidence.pairs["sentence"])
    assert str(tmp_path / "report.html") in shown


def test_pairs_are_printed_on_request(tmp_path: Path) -> None:
    runs = [Run(path) for path in fake_runs(tmp_path, arms=["concat", "gbdt"], seeds=1, subjects=60, ablations=False)]
    made = Comparison(tmp_path, tuple(runs), gather_evidence(runs))
    out = io.StringIO()
    console.print_comparison(made, Console(file=out, width=250), pairs=True)
    pairs = made.evidence.pairs
    for measure, sentence in zip(pairs["measure"], pairs["sentence"], strict=True):
        assert (sentence in out.getvalue()) == (measure == "auc")


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_of_arms_fits_the_terminal(tmp_path: Path, width: int) -> None:
    runs = [Run(path) for path in fake_runs(tmp_path, arms=["concat", "gbdt"], seeds=1, subjects=60, ablations=False)]
    out = io.StringIO()
    console.print_comparison(Comparison(tmp_path, tuple(runs), gather_evidence(runs)), Console(file=out, width=width))
    table = [line for line in out.getvalue().splitlines() if line.startswith("│ ")]
    assert len(table) == (4 if width == 80 else 2)  # the interval in a line of its own, or beside the score
    assert all(line.count("[") in (0, 4) and line.count("[") == line.count("]") for line in table)
