from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data import SlicePolicy, Volume, cut, read_nifti
from fusekit.data.slices.brain_box import brain_box
from fusekit.data.slices.cut import choose, cut_channels, grey_window
from fusekit.errors import DataError, OptionError

nibabel: Any = untyped_nibabel
PLANES: tuple[Any, ...] = ("sagittal", "coronal", "axial")


def _volume(shape: tuple[int, int, int] = (8, 10, 12), spacing: tuple[float, ...] = (1, 1, 1), seed: int = 0) -> Volume:
    data = np.random.default_rng(seed).uniform(0, 100, shape).astype(np.float32)
    return Volume(data, np.diag([*spacing, 1.0]))


def _at(plane: Any, start: float = 0, stop: float = 1, **more: Any) -> SlicePolicy:
    return SlicePolicy(plane=plane, start=start, stop=stop, **more)


@pytest.mark.parametrize(
    ("plane", "mark", "row", "column"),
    [
        # (right, anterior, superior) end of each axis; radiological display
        ("coronal", (-1, 0, -1), 0, 0),  # right and superior: the viewer's left, up
        ("coronal", (0, 0, -1), 0, -1),  # left and superior: the viewer's right, up
        ("coronal", (0, 0, 0), -1, -1),
        ("axial", (-1, -1, 0), 0, 0),  # right and anterior
        ("axial", (0, -1, 0), 0, -1),
        ("sagittal", (0, -1, -1), 0, 0),  # anterior and superior
        ("sagittal", (0, 0, -1), 0, -1),  # posterior
    ],
)
def test_slices_are_shown_as_radiologists_expect(plane: Any, mark: Any, row: int, column: int) -> None:
    data = np.zeros((16, 16, 16), np.float32)
    data[mark] = 1
    images, indices = cut(Volume(data, np.eye(4)), _at(plane), 16)
    assert indices == [0]
    expected = np.zeros((1, 16, 16), np.uint8)
    expected[0, row, column] = 255
    np.testing.assert_array_equal(images, expected)


def test_the_same_head_saved_in_every_orientation_gives_the_same_slices(tmp_path: Path) -> None:
    affine = np.array([[2.0, 0, 0, -7], [0, 3.0, 0, -11], [0, 0, 1.5, 4], [0, 0, 0, 1]])
    data = np.random.default_rng(0).integers(0, 500, (6, 7, 8)).astype(np.int16)
    data[-1, -1, -1] = 900  # the right anterior superior corner
    image = nibabel.Nifti1Image(data, affine)
    policies = [_at(plane, 2, 5) for plane in PLANES] + [_at("coronal", -8, 4, space="mm", fit="pad")]
    policies += [SlicePolicy(plane="volume", fit="pad"), _at("axial", 0, 2, window=(300, 250), depth="float16")]
    expected = [cut(Volume(data.astype(np.float32), affine), policy, 9) for policy in policies]
    for number, (axes, signs) in enumerate(product(permutations(range(3)), product([1, -1], repeat=3))):
        path = tmp_path / f"{number}.nii"
        nibabel.save(image.as_reoriented(np.stack([axes, signs], axis=1)), path)
        volume = read_nifti(path)
        assert volume is not None
        for policy, (images, indices) in zip(policies, expected, strict=True):
            found = cut(volume, policy, 9)
            np.testing.assert_array_equal(found[0], images)
            assert found[1] == indices


