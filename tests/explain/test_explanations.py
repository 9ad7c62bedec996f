"""The files of a fold: all there, in step with each other, and the same when made again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data import Classes, TimeToEvent
from fusekit.evaluation import prediction_table
from fusekit.explain import explain_fold
from fusekit.models import ConcatHead, FusionModel, ImageWidths, MLPEncoder
from fusekit.progress import Label, Progress, Quiet, T
from tests.explain.conftest import Cohort, Small, bundle_of, fold_of, make_model


class Labels(Quiet):
    """What is shown while explanations are made; as many items as were promised."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def log(self, line: str) -> None:
        self.said.append(line)

    def track(
        self, items: Iterable[T], label: Label, total: int, unit: str = "", size: Callable[[T], int] | None = None
    ) -> Iterator[T]:
        assert isinstance(label, str)
        self.seen.append(label)
        passed = list(items)
        assert len(passed) == total
        yield from passed


def explained(bundle: Bundle, cohort: Cohort, folder: Path, progress: Progress | None = None) -> pd.DataFrame:
    probabilities = bundle.probabilities(cohort.images, bundle.encode(cohort.table))
    predictions = prediction_table(cohort.rows, Classes(("no", "yes")).predict(probabilities))
    made = explain_fold(fold_of(bundle, cohort), predictions, folder, seed=1, seconds=0.5, progress=progress)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def folder(injected: Bundle, both: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained") / "fold-0"
    progress = Labels()
    explained(injected, both, folder, progress).to_csv(folder / "ablations.csv", index=False)
    (estimate,) = progress.said  # before anything is made
    numbers = re.fullmatch(r"explanations: about ([\d,]+) s, ([\d,]+) forward passes .*; --explain none .*", estimate)
    assert numbers is not None
    seconds, passes = (int(number.replace(",", "")) for number in numbers.groups())
    assert seconds == pytest.approx(passes / 2, abs=0.5)
    assert progress.seen == ["maps of examples", "mean maps", "gates", "attributions", "what-if answers", "ablations"]
    return folder


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", dtype={"subject": str, "scan": str})


def test_arrays_go_with_their_tables(folder: Path, injected: Bundle, both: Cohort) -> None:
    examples = read(folder, "examples")
    maps = np.load(folder / "grad_cam.npy")
    images = np.load(folder / "images.npy")
    assert maps.shape == (len(examples), 24, 24)
    assert images.shape == (len(examples), 1, 24, 24)
    np.testing.assert_array_equal(images, both.images[examples["row"]])
    for map_, maximum in zip(maps, examples["maximum"], strict=True):
        assert float(map_.max()) == (1 if maximum > 0 else 0)
    close = examples["kind"] == "close"
    assert examples["subject"][~close].is_unique
    assert set(examples["kind"][~close]) <= {"right", "wrong"}
    assert ((examples["called"] == examples["label"]) == (examples["kind"] == "right"))[~close].all()
    answers = read(folder, "what_if")
    assert set(answers["example"]) == set(examples.index[close])
    nearest = injected.probabilities(both.images, injected.encode(both.table))[:, 1] - 0.5
    assert np.abs(examples["p_1"][close] - 0.5).min() == pytest.approx(np.abs(nearest).min(), abs=1e-6)
    assert len(np.load(folder / "what_if.npy")) == len(answers)
    assert set(answers["column"]) <= {"NOISE", "DECISIVE", "SEX", "OTHER"}
    means = read(folder, "mean_map")
    assert means["name"].tolist() == ["well", "well", "ill", "ill"]
    for number, group in means.iterrows():
        chosen = (both.rows["label"] == group["group"]) & (both.rows["slice"] == 7 + group["position"])
        mean = both.images[chosen.to_numpy()].mean(axis=0)
        np.testing.assert_array_equal(np.load(folder / "mean_image.npy")[number], np.rint(mean))
    assert set(read(folder, "gates")["site"]) == {"second", "third"}
    facts = json.loads((folder / "explanation.json").read_text())
    assert (facts["class"], facts["target"], facts["injector"]) == ("ill", 1, True)


def test_whether_the_orientation_was_read_is_kept_and_decides_about_the_template(
    sees_square: Bundle, bright: Cohort, tmp_path: Path
) -> None:
    predictions = prediction_table(
        bright.rows,
        Classes(("no", "yes")).predict(sees_square.probabilities(bright.images, np.zeros((64, 0), np.float32))),
    )
    for oriented in (False, True):
        fold = replace(fold_of(sees_square, bright), oriented=oriented)
        explain_fold(fold, predictions, tmp_path / str(oriented), seed=1, template="mni152")
        facts = json.loads((tmp_path / str(oriented) / "explanation.json").read_text())
        assert facts["oriented"] is oriented
        assert (tmp_path / str(oriented) / "template_map.npy").exists() is oriented  # a template has sides


def test_a_part_that_fails_is_a_sentence_and_the_others_are_written(
    injected: Bundle, both: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr("fusekit.explain.explanations.deepest", broken)
    predictions = prediction_table(
        both.rows, Classes(("no", "yes")).predict(injected.probabilities(both.images, injected.encode(both.table)))
    )
    said: list[str] = []
    ablations = explain_fold(
        fold_of(injected, both), predictions, tmp_path / "told", seed=1, slices=1, failed=said.append
    )
    assert said == ["maps could not be made: RuntimeError: no memory."]
    assert ablations is not None
    names = {path.name for path in (tmp_path / "told").iterdir()}
    assert {"examples.csv", "attributions.csv", "gates.csv", "what_if.csv", "explanation.json"} <= names
    with pytest.raises(RuntimeError, match="no memory"):
        explain_fold(fold_of(injected, both), predictions, tmp_path / "raised", seed=1, slices=1)


@pytest.mark.parametrize("asked", [None, 0])
def test_of_three_classes_the_called_one_is_explained_or_the_one_asked_for(
    both: Cohort, tmp_path: Path, asked: int | None
) -> None:
    torch.manual_seed(0)
    backbone = Small()
    head = ConcatHead(ImageWidths(8, 8), 16, 3)
    model = FusionModel(backbone, MLPEncoder(6, width=16), None, head)
    bundle = replace(bundle_of(model, both), target=Classes(("well", "ill", "dead")))
    predictions = prediction_table(
        both.rows, bundle.target.predict(bundle.probabilities(both.images, bundle.encode(both.table)))
    )
    called = predictions.set_index("row")[["p_0", "p_1", "p_2"]].to_numpy().argmax(axis=1)
    assert len(set(called)) > 1
    explain_fold(fold_of(bundle, both), predictions, tmp_path / "made", seed=1, slices=1, asked=asked)
    examples = read(tmp_path / "made", "examples")
    expected = called[examples["row"]] if asked is None else np.zeros(len(examples))
    assert examples["explained"].tolist() == expected.tolist()
    attributed = read(tmp_path / "made", "attributions").drop_duplicates("subject").set_index("subject")["explained"]
    firsts = both.rows.reset_index().drop_duplicates("subject").set_index("subject")["row"]
    own = pd.Series(called[firsts], index=firsts.index) if asked is None else pd.Series(0, index=firsts.index)
    assert attributed.to_dict() == own.loc[attributed.index].to_dict()
    facts = json.loads((tmp_path / "made" / "explanation.json").read_text())
    assert (facts["target"], facts["class"]) == ((None, None) if asked is None else (0, "well"))


def test_attributions_name_values_as_people_write_them(folder: Path, both: Cohort) -> None:
    table = read(folder, "attributions")
    assert table.groupby("subject").size().eq(4).all()
    sexes = table[table["column"] == "SEX"].set_index("subject")["value"]
    expected = both.table["SEX"].groupby(level=0).first()
    assert (sexes == expected.loc[sexes.index]).all()


def test_the_same_again_byte_for_byte(folder: Path, injected: Bundle, both: Cohort, tmp_path: Path) -> None:
    again = tmp_path / "fold-0"
    explained(injected, both, again).to_csv(again / "ablations.csv", index=False)
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in names:
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


def test_a_model_writes_what_it_reads(
    sees_square: Bundle, bright: Cohort, sees_column: Bundle, telling: Cohort, tmp_path: Path
) -> None:
    explained(sees_square, bright, tmp_path / "image")
    there = {path.name for path in (tmp_path / "image").iterdir()}
    assert {"grad_cam.npy", "mean_map.npy"} <= there
    assert not {"attributions.csv", "what_if.csv", "gates.csv"} & there
    explained(sees_column, telling, tmp_path / "concat")
    there = {path.name for path in (tmp_path / "concat").iterdir()}
    assert "attributions.csv" in there
    assert "gates.csv" not in there


def test_fewer_slices_can_be_ablated(sees_column: Bundle, telling: Cohort, tmp_path: Path) -> None:
    fold = fold_of(sees_column, telling)
    first = telling.rows["slice"] == 7  # evenly_spread's one of two
    probabilities = sees_column.probabilities(telling.images, sees_column.encode(telling.table))
    predictions = prediction_table(telling.rows, Classes(("no", "yes")).predict(probabilities))
    found = explain_fold(fold, predictions, tmp_path / "fold-0", seed=1, slices=1)
    assert found is not None
    as_is = found[found["condition"] == "as-is"].set_index("subject")["p_1"]
    expected = predictions[first.to_numpy()].set_index("subject")["p_1"]
    np.testing.assert_allclose(as_is, expected.loc[as_is.index], atol=1e-6)


def test_of_times_without_a_known_outcome_there_are_maps_and_no_examples(both: Cohort, tmp_path: Path) -> None:
    """Everyone was censored before the last horizon."""
    target = TimeToEvent("death", (12.0,), "months", 3)
    model = make_model("rbca", 6)
    model.head = ConcatHead(ImageWidths(8, 8), 16, 3)
    bundle = replace(bundle_of(model, both), target=target)
    censored = replace(both, rows=both.rows.assign(label=-5.0))
    said = target.predict(bundle.probabilities(both.images, bundle.encode(both.table)))
    failed: list[str] = []
    fold = fold_of(bundle, censored)
    made = explain_fold(fold, prediction_table(censored.rows, said), tmp_path / "made", seed=1, failed=failed.append)
    assert failed == []
    assert made is not None
    assert read(tmp_path / "made", "examples").empty
    assert read(tmp_path / "made", "mean_map")["name"].tolist() == ["censored", "censored"]
    assert not (tmp_path / "made" / "images.npy").exists()
