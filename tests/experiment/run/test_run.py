"""Whole runs, small: what they write, what they repeat, what they never leave behind."""

from __future__ import annotations

import errno
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

import fusekit
from fusekit import Run, run
from fusekit.errors import DataError, FusekitError, OptionError
from fusekit.evaluation import Rule
from fusekit.experiment.run.working_folder import unfinished
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.report.run import FILES, FURTHER
from fusekit.training.guard.failures import FiniteLosses

pytestmark = pytest.mark.usefixtures("unexplained")

SMALL: dict[str, Any] = {
    "backbone": "test_resnet",
    "epochs": 1,
    "image_size": 32,
    "batch_size": 8,
    "options": {"synthetic": {"subjects": 24}},
    "progress": Quiet(),
}


def test_a_run_folder_holds_what_it_promises(small_run: Run) -> None:
    there = {path.name for path in small_run.folder.iterdir()}
    assert set(FILES) <= there
    assert there <= set(FILES) | set(FURTHER)
    assert {"bundle", "history.csv", "overview.png", "report.html"} <= there
    assert list(small_run.metrics.columns) == ["level", "metric", "value", "low", "high", "rows", "subjects"]
    assert set(small_run.metrics["level"]) == {"slice", "subject"}
    assert set(small_run.metrics["metric"]) == {"accuracy", "sensitivity", "specificity", "ppv", "npv", "auc"}
    assert small_run.history["epoch"].tolist() == [1]
    assert small_run.synthetic
    manifest = small_run.manifest
    assert manifest["config"]["task"] == "adni-ad"
    assert set(manifest["data"]["fingerprint"]) == {"labels", "clinical", "slices"}
    assert manifest["versions"]["torch"] == torch.__version__.split("+")[0]
    assert manifest["machine"]["device"] == "cpu"
    assert all(
        {"code", "severity", "message", "advice", "dropped", "count", "items"} == set(finding)
        for finding in manifest["findings"]
    )


def test_subjects_are_never_on_both_sides(small_run: Run) -> None:
    data = small_run.manifest["data"]["folds"]["0"]
    tested = small_run.predictions.groupby("label")["subject"].nunique()
    assert [data["test"][name]["subjects"] for name in ("CN", "AD")] == tested.tolist()
    assert small_run.predictions.groupby("subject")["label"].nunique().eq(1).all()
    assert (small_run.predictions["fold"] == 0).all()
    # Every slice of a tested subject is tested: as many rows as the store has of them.
    assert len(small_run.predictions) == sum(count["slices"] for count in data["test"].values())
    assert sum(count["subjects"] for count in data["train"].values()) >= 3 * tested.sum()


def test_the_scores_are_those_of_the_predictions(small_run: Run) -> None:
    predictions = small_run.predictions
    assert predictions[["p_0", "p_1"]].sum(axis=1).to_numpy() == pytest.approx(1)
    scores = small_run.metrics.set_index(["level", "metric"])["value"]
    for level, table in (("slice", predictions), ("subject", Rule().subjects(predictions))):
        assert scores[level, "accuracy"] == pytest.approx(((table["p_1"] > 0.5) == table["label"]).mean())
        assert scores[level, "auc"] == pytest.approx(roc_auc_score(table["label"], table["p_1"]))


