"""Maps over slices: which side is which, how they are blended, and at which size."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.figure import Figure

from fusekit.data import SlicePolicy
from fusekit.data.images.volume import Volume
from fusekit.data.slices.cut import cut
from fusekit.report.explanations.maps import COVER, PIXELS, edges, laid_over, orientation, scale, show

SHAPE = (20, 24, 22)  # x to the right, y to the front, z upwards
#: Part of the body -> the voxels that lie there.
PARTS = {
    "L": np.s_[:4, :, :],
    "R": np.s_[-4:, :, :],
    "P": np.s_[:, :4, :],
    "A": np.s_[:, -4:, :],
}


def phantom(part: str) -> Volume:
    data = np.zeros(SHAPE, dtype=np.float32)
    data[2:-2, 2:-2, 2:-2] = 1
    marked = np.zeros(SHAPE, dtype=bool)
    marked[PARTS[part]] = True
    data[marked & (data > 0)] = 2
    return Volume(data, np.eye(4))


@pytest.mark.parametrize(
    ("plane", "part", "letter"),
    [
        ("coronal", "L", "L"),
        ("coronal", "R", "R"),
        ("axial", "L", "L"),
        ("volume", "L", "L"),
        ("sagittal", "A", "A"),
        ("sagittal", "P", "P"),
    ],
)
def test_a_marked_side_lies_by_its_letter(plane: str, part: str, letter: str) -> None:
    policy = SlicePolicy(plane=plane, space="fraction", start=0.5, stop=0.6, fit="pad")  # type: ignore[arg-type]
    images, _ = cut(phantom(part), policy, 32)
    image = images[0] if plane != "volume" else images[0][16]
    axes = Figure().subplots()
    show(axes, image, None, plane)
    (picture,) = axes.images
    pixels = np.asarray(picture.get_array(), dtype=float)[..., 0]
    centre = (pixels * np.arange(32)).sum() / pixels.sum()
    assert axes.yaxis_inverted()  # rows run down
    assert not axes.xaxis_inverted()  # columns run to the viewer's right
    assert abs(centre - 15.5) > 0.3
    where = "right" if centre > 15.5 else "left"
    letters = {text.get_text(): text.get_horizontalalignment() for text in axes.texts}
    assert letters[letter] == where
    assert set(letters) == set(edges(plane)[:2])


def test_a_map_covers_in_proportion_to_its_strength() -> None:
    image = np.array([[0, 255, 255], [51, 51, 51]], dtype=np.uint8)
    heat = np.array([[0, 0, 1], [0.5, np.nan, 7]])
    blended = laid_over(image, heat)
    colour = colormaps["inferno"]
    assert blended[0, 0].tolist() == [0, 0, 0]
    assert blended[0, 1].tolist() == [1, 1, 1]
    np.testing.assert_allclose(blended[0, 2], (1 - COVER) + COVER * np.array(colour(1.0)[:3]))
    cover = COVER / 2
    np.testing.assert_allclose(blended[1, 0], 0.2 * (1 - cover) + cover * np.array(colour(0.5)[:3]))
    np.testing.assert_allclose(blended[1, 1], 0.2)  # no map there
    np.testing.assert_allclose(blended[1, 2], 0.2 * (1 - COVER) + COVER * np.array(colour(1.0)[:3]))


def test_the_scale_rises_evenly_in_lightness() -> None:
    figure = Figure()
    scale(figure.add_subfigure(figure.add_gridspec(1, 1)[0]), "none", "most", "speaks for AD")
    (axes,) = figure.subfigs[0].axes
    (ramp,) = axes.images
    light = np.asarray(ramp.get_array(), dtype=float)[0] @ [0.2126, 0.7152, 0.0722]
    assert light[-1] > 2 * light[0] - 0.2
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "most"]


def test_large_slices_are_shrunk_and_small_ones_kept() -> None:
    axes = Figure().subplots()
    show(axes, np.full((400, 200), 128, dtype=np.uint8), None, "")
    (picture,) = axes.images
    pixels = np.asarray(picture.get_array())
    assert pixels.shape == (PIXELS, PIXELS // 2, 3)
    assert set(pixels.flat) == {128}
    assert not axes.texts  # of an unknown plane nothing is said


@pytest.mark.parametrize(
    ("plane", "word"), [("sagittal", "front (A)"), ("volume", "Middle axial"), ("", "no sides are named")]
)
def test_the_orientation_in_words(plane: str, word: str) -> None:
    assert word in orientation(plane)
