"""``fusekit check`` as a person uses it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from fusekit import Run
from fusekit.cli.check import print_demonstration, print_findings
from fusekit.data import Cohort, Column, Finding
from fusekit.experiment.demonstrate import Demonstration
from fusekit_adni.task import AdniAdTask

SMALL = ("check", "adni-ad", "-o", "synthetic.subjects=24", "--image-size", "32")


@pytest.fixture
def leaky(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The synthetic cohort with MMSE among its columns, and one more that repeats the label."""
    scan = AdniAdTask.scan

    def with_leak(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        ward = cohort.scans["label"].map({0: "surgery", 1: "memory"})
        clinical = cohort.clinical.assign(MMSE=25.0, ward=ward.astype(object))
        return replace(cohort, clinical=clinical, columns=(*cohort.columns, Column("MMSE"), Column("ward", "category")))

    monkeypatch.setattr(AdniAdTask, "scan", with_leak)


def test_a_sound_cohort_ends_with_0(small_run: Run, command_line: Callable[..., tuple[int, str]]) -> None:
    code, said = command_line(*SMALL)
    assert code == 0
    assert "SYNTHETIC cohort: 27 scans of 24 subjects" in said
    assert "NOTES" in said
    assert "nothing is refused" in said


def test_a_leak_ends_with_1_and_says_what_to_do(leaky: None, command_line: Callable[..., tuple[int, str]]) -> None:
    code, said = command_line(*SMALL)
    assert code == 1
    assert "leaky-column (1)" in said
    assert "· MMSE" in said
    assert "--allow leaky-column" in said
    assert "column-is-label (1)" in said
    assert "Take them out" in said


def test_json_has_every_finding_and_allowed_ones_do_not_count(
    leaky: None, command_line: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = command_line(*SMALL, "--json", "--allow", "leaky-column")
    assert code == 1
    record, _ = json.JSONDecoder().raw_decode(said[said.index("{") :])
    assert record["refused"] == ["column-is-label"]
    assert {"leaky-column", "column-is-label", "duplicate-scan"} <= {f["code"] for f in record["findings"]}
    assert (record["task"], record["synthetic"], record["scans"], record["subjects"]) == ("adni-ad", True, 27, 24)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--allow", "leaky-colum"), "did you mean 'leaky-column'"),
        (("--epochs", "3"), "--epochs belongs to --demonstrate"),
        (("--demonstrate", "-o", "slices.plane=volume"), "choose a plane"),
    ],
)
def test_what_does_not_fit_is_said(
    small_run: Run, command_line: Callable[..., tuple[int, str]], arguments: tuple[str, ...], sentence: str
) -> None:
    code, said = command_line(*SMALL, *arguments)
    assert code == 2
    assert sentence in said


def test_the_table_of_a_demonstration_says_synthetic_and_chance(capsys: pytest.CaptureFixture[str]) -> None:
    scores = pd.DataFrame(
        [("true", "slice", "slice", m, 0.91, 0.85, 0.95, 60, 20) for m in ("accuracy", "auc")],
        columns=["labels", "split", "level", "metric", "value", "low", "high", "rows", "subjects"],
    )
    print_demonstration(Demonstration(Path("here"), scores, 0.55, 20, 180, True), Console(width=100))
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "SYNTHETIC cohort",
        "0.91 [0.85, 0.95]",
        "20 subjects, 180 slices",
        "accuracy 0.55, AUC 0.50",
        "here",
    ):
        assert words in said


def printed(*findings: Finding, allow: tuple[str, ...] = ()) -> list[str]:
    file = io.StringIO()
    print_findings(findings, allow, Console(file=file, width=100))
    return [line.strip() for line in file.getvalue().splitlines() if line.strip()]


def test_refusals_come_first_with_items_advice_and_the_way_on() -> None:
    lines = printed(
        Finding("seen", "a note.", ("n1", "n2")),
        Finding("odd", "a warning.", tuple(f"w{k}" for k in range(12)), "warning", "Look."),
        Finding("leak", "a [bold]refusal[/].", ("MMSE",), "refusal", "Take it out."),
    )
    assert lines == [
        "REFUSED: nothing is trained on this",
        "leak (1) a [bold]refusal[/].",
        "· MMSE",
        "Take it out.",
        "to continue all the same: --allow leak",
        "WARNINGS: this may fool you",
        "odd (12) a warning.",
        *(f"· w{k}" for k in range(10)),
        "· and 2 more",
        "Look.",
        "NOTES: how the cohort came about",
        "seen (2) a note.",
    ]


def test_what_is_allowed_says_so() -> None:
    assert "allowed by --allow" in printed(Finding("leak", "m.", ("x",), "refusal", "a."), allow=("leak",))
    assert printed() == []
