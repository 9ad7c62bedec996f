import errno
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest

from fusekit.data import SlicePolicy, SliceStore, build_store, cut
from fusekit.data.images import volume as images
from fusekit.data.images.facts import measure
from fusekit.data.images.masks import EVERYWHERE, FRACTIONAL
from fusekit.data.slices.cut import cut_channels
from fusekit.data.store import build as store_build
from fusekit.data.store.plan import Plan
from fusekit.errors import DataError
from fusekit.progress import Quiet

nibabel: Any = untyped_nibabel
POLICY = SlicePolicy(space="mm", start=-2.5, stop=3)


def _scans(folder: Path, count: int = 4) -> pd.DataFrame:
    """Scans whose coronal spacing, and so the number of slices, differs."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        affine = np.diag([1.0, [1.0, 0.5][number % 2], 1.0, 1.0])
        affine[1, 3] = -5
        data = rng.integers(0, 900, (6, 30, 7)).astype(np.int16)
        paths.append(folder / f"scan{number}.nii")
        nibabel.save(nibabel.Nifti1Image(data, affine), paths[-1])
    return pd.DataFrame({"image": paths}, index=pd.Index([f"s{i}" for i in range(count)], name="scan"))


def _build(scans: pd.DataFrame, cache: Path, **more: Any) -> SliceStore:
    return build_store(scans, more.pop("policy", POLICY), more.pop("size", 8), cache, Quiet(), **more)


def _visible(cache: Path) -> list[str]:
    """Names in a cache folder, without that of the locks."""
    return sorted(path.name for path in cache.iterdir() if path.name != ".locks")


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are read from now on."""
    read: list[str] = []
    usual = images.read

    def counted(path: Path) -> images.Volume:
        read.append(path.name)
        return usual(path)

    monkeypatch.setattr(images, "read", counted)
    return read


@pytest.mark.parametrize("workers", [1, 3])
def test_a_store_holds_every_scans_slices_in_order(tmp_path: Path, workers: int) -> None:
    scans = _scans(tmp_path / "images")
    store = _build(scans, tmp_path / "cache", workers=workers)
    pixels, rows = [], []
    for scan, path in scans["image"].items():
        cuts, indices = cut(images.read(path), POLICY, 8)
        pixels.append(cuts[:, None])
        rows += [(scan, index) for index in indices]
    np.testing.assert_array_equal(store.images, np.concatenate(pixels))
    assert store.images.dtype == np.uint8
    assert isinstance(store.images, np.memmap)
    assert list(store.rows.itertuples(index=False, name=None)) == rows
    assert list(store.rows.index) == list(range(len(rows)))
    assert store.rows.groupby("scan").size().to_dict() == {"s0": 5, "s1": 11, "s2": 5, "s3": 11}
    assert store.findings == ()
    assert _visible(tmp_path / "cache") == [store.folder.name]


def test_a_store_is_built_once_and_then_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = _scans(tmp_path / "images")
    first = _build(scans, tmp_path / "cache")

    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(images, "read", refuse)
    second = _build(scans, tmp_path / "cache")
    np.testing.assert_array_equal(first.images, second.images)
    pd.testing.assert_frame_equal(first.rows, second.rows)
    assert second.fingerprint == first.fingerprint == Plan.of(scans, POLICY, 8).fingerprint
    (tmp_path / "images" / "scan0.nii").touch()
    with pytest.raises(AssertionError, match=r"scan0\.nii was read again"):
        _build(scans, tmp_path / "cache")


def test_the_fingerprint_follows_files_policy_and_size(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 2)
    seen = {Plan.of(scans, POLICY, 8).fingerprint}
    assert Plan.of(scans, POLICY, 8).fingerprint in seen
    others = [Plan.of(scans, POLICY, 9).fingerprint, Plan.of(scans, SlicePolicy(start=1, stop=2), 8).fingerprint]
    others += [
        Plan.of(scans.iloc[::-1], POLICY, 8).fingerprint,
        Plan.of(scans.rename({"s0": "other"}), POLICY, 8).fingerprint,
    ]
    path = scans["image"].iloc[0]
    before = path.stat()
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # only the size differs
    others.append(Plan.of(scans, POLICY, 8).fingerprint)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    others.append(Plan.of(scans, POLICY, 8).fingerprint)
    assert len(seen | set(others)) == 7


def test_the_fingerprint_of_a_series_follows_each_of_its_files(tmp_path: Path) -> None:
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).write_bytes(b"x")
    of = [pd.DataFrame({"image": [path]}, index=["s"]) for path in (tmp_path, tmp_path / "1.dcm")]
    before = [Plan.of(scans, POLICY, 8).fingerprint for scans in of]
    (tmp_path / "2.dcm").write_bytes(b"xy")
    after = [Plan.of(scans, POLICY, 8).fingerprint for scans in of]
    assert len({*before, *after}) == 4
    with pytest.raises(DataError, match="gone: the image cannot be read"):
        Plan.of(pd.DataFrame({"image": [tmp_path / "gone"]}), POLICY, 8)


