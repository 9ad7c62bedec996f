"""Ids, classes and groups that other readers take for numbers or for nothing: no row vanishes and none is renamed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fusekit
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.progress import Quiet
from tests.conftest import CommandLine

PEOPLE = ["NA", "None", "null", "nan", "N/A", "NaN", "01", "1", "1e3", "1000", "1.0", "1_0", "True", "-inf", "N.A."]
PEOPLE += ["<NA>", "n/a", "NULL", "007", "7"]
SITES = ["01", "1", "None", "1e3"]


def cohort(folder: Path, classes: tuple[str, str]) -> str:
    """Twenty people with two pictures each, called as nobody should be; return the TOML."""
    draw = np.random.default_rng(0)
    rows = []
    for number, (person, visit) in enumerate((person, visit) for person in PEOPLE for visit in ("NA", "01")):
        ill = PEOPLE.index(person) % 2
        pixels = draw.integers(0, 200, (32, 32), dtype=np.uint8) + np.uint8(50 * ill)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        tau = draw.normal(80, 20) + 15 * ill
        rows.append((person, f"{person}-{visit}", SITES[number // 2 % 4], f"{number}.png", classes[ill], f"{tau:.3f}"))
    rows[0] = (rows[0][0], "NA", *rows[0][2:])
    rows[2] = (rows[2][0], "None", *rows[2][2:])
    with (folder / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "scan", "site", "image", "ill", "tau"), *rows])
    (folder / "own.toml").write_text(
        'table = "people.csv"\nimages = {column = "image"}\nsubject = "id"\nscan = "scan"\nlabel = "ill"\n'
        f'classes = {json.dumps(classes)}\ncolumns = ["tau"]\ngroups = ["site"]\n'
    )
    return str(folder / "own.toml")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_twenty_people_are_twenty_whatever_they_are_called(tmp_path: Path) -> None:
    toml = cohort(tmp_path, ("1e3", "2e3"))
    run = fusekit.run(toml, baseline="logistic", folds=2, out=tmp_path / "run", progress=Quiet())
    assert sorted(run.predictions["subject"].unique()) == sorted(PEOPLE)
    assert {"NA", "None", "1.0-01", "1-01"} <= set(run.predictions["scan"])
    chances: dict[str, list[float]] = {}
    for row in rows_of(run.folder / "predictions.csv"):
        chances.setdefault(row["subject"], []).append(float(row["p_1"]))
    means = [float(np.mean(chances[person])) for person in PEOPLE]
    score = run.metrics.query("level == 'subject' and metric == 'auc'").iloc[0]
    assert score["rows"] == score["subjects"] == 20
    folds = run.predictions.groupby("subject")["fold"].first()
    pairs = [  # within folds: models of two folds rank nobody against each other
        (means[ill] > means[well]) + 0.5 * (means[ill] == means[well])
        for ill in range(1, 20, 2)
        for well in range(0, 20, 2)
        if folds[PEOPLE[ill]] == folds[PEOPLE[well]]
    ]
    assert score["value"] == pytest.approx(np.mean(pairs))
    assert set(run.cohort["site"]) == set(SITES)
    evidence = gather_evidence([run])
    assert evidence.subjects == 20
    assert set(evidence.subgroups.query("variable == 'site'")["group"]) == set(SITES)
    sizes = evidence.subgroups.query("variable == 'site'").drop_duplicates("group").set_index("group")["subjects"]
    assert sizes.sum() == 20
    assert run.ablations is not None
    assert set(run.ablations["subject"]) == set(PEOPLE)


def test_classes_that_look_like_numbers(tmp_path: Path, command_line: CommandLine) -> None:
    classes = ("0", "1")
    toml = cohort(tmp_path, classes)
    asked: dict[str, Any] = {"fusion": "rbca", "backbone": "test_resnet", "epochs": 1, "image_size": 32, "folds": 1}
    run = fusekit.run(toml, **asked, batch_size=8, out=tmp_path / "run", progress=Quiet())
    evidence = gather_evidence([run])
    page = write_report(evidence, tmp_path / "report").read_text()
    assert evidence.classes == classes
    assert "mean-map" in page
    assert not [found for found in run.manifest["findings"] if found["code"] == "not-made"]
    assert {row["name"] for row in rows_of(run.folder / "explanations/fold-0/mean_map.csv")} == set(classes)
    again = fusekit.run(toml, **asked, batch_size=8, out=tmp_path / "run", resume=True, progress=Quiet())
    pd.testing.assert_frame_equal(again.predictions, run.predictions)

    rows = rows_of(tmp_path / "people.csv")[:4]
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("subject", "scan", "image", "tau"), *((r["id"], r["scan"], r["image"], r["tau"]) for r in rows)]
        )
    for level, count in (("subject", 2), ("slice", 4)):
        out = tmp_path / f"{level}.csv"
        code, said = command_line(
            "predict", str(run.folder), "--clinical", str(tmp_path / "new.csv"), "--format", "csv", "--level", level,
            "--out", str(out), "--allow-out-of-range",
        )  # fmt: skip
        assert code == 0, said
        written = rows_of(out)
        assert len(written) == count
        assert {row["subject"] for row in written} == {"NA", "None"}
        assert {row["called"] for row in written} <= set(classes)
        assert f"p_{classes[1]}" in written[0]
