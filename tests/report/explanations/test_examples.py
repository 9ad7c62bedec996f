"""Slices called rightly and wrongly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fusekit.data.images.channels import channels_of
from fusekit.report.explanations.examples import examples
from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.maps import laid_over

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"row": [7, 9, 11], "subject": ["s1", "s2", "s3"], "label": [1, 1, 0], "kind": ["right", "wrong", "right"]}
).assign(p_0=[0.2, 0.7, 0.9], p_1=[0.8, 0.3, 0.1], called=[1, 0, 0])
IMAGES = RNG.integers(0, 255, (3, 16, 16), dtype=np.uint8)
MAPS = RNG.random((3, 16, 16)).astype(np.float16)


ARRAYS = {"images": IMAGES, "grad_cam": MAPS}


def test_each_slice_is_beside_its_overlay_with_words_and_signs(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    (picture,) = examples(explained({"examples": TABLE}, ARRAYS, plane="coronal", synthetic=True))
    slices, colours = drawn[0].subfigs
    shown = [axes for axes in slices.axes if axes.images]
    assert len(shown) == 6
    for k in range(3):
        plain, covered = (np.asarray(axes.images[0].get_array()) for axes in shown[2 * k : 2 * k + 2])
        np.testing.assert_array_equal(plain[..., 0], IMAGES[k])
        np.testing.assert_array_equal(covered, np.rint(laid_over(IMAGES[k], MAPS[k]) * 255))
    titles = [axes.get_title(loc="left") for axes in shown[::2]]
    assert titles == [
        "\N{CHECK MARK} right: AD called AD\np(AD) = 0.80",
        "\N{BALLOT X} WRONG: AD called CN\np(AD) = 0.30",
        "\N{CHECK MARK} right: CN called CN\np(AD) = 0.10",
    ]
    assert colours.axes[0].get_title(loc="center") == "speaks for AD"
    assert picture.table["called"].tolist() == ["AD", "CN", "CN"]
    assert "subject" not in picture.table
    assert "the patient's left (L) is at the viewer's right" in picture.caption
    assert "SYNTHETIC data" in picture.svg


def test_those_that_only_what_if_answers_are_of_are_left_to_their_picture(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    (picture,) = examples(explained({"examples": TABLE.assign(kind=["right", "wrong", "close"])}, ARRAYS))
    assert picture.table["row"].tolist() == [7, 9]
    assert picture.alt.startswith("1 slices called rightly and 1 called wrongly")


def test_models_without_maps_show_their_slices(drawn: list[Figure], explained: Callable[..., Explained]) -> None:
    (picture,) = examples(explained({"examples": TABLE}, {"images": IMAGES}, plane="axial"))
    assert not drawn[0].subfigs
    assert "Grad-CAM" not in picture.caption


def test_of_images_that_do_not_say_how_they_lie_no_side_is_named(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    (picture,) = examples(explained({"examples": TABLE}, ARRAYS))
    assert not [text for axes in drawn[0].subfigs[0].axes for text in axes.texts]
    assert "no sides are named" in picture.caption
    assert not any(word in picture.caption for word in ("left", "xial", "oronal"))


def test_of_several_images_each_is_shown_with_its_name_and_the_map_on_the_first(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    channels = channels_of(("t1", "photo"), coloured=False, masked=True)
    images = RNG.integers(0, 255, (3, 3, 16, 16), dtype=np.uint8)
    own = explained({"examples": TABLE}, {"images": images, "grad_cam": MAPS}, plane="axial", channels=channels)
    (picture,) = examples(own)
    shown = [axes for axes in drawn[0].subfigs[0].axes if axes.images]
    assert len(shown) == 3 * 4  # an example per row: T1, photo, mask, and the map
    for k in range(3):
        *plain, covered = (np.asarray(axes.images[0].get_array()) for axes in shown[4 * k : 4 * k + 4])
        for channel in range(3):
            np.testing.assert_array_equal(plain[channel][..., 1], images[k, channel])
        np.testing.assert_array_equal(covered, np.rint(laid_over(images[k, 0], MAPS[k]) * 255))
    assert shown[0].get_title(loc="left") == "\N{CHECK MARK} right: AD called AD\np(AD) = 0.80\nt1"
    assert [axes.get_title(loc="left") or axes.get_title() for axes in shown[1:3]] == ["photo", "mask"]
    assert "scaled to its own maximum, on t1." in picture.caption


def test_colours_are_one_picture_beside_its_map(drawn: list[Figure], explained: Callable[..., Explained]) -> None:
    channels = channels_of(("image",), coloured=True, masked=False)
    images = RNG.integers(0, 255, (3, 3, 16, 16), dtype=np.uint8)
    (picture,) = examples(explained({"examples": TABLE}, {"images": images, "grad_cam": MAPS}, channels=channels))
    shown = [axes for axes in drawn[0].subfigs[0].axes if axes.images]
    assert len(shown) == 6
    np.testing.assert_array_equal(np.asarray(shown[0].images[0].get_array()), images[0].transpose(1, 2, 0))
    covered = np.asarray(shown[1].images[0].get_array())
    np.testing.assert_array_equal(covered, np.rint(laid_over(images[0].transpose(1, 2, 0), MAPS[0]) * 255))
    assert ", on " not in picture.caption