def test_the_same_seed_gives_the_same_file_and_the_manifest_is_enough(small_run: Run, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    again = run(config=small_run.folder / "manifest.json", out=tmp_path / "again", progress=Quiet())
    assert (again.folder / "predictions.csv").read_bytes() == (small_run.folder / "predictions.csv").read_bytes()
    assert torch.equal(torch.get_rng_state(), state)  # the caller's random numbers are left alone

    given: dict[str, Any] = {"seed": 1, "fusion": "clinical-only", "out": tmp_path / "other", "progress": Quiet()}
    other = run(config=small_run.folder / "manifest.json", **given)
    assert set(other.predictions["subject"]) != set(small_run.predictions["subject"])
    fingerprints = [r.manifest["data"]["fingerprint"] for r in (small_run, other)]
    assert fingerprints[0] == fingerprints[1]  # another split of the same patients


@pytest.mark.parametrize("fusion", ["image-only", "clinical-only", "concat"])
def test_the_other_arms_run_on_the_same_rows(fusion: str, small_run: Run, tmp_path: Path) -> None:
    arm = fusekit.run("adni-ad", fusion=fusion, out=tmp_path / "arm", **SMALL)
    keys = ["row", "subject", "scan", "slice", "fold", "label"]
    pd.testing.assert_frame_equal(arm.predictions[keys], small_run.predictions[keys])
    if fusion == "clinical-only":  # slices of a scan share their clinical values, so they share their probability
        of_scan = arm.predictions.groupby("scan")["p_1"]
        assert (of_scan.max() - of_scan.min()).max() < 1e-6  # rounding depends on the place in a batch
    weights = arm.bundle.model.state_dict()
    assert any(name.startswith("backbone.") for name in weights) == (fusion != "clinical-only")
    assert any(name.startswith("encoder.") for name in weights) == (fusion != "image-only")


def test_options_reach_the_parts(tmp_path: Path) -> None:
    options = {
        "encoder": {"activation": "none"},
        "injector": {"reduction": "shared"},
        "sites": {"stages": "4"},
        "slices": {"step": 2},
        **SMALL["options"],
    }
    done = fusekit.run("adni-ad", out=tmp_path / "run", **{**SMALL, "options": options})
    recipe = done.manifest["model"]["recipe"]
    assert recipe["options"]["encoder"]["activation"] == "none"
    assert recipe["options"]["injector"]["reduction"] == "shared"
    assert recipe["stages"] == [4]
    assert done.manifest["slices"]["step"] == 2
    assert len(done.predictions) == done.predictions["scan"].nunique()  # one slice a scan is left


def test_a_run_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FusekitError, match=r"training loss is not finite in epoch 1, batch \d+"):
        fusekit.run("adni-ad", lr=1e30, out=tmp_path / "run", **{**SMALL, "epochs": 2})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_is_trained_and_the_rest_is_done_later(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "predictions.csv")

    out = tmp_path / "run"
    with monkeypatch.context() as narrow:
        narrow.setattr("fusekit.experiment.run.fold.write_table", full)
        with pytest.raises(DataError, match=r"the disk is full \(predictions\.csv\)"):
            fusekit.run("adni-ad", out=out, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [".run.unfinished"]
    with pytest.raises(OptionError, match=r"was begun and not finished\. Add --resume"):
        fusekit.run("adni-ad", out=out, **SMALL)
    with pytest.raises(OptionError, match=r"begun with other config: epochs was 1 and is 2"):
        fusekit.run("adni-ad", out=out, resume=True, **{**SMALL, "epochs": 2})
    monkeypatch.setattr("fusekit.training.loop.within_memory", None)  # it would fail to be called
    checkpoint = tmp_path / ".run.unfinished" / ".fold-0.partial" / "checkpoints" / "training.safetensors"
    flip(checkpoint)
    with pytest.raises(DataError, match=r"training\.safetensors is no checkpoint, or a damaged one"):
        fusekit.run(out=out, resume=True, progress=Quiet())
    flip(checkpoint)
    done = fusekit.run(out=out, resume=True, progress=Quiet())  # its settings are known
    for name in ("predictions.csv", "metrics.json", "bundle/model.safetensors"):
        assert (done.folder / name).read_bytes() == (small_run.folder / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]

    before = (out / "manifest.json").stat()
    assert fusekit.run(out=out, resume=True, progress=Quiet()).folder == out  # there is nothing left to do
    assert (out / "manifest.json").stat() == before
    with pytest.raises(OptionError, match=r"holds a finished run: seed was 0 and is 1\. Choose another --out"):
        fusekit.run(out=out, seed=1, resume=True, progress=Quiet())


def flip(path: Path) -> None:
    """Change the last digit, or the last byte."""
    content = bytearray(path.read_bytes())
    place = max([i for i, byte in enumerate(content) if chr(byte).isdigit()] or [len(content) - 1])
    content[place if path.suffix == ".csv" else -1] ^= 1
    path.write_bytes(content)


def test_a_finished_fold_that_was_damaged_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "metrics.json")

    out = tmp_path / "run"
    given: dict[str, Any] = {"baseline": "prevalence", "folds": 2, "out": out}
    given |= {"options": SMALL["options"], "image_size": 32, "progress": Quiet()}
    with monkeypatch.context() as narrow:
        narrow.setattr(sys.modules["fusekit.experiment.run.run"], "finish", full)
        with pytest.raises(DataError, match="the disk is full"):
            fusekit.run("adni-ad", **given)
    work = tmp_path / ".run.unfinished"
    flip(work / "fold-1" / "predictions.csv")
    with pytest.raises(DataError, match=r"fold-1/predictions\.csv was changed .* delete .*fold-1: then this training"):
        fusekit.run(out=out, resume=True, progress=Quiet())
    flip(work / "fold-1" / "predictions.csv")
    for one, other in (("fold-0", "held"), ("fold-1", "fold-0"), ("held", "fold-1")):
        (work / one).rename(work / other)
    with pytest.raises(DataError, match=r"fold-0 is another folder's content: fold-1 was written there"):
        fusekit.run(out=out, resume=True, progress=Quiet())
    shutil.rmtree(work / "fold-0")
    shutil.rmtree(work / "fold-1")
    (work / "fold-x").mkdir()  # something to keep
    done = fusekit.run(out=out, resume=True, progress=Quiet())
    assert fusekit.run(out=out, resume=True, progress=Quiet()).folder == done.folder
    flip(out / "predictions.csv")
    with pytest.raises(DataError, match=r"run/predictions\.csv was changed or damaged"):
        fusekit.run(out=out, resume=True, progress=Quiet())


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors.torch

    real, saved = safetensors.torch.save_file, []

    def full(*given: Any) -> None:
        saved.append(given)
        if len(saved) == 3:
            raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")
        real(*given)

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(DataError, match=r"the disk is full \(.*training\.safetensors\)\. Make room"):
        fusekit.run("adni-ad", fusion="clinical-only", out=tmp_path / "run", **{**SMALL, "epochs": 4})
    path = tmp_path / ".run.unfinished" / ".fold-0.partial" / "checkpoints" / "training.safetensors"
    with safetensors.safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["fusekit"])["place"] == [3, 0]  # the third epoch comes
    done = fusekit.run(out=tmp_path / "run", resume=True, progress=Quiet())
    assert done.history["epoch"].tolist() == [1, 2, 3, 4]


