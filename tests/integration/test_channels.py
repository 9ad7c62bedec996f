"""Several images of a scan, colours and masks, from a TOML to a prediction."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import Tensor, nn

import fusekit
from fusekit import Run
from fusekit.data import SliceStore
from fusekit.errors import DataError, OptionError
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import catalog
from fusekit.models import ImageFeatures, Inject
from fusekit.progress import Quiet
from tests.conftest import CommandLine

nibabel: Any = untyped_nibabel

COUNT = 20
TOML = """
table = "people.csv"
images = { t1 = "{id}_t1.nii.gz", flair = {column = "flair"} }
subject = "id"
label = "ill"
classes = ["no", "yes"]
columns = ["age"]
[slices]
start = 0.4
stop = 0.6
"""
SMALL: dict[str, Any] = {
    "backbone": "test_resnet",
    "image_size": 32,
    "batch_size": 8,
    "device": "cpu",
    "progress": Quiet(),
}


def write(folder: Path, toml: str = TOML, *, seed: int = 0, count: int = COUNT) -> Path:
    """People whose illness shows in FLAIR alone: a bright square; FLAIR has a grid of its own."""
    folder.mkdir()
    draw, rows = np.random.default_rng(seed), []
    for number in range(count):
        t1, flair = draw.normal(100, 10, (24, 24, 10)), draw.normal(100, 10, (12, 12, 10))
        if number % 2:
            x, y = draw.integers(1, 6, 2)
            flair[x : x + 5, y : y + 5] += 150
        far = np.array([[2.0, 0, 0, 0.5], [0, 2.0, 0, 0.5], [0, 0, 1.0, 0], [0, 0, 0, 1]])
        nibabel.save(nibabel.Nifti1Image(t1.astype("f4"), np.diag([1.0, 1, 1.001, 1])), folder / f"p{number}_t1.nii.gz")
        nibabel.save(nibabel.Nifti1Image(flair.astype("f4"), far), folder / f"f{number}.nii.gz")
        rows.append((f"p{number}", f"f{number}.nii.gz", ("no", "yes")[number % 2], 50 + number))
    pd.DataFrame(rows, columns=["id", "flair", "ill", "age"]).to_csv(folder / "people.csv", index=False)
    (folder / "own.toml").write_text(toml)
    return folder / "own.toml"


@pytest.fixture(scope="module")
def people(_surroundings: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("channels") / "people")


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("run") / "run"
    more: dict[str, Any] = {"fusion": "concat", "epochs": 6, "lr": 3e-3, "folds": 1, "explain": "fast"}
    return fusekit.run(str(people), out=out, **more, **SMALL)


def test_a_label_that_shows_in_the_second_image_alone_is_learnt(run: Run) -> None:
    auc = run.metrics[(run.metrics["metric"] == "auc") & (run.metrics["level"] == "subject")]["value"].item()
    assert auc > 0.9
    assert run.bundle.images == ("t1", "flair")
    assert run.bundle.model.description["in_channels"] == 2
    assert len(run.bundle.pixels.mean) == len(run.bundle.pixels.std) == 2
    notes = [found["message"] for found in run.manifest["findings"] if found["code"] == "image-note"]
    assert "flair was brought to the grid of t1 by their headers (linear; no registration)." in notes
    assert run.manifest["images"] == ["t1", "flair"]


class OneImage(nn.Module):
    """A backbone of somebody else's, which takes so many channels, whatever it is built with."""

    spatial_dims, map_channels, width, image_size, sites = 2, 4, 4, None, ()

    def __init__(self, in_channels: int, *, takes: int):
        super().__init__()
        self.layer = nn.Conv2d(takes, 4, 3)

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        features = self.layer(image)
        return ImageFeatures(features, features.mean(dim=(2, 3)))


