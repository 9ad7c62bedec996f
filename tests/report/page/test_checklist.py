"""The checklist knows what runs know, and leaves the rest to the authors."""

from __future__ import annotations

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
    assert entries["Characteristics of participants, by part"].known.startswith("See Table 1: by class, with missing")
    assert entries["Ethics approval and consent"].known == ""
    assert entries["Ethics approval and consent"].to_do == TO_DO


def test_nothing_is_claimed_that_was_not_done(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["rbca"], subjects=60, folds=1, validation=False, ablations=False)
    entries = {entry.item: entry for entry in checklist(gather_evidence([Run(path) for path in runs]))}
    assert entries["Explanations"].to_do == TO_DO
    assert entries["Robustness and sensitivity"].to_do == TO_DO
    assert "DeLong" not in entries["Uncertainty and significance"].known
    assert "set aside" not in entries["How data were assigned to training and test"].known


#: Number -> letters of TRIPOD+AI's items (Collins et al. 2024), 52 in all.
LETTERS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}


def test_every_item_of_both_lists_stands_somewhere(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["rbca"], subjects=60, ablations=False)
    entries = checklist(gather_evidence([Run(path) for path in runs]))
    every = [f"{k}{letter}" for k in range(1, 28) for letter in LETTERS.get(k, [""])]
    assert len(every) == 52

    def spelled(texts: list[str], known: list[str]) -> set[str]:
        ends = [part.split("-") for text in texts for part in filter(None, text.split(", "))]
        return {name for end in ends for name in known[known.index(end[0]) : known.index(end[-1]) + 1]}

    assert spelled([entry.tripod for entry in entries], every) == set(every)
    every = [str(k) for k in range(1, 45)]
    assert spelled([entry.claim for entry in entries], every) == set(every)
