"""A network and the baseline on top of it are shipped as they were tested."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

import fusekit
from fusekit import Run
from fusekit.bundle.average import AverageBundle
from fusekit.bundle.onnx import export
from fusekit.bundle.stacked import StackedBundle
from fusekit.disk import checksum_of, signed
from fusekit.errors import DataError, OptionError
from fusekit.explain.patient import explain_patient
from fusekit.progress import Quiet
from fusekit.testing import write_cohort

SMALL: dict[str, Any] = {
    "preset": "paper",
    "backbone": "test_resnet",
    "epochs": 1,
    "batch_size": 8,
    "image_size": 32,
    "folds": 1,
    "explain": "none",
    "options": {"stack": {"by": "logistic", "folds": 2}},
    "progress": Quiet(),
}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People of whom the ill have more tau, most of them."""
    written = write_cohort(tmp_path_factory.mktemp("own"))
    people = pd.read_csv(written.with_name("people.csv"))
    people.assign(tau=people["tau"] + 25 * (people["ill"] == "yes")).to_csv(
        written.with_name("people.csv"), index=False
    )
    return written


@pytest.fixture(scope="module", params=["image-only", "concat", "clinical-only"])
def run(request: pytest.FixtureRequest, task: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A stack on a network of the image, of image and table, and of the table."""
    out = tmp_path_factory.mktemp("run") / "run"
    return fusekit.run(str(task), fusion=request.param, out=out, **SMALL)


def patients_of(task: Path, subjects: pd.Index) -> pd.DataFrame:
    """As files and text."""
    people = pd.read_csv(task.with_name("people.csv"), dtype=str).set_index("id").loc[subjects]
    return people.assign(subject=subjects, image=[str(task.with_name(f"{name}.png")) for name in subjects])


def test_files_of_tested_subjects_get_what_they_got_in_the_test(run: Run, task: Path) -> None:
    assert isinstance(run.bundle, StackedBundle)
    tested = run.subjects.set_index("subject")
    found = run.bundle.predict(patients_of(task, tested.index), allow_out_of_range=True).subjects.set_index("subject")
    np.testing.assert_allclose(found["p_1"], tested.loc[found.index, "p_1"], atol=1e-6)
    assert np.ptp(found["p_1"]) > 0.1
    assert run.manifest["model"]["fusion"] == run.manifest["arm"]
    with pytest.raises(DataError, match="this bundle is the baseline logistic on top of a network, and no network"):
        run.bundle.model  # noqa: B018


def test_shapley_values_sum_to_what_the_table_adds(run: Run, task: Path) -> None:
    bundle, patients = run.bundle, patients_of(task, pd.Index(run.subjects["subject"]))
    found = explain_patient(bundle, patients.head(1), {"tau": ["70"]}, allow_out_of_range=True)
    assert bundle.encoding is not None
    assert found.attributions is not None
    assert found.answers is not None
    images = None if found.image is None else found.image[None]
    own = bundle.encoding.parse(patients.head(1), "here")

    def p(values: pd.DataFrame) -> float:
        return float(bundle.answering(values)(images, [0])[0, 1])

    added = logit(p(own)) - logit(p(bundle.encoding.reference()))
    assert found.attributions["attribution"].sum() == pytest.approx(added, abs=1e-6)
    assert found.predicted["p_1"] == pytest.approx(p(own), abs=1e-9)
    asked = {p(own), p(own.assign(tau=70.0))}  # in the order of their values
    assert sorted(found.answers["p_1"]) == pytest.approx(sorted(asked), abs=1e-6)


def test_its_network_is_a_bundle_by_itself(run: Run, task: Path) -> None:
    network = fusekit.load(run.folder / "bundle" / "network")
    assert network.provenance == run.bundle.provenance
    assert network.model.reads_image == run.bundle.reads_image
    with pytest.raises(OptionError, match="Export the network, the bundle in its folder network"):
        export(run.bundle, run.folder / "model.onnx")


def test_stacks_of_several_folds_are_averaged(task: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "fusion": "clinical-only", "folds": 2, "ship": "folds"}
    bundle = fusekit.run(str(task), out=tmp_path / "run", **settings).bundle
    assert isinstance(bundle, AverageBundle)
    patients = patients_of(task, pd.Index(["p00", "p01"]))
    each = [one.predict(patients, allow_out_of_range=True).slices["p_1"] for one in bundle.models]
    said = bundle.predict(patients, allow_out_of_range=True).slices["p_1"]
    np.testing.assert_allclose(said, np.mean(each, axis=0), rtol=1e-12)


def resign(folder: Path, **changes: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(signed({**json.loads(path.read_text()), **changes})))


def test_parts_that_do_not_belong_together_are_refused(run: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run.folder / "bundle", tmp_path / "bundle"))
    network, whole = folder / "network", tmp_path / "whole"
    shutil.copytree(folder, whole)
    resign(network, metrics=[])
    resign(folder, network=checksum_of(network / "bundle.json"))
    assert isinstance(fusekit.load(folder), StackedBundle)
    resign(network, classes=["well", "ill"])
    with pytest.raises(DataError, match="network is missing, or was changed or damaged"):
        fusekit.load(folder)
    resign(folder, network=checksum_of(network / "bundle.json"))
    with pytest.raises(DataError, match="the network has other classes than the baseline"):
        fusekit.load(folder)
    shutil.rmtree(network)
    whole.rename(network)
    resign(folder, network=checksum_of(network / "bundle.json"))
    with pytest.raises(DataError, match="network holds no network, and the baseline is on top of one"):
        fusekit.load(folder)
