"""What a person reads when a command is done."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from fusekit.cli import console
from fusekit.experiment import Run
from fusekit.experiment.folder import FILES


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
    (folder / "metrics.json").write_text(json.dumps(content))
    line = next(line for line in text_of(console.scores_table(Run(folder))).splitlines() if "PPV" in line)
    assert line.count("undefined") == 2


def test_the_end_of_a_run_says_where_every_file_lies(small_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_run(small_run)
    shown = capsys.readouterr().out
    assert f", {small_run.predictions['subject'].nunique()} others tested; 95 % intervals over subjects" in shown
    assert str(small_run.folder) in shown.replace("\n", "")
    for name in FILES:
        assert name in shown
        assert (small_run.folder / name).exists()
    assert f"{small_run.manifest['peak_memory_mib']:,} MiB" in shown
