"""One fold: what is fitted sees its training subjects alone, and what is chosen, those set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusekit import Objective, Run
from fusekit.bundle.bundle import Bundle
from fusekit.data import Cohort, Column
from fusekit.errors import DataError
from fusekit.evaluation import Rule
from fusekit.experiment.run.fold import train_fold, words_of_test
from fusekit.experiment.setup.gathered import Gathered, gather
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.models import build_from
from fusekit.progress import Quiet
from fusekit_adni.task import AdniAdTask

SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "preset": "paper",
    "fusion": "concat",
    "backbone": "test_resnet",
    "epochs": 1,
    "batch_size": 8,
    "image_size": 32,
    "folds": 2,
    "validation": 0.4,
    "options": {"synthetic": {"subjects": 24}},
}


pytestmark = pytest.mark.usefixtures("unexplained")


def gathered() -> Gathered:
    plan = make_plan(Settings.of(SMALL))
    return gather(plan.config, plan.task, plan.slices, Quiet())


#: The data are the same whatever is trained on them.
known = cache(gathered)


def trained(
    folder: Path, fold: int | None = 0, *, data: Callable[[], Gathered] = known, **changes: Any
) -> tuple[Bundle | None, dict[str, Any]]:
    plan = make_plan(Settings.of({**SMALL, **changes}))
    folder.mkdir()
    bundle = train_fold(plan, data(), fold, folder, Quiet())
    return bundle, json.loads((folder / "fold.json").read_text())


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"subject": str, "scan": str})


def test_a_fold_says_whom_it_tested_and_whom_it_set_aside(small_run: Run, tmp_path: Path) -> None:
    _, record = trained(tmp_path / "fold", fold=1)
    tested, aside = read(tmp_path / "fold" / "predictions.csv"), read(tmp_path / "fold" / "validation.csv")
    assert set(tested["fold"]) == set(aside["fold"]) == {1}  # of validation rows: whose model predicted
    assert set(tested["subject"]).isdisjoint(aside["subject"])
    for table, side in ((tested, "test"), (aside, "validation")):
        assert table["subject"].nunique() == sum(count["subjects"] for count in record["counts"][side].values())
    assert (record["fold"], record["epochs"], record["search"]) == (1, 1, [])
    assert record["model"]["fusion"] == "concat"
    subjects = tested.groupby("subject").agg(label=("label", "first"), p=("p_1", "mean"))
    area = roc_auc_score(subjects["label"], subjects["p"])
    assert record["tested"] == {"metric": "AUC", "value": pytest.approx(area), "subjects": len(subjects)}
    assert words_of_test(tmp_path / "fold") == f"AUC {area:.2f} of {len(subjects)} subjects"


def test_nobody_is_tested_where_all_are_trained_on(small_run: Run, tmp_path: Path) -> None:
    bundle, record = trained(tmp_path / "all", fold=None, validation=0.0)
    assert bundle is not None
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"fold.json", "history.csv", "checkpoints"}
    assert sum(count["subjects"] for count in record["counts"]["train"].values()) == 24
    assert words_of_test(tmp_path / "all") == "finished"


def test_neither_tested_subjects_nor_those_set_aside_have_a_part_in_what_is_fitted(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = {"width": 8, "numbers": "piecewise"}  # whose bins are fitted
    recipe: dict[str, Any] = {"fusion": "clinical-only", "options": {**SMALL["options"], "encoder": encoder}}
    before, _ = trained(tmp_path / "before", **recipe)
    others = [
        scan for name in ("predictions", "validation") for scan in read(tmp_path / "before" / f"{name}.csv")["scan"]
    ]
    scan = AdniAdTask.scan

    def disturbed(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        clinical = cohort.clinical.copy()
        clinical.loc[others, "AGE"] = 119.0
        return replace(cohort, clinical=clinical)

    monkeypatch.setattr(AdniAdTask, "scan", disturbed)
    after, _ = trained(tmp_path / "after", data=gathered, **recipe)
    assert before is not None
    assert after is not None
    assert after.encoding == before.encoding
    assert after.pixels == before.pixels
    weights, same = before.model.state_dict(), after.model.state_dict()
    unfitted = build_from(before.model.description).state_dict()
    assert not np.array_equal(weights["encoder.bins.edges"], unfitted["encoder.bins.edges"])
    assert all(np.array_equal(weights[name], same[name]) for name in weights)


def test_categories_that_only_others_have_are_reported(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path / "first", fusion="clinical-only")
    tested = read(tmp_path / "first" / "predictions.csv")["scan"].unique()
    scan = AdniAdTask.scan

    def with_blood_group(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        group = pd.Series("A", index=cohort.scans.index, dtype=object)
        group[tested[0]] = "B"
        clinical = cohort.clinical.assign(blood=group)
        return replace(cohort, clinical=clinical, columns=(*cohort.columns, Column("blood", "category")))

    monkeypatch.setattr(AdniAdTask, "scan", with_blood_group)
    _, record = trained(tmp_path / "second", fusion="clinical-only", data=gathered)
    findings = {finding["code"]: finding for finding in record["findings"]}
    assert findings["unseen-category"]["items"] == ["B"]
    assert "'blood'" in findings["unseen-category"]["message"]
    assert "blood" in findings["constant-column"]["items"]


def test_the_epoch_that_is_best_on_those_set_aside_is_the_one_that_predicts(small_run: Run, tmp_path: Path) -> None:
    _, record = trained(tmp_path / "fold", epochs=3, select="auc", fusion="clinical-only")
    history = read(tmp_path / "fold" / "history.csv")
    assert record["epochs"] == history["epoch"].iloc[int(history["validation_auc"].argmax())]
    aside = Rule().subjects(read(tmp_path / "fold" / "validation.csv"))
    assert roc_auc_score(aside["label"], aside["p_1"]) == pytest.approx(history["validation_auc"].max())
    _, straight = trained(tmp_path / "straight", epochs=record["epochs"], fusion="clinical-only")
    assert straight["epochs"] == record["epochs"]
    for name in ("predictions.csv", "validation.csv"):
        assert (tmp_path / "straight" / name).read_bytes() == (tmp_path / "fold" / name).read_bytes()


def test_a_search_keeps_the_candidate_that_is_best_on_those_set_aside(small_run: Run, tmp_path: Path) -> None:
    candidates = {"lr": ("1e-6", "1e-3"), "training.weight_decay": ("0",)}
    _, record = trained(tmp_path / "fold", search=candidates, fusion="clinical-only")
    assert [tried["choice"]["lr"] for tried in record["search"]] == [1e-6, 1e-3]
    reached = [tried["validation_auc"] for tried in record["search"]]
    assert record["choice"] == record["search"][int(np.argmax(reached))]["choice"]
    for tried in record["search"]:  # each as if it had been trained by itself
        name = str(tried["choice"]["lr"])
        trained(tmp_path / name, lr=float(name), fusion="clinical-only")
        aside = Rule().subjects(read(tmp_path / name / "validation.csv"))
        assert roc_auc_score(aside["label"], aside["p_1"]) == pytest.approx(tried["validation_auc"])
    chosen = tmp_path / str(record["choice"]["lr"]) / "predictions.csv"
    assert (tmp_path / "fold" / "predictions.csv").read_bytes() == chosen.read_bytes()


def test_too_few_subjects_to_set_aside_are_refused(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a validation part of 0\.01 cannot be set aside from 12 training subjects"):
        trained(tmp_path / "fold", validation=0.01)


@pytest.mark.parametrize("explain", ["fast", "none"])
def test_what_fails_after_training_is_a_note_and_the_predictions_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, explain: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no map")

    monkeypatch.setattr("fusekit.experiment.run.fit.explained.explain_fold", broken)
    _, record = trained(tmp_path / "fold", explain=explain, fusion="clinical-only")
    assert not read(tmp_path / "fold" / "predictions.csv").empty
    assert not (tmp_path / "fold" / "ablations.csv").exists()
    notes = [(found["message"], found["items"]) for found in record["findings"] if found["code"] == "not-made"]
    expected = ("explanations could not be made: RuntimeError: no map.", ["fold 1"])
    assert notes == ([expected] if explain == "fast" else [])


def test_ctrl_c_is_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fusekit.experiment.run.fit.explained.explain_fold", stopped)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "fold", fusion="clinical-only")


def test_a_fold_with_auxiliary_heads_and_balanced_draws_ships_the_plain_model(small_run: Run, tmp_path: Path) -> None:
    options = {**SMALL["options"], "objective": {"image": 0.5, "table": 0.2}, "training": {"sampler": "balanced"}}
    bundle, _ = trained(tmp_path / "fold", fold=None, validation=0.0, options=options)
    assert bundle is not None
    history = pd.read_csv(tmp_path / "fold" / "history.csv")
    terms = history[["loss_outputs", "loss_image", "loss_table"]]
    assert history["loss"].to_numpy() == pytest.approx(terms.sum(axis=1).to_numpy())
    assert bool((terms > 0).all(axis=None))
    assert list(bundle.model.state_dict()) == list(build_from(bundle.model.description).state_dict())


def test_weights_of_classes_are_those_of_the_training_subjects(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    build_objective = Plan.build_objective

    def note(plan: Plan, subjects: Sequence[int]) -> Objective:
        asked.append(list(subjects))
        return build_objective(plan, subjects)

    monkeypatch.setattr(Plan, "build_objective", note)
    options = {**SMALL["options"], "objective": {"class_weights": "balanced"}}
    _, record = trained(tmp_path / "fold", options=options)
    trained_with = [own for own in asked if own != [1, 1]]  # which is asked before the cohort is known
    assert trained_with == [[count["subjects"] for count in record["counts"]["train"].values()]]
