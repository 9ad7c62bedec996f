"""What a store of several images and of masks is to hold: what is cut, what decides it, what names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest

from fusekit.data import SlicePolicy, SliceStore, build_store, cut, read
from fusekit.data.images.facts import measure
from fusekit.errors import DataError
from fusekit.progress import Quiet

nibabel: Any = untyped_nibabel
AXIAL = SlicePolicy(plane="axial", start=1, stop=4)


def save(path: Path, data: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), np.diag([2.0, 2.0, 3.0, 1.0])), path)
    return path


@pytest.fixture
def scans(tmp_path: Path) -> pd.DataFrame:
    """Three scans of two images each, with masks."""
    draw, rows = np.random.default_rng(0), []
    for number in range(3):
        t1, flair = (draw.normal(100, 9, (8, 8, 6)) for _ in range(2))
        mask = np.zeros((8, 8, 6))
        mask[3:5, 2 : 4 + number, 2:4] = 1
        images = (save(tmp_path / f"{number}{name}.nii", data) for name, data in (("t1", t1), ("flair", flair)))
        rows.append((*images, save(tmp_path / f"{number}mask.nii", mask)))
    index = pd.Index([f"s{k}" for k in range(3)], name="scan")
    return pd.DataFrame(rows, index, ["image", "image:flair", "mask"], dtype=object)


def build(scans: pd.DataFrame, tmp_path: Path, policy: SlicePolicy = AXIAL, **more: Any) -> SliceStore:
    return build_store(scans, policy, 8, tmp_path / "cache", Quiet(), images=("t1", "flair"), **more)


def test_channels_lie_side_by_side_and_each_image_is_measured(scans: pd.DataFrame, tmp_path: Path) -> None:
    store = build(scans, tmp_path)
    assert store.images.shape == (9, 2, 8, 8)
    assert [channel.name for channel in store.channels] == ["t1", "flair"]
    assert list(store.volumes.index) == ["s0", "s0", "s1", "s1", "s2", "s2"]
    assert list(store.volumes["image"]) == ["t1", "flair"] * 3
    for number, column in enumerate(("image", "image:flair")):
        expected = np.concatenate([cut(read(path), AXIAL, 8)[0] for path in scans[column]])
        np.testing.assert_array_equal(store.images[:, number], expected)
        for scan in range(3):
            facts, thumbnail = measure(read(scans[column].iloc[scan]))
            assert store.volumes["digest"].iloc[2 * scan + number] == facts["digest"]
            np.testing.assert_array_equal(store.thumbnails[2 * scan + number], thumbnail)
    assert SliceStore.open(store.folder).damage() == []


def test_a_damaged_second_channel_or_thumbnail_is_found(scans: pd.DataFrame, tmp_path: Path) -> None:
    store = build(scans, tmp_path)
    for name, place in (("images.npy", 128 + 64 * 2 * 3 + 64), ("thumbnails.npy", -1)):  # s1's flair, s2's flair
        content = bytearray((store.folder / name).read_bytes())
        content[place] ^= 1
        (store.folder / name).write_bytes(content)
    assert SliceStore.open(store.folder).damage() == [
        "the images of scan s1 were changed",
        "the thumbnail of scan s2 was changed",
    ]


def test_another_store_is_built_where_any_file_or_the_order_of_images_changes(
    scans: pd.DataFrame, tmp_path: Path
) -> None:
    first = build(scans, tmp_path).folder
    assert build(scans, tmp_path).folder == first
    turned = scans.rename(columns={"image": "image:flair", "image:flair": "image"})
    assert build(turned, tmp_path).folder != first
    save(scans["image:flair"].iloc[1], np.random.default_rng(9).normal(100, 9, (8, 8, 6)))
    assert build(scans, tmp_path).folder != first


def test_where_every_scan_has_a_mask_auto_crops_and_else_it_does_not(scans: pd.DataFrame, tmp_path: Path) -> None:
    policy = SlicePolicy(plane="axial", space="fraction", start=0, stop=1, mask="auto", margin=2)
    store = build(scans, tmp_path, policy)
    assert store.policy.mask == "crop"
    assert store.rows.groupby("scan")["slice"].count().tolist() == [4, 4, 4]  # 2 slices and one on each side
    some = scans.assign(mask=pd.Series([None, *scans["mask"][1:]], scans.index, dtype=object))
    for without in (some, scans.drop(columns="mask")):
        plain = build(without, tmp_path, policy)
        assert plain.policy.mask == "choose"
        assert plain.rows.groupby("scan")["slice"].count().tolist() == [6, 6, 6]


@pytest.mark.parametrize("mode", ["crop", "zero", "channel"])
def test_scans_without_a_mask_are_refused_where_each_needs_one(scans: pd.DataFrame, tmp_path: Path, mode: Any) -> None:
    some = scans.assign(mask=pd.Series([None, *scans["mask"][1:]], scans.index, dtype=object))
    policy = SlicePolicy(plane="axial", start=0, stop=2, mask=mode)
    with pytest.raises(DataError, match=rf"slices\.mask={mode} needs a mask of every scan, and 1 of 3 have none: s0\."):
        build(some, tmp_path, policy)


def test_a_mask_is_the_last_channel(scans: pd.DataFrame, tmp_path: Path) -> None:
    store = build(scans, tmp_path, SlicePolicy(plane="axial", start=2, stop=3, mask="channel"))
    assert [channel.name for channel in store.channels] == ["t1", "flair", "mask"]
    for number in range(3):
        expected = np.zeros((8, 8))
        expected[3:5, 2 : 4 + number] = 255
        np.testing.assert_array_equal(store.images[number, 2], expected.T[::-1, ::-1])