@settings(max_examples=60)
@given(
    plane=st.sampled_from(PLANES),
    shape=st.tuples(*[st.integers(2, 40)] * 3),
    size=st.integers(1, 48),
    seed=st.integers(0, 9),
)
def test_a_slice_is_resized_as_torch_resizes_without_aliasing(
    plane: Any, shape: tuple[int, int, int], size: int, seed: int
) -> None:
    volume = _volume(shape, seed=seed)
    images, _ = cut(volume, _at(plane), size)
    black, white = grey_window(volume.data)
    axis = PLANES.index(plane)
    grey = torch.from_numpy(((volume.data.take(0, axis) - black) / (white - black)).clip(0, 1).T[::-1, ::-1].copy())
    resized = torch.nn.functional.interpolate(
        grey[None, None], (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(images[0], resized[0, 0].numpy() * 255, atol=0.51)


def test_padding_keeps_proportions_in_mm() -> None:
    data = np.full((20, 3, 10), 50, np.float32)
    data[0, 0, 0] = 0
    volume = Volume(data, np.diag([1.0, 1, 3, 1]))  # the slice is 20 mm wide and 30 mm high
    image = cut(volume, _at("coronal", 1, 2, fit="pad"), 30)[0][0]
    expected = np.zeros((30, 30), np.uint8)
    expected[:, 5:25] = 255
    np.testing.assert_array_equal(image, expected)
    assert (cut(volume, _at("coronal", 1, 2), 30)[0] == 255).all()


def test_black_and_white_are_percentiles_of_what_is_brighter_than_the_fill() -> None:
    data = np.concatenate([np.full(5000, -1024), np.arange(1, 1002)]).astype(np.float32).reshape(1, 17, 353)
    assert grey_window(data) == pytest.approx((1 + 0.005 * 1000, 1 + 0.995 * 1000))
    image = cut(Volume(data, np.eye(4)), _at("sagittal"), 400)[0]
    assert (image.min(), image.max()) == (0, 255)


def test_an_outlier_does_not_darken_the_rest_and_a_mask_is_black_and_white() -> None:
    volume = _volume((20, 20, 20))
    before, _ = cut(volume, _at("axial", 5, 6), 20)
    volume.data[0, 0, 0] = 1e6
    after, _ = cut(volume, _at("axial", 5, 6), 20)
    assert np.abs(before.astype(int) - after).max() <= 1
    mask = np.zeros((4, 4, 4), np.float32)
    mask[0, 0, 0] = 3
    assert set(np.unique(cut(Volume(mask, np.eye(4)), _at("axial"), 4)[0])) == {0, 255}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 2, "stop": 6}, [2, 3, 4, 5]),
        ({"start": 0, "stop": 10, "step": 4}, [0, 4, 8]),
        ({"space": "fraction", "start": 0.5, "stop": 0.8}, [5, 6, 7]),
        ({"space": "fraction", "start": 0, "stop": 1}, list(range(10))),
        ({"space": "mm", "start": -4, "stop": 2}, [3, 4, 5]),  # centres at -10, -8, ..., 8 mm
        ({"space": "mm", "start": -3.9, "stop": 2.1}, [4, 5, 6]),
        ({"space": "mm", "start": -11, "stop": 9, "step": 9}, [0, 9]),
    ],
)
def test_a_policy_names_slices(options: dict[str, Any], expected: list[int]) -> None:
    affine = np.diag([1.0, 2, 1, 1])
    affine[1, 3] = -10
    assert choose(Volume(np.zeros((4, 10, 4), np.float32), affine), SlicePolicy(**options)) == expected


def test_mm_are_world_coordinates_of_the_slices_centre_in_a_tilted_volume() -> None:
    angle = np.deg2rad(10)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = Volume(np.zeros((5, 11, 21), np.float32), affine)
    centres = [(affine @ [2, j, 10, 1])[1] for j in range(11)]
    expected = [j for j, y in enumerate(centres) if 0 <= y < 5]
    assert choose(volume, SlicePolicy(space="mm", start=0, stop=5)) == expected
    assert expected[0] == 2  # and not 0: the tilt moves the centre by 10 sin(10 deg) = 1.74 mm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            r"head\.nii: coronal slices from 130 to 140 in voxel space.*0 to 10 \(posterior to anterior, 10 slices",
        ),
        ({"start": -1, "stop": 3}, "not all inside"),
        ({"space": "mm", "start": -12, "stop": 0}, r"from -12 to 0 mm in mm space.*from -11 to 9 mm.*of 2 mm"),
        ({"space": "mm", "start": 0, "stop": 9.5}, "not all inside"),
        ({"space": "mm", "start": -3.5, "stop": -3}, r"there are no coronal slices.*Widen"),
        ({"space": "fraction", "start": 0.5, "stop": 1.1}, "from 0 to 1"),
        ({"space": "fraction", "start": 0.41, "stop": 0.44}, "there are no"),
        ({"plane": "axial"}, "inferior to superior, 4 slices of 1 mm"),
    ],
)
def test_a_range_without_slices_tells_the_volumes_extent(options: dict[str, Any], message: str) -> None:
    affine = np.diag([1.0, 2, 1, 1])
    affine[1, 3] = -10
    volume = Volume(np.ones((4, 10, 4), np.float32), affine, path=Path("head.nii"), orientation="RAS")
    with pytest.raises(DataError, match=message):
        cut(volume, SlicePolicy(**options), 8)
    with pytest.raises(DataError) as caught:  # where the file does not say, no direction is named
        cut(replace(volume, orientation=""), SlicePolicy(**options), 8)
    assert not any(word in str(caught.value) for word in ("left", "posterior", "inferior"))


