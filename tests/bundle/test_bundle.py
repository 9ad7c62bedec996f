"""The shipped model: the run's numbers from its files, and nothing guessed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

import fusekit
from fusekit import Run
from fusekit.data import ClinicalEncoding, Cohort, Pixels, SlicePolicy, cut, read
from fusekit.disk import seal, signed
from fusekit.errors import DataError, UnknownName
from fusekit.models import build
from tests.hostile import changed, of_one_channel

nibabel: Any = untyped_nibabel


@pytest.fixture(scope="module")
def patients(small_run: Run, small_cohort: Cohort) -> pd.DataFrame:
    """Two test patients as a table of text, with the column names of the bundle."""
    scans = small_run.predictions["scan"].drop_duplicates().head(2)
    values = small_cohort.clinical.loc[scans].astype(object)
    text = values.map(lambda value: "" if pd.isna(value) else str(value))
    columns = {
        "subject": small_cohort.scans.loc[scans, "subject"],
        "image": small_cohort.scans.loc[scans, "image"].map(str),
    }
    return text.assign(**columns)


def test_prediction_from_files_gives_the_numbers_of_the_run(small_run: Run, patients: pd.DataFrame) -> None:
    predicted = fusekit.load(small_run.folder).predict(patients).slices
    expected = small_run.predictions[small_run.predictions["scan"].isin(patients.index)]
    assert predicted["subject"].tolist() == expected["subject"].tolist()
    assert predicted["slice"].tolist() == expected["slice"].tolist()
    np.testing.assert_allclose(predicted[["p_0", "p_1"]], expected[["p_0", "p_1"]], atol=1e-6)


def test_one_patient_by_mapping_table_or_tensors(small_run: Run, patients: pd.DataFrame, tmp_path: Path) -> None:
    bundle = small_run.bundle
    patient = patients.iloc[0]
    columns = patient.drop(["subject", "image"])
    expected = bundle.predict(patients.iloc[:1]).slices["p_1"].to_numpy()

    by_mapping = bundle(patient["image"], columns.to_dict())
    np.testing.assert_array_equal(by_mapping["p_1"], expected)

    columns.to_frame().T.to_csv(tmp_path / "patient.csv", index=False)
    np.testing.assert_array_equal(bundle(patient["image"], tmp_path / "patient.csv")["p_1"], expected)

    slices, _ = cut(read(Path(patient["image"])), bundle.slices, bundle.image_size)
    assert bundle.encoding is not None
    values = bundle.encoding.parse(patients.iloc[:1], source="here")
    clinical = torch.from_numpy(bundle.encode(values)).expand(len(slices), -1)
    probabilities = bundle(bundle.pixels.to_tensor(slices), clinical)
    assert probabilities.shape == (len(slices), 2)
    np.testing.assert_allclose(probabilities[:, 1], expected, atol=1e-6)


@pytest.fixture
def by_mask(small_run: Run, patients: pd.DataFrame, tmp_path: Path) -> tuple[fusekit.Bundle, pd.DataFrame]:
    """The bundle as if its slices had been chosen by masks, and a patient with a mask of two slices."""
    policy = replace(small_run.bundle.slices, largest=3)
    volume = read(Path(patients["image"].iloc[0]))
    marked = np.zeros(volume.data.shape, np.uint8)
    marked[5:9, [20, 31], 5:9] = 1
    nibabel.save(nibabel.Nifti1Image(marked, volume.affine), tmp_path / "mask.nii")
    return replace(small_run.bundle, slices=policy), patients.assign(mask=[str(tmp_path / "mask.nii"), ""])


def test_a_mask_chooses_the_slices_and_an_empty_cell_the_range(
    small_run: Run, by_mask: tuple[fusekit.Bundle, pd.DataFrame]
) -> None:
    bundle, patients = by_mask
    predicted = bundle.predict(patients).slices
    first, second = (part for _, part in predicted.groupby("scan", sort=False))
    assert first["slice"].tolist() == [20, 31]
    pd.testing.assert_frame_equal(
        second,
        bundle.predict(patients.drop(columns="mask")).slices.loc[lambda t: t["scan"] == "2"].set_index(second.index),
    )
    alone = replace(bundle.slices, largest=0, space="voxel", start=20, stop=32, step=11)
    expected = replace(bundle, slices=alone).predict(patients.iloc[:1]).slices
    np.testing.assert_allclose(first[["p_0", "p_1"]], expected[["p_0", "p_1"]], atol=1e-6)

    patient = patients.iloc[0]
    columns = patient.drop(["subject", "image", "mask"]).to_dict()
    by_path = bundle(patient["image"], columns, mask=patient["mask"])
    np.testing.assert_allclose(by_path["p_1"], first["p_1"], atol=1e-6)
    unmasked = small_run.bundle.predict(patients).slices  # whose policy looks at no mask
    pd.testing.assert_frame_equal(unmasked, small_run.bundle.predict(patients.drop(columns="mask")).slices)


@pytest.mark.parametrize("missing", [None, np.nan, "  "])
def test_a_missing_mask_is_none(by_mask: tuple[fusekit.Bundle, pd.DataFrame], missing: Any) -> None:
    bundle, patients = by_mask
    predicted = bundle.predict(patients.assign(mask=[missing, missing]).head(1)).slices
    assert predicted["slice"].tolist() == bundle.predict(patients.drop(columns="mask").head(1)).slices["slice"].tolist()


def test_a_bundle_survives_saving(small_run: Run, patients: pd.DataFrame, tmp_path: Path) -> None:
    bundle = small_run.bundle
    bundle.save(tmp_path / "copy")
    copy = fusekit.load(tmp_path / "copy")
    assert (copy.slices, copy.pixels, copy.classes, copy.task) == (
        bundle.slices,
        bundle.pixels,
        bundle.classes,
        bundle.task,
    )
    for own, other in zip(copy.predict(patients), bundle.predict(patients), strict=True):
        pd.testing.assert_frame_equal(own, other)
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"model.safetensors", "bundle.json"}


def test_the_files_can_be_read_without_fusekit(small_run: Run) -> None:
    weights = load_file(small_run.folder / "bundle" / "model.safetensors")
    assert {name.split(".")[0] for name in weights} == {"backbone", "encoder", "injector", "head"}
    description = json.loads((small_run.folder / "bundle" / "bundle.json").read_text())
    assert description["classes"] == ["CN", "AD"]
    assert description["provenance"]["synthetic"] is True
    assert description["slices"]["plane"] == "coronal"
    assert {"level", "metric", "value", "low", "high"} <= set(description["metrics"][0])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("AGE", None, "AGE"),
        ("AGE", "7210", r"AGE.*7210.*years"),
        ("AGE", "old", r"AGE.*old"),
        ("PTGENDER", "Femme", r"PTGENDER.*Femme"),
        ("image", None, "no column 'image'"),
    ],
)
def test_what_does_not_fit_is_named(
    small_run: Run, patients: pd.DataFrame, column: str, value: str | None, message: str
) -> None:
    wrong = patients.drop(columns=column) if value is None else patients.assign(**{column: value})
    with pytest.raises(DataError, match=message):
        small_run.bundle.predict(wrong, source="patients.csv")


def test_out_of_range_can_be_allowed(small_run: Run, patients: pd.DataFrame) -> None:
    predicted = small_run.bundle.predict(patients.assign(AGE="130"), allow_out_of_range=True).slices
    assert np.isfinite(predicted["p_1"]).all()


def test_first_calls_of_two_threads_answer_as_alone_and_write_nothing_to_the_model() -> None:
    rng = np.random.default_rng(0)
    model = build("rbca", backbone="test_resnet", columns=3, classes=2).eval()
    bundle = fusekit.Bundle(model, fusekit.Classes(("well", "ill")), None, SlicePolicy(), 32, Pixels((120.0,), (60.0,)))
    weights = (*model.parameters(), *model.buffers())
    places = [weight.data_ptr() for weight in weights]
    images = rng.integers(0, 255, (2, 64, 1, 32, 32)).astype(np.uint8)
    columns = rng.normal(size=(2, 64, 3)).astype(np.float32)
    ready = Barrier(2)

    def answer(patient: int) -> np.ndarray:
        ready.wait()
        return bundle.probabilities(images[patient], columns[patient])

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(answer, range(2)))
    for patient in range(2):
        alone = bundle.probabilities(images[patient], columns[patient])
        np.testing.assert_allclose(together[patient], alone, atol=1e-6)
    assert np.abs(together[0] - together[1]).max() > 1e-4
    assert [weight.data_ptr() for weight in weights] == places


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("rule", "aggregate"), "mode", r"bundle\.json: rule\.aggregate is the text 'mode', 'mean', .* is expected"),
        (("provenance", "config", "aggregate"), "mode", r"provenance\.config\.aggregate is the text 'mode'"),
        (("provenance", "config", "threshold"), "best", r"config\.threshold is the text 'best', 'argmax' or 'youden'"),
    ],
)
def test_a_rule_that_is_not_known_is_refused_with_its_place(
    damaged: Path, place: tuple[str, ...], value: str, message: str
) -> None:
    description = damaged / "bundle.json"
    description.write_text(changed(json.loads(description.read_text()), place, value))
    with pytest.raises(DataError, match=message):
        fusekit.load(damaged)


@pytest.fixture
def damaged(small_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run.folder / "bundle", tmp_path / "bundle"))


def test_damaged_bundles_are_refused_by_name(damaged: Path) -> None:
    weights, description = damaged / "model.safetensors", damaged / "bundle.json"
    good = description.read_text()

    content = json.loads(good)
    content["model"]["recipe"]["injector"] = "rbca-two"
    description.write_text(json.dumps(signed(content)))
    with pytest.raises(UnknownName, match=r"'rbca-two'[\s\S]*made with the plugins of fusekit 0\.1\.0"):
        fusekit.load(damaged)

    content = json.loads(good) | {"format": 99}
    description.write_text(json.dumps(content))
    with pytest.raises(DataError, match="has format 99; this FuseKit reads 1, 2"):
        fusekit.load(damaged)

    content = json.loads(good)
    del content["pixels"]
    description.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"bundle\.json: pixels is missing"):
        fusekit.load(damaged)

    description.write_text(good)
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"model\.safetensors is no|model\.safetensors cannot be read"):
        fusekit.load(damaged)
    weights.unlink()
    with pytest.raises(DataError, match=r"model\.safetensors is no|model\.safetensors cannot be read"):
        fusekit.load(damaged)
    with pytest.raises(DataError, match="is not a bundle"):
        fusekit.load(damaged / "nowhere")


@pytest.mark.parametrize("inside", ["bundle", "."])
def test_a_bundle_in_a_sealed_run_is_the_one_that_was_sealed(damaged: Path, inside: str) -> None:
    seal(damaged.parent, "")
    given = damaged.parent / "bundle" if inside == "bundle" else damaged.parent
    assert len(fusekit.load(given).classes) == 2
    (damaged.parent / "table.csv").write_text("which a model does not depend on")
    content = json.loads((damaged / "bundle.json").read_text()) | {"task": {"title": "Another question"}}
    (damaged / "bundle.json").write_text(json.dumps(signed(content)))
    with pytest.raises(DataError, match=r"bundle\.json was changed or damaged after it was written\. Put it back"):
        fusekit.load(given)


def test_weights_that_were_changed_are_refused(damaged: Path) -> None:
    weights = damaged / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-7] ^= 1
    weights.write_bytes(content)
    with pytest.raises(DataError, match=r"model\.safetensors does not fit bundle\.json: it was changed or damaged"):
        fusekit.load(damaged)
    description = json.loads((damaged / "bundle.json").read_text()) | {"format": 1}
    del description["weights"], description["rule"], description["checksum"]  # as older bundles are
    of_one_channel(description)
    (damaged / "bundle.json").write_text(json.dumps(description))
    assert len(fusekit.load(damaged).classes) == 2


def test_a_bundle_of_format_2_reads_one_grey_image(damaged: Path, small_run: Run) -> None:
    description = json.loads((damaged / "bundle.json").read_text()) | {"format": 2}
    of_one_channel(description)
    (damaged / "bundle.json").write_text(json.dumps(signed(description)))
    old, new = fusekit.load(damaged), small_run.bundle
    assert (old.images, old.pixels, old.channels) == (("image",), new.pixels, new.channels)
    grey = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 32)).astype(np.uint8)
    columns = np.zeros((2, new.model.description["columns"]), np.float32)
    np.testing.assert_array_equal(old.probabilities(grey, columns), new.probabilities(grey, columns))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": ["t1", "flair"]}, "model.in_channels 1, images and slices 2, pixels.mean 1"),
        ({"pixels": {"mean": [1.0, 2.0], "std": [3.0, 4.0]}}, "pixels.mean 2, pixels.std 2"),
        ({"images": ["mask"]}, "a scan's images are called 'mask'"),
        ({"images": []}, "images"),
    ],
)
def test_a_description_whose_channels_contradict_each_other_is_refused(
    damaged: Path, changes: dict[str, Any], message: str
) -> None:
    description = json.loads((damaged / "bundle.json").read_text()) | changes
    (damaged / "bundle.json").write_text(json.dumps(signed(description)))
    with pytest.raises(DataError, match=message):
        fusekit.load(damaged)


@pytest.mark.parametrize("place", [("pixels", "mean"), ("image_size",), ("task", "title"), ("rule", "temperatures")])
def test_a_description_that_was_changed_is_refused(damaged: Path, place: tuple[str, ...]) -> None:
    path = damaged / "bundle.json"
    description = json.loads(path.read_text())
    values = {"mean": [17.0], "image_size": 33, "title": "Another question", "temperatures": {"0": 3.0}}
    path.write_text(changed(description, place, values[place[-1]]))
    with pytest.raises(DataError, match=r"bundle\.json was changed or damaged after it was written\. Get the bundle"):
        fusekit.load(damaged)
    path.write_text(json.dumps(description, indent=7))  # laid out otherwise, with the same content
    assert len(fusekit.load(damaged).classes) == 2
    del description["checksum"]
    path.write_text(json.dumps(description))
    with pytest.raises(DataError, match=r"bundle\.json: checksum is missing"):
        fusekit.load(damaged)


@pytest.mark.parametrize(("text", "number"), [("I/O error: No space left on device (os error 28)", 28), ("bug", None)])
def test_what_the_disk_refuses_is_an_os_error(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, number: int | None
) -> None:
    def refuse(*_: object) -> None:
        raise SafetensorError(text)

    monkeypatch.setattr("safetensors.torch.save_file", refuse)
    with pytest.raises(OSError if number else SafetensorError) as caught:
        small_run.bundle.save(tmp_path / "bundle")
    assert getattr(caught.value, "errno", None) == number


@pytest.mark.parametrize(
    "encoder",
    [
        {"width": 8, "numbers": "piecewise", "drop_columns": 0.2, "scale": 0.2},
        {"width": 8, "numbers": "quantile", "skip": True},
        {"width": None},
    ],
)
def test_an_encoder_of_columns_predicts_the_same_bit_by_bit_from_its_bundle(
    small_cohort: Cohort, tmp_path: Path, encoder: dict[str, Any]
) -> None:
    name = "tokens" if encoder == {"width": None} else "mlp"
    encoding = ClinicalEncoding.fit(small_cohort.clinical, small_cohort.columns)
    recipe = fusekit.Fusion(head="clinical", encoder=name, image=False, options={"encoder": encoder})
    model = build(recipe, backbone="", columns=encoding.layout, classes=2, people=20)
    columns = encoding.transform(small_cohort.clinical)
    model.fit(torch.from_numpy(columns))
    bundle = fusekit.Bundle(model, fusekit.Classes(("CN", "AD")), encoding, SlicePolicy(), 32, Pixels((0.0,), (1.0,)))
    bundle.save(tmp_path / "bundle")
    again = fusekit.load(tmp_path / "bundle")
    assert again.model.description == model.description
    np.testing.assert_array_equal(again.probabilities(None, columns), bundle.probabilities(None, columns))


def test_a_network_that_was_made_for_an_image_size_is_built_again_for_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = fusekit.Fusion(head="image")
    model = build(recipe, backbone="vit_tiny_patch16_224", columns=0, classes=2, image_size=32)
    bundle = fusekit.Bundle(model, fusekit.Classes(("CN", "AD")), None, SlicePolicy(), 32, Pixels((0.0,), (1.0,)))
    bundle.save(tmp_path / "bundle")
    image, none = torch.randn(2, 1, 32, 32).numpy(), np.empty((2, 0), dtype=np.float32)
    again = fusekit.load(tmp_path / "bundle")
    assert again.model.description == model.description
    np.testing.assert_array_equal(again.probabilities(image, none), bundle.probabilities(image, none))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layout: layout[0].update(mask=10**6), "belongs to none"),
        (lambda layout: layout[1].update(first=0, stop=1), "belongs to two columns"),
        (lambda layout: layout[0].update(kind="text"), "layout"),
        (lambda layout: layout[0].update(first=-1), "layout"),
        (lambda layout: layout[0].update(further=1), "layout"),
        (lambda layout: layout.clear(), "model.layout is not that of the columns in clinical"),
    ],
)
def test_a_layout_that_does_not_fit_its_columns_is_refused(
    damaged: Path, change: Callable[[list[dict[str, Any]]], None], message: str
) -> None:
    description = json.loads((damaged / "bundle.json").read_text())
    change(description["model"]["layout"])
    (damaged / "bundle.json").write_text(json.dumps(signed(description)))
    with pytest.raises(DataError, match=message):
        fusekit.load(damaged)


def test_a_description_without_layout_is_of_an_older_bundle(damaged: Path, small_run: Run) -> None:
    description = json.loads((damaged / "bundle.json").read_text())
    del description["model"]["layout"]
    (damaged / "bundle.json").write_text(json.dumps(signed(description)))
    again = fusekit.load(damaged).model
    for name, weight in small_run.bundle.model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)
