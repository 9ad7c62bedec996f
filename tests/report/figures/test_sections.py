"""All pictures of a report, from run folders with known effects."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusekit.evaluation import Rule
from fusekit.experiment.evidence import gather_evidence
from fusekit.report.evidence import Evidence
from fusekit.report.figures.sections import SECTIONS, STORY, sections
from fusekit.report.run import Run
from tests.fake_runs import fake_runs


def evidence(folder: Path, **rest: Any) -> Evidence:
    return gather_evidence([Run(path) for path in fake_runs(folder, subjects=60, **rest)])


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Two arms, two seeds; with tables that stand for those of other parts."""
    folder = tmp_path_factory.mktemp("full")
    found = evidence(folder, arms=("image-only", "rbca"), seeds=2, folds=2, explanations=True)
    arms = ["image-only", "rbca"]
    conditions = ["as-is", "image:drop", "column:TAU:permute"]
    bins = [(arm, "as predicted", 0.5, 0.6, 9) for arm in arms]
    groups = [(arm, "SEX", group, "auc", 0.8, 30) for arm in arms for group in "FM"]
    benefits = [(arm, t, 0.2, 0.1) for arm in arms for t in (0.2, 0.4)]
    return replace(
        found,
        reliability=table("arm state predicted observed subjects", bins),
        net_benefit=table("arm threshold net_benefit treat_all", benefits),
        contribution=table("arm condition drop", [(arm, c, 0.1) for arm in arms for c in conditions]),
        shapley=table("arm modality value", [(arm, m, 0.1) for arm in arms for m in ("image", "table")]),
        missingness=table("arm hidden value", [(arm, h, 0.8) for arm in arms for h in (0.0, 0.5)]),
        subgroups=table("arm variable group metric value subjects", groups),
    )


def table(columns: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split()).assign(low=0.4, high=0.9)


def test_every_section_has_its_pictures_and_no_two_share_a_name(full: Evidence) -> None:
    drawn = sections(full)
    assert list(drawn) == list(SECTIONS["classes"])
    names = {section: [picture.name for picture in pictures] for section, pictures in drawn.items()}
    assert names["scores"][0] == "scores"
    assert names["curves"] == ["roc", "precision-recall"]
    assert names["calls"] == ["probabilities", "confusion"]
    assert names["calibration"] == ["reliability", "reliability-by-arm"]
    assert names["decision"] == ["decision-curve"]
    assert names["contribution"] == ["ablations", "importance", "shapley", "missingness"]
    assert names["subgroups"] == ["subgroups-auc"]
    assert names["explanations"][:2] == ["examples-image-only", "examples-rbca"]
    assert names["training"] == ["training"]
    flat = [picture for pictures in drawn.values() for picture in pictures]
    assert len({picture.name for picture in flat}) == len(flat)
    assert set(STORY["classes"]) <= {picture.name for picture in flat}
    for picture in flat:
        assert "SYNTHETIC data" in picture.svg
        assert picture.caption.startswith("SYNTHETIC data.")
        assert not picture.table.empty

    # The legend's areas are the scores of the report's table.
    (roc,) = [picture for picture in flat if picture.name == "roc"]
    for arm in full.arms:
        row = full.score(arm.name, "auc")
        assert row is not None
        assert f"{arm.name}: AUC {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in roc.svg

    # Training: baselines aside, every seed's folds.
    (training,) = drawn["training"]
    assert set(zip(training.table["arm"], training.table["seed"], strict=True)) == {
        (arm, seed) for arm in ("image-only", "rbca") for seed in (0, 1)
    }


def test_thresholds_of_the_manifest_are_honoured(full: Evidence, tmp_path: Path) -> None:
    run = full.arms[1].runs[0]
    limits = {str(fold): {"slice": 0.5, "subject": 0.05} for fold in range(5)}
    manifest = {**run.manifest, "evaluation": {**run.manifest["evaluation"], "thresholds": limits}}
    for name in ("predictions.csv", "metrics.json"):
        shutil.copy(run.folder / name, tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    arm = replace(full.arms[1], runs=(Run(tmp_path),))
    empty = pd.DataFrame()
    few = replace(
        full, arms=(arm,), pairs=empty, reliability=empty, net_benefit=empty, contribution=empty, shapley=empty,
        missingness=empty, subgroups=empty, scores=full.scores[full.scores["arm"] == "rbca"],
    )  # fmt: skip
    drawn = sections(few)
    calls = drawn["calls"][1].table
    positive = Rule().subjects(run.predictions)["p_1"] > 0.05
    assert calls[calls["called"] == full.classes[1]]["subjects"].sum() == positive.sum()
    assert all(
        drawn[name] == []
        for name in ("calibration", "decision", "contribution", "subgroups", "explanations", "training")
    )


def test_three_classes_leave_out_what_is_for_two(tmp_path: Path) -> None:
    found = evidence(tmp_path, arms=("concat",), folds=1, classes=("CN", "MCI", "AD"), ablations=False)
    drawn = sections(found)
    assert [picture.name for picture in drawn["curves"]] == ["roc", "precision-recall"]
    assert drawn["decision"] == []
    assert len(drawn["calls"][1].table) == 9
    assert set(drawn["training"][0].table["arm"]) == {"concat"}