def test_a_backbone_that_refuses_so_many_channels_is_refused_before_training(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog().backbones, "get", lambda _: partial(OneImage, takes=1))
    out = tmp_path / "run"
    with pytest.raises(OptionError, match=r"with 2 channels \(t1, flair\), the backbone 'test_resnet' does not take"):
        fusekit.run(str(people), fusion="concat", epochs=1, out=out, **SMALL)
    assert not list(tmp_path.rglob("fold-0"))
    monkeypatch.setattr(catalog().backbones, "get", lambda _: partial(OneImage, takes=3))  # of photographs alone
    config = {"task": str(people), "fusion": "concat", "backbone": "test_resnet", "device": "cpu"}
    make_plan(Settings.of({**config, "options": {"slices": {"colour": "rgb"}}}))
    with pytest.raises(OptionError, match="the backbone 'test_resnet' does not take"):
        make_plan(Settings.of(config))


def test_files_give_the_run_s_probabilities_in_whatever_order_they_are_named(
    run: Run, people: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    bundle, expected = run.bundle, {}
    folder = people.parent
    for number in (2, 3):
        both = {"flair": folder / f"f{number}.nii.gz", "t1": folder / f"p{number}_t1.nii.gz"}
        predicted = bundle(both, {"age": 50 + number})
        expected[number] = predicted["p_1"].to_numpy()
        pd.DataFrame({"age": [50 + number]}).to_csv(tmp_path / "one.csv", index=False)
        words = [f"--image={name}={path}" for name, path in both.items()]
        for order in (words, words[::-1]):
            clinical = ("--clinical", str(tmp_path / "one.csv"), "--format", "json", "--level", "slice")
            code, said = command_line("predict", str(run.folder), *order, *clinical)
            assert code == 0, said
            np.testing.assert_allclose([row["p_yes"] for row in json.loads(said)], expected[number], rtol=1e-9)
    table = pd.DataFrame(
        {
            "subject": ["p2", "p3"],
            "age": [52, 53],
            "image:flair": [folder / "f2.nii.gz", folder / "f3.nii.gz"],
            "image:t1": [folder / "p2_t1.nii.gz", folder / "p3_t1.nii.gz"],
        }
    )
    slices = bundle.predict(table).slices
    np.testing.assert_allclose(slices["p_1"], np.concatenate([*expected.values()]), atol=1e-6)

    # The shipped model is that of all subjects; the one of a fold predicted the store's very pixels.
    stores = [SliceStore.open(path) for path in sorted(run_cache().glob("slices-*[0-9a-f]"))]
    store = next(one for one in stores if one.names == ("t1", "flair"))
    rows = store.rows.index[store.rows["scan"] == "p2"]
    encoded = bundle.encode(pd.DataFrame({"age": [52.0] * len(rows)}))
    np.testing.assert_allclose(bundle.probabilities(store.images[rows], encoded)[:, 1], expected[2], atol=1e-6)


def run_cache() -> Path:
    from fusekit.data.store.cache import cache_folder

    return cache_folder("slices")


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (["t1=a.nii"], "reads 2 images of each patient (t1, flair), and there is none for flair"),
        (
            ["t1=a.nii", "flare=b.nii"],
            "--image flare=b.nii: give NAME=PATH, with a name of this model's images; did you",
        ),
        (["a.nii"], "--image a.nii: give NAME=PATH, with a name of this model's images; it reads t1, flair"),
        (["t1=a.nii", "t1=b.nii", "flair=c.nii"], "--image t1 is given twice: a.nii and b.nii"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "explain"])
def test_wrong_and_missing_names_are_refused(
    run: Run, command: str, images: list[str], said: str, command_line: CommandLine
) -> None:
    code, shown = command_line(command, str(run.folder), *(f"--image={one}" for one in images))
    assert code == 2
    assert said in shown


def test_names_are_refused_in_python_and_in_tables(run: Run) -> None:
    with pytest.raises(DataError, match="this model reads the images t1, flair, and none called 'flare'"):
        run.bundle({"t1": "a.nii", "flare": "b.nii"}, {"age": 50})
    with pytest.raises(DataError, match=r"has no image called flair: this model reads t1, flair, .* 'image:flair'"):
        run.bundle.predict(pd.DataFrame({"age": [50], "image": ["a.nii"]}))
    twice = pd.DataFrame({"age": [50], "image": ["a"], "image:t1": ["b"], "image:flair": ["c"]})
    with pytest.raises(DataError, match="has the columns 'image' and 'image:t1', which are one"):
        run.bundle.predict(twice)


