"""``fusekit compare``: what is typed reaches the comparison, and what it answers is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fusekit import Comparison, Run
from fusekit.experiment.evidence import gather_evidence
from tests.conftest import CommandLine
from tests.fake_runs import fake_runs


def test_everything_typed_reaches_the_comparison(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = [Run(path) for path in fake_runs(tmp_path, arms=["concat", "gbdt"], subjects=40, ablations=False)]
    asked: dict[str, Any] = {}

    def compare(task: str, **given: Any) -> Comparison:
        asked.update(given, task=task)
        return Comparison(tmp_path, tuple(runs), gather_evidence(runs))

    monkeypatch.setattr("fusekit.experiment.compare.comparison.compare", compare)
    typed = "compare adni-ad --fusion image-only,rbca --baseline logistic --seeds 3 --jobs 2 --folds 4 --validation 0.1"
    typed += " --late-fusion mean,stacked --select auc"
    typed += " --threshold youden --aggregate logit --search lr=1e-4,3e-4 --allow leaky-column"
    code, said = command_line(*typed.split(), "-o", "injector.reduction=shared", "--layout", "bids")
    assert code == 0
    given = {name: value for name, value in asked.items() if value is not None}
    assert given == {
        "task": "adni-ad",
        "fusions": "image-only,rbca",
        "baselines": "logistic",
        "late_fusion": "mean,stacked",
        "seeds": 3,
        "jobs": 2,
        "launcher": "local",
        "folds": "4",  # text until ``Settings`` reads it
        "validation": "0.1",
        "select": "auc",
        "threshold": "youden",
        "aggregate": "logit",
        "search": {"lr": ("1e-4", "3e-4")},
        "allow": ["leaky-column"],
        "options": {"injector": {"reduction": "shared"}, "task": {"layout": "bids"}},
    }
    assert "SYNTHETIC cohort" in said
    assert "concat" in said


def test_what_does_not_fit_ends_with_a_sentence(command_line: CommandLine, tmp_path: Path) -> None:
    code, said = command_line("compare", "adni-ad", "--fusion", "rbca", "--out", str(tmp_path / "x"))
    assert code == 2
    assert "error: a comparison needs two arms or more" in said
    code, said = command_line("compare", "adni-ad", "--fusion", "rbca,rcba", "--out", str(tmp_path / "x"))
    assert code == 2
    assert "did you mean 'rbca'" in said
    assert not (tmp_path / "x").exists()
