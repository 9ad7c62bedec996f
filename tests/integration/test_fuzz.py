"""Damaged files end in a clear error or in a right answer: no traceback, no hang, and no memory beyond the file's own.

The suite tries a fixed set of cases. ``make fuzz`` tries as many as you like, new ones each time.
"""

from __future__ import annotations

import csv
import gzip
import io
import logging
import os
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from fusekit.data import Volume, read, read_table
from fusekit.data.clinical.numbers import to_number
from fusekit.errors import DataError
from tests.hostile import MB, bounded

nibabel: Any = untyped_nibabel

EXAMPLES = int(os.environ.get("FUSEKIT_FUZZ", "0"))
fuzzed = settings(
    max_examples=EXAMPLES or 75,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

#: Bytes that a reader may take whatever the file's size: modules, decompressors, pydicom's dictionaries.
ALLOWANCE = 24 * MB
SHAPE = (6, 7, 5)


def within(size: int) -> AbstractContextManager[None]:
    """Fail on a hang, and on more memory than twice ``size``, the bytes of the file's content."""
    return bounded(2 * size + ALLOWANCE)


def attempt(call: Callable[[], Any]) -> Any:
    """What a call returns, or the error that a user would read; anything else is a traceback, and fails."""
    try:
        return call()
    except DataError as error:
        return error


def answer(path: Path, size: int) -> Volume | None:
    """What reading gives: a volume that keeps its promises, or None after an error that names the file."""
    with within(size):
        volume = attempt(lambda: read(path))
    if isinstance(volume, DataError):
        assert path.name in str(volume)
        return None
    assert isinstance(volume, Volume)
    assert volume.data.ndim == 3
    assert volume.data.dtype == np.float32
    assert np.isfinite(volume.data).all()
    assert volume.data.min() < volume.data.max()
    assert np.isfinite(volume.affine).all()
    assert abs(np.linalg.det(volume.affine[:3, :3])) > 0
    return volume


def nifti(version: int = 1) -> bytes:
    kind = nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image
    voxels = np.random.default_rng(0).integers(0, 900, SHAPE).astype(np.int16)
    return bytes(kind(voxels, np.diag([2.0, 2, 3, 1])).to_bytes())


def dicom(implicit: bool = False, number: int = 0) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number + 1}")
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.Modality = "1.2.3", "CT"
    data.Rows, data.Columns, data.SamplesPerPixel = 7, 6, 1
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.PhotometricInterpretation = 15, 0, "MONOCHROME2"
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 3.0 * number], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [2, 2], 3
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = np.random.default_rng(number).integers(0, 900, (7, 6)).astype(np.uint16).tobytes()
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