@pytest.mark.parametrize("axes", ["RAS", "IPL", "PIR", "LPS"])
@pytest.mark.parametrize("width", [192, 256])
def test_slices_do_not_depend_on_how_a_scanner_wrote_a_head(tmp_path: Path, axes: str, width: int) -> None:
    """The grids of ADNI: 256 x 256 in plane and 160 to 192 sagittal slices, or a width of 192; some stored as IPL."""
    affine = np.diag([1.2, 0.9375, 0.9375, 1.0])
    affine[:3, 3] = -60, -100, -90
    data = np.random.default_rng(0).integers(0, 900, (20, width, 256)).astype(np.int16)
    image = nibabel.Nifti1Image(data, affine)
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    nibabel.save(image.as_reoriented(turn), tmp_path / "head.nii")
    volume = read_nifti(tmp_path / "head.nii")
    assert volume is not None
    assert nibabel.aff2axcodes(nibabel.load(tmp_path / "head.nii").affine) == tuple(axes)
    images, indices = cut(volume, _at("coronal", 130, 140), 32)
    expected, _ = cut(Volume(data.astype(np.float32), affine), _at("coronal", 130, 140), 32)
    np.testing.assert_array_equal(images, expected)
    assert indices == list(range(130, 140))


@pytest.mark.parametrize("degrees", [-40, 15, 40])
def test_an_oblique_volume_is_cut_along_its_closest_axis_without_resampling(tmp_path: Path, degrees: float) -> None:
    turn = np.deg2rad(degrees)  # about x: below 45 degrees, the second axis is still the closest to front
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    data = np.random.default_rng(0).integers(0, 900, (9, 10, 11)).astype(np.int16)
    stored = nibabel.Nifti1Image(data, affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    nibabel.save(stored, tmp_path / "tilted.nii")
    volume = read_nifti(tmp_path / "tilted.nii")
    assert volume is not None
    images, _ = cut(volume, _at("coronal", 3, 6), 12)
    np.testing.assert_array_equal(images, cut(Volume(data.astype(np.float32), np.eye(4)), _at("coronal", 3, 6), 12)[0])


def test_a_window_is_black_and_white_in_the_images_units() -> None:
    data = np.array([-1000, -160, -60, 40, 140, 240, 3000], np.float32)  # HU; width 400, level 40
    volume = Volume(data.reshape(7, 1, 1), np.eye(4))
    fine, _ = cut(volume, _at("coronal", window=(400, 40), depth="float16"), 7)
    assert fine.dtype == np.float16
    levels = [0, 0, 63.75, 127.5, 191.25, 255, 255]
    assert fine[0, 3].tolist() == levels[::-1]  # columns run to the viewer's right: from the patient's right
    coarse, _ = cut(volume, _at("coronal", window=(400, 40)), 7)
    assert coarse[0, 3].tolist() == [255, 255, 191, 128, 64, 0, 0]


def test_a_window_is_the_same_for_every_volume_where_percentiles_are_not() -> None:
    one, other = (Volume(_volume(seed=1).data * scale, np.eye(4)) for scale in (1, 2))
    np.testing.assert_array_equal(cut(one, _at("axial"), 9)[0], cut(other, _at("axial"), 9)[0])
    shown = [cut(volume, _at("axial", window=(200, 100), depth="float16"), 9)[0] for volume in (one, other)]
    np.testing.assert_allclose(shown[1], 2 * shown[0].astype(np.float32), rtol=2e-3)


def test_float16_keeps_the_fraction_that_uint8_rounds() -> None:
    volume = _volume(seed=2)
    coarse, _ = cut(volume, _at("axial"), 10)
    fine, _ = cut(volume, _at("axial", depth="float16"), 10)
    np.testing.assert_allclose(fine.astype(np.float32), coarse, atol=0.5 + 1 / 16)  # half its step above 128
    assert (fine == np.rint(fine)).mean() < 0.2


def _mask_of(volume: Volume, areas: dict[int, int], axis: int) -> Volume:
    data = np.zeros_like(volume.data)
    lines = np.moveaxis(data, axis, 0)
    for index, area in areas.items():
        lines[index].flat[:area] = 1
    return Volume(data, volume.affine, path=Path("tumour.nii"))


@pytest.mark.parametrize("plane", PLANES)
def test_the_largest_masked_slices_are_cut_in_order(plane: Any) -> None:
    volume = _volume((8, 10, 12))
    mask = _mask_of(volume, {1: 2, 3: 9, 5: 4, 6: 9}, PLANES.index(plane))
    images, indices = cut(volume, _at(plane, largest=3), 9, mask)
    assert indices == [3, 5, 6]
    for index, image in zip(indices, images, strict=True):
        np.testing.assert_array_equal(image, cut(volume, _at(plane, index, index + 1), 9)[0][0])
    assert cut(volume, _at(plane, largest=9), 9, mask)[1] == [1, 3, 5, 6]  # never one without a tumour
    assert cut(volume, _at(plane, 2, 4, largest=3), 9)[1] == [2, 3]  # no mask: the range
    assert cut(volume, _at(plane, 2, 4), 9, mask)[1] == [2, 3]  # not asked for: the range


def test_a_mask_that_does_not_help_is_refused_by_name() -> None:
    volume = _volume()
    with pytest.raises(DataError, match=r"tumour\.nii marks no voxel"):
        cut(volume, _at("axial", largest=2), 9, _mask_of(volume, {}, 2))
    other = Volume(np.ones((8, 10, 11), np.float32), np.eye(4), path=Path("tumour.nii"))
    with pytest.raises(DataError, match=r"tumour\.nii is not drawn on the grid.*8 x 10 x 11.*8 x 10 x 12"):
        cut(volume, _at("axial", largest=2), 9, other)


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        # (right, anterior, superior) end of each axis -> depth from the top, row from the front, column from the right
        ((-1, -1, -1), (0, 0, 0)),
        ((0, -1, -1), (0, 0, -1)),
        ((-1, 0, -1), (0, -1, 0)),
        ((-1, -1, 0), (-1, 0, 0)),
    ],
)
def test_a_whole_volume_runs_down_back_and_to_the_left(mark: Any, place: Any) -> None:
    data = np.zeros((16, 16, 16), np.float32)
    data[mark] = 1
    items, indices = cut(Volume(data, np.eye(4)), SlicePolicy(plane="volume"), 16)
    assert indices == [0]
    expected = np.zeros((1, 16, 16, 16), np.uint8)
    expected[(0, *place)] = 255
    np.testing.assert_array_equal(items, expected)


