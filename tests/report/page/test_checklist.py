"""The checklist knows what runs know, and leaves the rest to the authors."""

from __future__ import annotations

import re
from pathlib import Path

from fusekit import Run
from fusekit.experiment.evidence import gather_evidence
from fusekit.report.page.checklist import TO_DO, checklist
from tests.fake_runs import fake_runs


def test_items_are_filled_in_or_left_to_the_authors(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["clinical-only", "rbca"], subjects=60)
    entries = {entry.item: entry for entry in checklist(gather_evidence([Run(path) for path in runs]))}
    assert entries["How it was reached"].known == "60 tested subjects: 30 CN, 30 AD. Intervals are over subjects."
    assert "5 folds tested" in entries["How data were assigned to training and test"].known
    assert "20% of the training subjects were set aside" in entries["How data were assigned to training and test"].known
    assert entries["Software and versions"].known.startswith("python 3.12.3, fusekit 0.1.0")
    assert entries["Software and versions"].to_do == ""
    assert entries["Ethics approval and consent"].known == ""
    assert entries["Ethics approval and consent"].to_do == TO_DO


def test_nothing_is_claimed_that_was_not_done(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["rbca"], subjects=60, folds=1, validation=False, ablations=False)
    entries = {entry.item: entry for entry in checklist(gather_evidence([Run(path) for path in runs]))}
    assert entries["Explanations"].to_do == TO_DO
    assert entries["Robustness and sensitivity"].to_do == TO_DO
    assert "DeLong" not in entries["Uncertainty and significance"].known
    assert "set aside" not in entries["How data were assigned to training and test"].known


def test_every_number_of_both_lists_stands_somewhere(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["rbca"], subjects=60, ablations=False)
    entries = checklist(gather_evidence([Run(path) for path in runs]))

    def numbers(texts: list[str]) -> set[int]:
        found: set[int] = set()
        for part in ", ".join(texts).split(", "):
            ends = [int(n) for n in re.findall(r"\d+", part)]
            found |= set(range(ends[0], ends[-1] + 1)) if ends else set()
        return found

    assert numbers([entry.tripod for entry in entries]) == set(range(1, 28))
    assert numbers([entry.claim for entry in entries]) == set(range(1, 45))
