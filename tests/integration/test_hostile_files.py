"""Bundles and run folders from elsewhere: a right answer or an error that names file and place, in bounded memory."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import fusekit
from fusekit.bundle.bundle import Bundle
from fusekit.data import Classes, ClinicalEncoding, Column, Pixels, SlicePolicy
from fusekit.disk import checksum_of
from fusekit.errors import DataError, FusekitError
from fusekit.evaluation import Rule
from fusekit.evaluation.cohorts.shift import clinical_shift, summary
from fusekit.experiment.evidence import gather_evidence
from fusekit.experiment.external.plan import ask
from fusekit.models import build
from fusekit.progress import Quiet
from fusekit.report.kept import run_folders
from fusekit.report.page.page import page
from tests.conftest import CommandLine
from tests.fake_runs import fake_runs
from tests.hostile import DEEP, MB, VALUES, bounded, changed, places, resigned

#: Of the values, so many are tried at each place, another choice at the next; ``make fuzz`` tries all.
EACH = len(VALUES) if os.environ.get("FUSEKIT_FUZZ") else 1


def mutations(document: Any) -> list[tuple[tuple[Any, ...], Any, str]]:
    """Place, value and the document that has it there."""
    found = []
    for number, place in enumerate(places(document)):
        chosen = [VALUES[(number * 5 + k * 7) % len(VALUES)] for k in range(EACH)]
        found += [(place, value, changed(document, place, value)) for value in chosen]
    return found


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of a network that was never trained, of the format that has no checksum of its description."""
    columns = (Column("AGE", unit="years"), Column("SEX", kind="category", categories=("f", "m")))
    values = pd.DataFrame({"AGE": [50.0, 60.0, np.nan], "SEX": ["f", "m", "m"]})
    encoding = ClinicalEncoding.fit(values, columns)
    model = build("clinical-only", backbone="", columns=len(encoding.features), classes=2)
    score = {"level": "subject", "metric": "auc", "value": 0.9, "low": None, "high": 1.0, "rows": 3, "subjects": 3}
    provenance: dict[str, Any] = {
        "synthetic": True,
        "config": {"task": "adni-ad", "fusion": "clinical-only", "options": {"task": {"columns": "all"}}},
        "plugins": [{"name": "builtin", "distribution": "fusekit", "version": "0.1.0"}],
        "data": {"train": {"CN": {"subjects": 1}, "AD": {"subjects": 2}}},
        "evaluation": {"thresholds": {"0": {"slice": 0.5, "subject": 0.5}}},
    }
    task = {"name": "adni-ad", "title": "Well or ill?"}
    shipped = Bundle(
        model.eval(),
        Classes(("CN", "AD")),
        encoding,
        SlicePolicy(),
        32,
        Pixels((100,), (50,)),
        Rule(),
        task,
        [score],
        provenance,
    )
    shipped.save(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_any_value_anywhere_in_a_bundle_is_refused_or_harmless(bundle: Path) -> None:
    path = bundle / "bundle.json"
    patients = pd.DataFrame({"AGE": ["55"], "SEX": ["f"]})
    said: list[str] = []
    for place, value, text in mutations(json.loads(path.read_text())):
        path.write_text(resigned(text))
        with bounded(200 * MB):
            try:
                shipped = fusekit.load(bundle)
                predicted = shipped(clinical=dict(patients.iloc[0]))
                assert shipped.encoding is not None
                other = shipped.encoding.parse(pd.concat([patients] * 3, ignore_index=True), "other")
                assert len(summary(clinical_shift(shipped.encoding, other, pd.Series(list("abc"))))) >= 1
                ask(bundle, None, None, {}, (), "none", None)
            except FusekitError as error:
                said.append(str(error))
            else:
                assert np.isfinite(predicted[["p_0", "p_1"]].to_numpy()).all(), (place, value)
    assert len(said) > 60
    assert all(len(message) > 20 for message in said)


MESSAGES: list[tuple[str, Any, str]] = [
    ("classes.1", 3, r"bundle\.json: classes\[1\] is the number 3, text is expected"),
    ("classes", ["a", "a"], "classes has the same name twice"),
    ("image_size", "64", r"image_size is the text '64', a whole number is expected"),
    ("image_size", 10**9, "image_size is 1000000000, which is more"),
    ("pixels.std.0", float("nan"), r"pixels\.std\[0\] is the number nan, a finite number is expected"),
    *[
        ("pixels.std.0", one, r"pixels\.std\[0\] is the number .*, (great|less).* than or equal to")
        for one in (0, 1e-40, 1e308)
    ],
    ("pixels.mean", [], r"pixels\.mean 0, pixels\.std 1"),
    ("pixels.mean.0", -1e308, r"pixels\.mean\[0\] is the number -1e\+308, greater than or equal to 0"),
    ("image_size", 5792, "image_size is 5792, which is more than the 2048 pixels of a slice's edge"),
    ("slices.plane", "diagonal", r"slices\.plane is the text 'diagonal'"),
    ("slices.step", 0, r"slices\.step takes 1 or more, not 0"),
    ("slices.deep", 1, r"slices\.deep is not known"),
    ("model.columns", 10**12, "clinical has 4 inputs, and model.columns is 1000000000000"),
    ("model.recipe.options.encoder.hidden", [10**7], "model"),
    ("clinical.columns", [], "clinical"),
    ("clinical.columns.1.shares", [1.0], r"column 'SEX' has not one of shares for each category"),
    ("clinical.columns.1.shares", [1.5, -0.5], r"columns\[1\]\.shares\[0\] is the number 1\.5"),
    ("clinical.columns.1.categories", ["f", "f"], "column 'SEX' has a category twice"),
    ("clinical.columns.0.observed", [0, 0], r"columns\[0\]\.observed\[1\] is the number 0"),
    ("clinical.columns.0.observed", [4, 3], "column 'AGE' was observed in more scans than there were"),
    ("clinical.columns.0.observed", [0, 3], "column 'AGE' has seen or shares, and no value was observed"),
    ("clinical.columns.0.observed", [10**400, 10**400], r"columns\[0\]\.observed\[1\]"),
    ("clinical.columns.0.seen", [60, 50], "column 'AGE' has in seen a lowest value above the highest"),
    ("clinical.columns.1.name", "AGE", "clinical columns have one name: AGE"),
    ("provenance.data.train.CN", {}, r"provenance\.data\.train\.CN\.subjects is missing"),
    ("provenance.data.train.CN.subjects", -1, r"provenance\.data\.train\.CN\.subjects is the number -1"),
    (
        "metrics",
        [dict.fromkeys(("level", "metric"), "a") | dict.fromkeys(("value", "low", "high")) | {"rows": 1, "subjects": 1}]
        * 2,
        "metrics has a row of the same level and metric twice",
    ),
    ("provenance", DEEP, "recursion limit"),
    ("rule.temperatures", {"0": 1e-310}, r"rule\.temperatures\.0 is the number 1e-310, greater than or equal to 0\.05"),
    ("rule.temperatures", {"00": 1.0}, r"temperatures\.00 is the text '00', a whole number such as '0' or '12'"),
    ("rule.temperatures", {"9" * 5000: 1.0}, r"temperatures\.9{60} is text"),
    ("rule.temperatures", {"1": 1.0}, "the rule is of fold 1; a shipped model is fold 0"),
    ("rule.thresholds", {"0": {"slice": 0.5}}, r"thresholds\.0\.subject is missing"),
    ("rule.thresholds", {"0": {"slice": 0.5, "subject": 1.0000001}}, "less than or equal to 1"),
    ("rule.thresholds", {"0": {"slice": 0, "subject": 0, "scan": 0}}, "scan is not known"),
    *[("provenance.evaluation.temperatures", one, "an object is expected") for one in ("abc", [1], None)],
]


@pytest.mark.parametrize(("place", "value", "message"), MESSAGES, ids=[f"{p}={str(v)[:9]}" for p, v, _ in MESSAGES])
def test_the_message_names_file_and_place(bundle: Path, place: str, value: Any, message: str) -> None:
    path = bundle / "bundle.json"
    steps = tuple(int(step) if step.isdigit() else step for step in place.split("."))
    path.write_text(resigned(changed(json.loads(path.read_text()), steps, value)))
    with bounded(50 * MB), pytest.raises(DataError, match=message) as caught:
        fusekit.load(bundle)
    assert str(path) in str(caught.value)


def test_a_name_that_is_twice_in_an_object_is_refused(bundle: Path) -> None:
    path = bundle / "bundle.json"
    path.write_text(path.read_text().replace('"temperatures": {}', '"temperatures": {"0": 1.0, "0": 2.0}'))
    with pytest.raises(DataError, match=r"bundle\.json: the name '0' is twice in one object"):
        fusekit.load(bundle)


def _rewrite(bundle: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(bundle / "model.safetensors")
    change(tensors)
    save_file(tensors, bundle / "model.safetensors")
    description = json.loads((bundle / "bundle.json").read_text())
    description["weights"] = checksum_of(bundle / "model.safetensors")
    (bundle / "bundle.json").write_text(resigned(json.dumps(description)))


def _spoil(tensors: dict[str, torch.Tensor], name: str, value: float) -> None:
    tensors[name].view(-1)[:1].fill_(value)


def test_a_weight_that_is_not_a_number_is_refused(bundle: Path) -> None:
    name = next(iter(load_file(bundle / "model.safetensors")))
    for value in (float("nan"), float("inf")):
        _rewrite(bundle, partial(_spoil, name=name, value=value))
        with pytest.raises(DataError, match=rf"model\.safetensors: {name} holds a value that is not a finite number"):
            fusekit.load(bundle)


def test_weights_of_another_shape_type_or_name_are_refused(bundle: Path) -> None:
    good = (bundle / "model.safetensors").read_bytes()
    name = next(iter(load_file(bundle / "model.safetensors")))
    changes: list[tuple[Callable[[dict[str, torch.Tensor]], object], str]] = [
        (lambda t: t.update({name: t[name][:1].clone()}), rf"{name} has the shape"),
        (lambda t: t.update({name: t[name].double()}), rf"{name} is torch\.float64, torch\.float32 is expected"),
        (lambda t: t.pop(name), rf"{name} has nothing"),
        (lambda t: t.update({"more": torch.zeros(1)}), r"more has the shape \(1,\); the description makes it nothing"),
    ]
    for change, message in changes:
        (bundle / "model.safetensors").write_bytes(good)
        _rewrite(bundle, change)
        with pytest.raises(DataError, match=message):
            fusekit.load(bundle)


@pytest.mark.parametrize("name", ["bundle.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    bundle: Path, name: str, kind: str, command_line: CommandLine
) -> None:
    path = bundle / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with bounded(50 * MB):
        code, said = command_line("predict", str(bundle), "--clinical", str(bundle / "none.csv"))
    assert code == 2
    assert re.search(
        rf"{re.escape(name)} (is a (named pipe|device), and only files are read|cannot be read|is no)", said
    )


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json", "comparison.json"])
def test_any_value_anywhere_in_a_run_folder_is_refused_or_reported(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusekit.experiment.evidence.measured", lambda evidence: evidence)  # statistics, of the tables
    folder = tmp_path / "comparison"
    run, *_ = fake_runs(folder, arms=("rbca", "logistic"), subjects=6, folds=1, validation=False, ablations=False)
    path = (folder if name == "comparison.json" else run) / name
    said: list[str] = []
    for _, _, text in mutations(json.loads(path.read_text())):
        path.write_text(text)
        try:
            assert "<html" in page(gather_evidence([fusekit.Run(path) for path in run_folders(folder)]), {})
        except FusekitError as error:
            said.append(str(error))
    assert all(str(folder) in message for message in said)


def test_any_configuration_in_a_finished_run_is_refused_or_the_same_on_resuming(tmp_path: Path) -> None:
    run, *_ = fake_runs(tmp_path, arms=("rbca",), subjects=6, folds=1, validation=False, ablations=False)
    path, said = run / "manifest.json", []
    for place, _, text in mutations(json.loads(path.read_text())):
        if place[:1] == ("config",):
            path.write_text(text)
            try:
                assert fusekit.run("adni-ad", out=run, resume=True, progress=Quiet()).folder == run
            except FusekitError as error:
                said.append(str(error))
    assert len(said) > 10


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json", "predictions.csv", "cohort.csv"])
def test_a_report_does_not_wait_for_a_pipe(name: str, tmp_path: Path, command_line: CommandLine) -> None:
    run, *_ = fake_runs(tmp_path, arms=("rbca",), subjects=12, folds=1, validation=False, ablations=False)
    (run / name).unlink()
    os.mkfifo(run / name)
    with bounded(500 * MB):
        code, said = command_line("report", str(run))
    assert code == 2
    assert re.search(
        rf"{re.escape(name)} (is a (named pipe|device), and only files are read|cannot be read|is no)", said
    )