def test_the_planes_of_a_whole_volume_are_the_slices_of_that_plane() -> None:
    volume = _volume((12, 12, 12))
    item = cut(volume, SlicePolicy(plane="volume"), 12)[0][0]
    for plane, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2)):
        slices = cut(volume, _at(plane, 0, 12), 12)[0]
        np.testing.assert_array_equal(np.moveaxis(item, axis, 0), slices[::-1])


def test_a_whole_volume_may_be_windowed_padded_and_of_half_precision() -> None:
    data = np.full((20, 10, 5), 40, np.float32)
    data[0, 0, 0] = 240
    volume = Volume(data, np.diag([1.0, 1, 2, 1]))  # 20 x 10 x 10 mm
    policy = SlicePolicy(plane="volume", window=(400, 40), fit="pad", depth="float16")
    items, _ = cut(volume, policy, 10)
    assert items.shape == (1, 10, 10, 10)
    assert items.dtype == np.float16
    filled = np.zeros((10, 10, 10), bool)
    filled[2:7, 2:7] = True
    np.testing.assert_array_equal(items[0] > 0, filled)
    assert items[0, 2, 2, 0] == 127.5


def test_cropping_to_the_brain_moves_what_a_range_counts() -> None:
    rng = np.random.default_rng(0)
    data = np.zeros((60, 70, 80), np.float32)
    data[20:40, 30:60, 10:50] = rng.uniform(50, 100, (20, 30, 40))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -60, -70, -80
    volume = Volume(data, affine)
    first = brain_box(volume)[1].start
    assert 27 <= first <= 30
    cropped, indices = cut(volume, _at("coronal", 5, 7, crop="brain"), 16)
    assert indices == [5, 6]
    y = -70 + 2 * first
    in_mm, _ = cut(volume, _at("coronal", y + 10, y + 14, space="mm", crop="brain"), 16)
    np.testing.assert_array_equal(cropped, in_mm)  # mm are the world's: cropping does not move them
    assert (cropped[0] > 0).mean() > 0.75  # the brain fills the picture: it is 20 x 40 of the box's 24 x 44 voxels
    mask = np.zeros_like(data)
    mask[30, 40, 20] = 1
    marked = Volume(mask, affine)
    assert cut(volume, _at("coronal", largest=1, crop="brain"), 16, marked)[1] == [40 - first]


