import errno
import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest

from fusekit.data import SlicePolicy, SliceStore, build_store, cut, images
from fusekit.data.store import fingerprint_of
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


@pytest.mark.parametrize("workers", [1, 3])
def test_a_store_holds_every_scans_slices_in_order(tmp_path: Path, workers: int) -> None:
    scans = _scans(tmp_path / "images")
    store = _build(scans, tmp_path / "cache", workers=workers)
    pixels, rows = [], []
    for scan, path in scans["image"].items():
        cuts, indices = cut(images.read(path), POLICY, 8)
        pixels.append(cuts)
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
    assert second.fingerprint == first.fingerprint == fingerprint_of(scans, POLICY, 8)
    (tmp_path / "images" / "scan0.nii").touch()
    with pytest.raises(AssertionError, match=r"scan0\.nii was read again"):
        _build(scans, tmp_path / "cache")


def test_the_fingerprint_follows_files_policy_and_size(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 2)
    seen = {fingerprint_of(scans, POLICY, 8)}
    assert fingerprint_of(scans, POLICY, 8) in seen
    others = [fingerprint_of(scans, POLICY, 9), fingerprint_of(scans, SlicePolicy(start=1, stop=2), 8)]
    others += [fingerprint_of(scans.iloc[::-1], POLICY, 8), fingerprint_of(scans.rename({"s0": "other"}), POLICY, 8)]
    path = scans["image"].iloc[0]
    before = path.stat()
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # only the size differs
    others.append(fingerprint_of(scans, POLICY, 8))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    others.append(fingerprint_of(scans, POLICY, 8))
    assert len(seen | set(others)) == 7


def test_the_fingerprint_of_a_series_follows_each_of_its_files(tmp_path: Path) -> None:
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).write_bytes(b"x")
    of = [pd.DataFrame({"image": [path]}, index=["s"]) for path in (tmp_path, tmp_path / "1.dcm")]
    before = [fingerprint_of(scans, POLICY, 8) for scans in of]
    (tmp_path / "2.dcm").write_bytes(b"xy")
    after = [fingerprint_of(scans, POLICY, 8) for scans in of]
    assert len({*before, *after}) == 4
    with pytest.raises(DataError, match="gone: the image cannot be read"):
        fingerprint_of(pd.DataFrame({"image": [tmp_path / "gone"]}), POLICY, 8)


def test_notes_become_findings_that_are_kept(tmp_path: Path) -> None:
    scans = _scans(tmp_path / "images", 3)
    data = np.random.default_rng(0).integers(0, 9, (6, 30, 7)).astype(np.int16)
    for scan in ("s0", "s2"):
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), scans.loc[scan, "image"])
    policy = SlicePolicy(start=3, stop=4)
    store = _build(scans, tmp_path / "cache", policy=policy)
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
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_range_outside_a_volume_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"scan0\.nii: coronal slices from 130 to 140"):
        _build(_scans(tmp_path / "images"), tmp_path / "cache", policy=SlicePolicy())


class _SmallDisk(io.FileIO):
    """A file on a disk with 1000 bytes left."""

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


def test_a_full_disk_tells_how_much_is_needed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = _scans(tmp_path / "images")
    usual = Path.open

    def small(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return _SmallDisk(path, "wb") if path.name == "images.npy" else usual(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", small)
    with pytest.raises(DataError, match=r"disk is full: the slices of 4 scans need about 1 MiB in .*cache"):
        _build(scans, tmp_path / "cache", size=256, policy=SlicePolicy(start=3, stop=5))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be written to .*file"):
        _build(_scans(tmp_path / "images"), tmp_path / "file" / "cache")


def test_two_builds_at_once_both_get_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = _scans(tmp_path / "images", 1)
    both = threading.Barrier(2)  # both are past the question whether the store is there
    usual = images.read

    def read(path: Path) -> images.Volume:
        both.wait(timeout=20)
        return usual(path)

    monkeypatch.setattr(images, "read", read)
    stores: list[SliceStore] = []
    threads = [threading.Thread(target=lambda: stores.append(_build(scans, tmp_path / "cache"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 2
    np.testing.assert_array_equal(stores[0].images, stores[1].images)
    assert _visible(tmp_path / "cache") == [stores[0].folder.name]


def _damages() -> Iterator[Any]:
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