#: Bytes that damage well: signs, extremes, and what floats make infinities and NaN of.
nasty = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 0x7F, 0x80, 0xC0, 0xFF]))


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes], header: int) -> bytes:
    """A file with bytes changed (most of them in its header), cut short, or with something put in."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        within = header if draw(st.booleans()) or draw(st.booleans()) else len(content)
        start = draw(st.integers(0, max(0, min(within, len(content)) - 1)))
        for offset, byte in enumerate(draw(st.lists(nasty, min_size=1, max_size=4))):
            if start + offset < len(content):
                content[start + offset] = byte
    if draw(st.integers(0, 4)) == 0:
        content = content[: draw(st.integers(0, len(content)))]
    if draw(st.integers(0, 6)) == 0:
        place = draw(st.integers(0, len(content)))
        content[place:place] = draw(st.binary(max_size=24))
    return bytes(content)


@fuzzed
@given(damaged([nifti(1), nifti(2)], header=544), st.sampled_from(["a.nii", "a.nii.gz"]), st.integers(0, 40))
def test_damaged_nifti(tmp_path: Path, content: bytes, name: str, cut: int) -> None:
    path = tmp_path / name
    packed = content if name == "a.nii" else gzip.compress(content, mtime=0)
    path.write_bytes(packed[: len(packed) - cut] if cut % 4 == 1 else packed)
    answer(path, len(content))


@fuzzed
@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 5, 7, 32767, -1, -32768, 2, 100]), min_size=8, max_size=8),
    st.sampled_from([2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2304, 0, 1, 99]),
    st.floats(width=32),
    st.floats(width=32),
    st.floats(width=32),
)
def test_nifti_headers_that_claim_anything(
    tmp_path: Path, dim: list[int], datatype: int, offset: float, slope: float, intercept: float
) -> None:
    """Dimensions, data type, offset and scale of the header are whatever they like; the voxels are as they were."""
    content = bytearray(nifti())
    header = np.ndarray(1, nibabel.Nifti1Header.template_dtype, buffer=content)
    header["dim"], header["datatype"], header["vox_offset"] = dim, datatype, offset
    header["scl_slope"], header["scl_inter"] = slope, intercept
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    volume = answer(path, len(content))
    if volume is not None:
        assert 0 < dim[0] <= 7
        assert sorted(volume.data.shape) == sorted(dim[1:4])


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_within_its_memory(tmp_path: Path) -> None:
    header = bytearray(nifti()[:352])
    np.ndarray(1, nibabel.Nifti1Header.template_dtype, buffer=header)["dim"] = [3, 2000, 2000, 2000, 1, 1, 1, 1]
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(4 * 2**20), mtime=0))
    with within(path.stat().st_size), pytest.raises(DataError, match="the header claims"):
        read(path)


def test_a_good_volume_takes_no_more_than_twice_its_voxels(tmp_path: Path) -> None:
    """Voxels are float32 in memory: four bytes each, whatever the file packs them into."""
    voxels = np.random.default_rng(0).integers(0, 900, (160, 160, 160)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-1.0, 1, 1, 1])), tmp_path / "a.nii.gz")
    assert answer(tmp_path / "a.nii.gz", 4 * voxels.size - ALLOWANCE // 2) is not None


@fuzzed
@given(
    damaged([dicom(), dicom(implicit=True)], header=700),
    st.sampled_from(["first", "middle", "only"]),
)
def test_damaged_dicom(tmp_path: Path, content: bytes, which: str) -> None:
    folder = tmp_path / "series"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number in range(1 if which == "only" else 3):
        hit = number == {"first": 0, "middle": 1, "only": 0}[which]
        (folder / f"{number}.dcm").write_bytes(content if hit else dicom(number=number))
    with _no_warnings():
        answer(folder, 3 * len(content))


@fuzzed
@given(st.data())
def test_dicom_elements_that_hold_anything(tmp_path: Path, data: st.DataObject) -> None:
    """Every element that a reader relies on is absent, empty, of a wrong length, or nonsense of its own kind."""
    numbers = st.sampled_from(["", "nan", "inf", "-1", "0", "1e400", "12", "1\\2", "1\\2\\3", "x", "1\\2\\3\\4\\5\\6"])
    shorts = st.sampled_from([0, 1, 2, 7, 8, 15, 16, 32, 6, 65535])
    kinds: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel"), shorts),
        "PixelRepresentation": st.sampled_from([0, 1, 2]),
        **dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"), numbers),
        **dict.fromkeys(("RescaleSlope", "RescaleIntercept", "NumberOfFrames"), numbers),
        "PhotometricInterpretation": st.sampled_from(["MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "", "x"]),
        "PixelData": st.binary(max_size=200),
    }
    file = pydicom.dcmread(io.BytesIO(dicom()))
    for keyword in data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=3, unique=True)):
        if data.draw(st.integers(0, 3)) == 0:
            if keyword in file:
                del file[keyword]
            continue
        value = data.draw(kinds[keyword])
        element = pydicom.dataelem.DataElement(keyword, pydicom.datadict.dictionary_VR(keyword).split(" ")[0], None)
        if keyword == "PixelData":
            element = pydicom.dataelem.DataElement(keyword, "OW", value + b"\0" * (len(value) % 2))
        elif isinstance(value, str):
            # written as raw text, past pydicom's own checks on writing
            padded = value.encode() + b" " * (len(value) % 2)
            file[keyword] = pydicom.dataelem.RawDataElement(
                pydicom.tag.Tag(keyword), element.VR, len(padded), padded, 0, False, True
            )
            continue
        else:
            element = pydicom.dataelem.DataElement(keyword, "US", value)
        file[keyword] = element
    folder = tmp_path / "series"
    folder.mkdir(exist_ok=True)
    with _no_warnings():
        file.save_as(folder / "0.dcm", enforce_file_format=False)
        answer(folder, (folder / "0.dcm").stat().st_size + 2 * 65535)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """pydicom warns and logs about odd values; whether it does is its own affair."""
    log = logging.getLogger("pydicom")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def table() -> bytes:
    lines = ["id;age;sex;note"]
    lines += [f'{n:03};{40 + n},5;{"MF"[n % 2]};"said ""n{n}"", and"' for n in range(30)]
    return "\r\n".join(lines).encode()


@fuzzed
@given(damaged([table(), table().replace(b";", b","), table().decode().encode("utf-16")], header=60))
def test_damaged_tables(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with within(len(content)):
        cells = attempt(lambda: read_table(path))
        if isinstance(cells, DataError):
            assert "table.csv" in str(cells)
            return
        columns = [attempt(partial(to_number, cells[name], str(path))) for name in cells.columns]
    assert list(cells.columns) == [name.strip() for name in cells.columns]
    assert all(isinstance(cell, str) for row in cells.to_numpy() for cell in row)
    for numbers in columns:
        if isinstance(numbers, DataError):
            assert "table.csv" in str(numbers)
            assert "column" in str(numbers)
        else:
            assert numbers.dropna().map(np.isfinite).all()


@fuzzed
@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
                      min_size=3, max_size=3), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)  # fmt: skip
def test_whatever_a_spreadsheet_writes_comes_back(
    tmp_path: Path, rows: list[list[str]], separator: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([["first", "second", "third"], *rows])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    cells = read_table(path)
    kept = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    assert cells.to_numpy().tolist() == kept


@fuzzed
@given(st.binary(max_size=400), st.sampled_from(["a.nii", "a.nii.gz", "a.dcm", "a.mgz", "a.hdr", "a.img", "a.zip"]))
def test_noise_under_any_name(tmp_path: Path, content: bytes, name: str) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    path = tmp_path / name
    path.write_bytes(content if not name.endswith("z") else zlib.compress(content, wbits=31))
    with _no_warnings():
        assert answer(path, len(content)) is None
