"""Each header is read once, however many series lie in a folder; and each series by itself."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ComputedRadiographyImageStorage

from fusekit.data import read_dicom
from fusekit.data.images.dicom import headers
from fusekit.data.images.dicom.files import read_dataset
from fusekit.errors import DataError
from tests.data.images.dicom.written import dataset, voxels, write

COUNT = 12


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each header was read."""
    counted: Counter[str] = Counter()
    original = read_dataset

    def read(path: Path, **options: Any) -> Any:
        counted[path.name] += 1
        return original(path, **options)

    monkeypatch.setattr(headers, "read_dataset", read)
    return counted


def _one_slice_series(folder: Path, storage: Any = None) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for k in range(COUNT):
        data = dataset(np.arange(30, dtype=np.uint16).reshape(6, 5) + k, *([storage] if storage else []))
        data.SeriesInstanceUID, data.SliceThickness = f"1.2.{k}", 3
        if not storage:
            data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, k], [1, 0, 0, 0, 1, 0]
            data.PixelSpacing = [1, 1]
        paths.append(folder / f"{k:02}.dcm")
        data.save_as(paths[-1], enforce_file_format=True)
    return paths


def test_of_many_series_in_a_folder_each_header_is_read_once(tmp_path: Path, reads: Counter[str]) -> None:
    for k, path in enumerate(_one_slice_series(tmp_path)):
        volume = read_dicom(path)
        assert volume is not None
        assert volume.data.min() == k
    assert reads == {f"{k:02}.dcm": 1 for k in range(COUNT)}


def test_of_a_folder_of_radiographs_no_other_header_is_looked_at(tmp_path: Path, reads: Counter[str]) -> None:
    paths = _one_slice_series(tmp_path, ComputedRadiographyImageStorage)
    assert read_dicom(paths[3]) is not None
    assert reads == {"03.dcm": 1}


def test_threads_that_read_one_folder_read_each_header_once(tmp_path: Path, reads: Counter[str]) -> None:
    paths = _one_slice_series(tmp_path)
    threads = [threading.Thread(target=read_dicom, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == {f"{k:02}.dcm": 1 for k in range(COUNT)}


def test_a_file_that_changes_comes_or_goes_is_noticed(tmp_path: Path, reads: Counter[str]) -> None:
    paths = write(tmp_path)
    before = read_dicom(tmp_path)
    assert before is not None
    last = max(paths, key=lambda path: float(headers.header_of(path).frames[0].position[2]))
    content = last.read_bytes()
    last.unlink()
    for path in (tmp_path, paths[0]):
        shorter = read_dicom(path)
        assert shorter is not None
        assert shorter.data.shape == (5, 6, 6)
    last.write_bytes(content.replace(b"1.2.3\0", b"1.2.4\0"))  # now of another series
    whole = read_dicom(paths[0])
    assert whole is not None
    assert whole.data.shape == (5, 6, 6)
    last.write_bytes(content + bytes(2))
    assert headers.header_of(last).series == "1.2.3"
    assert sum(reads.values()) == len(paths) + 2


def test_a_file_of_another_series_that_cannot_be_read_is_noted(tmp_path: Path) -> None:
    paths = write(tmp_path)
    (tmp_path / "broken.dcm").write_bytes(b"<html>502</html>")
    for path in (tmp_path, paths[0]):
        volume = read_dicom(path)
        assert volume is not None
        np.testing.assert_array_equal(volume.data, voxels())
        (note,) = volume.notes
        assert note.startswith(
            "a DICOM file beside the series cannot be read, and seems to be of another: broken.dcm: "
        )
        assert "it is a web page (HTML)" in note


def test_a_file_of_the_series_that_cannot_be_read_refuses_it(tmp_path: Path) -> None:
    paths = write(tmp_path)
    content = bytearray(paths[4].read_bytes())
    place = content.index(b"\x28\x00\x02\x00US")  # SamplesPerPixel; the series' UID lies before it
    content[place + 4 : place + 6] = b"??"
    paths[4].write_bytes(content[: place + 20])
    with pytest.raises(DataError, match=paths[4].name):
        read_dicom(paths[0])


def test_a_whole_folder_of_unreadable_files_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataError, match=r"a\.dcm: the DICOM file cannot be read: it is a Git LFS.*git lfs pull"):
        read_dicom(tmp_path)
    with pytest.raises(DataError, match="git lfs pull"):
        read_dicom(tmp_path / "a.dcm")


def test_reports_beside_a_series_are_noted_and_alone_refused(tmp_path: Path) -> None:
    def report(name: str, kind: str) -> Path:
        data = dataset(np.zeros((1, 1), np.uint16), kind)
        for keyword in ("Rows", "Columns", "PixelData"):
            delattr(data, keyword)
        data.SeriesInstanceUID = "1.9"
        data.save_as(tmp_path / name, enforce_file_format=True)
        return tmp_path / name

    contours = report("x.dcm", "1.2.840.10008.5.1.4.1.1.481.3")
    with pytest.raises(DataError, match=r"there is no image in it: RT Structure Set Storage\. It holds contours"):
        read_dicom(contours)
    write(tmp_path)
    volume = read_dicom(tmp_path)
    assert volume is not None
    assert volume.notes == (
        "DICOM files without pixels lie beside the series (RT Structure Set Storage): they are not read",
    )


def test_the_folders_that_were_looked_at_longest_ago_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: Counter[str]
) -> None:
    monkeypatch.setattr(headers, "_KEPT", 2 * COUNT)
    for name in "abcd":
        _one_slice_series(tmp_path / name)
        assert len(headers.headers_in(tmp_path / name)) == COUNT
    assert sum(len(known.files) for known in headers._folders.values()) <= 3 * COUNT
    assert len(headers.headers_in(tmp_path / "d")) == COUNT
    assert set(reads.values()) == {4}
    headers.headers_in(tmp_path / "a")
    assert set(reads.values()) == {5}


def test_a_folder_may_be_named_from_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    volume = read_dicom(Path("s"))
    assert volume is not None
    np.testing.assert_array_equal(volume.data, voxels())
