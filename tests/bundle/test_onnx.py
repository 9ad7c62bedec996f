"""The exported network says what the bundle says, and a program without torch can use it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from fusekit import Run
from fusekit.baselines import Logistic
from fusekit.baselines.prior import TablePrior
from fusekit.bundle.baseline import BaselineBundle
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.onnx import described, export
from fusekit.data import Classes, ClinicalEncoding, Cohort, Ordered, Pixels, SlicePolicy, cut, read
from fusekit.errors import DataError, OptionError
from fusekit.evaluation import Rule
from fusekit.extension import catalog
from fusekit.extension.fusion import registered
from fusekit.models import build
from tests.baselines.cohort import COLUMNS, invented
from tests.conftest import CommandLine

VALUES, LABELS, SUBJECTS = invented(60)
ENCODING = ClinicalEncoding.fit(VALUES, COLUMNS)
EXAMPLE = Path(__file__).parents[2] / "examples" / "predict_onnx.py"
DIMENSIONS = {"test_resnet": (2, 32), "r3d_18": (3, 16)}


def logistic() -> Logistic:
    made = Logistic(strength=1.0)
    made.fit(VALUES, COLUMNS, LABELS, SUBJECTS, 0)
    return made


def bundle_of(fusion: str, backbone: str, **further: Any) -> Bundle:
    dims, size = DIMENSIONS[backbone]
    recipe = registered(fusion)
    model = build(fusion, backbone=backbone, columns=ENCODING.layout, classes=2).eval()
    return Bundle(
        model,
        Classes(("well", "ill")),
        ENCODING if recipe.encoder or recipe.prior else None,
        SlicePolicy(plane="volume") if dims == 3 else SlicePolicy(),
        size,
        Pixels((100.0,), (50.0,)),
        prior=TablePrior("logistic", logistic(), Classes(("nc", "ad"))) if recipe.prior else None,
        **further,
    )


def test_ordered_classes_have_their_products_in_the_graph(tmp_path: Path) -> None:
    target = Ordered(("low", "middle", "high"))  # cut twice: the network has two outputs
    bundle = replace(bundle_of("concat", "test_resnet"), target=target)
    described_there = json.loads(export(bundle, tmp_path / "model.onnx").read_text())
    assert (described_there["classes"], described_there["ordered"]) == (["low", "middle", "high"], True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (4, 1, 32, 32)).astype(np.uint8)
    columns = ENCODING.transform(VALUES.iloc[:4])
    (found,) = session.run(["probabilities"], {"image": image.astype(np.float32), "columns": columns})
    np.testing.assert_allclose(np.asarray(found), bundle.probabilities(image, columns), atol=1e-5)
    assert np.asarray(found).shape == (4, 3)


CASES = [
    pytest.param(fusion, backbone, marks=[pytest.mark.slow] * (backbone == "r3d_18" and fusion != "rbca"))
    for fusion in sorted(catalog().fusions.names())
    for backbone in DIMENSIONS
] + [("rbca+attention", "test_resnet"), ("image-only+mean+logistic", "test_resnet")]


@pytest.mark.parametrize(("fusion", "backbone"), CASES)
def test_every_bundled_fusion_gives_the_same_probabilities(fusion: str, backbone: str, tmp_path: Path) -> None:
    bundle = bundle_of(fusion, backbone)
    beside = export(bundle, tmp_path / "model.onnx")
    known = json.loads(beside.read_text())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert {one.name for one in session.get_inputs()} == set(known["inputs"])
    scans = (3,) if bundle.pooled else ()  # slices of each
    shape = (5, *scans, 1, *[bundle.image_size] * DIMENSIONS[backbone][0])
    grey = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    encoded = bundle.encode(VALUES.head(5))
    width = len(ENCODING.features) if "columns" in known["inputs"] else 0
    given = {"image": grey.astype(np.float32), "columns": encoded[:, :width], "prior": encoded[:, width:]}
    found = session.run(["probabilities"], {name: given[name] for name in known["inputs"]})[0]
    np.testing.assert_allclose(found, bundle.probabilities(grey, encoded), atol=1e-4)
    assert (known["prior"] is None) == (bundle.prior is None)


def test_the_description_encodes_as_the_bundle_does() -> None:
    known = described(bundle_of("clinical-only", "test_resnet"))
    for scan in VALUES.index[:10]:
        line = VALUES.loc[scan]
        row = np.zeros(known["inputs"]["columns"][1])
        for column in known["columns"]:
            value = None if pd.isna(line[column["name"]]) else line[column["name"]]
            if column["observed"] is not None:
                row[column["observed"]] = value is not None
            if value is not None and column["kind"] == "number":
                row[column["first"]] = (value - column["mean"]) / column["scale"]
            elif value is not None and value in column["categories"]:
                row[column["first"] + column["categories"].index(value)] = 1
        np.testing.assert_allclose(row, ENCODING.transform(VALUES.loc[[scan]])[0], rtol=1e-5)


def test_the_rule_goes_with_it() -> None:
    rule = Rule("median", {0: {"slice": 0.4, "subject": 0.3}}, {0: 1.5})
    said = described(bundle_of("clinical-only", "test_resnet", rule=rule))["rule"]
    assert said == {"aggregate": "median", "threshold": 0.3, "temperature": 1.5}


def test_twenty_lines_without_torch_predict_what_the_bundle_does(
    small_run: Run, small_cohort: Cohort, tmp_path: Path, command_line: CommandLine
) -> None:
    code, said = command_line("export", str(small_run.folder), "--onnx", str(tmp_path / "model.onnx"))
    assert code == 0, said
    assert "SYNTHETIC" in said
    scan = small_run.predictions["scan"].iloc[0]
    values = {name: None if pd.isna(value) else value for name, value in small_cohort.clinical.loc[scan].items()}
    (tmp_path / "values.json").write_text(json.dumps(values))
    bundle = small_run.bundle
    path = small_cohort.scans.loc[scan, "image"]
    slices, _ = cut(read(Path(path)), bundle.slices, bundle.image_size)
    np.save(tmp_path / "slices.npy", slices if slices.ndim == 4 else slices[:, None])
    blocked = f"import sys, runpy; sys.modules['torch'] = None; runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    files = [str(tmp_path / name) for name in ("model.onnx", "values.json", "slices.npy")]
    done = subprocess.run([sys.executable, "-c", blocked, *files], capture_output=True, text=True, check=True)
    text = {name: "" if value is None else str(value) for name, value in values.items()}
    expected = bundle.predict(pd.DataFrame([{**text, "image": path}])).subjects.iloc[0]
    answer = json.loads(done.stdout)
    assert answer["AD"] == pytest.approx(expected["p_1"], abs=1e-4)
    assert answer["called"] == expected["called"]


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusekit.bundle.onnx.TOLERANCE", -1.0)
    with pytest.raises(DataError, match="nothing is written"):
        export(bundle_of("clinical-only", "test_resnet"), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_no_network_is_refused_with_the_way_out(tmp_path: Path) -> None:
    known = bundle_of("clinical-only", "test_resnet")
    same = {name: getattr(known, name) for name in ("target", "encoding", "slices", "image_size", "pixels")}
    with pytest.raises(OptionError, match="this bundle is the baseline logistic"):
        export(BaselineBundle(baseline=logistic(), **same), tmp_path / "model.onnx")


def test_a_missing_package_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(OptionError, match=r"pip install 'fusekit\[onnx\]'"):
        export(bundle_of("clinical-only", "test_resnet"), tmp_path / "model.onnx")


def test_a_file_of_another_ending_is_refused(small_run: Run, command_line: CommandLine) -> None:
    code, said = command_line("export", str(small_run.folder), "--onnx", "model.pb")
    assert code == 2
    assert "ends in .onnx" in said


def test_the_example_is_short() -> None:
    lines = [line for line in EXAMPLE.read_text().partition('"""\n\n')[2].splitlines() if line.strip()]
    assert len([line for line in lines if not line.startswith(("import", "from"))]) <= 20
    assert "torch" not in "\n".join(lines)