def test_one_patient_is_explained_image_by_image(
    run: Run, people: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    pd.DataFrame({"age": [53]}).to_csv(tmp_path / "one.csv", index=False)
    files = [f"--image=flair={people.parent / 'f3.nii.gz'}", f"--image=t1={people.parent / 'p3_t1.nii.gz'}"]
    out = tmp_path / "explained"
    code, said = command_line(
        "explain",
        str(run.folder),
        *files,
        "--clinical",
        str(tmp_path / "one.csv"),
        "--what-if",
        "age",
        "--out",
        str(out),
    )
    assert code == 0, said
    assert np.load(out / "image.npy").shape == (2, 32, 32)
    assert np.load(out / "map.npy").shape == (32, 32)
    svg = (out / "explanation.svg").read_text()
    assert ">t1<" in svg
    assert ">flair<" in svg
    assert "Grad-CAM on t1" in svg


def test_explanations_of_a_fold_hold_every_channel(run: Run) -> None:
    folder = run.folder / "explanations" / "fold-0"
    facts = json.loads((folder / "explanation.json").read_text())
    assert [channel["name"] for channel in facts["channels"]] == ["t1", "flair"]
    images, maps = np.load(folder / "images.npy"), np.load(folder / "grad_cam.npy")
    assert images.shape == (len(maps), 2, 32, 32)
    assert np.load(folder / "mean_image.npy").shape[1:] == (2, 32, 32)
    assert not [found for found in run.manifest["findings"] if found["code"] == "not-made"]


def test_a_frozen_model_is_tested_on_a_cohort_that_names_its_images_in_another_order(run: Run, tmp_path: Path) -> None:
    order = TOML.replace(
        'images = { t1 = "{id}_t1.nii.gz", flair = {column = "flair"} }',
        'images = { flair = {column = "flair"}, t1 = "{id}_t1.nii.gz", other = "{id}_t1.nii.g?" }',
    )
    other = write(tmp_path / "other", order.replace('"{id}_t1.nii.g?"', '"{id}_t2.nii.gz"'), seed=1, count=12)
    for number in range(12):
        image = nibabel.Nifti1Image(np.random.default_rng(number).normal(100, 10, (8, 8, 8)), np.diag([3.0, 3, 3, 1]))
        nibabel.save(image, other.parent / f"p{number}_t2.nii.gz")
    external = fusekit.evaluate(run.folder, task=str(other), out=tmp_path / "external", progress=Quiet())
    assert external.manifest["images"] == ["t1", "flair"]
    assert "image-not-read" in [found["code"] for found in external.manifest["findings"]]
    quantities = pd.read_csv(external.folder / "intensity.csv")["quantity"]
    assert {"grey level of t1", "grey level of flair"} <= set(quantities)
    patient = external.predictions[external.predictions["scan"] == "p1"]
    files = {"t1": other.parent / "p1_t1.nii.gz", "flair": other.parent / "f1.nii.gz"}
    np.testing.assert_allclose(patient["p_1"], run.bundle(files, {"age": 51})["p_1"], atol=1e-6)
    without = write(
        tmp_path / "without", order.replace('flair = {column = "flair"}, ', "").replace("_t1.nii.g?", "_t1.nii.gz")
    )
    (without.parent / "own.toml").write_text(
        TOML.replace('{ t1 = "{id}_t1.nii.gz", flair = {column = "flair"} }', '"{id}_t1.nii.gz"')
    )
    with pytest.raises(
        DataError, match=r"reads the images t1, flair, and this cohort has image: there is no t1 and no"
    ):
        fusekit.evaluate(run.folder, task=str(without), out=tmp_path / "refused", progress=Quiet())


def write_pictures(folder: Path, *, first_grey: bool = False) -> Path:
    """People whose illness is the hue of a square: one luma in both classes."""
    folder.mkdir()
    draw, rows = np.random.default_rng(0), []
    for number in range(16):
        pixels = draw.integers(90, 110, (32, 32, 3), dtype=np.uint8)
        red, blue = (200, 20) if number % 2 else (20, 200)
        pixels[8:20, 8:20] = red, 60, blue
        if first_grey and number == 0:
            pixels[...] = pixels[..., :1]
        Image.fromarray(pixels).save(folder / f"p{number:02}.png")
        rows.append((f"p{number:02}", ("no", "yes")[number % 2], 50 + number))
    pd.DataFrame(rows, columns=["id", "ill", "age"]).to_csv(folder / "people.csv", index=False)
    toml = 'table = "people.csv"\nimages = "{id}.png"\nsubject = "id"\nlabel = "ill"\nclasses = ["no", "yes"]\n'
    (folder / "own.toml").write_text(toml + 'columns = ["age"]\n')
    return folder / "own.toml"


def test_pictures_in_colour_are_three_channels_as_they_are_stored(tmp_path: Path) -> None:
    toml = write_pictures(tmp_path / "pictures")
    run = fusekit.run(str(toml), fusion="image-only", epochs=1, folds=1, explain="fast", out=tmp_path / "run", **SMALL)
    bundle = run.bundle
    assert bundle.slices.colour == "rgb"
    assert [channel.name for channel in bundle.channels] == ["red", "green", "blue"]
    store = next(
        one
        for path in sorted(run_cache().glob("slices-*[0-9a-f]"))
        if len((one := SliceStore.open(path)).channels) == 3
    )
    pixels = np.asarray(Image.open(toml.parent / "p03.png"))
    stored = store.images[store.rows.index[store.rows["scan"] == "p03"][0]]
    np.testing.assert_array_equal(stored, pixels.transpose(2, 0, 1))  # rows, columns and values as in the file
    tested = run.predictions.iloc[0]
    np.testing.assert_allclose(bundle(toml.parent / f"{tested['scan']}.png")["p_1"], tested["p_1"], atol=1e-6)


def test_colours_beside_a_grey_first_picture_are_refused_with_both_ways_out(tmp_path: Path) -> None:
    toml = write_pictures(tmp_path / "pictures", first_grey=True)
    with pytest.raises(DataError, match=r"p01\.png: the picture is in colour.*slices\.colour=rgb.*slices\.colour=grey"):
        fusekit.run(str(toml), fusion="image-only", out=tmp_path / "run", folds=1, epochs=1, **SMALL)


@pytest.mark.parametrize("mode", ["crop", "channel"])
def test_a_mask_that_is_looked_at_is_needed_again_for_a_new_patient(tmp_path: Path, mode: str) -> None:
    toml = write(tmp_path / "people", count=12)
    folder = toml.parent
    for number in range(12):
        drawn = np.zeros((24, 24, 10), np.uint8)
        drawn[6:14, 8:20, 3:7] = 1
        nibabel.save(nibabel.Nifti1Image(drawn, np.diag([1.0, 1, 1.001, 1])), folder / f"p{number}_mask.nii.gz")
    text = TOML.replace('subject = "id"', 'masks = "{id}_mask.nii.gz"\nsubject = "id"')
    toml.write_text(f'{text}mask = "{mode}"\nmargin = 3\n')
    run = fusekit.run(str(toml), fusion="image-only", epochs=1, folds=1, explain="none", out=tmp_path / "run", **SMALL)
    bundle = fusekit.load(run.folder)
    assert (bundle.slices.mask, bundle.slices.margin) == (mode, 3)
    assert len(bundle.channels) == bundle.model.description["in_channels"] == (3 if mode == "channel" else 2)
    if mode == "channel":
        assert (bundle.pixels.mean[2], bundle.pixels.std[2]) == (0, 255)
    tested = run.predictions[run.predictions["scan"] == run.predictions["scan"].iloc[0]]
    number = tested["scan"].iloc[0][1:]
    files = {"t1": folder / f"p{number}_t1.nii.gz", "flair": folder / f"f{number}.nii.gz"}
    predicted = bundle(files, mask=folder / f"p{number}_mask.nii.gz")
    assert predicted["slice"].tolist() == tested["slice"].tolist()
    np.testing.assert_allclose(predicted["p_1"], tested["p_1"], atol=1e-6)
    with pytest.raises(
        DataError, match=rf"looks at the mask of every image \(slices\.mask={mode}\), and there is none"
    ):
        bundle(files)