def test_notes_become_findings_that_are_kept(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 3)
    data = np.random.default_rng(0).integers(0, 9, (6, 30, 7)).astype(np.int16)
    for scan in ("s0", "s2"):
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), scans.loc[scan, "image"])
    policy = SlicePolicy(start=3, stop=4)
    store = _build(scans, tmp_path / "cache", policy=policy)
    assert store.volumes["orientation"].tolist() == ["", "RAS", ""]
    assert not store.oriented
    assert [(f.code, f.message, f.items) for f in store.findings] == [
        ("image-note", f"{images.IDENTITY_AFFINE}.", ("s0", "s2"))
    ]
    assert _build(scans, tmp_path / "cache", policy=policy).findings == store.findings


@pytest.mark.parametrize("broken", [0, 3])
def test_a_volume_that_cannot_be_read_stops_the_build_by_name(tmp_path: Path, broken: int) -> None:
    scans = _scans(tmp_path / "images")
    path = scans["image"].iloc[broken]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=rf"scan{broken}\.nii: the header claims"):
        _build(scans, tmp_path / "cache")
    assert not [name for name in _visible(tmp_path / "cache") if not name.endswith(".partial")]


def test_a_range_outside_a_volume_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"scan0\.nii: coronal slices from 130 to 140"):
        _build(_scans(tmp_path / "images"), tmp_path / "cache", policy=SlicePolicy())


class _SmallDisk(io.FileIO):
    """A file on a disk with 2000 bytes left."""

    def write(self, content: Any) -> int:
        if self.tell() + memoryview(content).nbytes > 2000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