def test_a_box_that_one_value_fills_is_white() -> None:
    solid = Volume(np.ones((9, 9, 9), np.float32), np.eye(4))
    assert (cut(solid, _at("axial"), 4)[0] == 255).all()


@pytest.mark.parametrize(("plane", "axis"), [("sagittal", 0), ("coronal", 1), ("axial", 2)])
def test_a_single_slice_is_used_whatever_the_range_and_has_no_other_plane(plane: Any, axis: int) -> None:
    shape = [6, 6, 6]
    shape[axis] = 1
    data = _volume((6, 6, 6)).data[: shape[0], : shape[1], : shape[2]]
    volume = Volume(data, np.eye(4), path=Path("a.nii"), orientation="RAS")
    images, indices = cut(volume, SlicePolicy(plane=plane), 6)  # 130 to 140
    assert indices == [0]
    assert len(images) == 1
    for other in PLANES[:axis] + PLANES[axis + 1 :]:
        with pytest.raises(DataError, match=rf"a\.nii is a single {plane} slice of 6 x 6.*Set slices\.plane={plane}"):
            cut(volume, SlicePolicy(plane=other), 6)
    with pytest.raises(DataError, match="it is no whole volume"):
        cut(volume, SlicePolicy(plane="volume"), 6)
    with pytest.raises(DataError, match="is a single slice of 6 x 6"):  # a picture's plane is not known
        cut(replace(volume, orientation=""), SlicePolicy(plane=PLANES[axis - 1]), 6)


# Several channels, and what a mask does to them.

AFFINE = np.diag([2.0, 1.0, 5.0, 1.0])
SHAPE = (20, 40, 12)
#: Every axial slice.
ALL = SlicePolicy(plane="axial", start=0, stop=12)
TUMOUR = (slice(8, 11), slice(10, 14), slice(5, 7))


def channel(seed: int = 0, scale: float = 1.0) -> Volume:
    return Volume((scale * np.random.default_rng(seed).uniform(1, 100, SHAPE)).astype(np.float32), AFFINE)


def drawn_mask() -> Volume:
    data = np.zeros(SHAPE, np.float32)
    data[TUMOUR] = 1
    return Volume(data, AFFINE)


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial", "volume"])
def test_each_channel_is_as_it_is_cut_alone(plane: Any) -> None:
    policy, volumes = replace(ALL, plane=plane), [channel(0), channel(1, scale=7), channel(2)]
    images, indices = cut_channels(volumes, policy, 16)
    assert images.shape == (len(indices), 3, *[16] * (3 if plane == "volume" else 2))
    for number, one in enumerate(volumes):
        alone, same = cut(one, policy, 16)
        assert same == indices
        np.testing.assert_array_equal(images[:, number], alone)


def test_each_image_has_its_window_and_a_width_of_0_takes_percentiles() -> None:
    volumes, plain = [channel(0), channel(1)], replace(ALL, depth="float16")
    images, _ = cut_channels(volumes, replace(plain, window=(50, 40, 0, 0)), 16)
    np.testing.assert_array_equal(images[:, 0], cut(volumes[0], replace(plain, window=(50, 40)), 16)[0])
    np.testing.assert_array_equal(images[:, 1], cut(volumes[1], plain, 16)[0])
    both, _ = cut_channels(volumes, replace(plain, window=(50, 40)), 16)  # one pair is for all
    np.testing.assert_array_equal(both[:, 1], cut(volumes[1], replace(plain, window=(50, 40)), 16)[0])
    with pytest.raises(OptionError, match=r"slices\.window has 2 pairs of width and level, and a scan 3 images"):
        cut_channels([*volumes, channel(2)], replace(plain, window=(50, 40, 0, 0)), 16)


def test_a_mask_as_channel_is_0_and_white_whatever_its_numbers() -> None:
    numbered = replace(drawn_mask(), data=drawn_mask().data * 7)
    policy = replace(ALL, mask="channel", fit="stretch", start=5, stop=8)
    images, indices = cut_channels([channel()], policy, 40, numbered)
    assert images.shape == (3, 2, 40, 40)
    assert set(np.unique(images[0, 1])) <= set(range(256))
    assert images[:, 1].max(axis=(1, 2)).tolist() == [255, 255, 0]  # slices 5 and 6 are marked, 7 is not
    drawn = drawn_mask().data[:, :, 5].T[::-1, ::-1]  # 40 rows, 20 columns
    rows = np.flatnonzero(images[0, 1].max(axis=1) > 127)
    np.testing.assert_array_equal(rows, np.flatnonzero(drawn.any(axis=1)))
    np.testing.assert_array_equal(images[:, 0], cut(channel(), replace(ALL, start=5, stop=8), 40)[0])
    assert indices == [5, 6, 7]