def test_a_loss_that_is_not_finite_names_the_subjects_and_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    real = FiniteLosses.see

    def spoilt(self: FiniteLosses, where: str, loss: torch.Tensor, rows: torch.Tensor) -> None:
        if where.startswith("epoch 2, batch 3 "):
            seen.extend(rows.tolist())
            loss = loss * float("nan")
        real(self, where, loss, rows)

    monkeypatch.setattr(FiniteLosses, "see", spoilt)
    with pytest.raises(FusekitError, match=r"loss is not finite in epoch 2, batch 3 of \d+\.") as caught:
        fusekit.run("adni-ad", fusion="clinical-only", out=tmp_path / "run", **{**SMALL, "epochs": 3})
    plan = make_plan(Settings.of({**SMALL, "progress": None, "task": "adni-ad", "fusion": "clinical-only"}))
    rows = gather(plan.config, plan.task, plan.slices, Quiet()).rows.loc[seen]
    for subject, scan in rows[["subject", "scan"]].itertuples(index=False):
        assert f"{subject} (scan {scan})" in str(caught.value)
    kept = tmp_path / ".run.unfinished" / ".fold-0.partial" / "checkpoints" / "training.safetensors"
    assert str(caught.value).endswith(f"The last good state, after epoch 1, is kept in {kept}.")
    assert all(bool(value.isfinite().all()) for name, value in load_file(kept).items() if name.startswith("network/"))


def test_of_two_runs_into_one_folder_the_second_is_told_before_it_begins(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with (
        unfinished(out, {}, resume=False, progress=Quiet()),
        pytest.raises(OptionError, match="another process is at work on a run into"),
    ):
        fusekit.run("adni-ad", out=out, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_going_on_needs_to_know_with_what() -> None:
    with pytest.raises(OptionError, match="--resume needs --out DIR"):
        fusekit.run("adni-ad", resume=True, **SMALL)


def test_metrics_that_are_undefined_are_null_in_json(small_run: Run) -> None:
    text = (small_run.folder / "metrics.json").read_text()
    assert "NaN" not in text  # which is not JSON
    assert json.loads(text)["synthetic"] is True


def test_fewer_subjects_than_folds_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fewer subjects than folds"):
        fusekit.run("adni-ad", folds=20, out=tmp_path / "run", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_the_scores(small_run: Run) -> None:
    shown = small_run._repr_html_()
    assert "SYNTHETIC" in shown
    assert "sensitivity" in shown