def test_a_full_disk_tells_how_much_is_needed_and_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans, policy = _scans(tmp_path / "images"), SlicePolicy(start=3, stop=5)
    usual = Path.open

    def small(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return _SmallDisk(path, "w+b") if path.name == "images.npy" else usual(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", small)
    # Two slices of 20 x 20 a scan: two scans and the header fit.
    with pytest.raises(DataError, match=r"disk is full: the slices of 4 scans need about 1 MiB in .*cache"):
        _build(scans, tmp_path / "cache", size=20, policy=policy)
    monkeypatch.undo()
    read = _count_reads(monkeypatch)
    store = _build(scans, tmp_path / "cache", size=20, policy=policy)
    assert read == ["scan2.nii", "scan3.nii"]
    assert len(store.images) == 8


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be written to .*file"):
        _build(_scans(tmp_path / "images"), tmp_path / "file" / "cache")


def test_two_builds_at_once_in_one_process_read_each_scan_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = _scans(tmp_path / "images")
    read = _count_reads(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda _: _build(scans, tmp_path / "cache"), range(2)))
    assert sorted(read) == [path.name for path in scans["image"]]
    np.testing.assert_array_equal(stores[0].images, stores[1].images)
    assert _visible(tmp_path / "cache") == [stores[0].folder.name]


def _pipe(name: str) -> Any:
    def do(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return do


def _damages() -> Iterator[Any]:
    for name in ("images.npy", "thumbnails.npy", "rows.csv", "scans.csv", "store.json"):
        yield f"a pipe as {name}", _pipe(name)
    yield "no rows", lambda folder: (folder / "rows.csv").unlink()
    yield "fewer rows", lambda folder: (folder / "rows.csv").write_text("row,scan,slice\n0,s0,3\n")
    yield "half the pixels", lambda folder: os.truncate(folder / "images.npy", 300)
    yield "no JSON", lambda folder: (folder / "store.json").write_text("{")
    yield "other JSON", lambda folder: (folder / "store.json").write_text(json.dumps({"findings": []}))


@pytest.mark.parametrize("damage", [pytest.param(do, id=name) for name, do in _damages()])
def test_a_damaged_store_says_what_to_do(tmp_path: Path, damage: Any) -> None:
    store = _build(_scans(tmp_path / "images"), tmp_path / "cache")
    damage(store.folder)
    with pytest.raises(DataError, match="Delete it; it is built again"):
        SliceStore.open(store.folder)


def test_what_is_measured_and_the_thumbnails_stand_beside_the_slices(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 3)
    store = _build(scans, tmp_path / "cache")
    assert list(store.volumes.index) == ["s0", "s1", "s2"]
    for number, path in enumerate(scans["image"]):
        facts, thumbnail = measure(images.read(path))
        assert store.volumes.iloc[number].to_dict() == {"image": "image", **facts}
        np.testing.assert_array_equal(store.thumbnails[number], thumbnail)
    assert set(store.volumes["orientation"]) == {"RAS"}
    assert store.oriented


@pytest.mark.parametrize("depth", ["uint8", "float16"])
@pytest.mark.parametrize("plane", ["coronal", "volume"])
def test_items_keep_the_precision_of_their_depth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: Any, plane: Any
) -> None:
    """Against float64 grey levels: half a level in uint8, a sixteenth in float16; of a window of 400 HU that is
    0.78 and 0.10 HU."""
    policy = SlicePolicy(plane=plane, depth=depth, start=3, stop=5)
    shape = (1, 1, 8, 8, 8) if plane == "volume" else (2, 1, 8, 8)

    def levels(volume: images.Volume) -> np.ndarray:
        """Any float64 levels, different for each volume, 0 and 255 among them."""
        some = np.random.default_rng(int(volume.data.sum())).uniform(0, 255, shape)
        some.flat[:2] = 0, 255
        return some

    def fake(volumes: list[images.Volume], policy: SlicePolicy, *_: Any) -> tuple[np.ndarray, list[int]]:
        exact = levels(volumes[0])
        rounded = np.rint(exact).astype(np.uint8) if policy.depth == "uint8" else exact.astype(np.float16)
        return rounded, list(range(len(exact)))

    monkeypatch.setattr(store_build, "cut_channels", fake)
    scans = _scans(tmp_path / "images", 3)
    store = _build(scans, tmp_path / "cache", policy=policy)
    exact = np.concatenate([levels(images.read(path)) for path in scans["image"]])
    assert store.images.dtype == depth
    assert store.images.shape == exact.shape
    error = np.abs(store.images.astype(np.float64) - exact).max()
    assert error <= {"uint8": 1 / 2, "float16": 1 / 16}[depth]
    assert error * 400 / 255 < {"uint8": 0.79, "float16": 0.10}[depth]
    assert SliceStore.open(store.folder).damage() == []


def test_a_mask_is_read_and_handed_on_where_the_policy_looks_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = _scans(tmp_path / "images", 2)
    scans["mask"] = pd.Series([None, scans["image"].iloc[0]], index=scans.index, dtype=object)
    got: list[int] = []
    usual = cut_channels

    def fake(volumes: Any, policy: SlicePolicy, size: int, mask: images.Volume | None) -> Any:
        got.append(int(mask is not None))
        return usual(volumes, replace(policy, largest=0), size)

    monkeypatch.setattr(store_build, "cut_channels", fake)
    _build(scans, tmp_path / "cache", workers=1)
    assert got == [0, 0]
    got.clear()
    read = _count_reads(monkeypatch)
    _build(scans, tmp_path / "cache", workers=1, policy=replace(POLICY, largest=2))
    assert got == [0, 1]
    assert read == ["scan0.nii", "scan1.nii", "scan0.nii"]


def test_a_fractional_mask_is_noted(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 2)
    images_there = [nibabel.load(path) for path in scans["image"]]
    for image, name, inside in zip(images_there, ("whole", "resampled"), (1.0, 0.9), strict=True):
        mask = np.full(image.shape, 1e-6 if inside < 1 else 0, np.float32)
        mask[2:5, 2:5, 3] = inside
        nibabel.save(nibabel.Nifti1Image(mask, image.affine), tmp_path / f"{name}.nii")
    masks = [tmp_path / "whole.nii", tmp_path / "resampled.nii"]
    scans["mask"] = pd.Series(masks, index=scans.index, dtype=object)
    store = _build(scans, tmp_path / "cache", policy=SlicePolicy(plane="axial", largest=3))
    assert [(f.message, f.items) for f in store.findings] == [(f"{FRACTIONAL}.", ("s1",))]
    assert store.rows["slice"].tolist() == [3, 3]


def test_a_mask_that_marks_every_voxel_is_noted(tmp_path: Path) -> None:
    """As one does whose background is 1 and whose region is 2: it would choose nothing, without a word."""
    scans = _scans(tmp_path / "images", 2)
    masks = []
    for number, path in enumerate(scans["image"]):
        image = nibabel.load(path)
        mask = np.full(image.shape, 1 - number, np.uint8)
        mask[2:5, 2:5, 3] += 1
        masks.append(tmp_path / f"mask{number}.nii")
        nibabel.save(nibabel.Nifti1Image(mask, image.affine), masks[-1])
    scans["mask"] = pd.Series(masks, index=scans.index, dtype=object)
    store = _build(scans, tmp_path / "cache", policy=SlicePolicy(plane="axial", largest=1))
    assert [(f.message, f.items) for f in store.findings] == [(f"{EVERYWHERE}.", ("s0",))]


def test_a_thousand_radiographs_of_one_folder_are_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (tmp_path / f"{number}.dcm").write_bytes(b"x")
    scans = pd.DataFrame({"image": sorted(tmp_path.iterdir())}, index=[f"s{k}" for k in range(20)])
    listed: list[Path] = []
    original = Path.iterdir

    def counted(path: Path) -> Iterator[Path]:
        listed.append(path)
        return original(path)

    monkeypatch.setattr(Path, "iterdir", counted)
    assert len({source.stamp for source in Plan.of(scans, POLICY, 8).sources}) == 20
    assert listed == [tmp_path]


def test_the_fingerprint_follows_masks_that_are_looked_at(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 2)
    masked = scans.assign(mask=pd.Series([None, tmp_path / "mask.nii"], index=scans.index, dtype=object))
    (tmp_path / "mask.nii").write_bytes(b"x")
    assert Plan.of(masked, POLICY, 8).fingerprint == Plan.of(scans, POLICY, 8).fingerprint
    looked = replace(POLICY, largest=2)
    before = Plan.of(masked, looked, 8).fingerprint
    (tmp_path / "mask.nii").write_bytes(b"xy")
    assert len({before, Plan.of(masked, looked, 8).fingerprint, Plan.of(scans, looked, 8).fingerprint}) == 3


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_damage_names_the_scan_or_file(tmp_path: Path) -> None:
    store = _build(_scans(tmp_path / "images"), tmp_path / "cache")
    assert store.damage() == []
    _flip(store.folder / "images.npy", 128 + 64 * 5)  # the first slice of s1
    _flip(store.folder / "thumbnails.npy", -1)
    assert SliceStore.open(store.folder).damage() == [
        "the images of scan s1 were changed",
        "the thumbnail of scan s3 was changed",
    ]


def _damage(name: str) -> Any:
    def do(folder: Path) -> None:
        path = folder / name
        content = path.read_bytes()
        _flip(path, len(content) // 2 if name.endswith(".npy") else content.index(b"1"))

    return do


def _swap(name: str) -> Any:
    """Put another store's file of the same size in the place, or all of its files."""

    def do(folder: Path) -> None:
        scans = _scans(folder.parent / "others")
        for path in scans["image"]:
            image = nibabel.load(path, mmap=False)
            nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj)[::-1], image.affine), path)
        other = _build(scans, folder.parent / "elsewhere").folder
        for path in [other / name] if name else list(other.iterdir()):
            (folder / path.name).write_bytes(path.read_bytes())

    return do