def test_a_crop_is_the_box_by_hand_on_an_anisotropic_channel() -> None:
    policy = replace(ALL, mask="crop", margin=4, space="fraction", start=0, stop=1, depth="float16", window=(100, 50))
    volumes = [channel(0), channel(1)]
    images, indices = cut_channels(volumes, policy, 12, drawn_mask())
    assert indices == [0, 1, 2, 3]  # 5 mm below to 5 mm above, counted within the box
    for number, one in enumerate(volumes):
        box = one.data[6:13, 6:18, 4:8]  # 4 mm: 2, 4 and 1 voxels on each side
        alone = Volume(box, AFFINE)
        expected, _ = cut(alone, replace(policy, mask="choose"), 12)
        np.testing.assert_array_equal(images[:, number], expected)


def test_a_crop_keeps_millimetres_and_the_largest_slices() -> None:
    policy = replace(ALL, mask="crop", margin=5, space="mm", start=25, stop=31)
    assert cut_channels([channel()], policy, 8, drawn_mask())[1] == [
        1,
        2,
    ]  # slices 5 and 6 of the volume, which is cut at 4
    largest = replace(ALL, mask="crop", margin=5, largest=2)
    assert cut_channels([channel()], largest, 8, drawn_mask())[1] == [1, 2]
    whole, _ = cut_channels([channel()], replace(ALL, plane="volume", mask="crop", margin=5), 8, drawn_mask())
    box = Volume(channel().data[5:14, 5:19, 4:8], AFFINE)
    np.testing.assert_array_equal(whole[:, 0], cut(box, SlicePolicy(plane="volume"), 8)[0])


@pytest.mark.parametrize("window", [(), (60, 50)])
def test_what_is_zeroed_is_black_and_the_rest_has_the_scale_of_what_is_left(window: tuple[float, ...]) -> None:
    policy = replace(ALL, mask="zero", margin=0, window=window, depth="float16", fit="stretch")
    one = replace(channel(), data=channel().data + 30)
    images, _ = cut_channels([one], policy, 40, drawn_mask())
    emptied = np.full(SHAPE, min(one.data.min(), 20 if window else np.inf), np.float32)
    emptied[TUMOUR] = one.data[TUMOUR]
    expected, _ = cut(Volume(emptied, AFFINE), replace(policy, mask="choose"), 40)
    np.testing.assert_array_equal(images[:, 0], expected)
    assert images[0].max() == 0
    assert images[5].max() > 200


def test_masks_on_another_grid_and_empty_ones_are_refused() -> None:
    policy = replace(ALL, mask="crop")
    with pytest.raises(DataError, match="not drawn on the grid"):
        cut_channels([channel()], policy, 8, Volume(drawn_mask().data, np.eye(4)))
    with pytest.raises(DataError, match="marks no voxel"):
        cut_channels([channel()], policy, 8, replace(drawn_mask(), data=drawn_mask().data * 0))


def test_colours_of_a_picture_stay_as_they_are_and_others_share_one_scale() -> None:
    draw, policy = np.random.default_rng(0), SlicePolicy(plane="axial", start=0, stop=1, colour="rgb")
    bands = [Volume(draw.integers(60, 200, (16, 16, 1)).astype(np.float32), np.eye(4)) for _ in range(3)]
    images, _ = cut_channels(bands, policy, 16)
    for number, band in enumerate(bands):
        np.testing.assert_array_equal(images[0, number], band.data[:, :, 0].T[::-1, ::-1])
    deep = [replace(band, data=band.data * 100) for band in bands]  # 16 bits
    images, _ = cut_channels(deep, replace(policy, depth="float16"), 16)
    together = np.stack([band.data for band in deep])
    black, white = np.percentile(together[together > together.min()], (0.5, 99.5))
    literal = (np.clip(together[..., 0].transpose(0, 2, 1)[:, ::-1, ::-1], black, white) - black) / (white - black)
    np.testing.assert_allclose(images[0], literal * 255, atol=0.07)
