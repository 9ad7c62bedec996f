"""Grey levels that were scaled are found by as much as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Pixels
from fusekit.data.images.channels import Channel
from fusekit.evaluation.cohorts.intensity import grey_levels, intensity_shift

ROWS = pd.DataFrame({"scan": ["a", "a", "b", "b"]}, index=pd.RangeIndex(4, name="row"))
VOLUMES = pd.DataFrame(
    {
        "image": "image",
        "spacing_x": [1.0, 2.0],
        "shape_x": [64, 64],
        "high": [900.0, 1100.0],
        "orientation": ["RAS", "LPS"],
    },
    index=pd.Index(["a", "b"], name="scan"),
)


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 128, (4, 1, 8, 8)).astype(np.uint8)


def test_doubled_grey_levels_by_hand() -> None:
    images = _images()
    trained = Pixels.fit(images, np.arange(4))
    table = intensity_shift(trained, images * 2, ROWS, VOLUMES).set_index("quantity")
    grey = table.loc["grey level"]
    assert grey["mean"] == pytest.approx(2 * images.mean())
    assert grey["difference"] == pytest.approx(images.mean() / images.std())
    assert grey["sd_ratio"] == pytest.approx(2)
    same = intensity_shift(trained, images, ROWS, VOLUMES).set_index("quantity").loc["grey level"]
    assert (same["difference"], same["sd_ratio"]) == (pytest.approx(0), pytest.approx(1))


def test_what_was_measured_of_each_volume_is_listed_over_scans() -> None:
    images = _images()
    table = intensity_shift(Pixels((60,), (30,)), images, ROWS, VOLUMES).set_index("quantity")
    means = [images[:2].mean(), images[2:].mean()]
    assert table.loc["mean grey level of a scan", "median"] == pytest.approx(np.median(means))
    assert list(table.loc["spacing_x", ["unit", "scans", "mean", "median"]]) == ["mm", 2, 1.5, 1.5]
    assert table.loc["high", "q25"] == pytest.approx(950)
    assert table.loc["orientation LPS", "mean"] == 0.5
    assert table["training_mean"].notna().sum() == 1  # the bundle remembers grey levels and nothing else


@pytest.mark.parametrize("kind", [np.uint8, np.float16])
def test_the_histogram_counts_every_pixel(kind: type) -> None:
    images: np.ndarray = np.array([[[[0, 3], [4, 255]]]], dtype=kind)
    levels = grey_levels(images, np.array([0]))
    assert levels["share"].sum() == pytest.approx(1)
    assert levels.loc[levels["share"] > 0, ["low", "share"]].to_numpy().tolist() == [[0, 0.5], [4, 0.25], [252, 0.25]]


def test_volumes_are_items_too() -> None:
    images = np.full((2, 1, 4, 4, 4), 100, dtype=np.float16)
    rows = pd.DataFrame({"scan": ["a", "b"]}, index=pd.RangeIndex(2, name="row"))
    table = intensity_shift(Pixels((100,), (50,)), images, rows, VOLUMES)
    assert table.iloc[0]["difference"] == pytest.approx(0)


def test_each_channel_and_image_has_its_rows_but_a_mask_none() -> None:
    images = np.concatenate([_images(), _images() + np.uint8(100), np.full((4, 1, 8, 8), 255, np.uint8)], axis=1)
    channels = (Channel("t1", "t1"), Channel("flair", "flair"), Channel("mask", "mask"))
    pixels = Pixels((60.0, 160.0, 0.0), (30.0, 40.0, 255.0))
    volumes = pd.concat([VOLUMES.assign(image="t1"), VOLUMES.assign(image="flair", spacing_x=[5.0, 7.0])])
    table = intensity_shift(pixels, images, ROWS, volumes, channels).set_index("quantity")
    for number, name in enumerate(("t1", "flair")):
        row = table.loc[f"grey level of {name}"]
        assert row["mean"] == pytest.approx(images[:, number].mean())
        assert row["difference"] == pytest.approx((images[:, number].mean() - pixels.mean[number]) / pixels.std[number])
    assert table.loc["spacing_x of flair", "mean"] == 6
    assert not table.index.str.contains("mask").any()