DAMAGE = {
    **{f"a flipped bit of {name}": _damage(name) for name in ("images.npy", "rows.csv", "scans.csv", "store.json")},
    **{f"a swapped {name or 'store'}": _swap(name) for name in ("images.npy", "store.json", "")},
    "half of the images": lambda folder: os.truncate(folder / "images.npy", 300),
    "no thumbnails": lambda folder: (folder / "thumbnails.npy").write_bytes(b""),
    "no rows": lambda folder: (folder / "rows.csv").unlink(),
    "a deep description": lambda folder: (folder / "store.json").write_text("[" * 100_000),
}


class _Ear(Quiet):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.mark.parametrize("damage", [pytest.param(do, id=name) for name, do in DAMAGE.items()])
def test_a_store_that_was_damaged_is_cut_again_and_that_is_said(tmp_path: Path, damage: Any) -> None:
    scans, cache, ear = _scans(tmp_path / "images"), tmp_path / "cache", _Ear()
    good = _build(scans, cache)
    pixels, thumbnails = good.images.copy(), good.thumbnails.copy()
    damage(good.folder)
    again = build_store(scans, POLICY, 8, cache, ear)
    np.testing.assert_array_equal(again.images, pixels)
    np.testing.assert_array_equal(again.thumbnails, thumbnails)
    assert again.damage() == []
    assert "The slice store was damaged and is cut again" in ear.said[0]
    assert str(good.folder) in ear.said[0]
    assert len(ear.said) == 1
    assert [name for name in _visible(cache) if name.startswith(("slices", ".deleted"))] == [good.folder.name]


def test_a_disk_that_damages_what_is_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SliceStore, "damage", lambda _: ["the images of scan s1 were changed"])
    with pytest.raises(DataError, match=r"scan s1 were changed\. It was cut again and is damaged again: is the disk"):
        _build(_scans(tmp_path / "images"), tmp_path / "cache")


def test_who_follows_a_process_that_has_checked_does_not_check_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = _scans(tmp_path / "images")
    _build(scans, tmp_path / "cache")
    monkeypatch.setattr(SliceStore, "damage", None)  # it would fail to be called
    _build(scans, tmp_path / "cache", check=False)
