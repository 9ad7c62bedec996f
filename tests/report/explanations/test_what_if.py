"""Maps for other clinical values, and mean maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.data.images.channels import channels_of
from fusekit.errors import DataError
from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.maps import laid_over
from fusekit.report.explanations.what_if import mean_maps, what_if
from fusekit.report.formatting import number

RNG = np.random.default_rng(0)


def test_every_value_has_its_map_and_the_own_one_a_frame(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    rows = [("PTAU", str(v), "pg/ml", "20", v == 20, v / 50, 0.0 if v == 20 else v / 100) for v in (10, 20, 30, 40)]
    rows += [("APOE4", v, "", "", v == "", 0.5, np.nan) for v in ("0", "")]
    table = pd.DataFrame(rows, columns=["column", "level", "unit", "original", "is_original", "p_1", "change"])
    table["p_0"] = 1 - table["p_1"]
    table["number"] = pd.to_numeric(table["level"]).where(table["column"] == "PTAU") + 1 / 3
    image, maps = RNG.integers(0, 255, (16, 16), dtype=np.uint8), RNG.random((6, 16, 16))
    both = pd.concat([table.assign(example=1), table.assign(example=0)])  # the second patient's lines come later
    arrays = {"images": np.stack([image, image // 2]), "what_if": np.concatenate([maps / 2, maps])}
    first, picture = what_if(explained({"what_if": both}, arrays, plane="axial", synthetic=True))
    assert (first.name, picture.name) == ("what-if-a-1", "what-if-a-2")
    ptau, apoe, _ = drawn[1].subfigs
    assert ptau.get_suptitle() == "PTAU (own value 20 pg/ml)"
    assert apoe.get_suptitle() == "APOE4 (own value missing)"
    shown = [axes for part in (ptau, apoe) for axes in part.axes if axes.images]
    for axes, heat in zip(shown, maps, strict=True):
        pixels = np.asarray(axes.images[0].get_array())
        np.testing.assert_array_equal(pixels, np.rint(laid_over(image, heat) * 255))
    titles = [axes.get_title(loc="center") for axes in shown]
    assert titles[0] == f"10.33 pg/ml\n{number(np.log(0.2 / 0.8) - np.log(0.4 / 0.6))}\nmoved 10 %"
    assert titles[1] == "20.33 pg/ml\np(AD) = 0.40\nown value"
    assert titles[4] == "0\n0.00\n"
    assert titles[5] == "missing\np(AD) = 0.50\nown value"
    assert [axes.axison for axes in shown] == [False, True, False, False, False, True]
    assert titles[3].startswith(f"40.33 pg/ml\n+{np.log(0.8 / 0.2) - np.log(0.4 / 0.6):.2f}\n")
    assert "PTAU up to 40 %" in picture.alt
    assert "adds to the log odds of AD" in picture.caption
    assert "One held-out slice, and its Grad-CAM" in picture.caption  # of an older run nothing is known of its choice
    kinds = pd.DataFrame({"row": [3, 4], "kind": ["close", "close"]})
    first, _ = what_if(explained({"what_if": both, "examples": kinds}, arrays))
    assert "One held-out slice near the threshold between two classes, and its Grad-CAM" in first.caption
    assert "SYNTHETIC data" in picture.svg


def test_mean_maps_share_one_scale_and_say_of_how_many(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    rows = [(label, name, p, 9, 4 + label, 10.0 * p) for label, name in enumerate(("CN", "AD")) for p in (0, 1)]
    table = pd.DataFrame(rows, columns=["label", "class", "position", "slices", "subjects", "template_mm"])
    images, maps = RNG.integers(0, 255, (4, 16, 16), dtype=np.uint8), RNG.random((4, 16, 16)) / 2
    arrays = {"mean_image": images, "mean_map": maps}
    (picture,) = mean_maps(explained({"mean_map": table}, arrays, plane="coronal"))
    grid, colours = drawn[0].subfigs
    shown = [axes for axes in grid.axes if axes.images]
    assert [axes.get_title(loc="center") for axes in shown] == ["CN\nmean of 4"] * 2 + ["AD\nmean of 5"] * 2
    for axes, image, heat in zip(shown, images, maps, strict=True):
        expected = np.rint(laid_over(image, heat / maps.max()) * 255)
        np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), expected)
    assert colours.axes[0].get_xticklabels()[1].get_text() == f"{maps.max():.2f}"
    assert "4 CN, 5 AD" in picture.caption
    assert "template" not in picture.caption

    arrays |= {"template_image": images, "template_map": maps}
    (both,) = mean_maps(explained({"mean_map": table}, arrays, plane="coronal"))
    shown = [axes for axes in drawn[1].subfigs[0].axes if axes.images]
    titles = [axes.get_title(loc="center") for axes in shown]
    assert titles[2:4] == ["CN\ntemplate, 0 mm", "CN\ntemplate, 10 mm"]
    assert "only approximately" in both.caption


def test_a_long_unit_is_in_the_heading_only(drawn: list[Figure], explained: Callable[..., Explained]) -> None:
    row = (0, "IGF", "-1.9", -1.9, "log10 concentration", "-1.9", True, 0.5, 0.5, 0.0)
    columns = ["example", "column", "level", "number", "unit", "original", "is_original", "p_0", "p_1", "change"]
    table = pd.DataFrame([row], columns=columns)
    arrays = {"images": np.zeros((1, 8, 8), np.uint8), "what_if": np.ones((1, 8, 8))}
    list(what_if(explained({"what_if": table}, arrays)))
    part = drawn[0].subfigs[0]
    assert part.get_suptitle() == "IGF (own value -1.9 log10 concentration)"
    assert next(axes for axes in part.axes if axes.images).get_title(loc="center").startswith("-1.9\n")


def test_of_several_images_maps_lie_on_the_first(drawn: list[Figure], explained: Callable[..., Explained]) -> None:
    table = pd.DataFrame(
        {"column": "PTAU", "level": ["1", "2"], "unit": "", "original": "1", "is_original": [True, False]}
    ).assign(p_0=0.5, p_1=0.5, change=[0.0, 0.1], number=[1.0, 2.0], example=0)
    images, maps = RNG.integers(0, 255, (1, 2, 16, 16), dtype=np.uint8), RNG.random((2, 16, 16))
    channels = channels_of(("t1", "flair"), coloured=False, masked=False)
    (picture,) = what_if(explained({"what_if": table}, {"images": images, "what_if": maps}, channels=channels))
    shown = [axes for axes in drawn[0].subfigs[0].axes if axes.images]
    for axes, heat in zip(shown, maps, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), np.rint(laid_over(images[0, 0], heat) * 255))
    assert "its Grad-CAM on t1, while" in picture.caption
    with pytest.raises(DataError, match=r"images\.npy has the shape \(1, 2, 16, 16\), for 1 channels"):
        list(what_if(explained({"what_if": table}, {"images": images, "what_if": maps})))
