import shutil
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    MPEG4HP41,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from fusekit.data import Volume, read_dicom
from fusekit.errors import DataError
from tests.data.images.dicom.written import (
    AFFINE,
    AXIAL,
    CORONAL,
    SAGITTAL,
    SHAPE,
    compressed,
    encoded,
    enhanced,
    larger,
    lossless_jpeg,
    voxels,
    write,
)


def _read(path: Path) -> Volume:
    volume = read_dicom(path)
    assert volume is not None
    return volume


@pytest.mark.parametrize("axes", [AXIAL, CORONAL, SAGITTAL, ((-1, 0, 0), (0, 0, 1))])
def test_a_series_gives_the_volume_it_was_cut_from(tmp_path: Path, axes: Any) -> None:
    paths = write(tmp_path, axes)
    for path in (tmp_path, paths[2]):
        volume = _read(path)
        np.testing.assert_array_equal(volume.data, voxels())
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-9)
        assert volume.data.dtype == np.float32
        assert volume.spacing == pytest.approx((0.7, 0.8, 2.5))


def test_values_are_rescaled_slice_by_slice(tmp_path: Path) -> None:
    def rescale(k: int, data: FileDataset) -> None:
        data.RescaleSlope, data.RescaleIntercept = 1 + k, -1024

    write(tmp_path, change=rescale)
    slopes = np.arange(SHAPE[2]) + 1
    np.testing.assert_allclose(_read(tmp_path).data, voxels().astype(np.float32) * slopes - 1024)


def test_a_sheared_series_keeps_its_shear(tmp_path: Path) -> None:
    def tilt(k: int, data: FileDataset) -> None:  # a tilted gantry shifts each slice to the back
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient = [x, y + 0.4 * k, z]

    write(tmp_path, change=tilt)
    np.testing.assert_allclose(_read(tmp_path).affine[:3, 2], [0, -0.4, 2.5], atol=1e-9)


def test_one_slice_is_a_thin_volume(tmp_path: Path) -> None:
    def thick(k: int, data: FileDataset) -> None:
        data.SliceThickness = 4

    path = write(tmp_path, change=thick)[0]
    for other in tmp_path.iterdir():
        if other != path:
            other.unlink()
    assert _read(tmp_path).data.shape == (5, 6, 1)
    assert _read(tmp_path).spacing == pytest.approx((0.7, 0.8, 4))


def test_an_enhanced_multi_frame_file_is_a_volume(tmp_path: Path) -> None:
    volume = _read(enhanced(tmp_path))
    np.testing.assert_array_equal(volume.data, voxels() * 2.0 + 5)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-9)


def test_what_is_no_dicom_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"x")
    assert read_dicom(tmp_path) is None
    assert read_dicom(tmp_path / "a.nii") is None


def test_files_are_known_by_their_mark_where_the_suffix_is_another(tmp_path: Path) -> None:
    for number, path in enumerate(write(tmp_path / "series")):
        path.rename(path.with_name((f"IM{number:04}", f"1.2.840.113619.2.{number}", f"{number}.ima")[number % 3]))
    (tmp_path / "series" / "notes.txt").write_text("x" * 200)
    (tmp_path / "series" / "short").write_bytes(b"x")
    (tmp_path / "series" / "sub").mkdir()
    for name in ("DICOMDIR", "dicomdir", "._IM0001.dcm"):  # the first two hold a mark, and no image
        (tmp_path / "series" / name).write_bytes(bytes(128) + b"DICM")
    for path in (tmp_path / "series", tmp_path / "series" / "IM0000", tmp_path / "series" / "2.ima"):
        np.testing.assert_array_equal(_read(path).data, voxels())
    assert read_dicom(tmp_path / "series" / "notes.txt") is None
    assert read_dicom(tmp_path / "series" / "DICOMDIR") is None


@pytest.mark.parametrize("uid", [RLELossless, JPEG2000Lossless])
def test_a_compressed_series_gives_the_voxels_of_the_uncompressed_one(tmp_path: Path, uid: str) -> None:
    def ct(k: int, data: FileDataset) -> None:
        data.PixelData = larger(data.pixel_array).tobytes()
        data.Rows, data.Columns = 8 * data.Rows, 8 * data.Columns
        data.RescaleSlope, data.RescaleIntercept = 1, -1024

    def both(k: int, data: FileDataset) -> None:
        ct(k, data)
        compressed(uid)(k, data)

    write(tmp_path / "plain", change=ct)
    paths = write(tmp_path / "packed", change=both)
    assert pydicom.dcmread(paths[0]).file_meta.TransferSyntaxUID == uid
    plain, packed = _read(tmp_path / "plain"), _read(tmp_path / "packed")
    np.testing.assert_array_equal(packed.data, plain.data)
    np.testing.assert_array_equal(packed.data, larger(voxels().T).T.astype(np.float32) - 1024)
    np.testing.assert_array_equal(packed.affine, plain.affine)


def test_lossless_jpeg_the_most_common_of_hospitals_is_read(tmp_path: Path) -> None:
    write(tmp_path, change=encoded(JPEGLosslessSV1, lossless_jpeg))
    np.testing.assert_array_equal(_read(tmp_path).data, voxels())


def test_baseline_jpeg_is_read_as_pillow_reads_it(tmp_path: Path) -> None:
    kept = {}

    def baseline(pixels: np.ndarray) -> bytes:
        stream = BytesIO()
        Image.fromarray((pixels >> 4).astype(np.uint8)).save(stream, "JPEG", quality=95)
        return stream.getvalue()

    def change(k: int, data: FileDataset) -> None:
        kept[k] = baseline(data.pixel_array)
        encoded(JPEGBaseline8Bit, baseline)(k, data)
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7

    write(tmp_path, change=change)
    expected = np.stack([np.asarray(Image.open(BytesIO(kept[k]))) for k in range(SHAPE[2])])  # (z, rows, columns)
    # rows run to the back, columns to the left; two decoders may round a level apart
    np.testing.assert_allclose(_read(tmp_path).data, expected.transpose(2, 1, 0)[::-1, ::-1], atol=1)


@pytest.mark.parametrize("name", ["MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "MR_small_RLE.dcm"])
def test_pydicoms_own_compressed_files_hold_the_pixels_of_the_plain_one(tmp_path: Path, name: str) -> None:
    from pydicom.data import get_testdata_file

    volumes = []
    for source in ("MR_small.dcm", name):
        folder = tmp_path / source
        folder.mkdir()
        shutil.copy(str(get_testdata_file(source, download=False)), folder / "a.dcm")
        volumes.append(_read(folder))
    np.testing.assert_array_equal(volumes[1].data, volumes[0].data)
    assert volumes[0].data.shape == (64, 64, 1)


@pytest.mark.parametrize(
    ("uid", "message"),
    [
        (JPEGLosslessSV1, r"JPEG Lossless.*\(1\.2\.840\.10008\.1\.2\.4\.70\).*pip install 'fusekit\[dicom\]'"),
        (JPEGLSLossless, r"JPEG-LS Lossless.*\(1\.2\.840\.10008\.1\.2\.4\.80\).*pip install 'fusekit\[dicom\]'"),
        (JPEG2000Lossless, r"JPEG 2000.*\(1\.2\.840\.10008\.1\.2\.4\.90\).*pip install 'fusekit\[dicom\]'"),
    ],
)
def test_without_a_decoder_the_syntax_is_named_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: UID, message: str
) -> None:
    write(tmp_path, change=encoded(uid, lambda pixels: b"packed"))
    monkeypatch.setattr(get_decoder(uid), "_available", {})
    with pytest.raises(DataError, match=rf"IM\d\d\.dcm: the pixels are compressed as {message}"):
        read_dicom(tmp_path)


def test_an_absurd_size_is_refused_before_a_decoder_asks_for_its_memory(tmp_path: Path) -> None:
    def huge(k: int, data: FileDataset) -> None:
        data.compress(RLELossless)
        data.Rows = data.Columns = 60_000

    write(tmp_path, change=huge)
    with pytest.raises(
        DataError, match=r"IM\d\d\.dcm: the header claims 7,200,000,000 bytes of pixels, but the file has"
    ):
        read_dicom(tmp_path)


def test_a_syntax_that_pydicom_does_not_decode_is_named(tmp_path: Path) -> None:
    write(tmp_path, change=encoded(MPEG4HP41, lambda pixels: b"film"))
    with pytest.raises(DataError, match=r"compressed as MPEG-4.*pydicom decodes no such syntax\. Convert"):
        read_dicom(tmp_path)


def _lose(keyword: str) -> Callable[[int, FileDataset], None]:
    return lambda k, data: delattr(data, keyword) if k == 3 else None


def _set(**elements: Any) -> Callable[[int, FileDataset], None]:
    def change(k: int, data: FileDataset) -> None:
        for keyword, value in elements.items():
            if k == 3:
                setattr(data, keyword, value)

    return change


def _j2k(k: int, data: FileDataset) -> None:
    assert data.file_meta is not None
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.PixelData = pydicom.encaps.encapsulate([b"no JPEG at all!!"])


@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")  # pydicom's, of values that are the point
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_lose("ImagePositionPatient"), r"IM07\.dcm: ImagePositionPatient missing"),
        (_lose("PixelSpacing"), r"IM07\.dcm: PixelSpacing missing"),
        (_lose("PixelData"), r"IM07\.dcm: the pixels cannot be decoded"),
        (_lose("Rows"), r"IM07\.dcm: the DICOM header has no Rows, so the file \(CT Image Storage\)"),
        (_set(SeriesInstanceUID="1.2.4"), r"2 DICOM series; name a file of the right one: .*IM07\.dcm \(1 slices\)"),
        (_set(NumberOfFrames=2), r"IM07\.dcm: a multi-frame file \(CT Image Storage\)"),
        (_set(ImageOrientationPatient=[0, 1, 0, 1, 0, 0]), r"and IM07\.dcm differ in size, spacing or direction"),
        (_set(Rows=3, PixelData=bytes(30)), r"and IM07\.dcm differ in size"),
        (_set(ImagePositionPatient=[16.8, -34.0, -95.0]), r"the slices IM\d\d\.dcm and IM\d\d\.dcm lie at the same"),
        (
            _set(ImagePositionPatient=["nan", 0, 0]),
            r"IM07\.dcm: the slice's position or direction is damaged",
        ),
        (_set(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), r"IM07\.dcm: the slice's position or direction"),
        (_set(RescaleSlope="inf"), r"IM07\.dcm: the slice's rescaling is damaged \(RescaleSlope inf"),
        (_set(PixelData=bytes(20)), r"IM07\.dcm: the pixels cannot be decoded"),
        (_j2k, r"transfer syntax JPEG 2000 Image Compression \(Lossless Only\)\); the file is truncated"),
    ],
)
def test_a_series_that_is_no_volume_is_refused_by_file(
    tmp_path: Path, change: Callable[[int, FileDataset], None], message: str
) -> None:
    write(tmp_path, change=change)
    with pytest.raises(DataError, match=message):
        read_dicom(tmp_path)


@pytest.mark.parametrize("lost", [1, 3, 5])
def test_a_missing_slice_is_named_by_its_neighbours(tmp_path: Path, lost: int) -> None:
    paths = write(tmp_path)
    paths[lost].unlink()
    below, above = paths[lost - 1].name, paths[lost + 1].name
    with pytest.raises(DataError, match=rf"slices are missing: {below} and {above} are 5 mm apart, where 2\.5 mm"):
        read_dicom(tmp_path)


def test_one_slice_without_thickness_is_refused(tmp_path: Path) -> None:
    for path in write(tmp_path)[1:]:
        path.unlink()
    with pytest.raises(DataError, match="one slice without SliceThickness"):
        read_dicom(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of damage before, or instead of, an error
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=4)), max_size=4),
    length=st.integers(0, 1000) | st.just(10_000),
    multi=st.booleans(),
)
def test_a_damaged_file_gives_a_volume_or_a_data_error(
    tmp_path: Path, edits: list[tuple[int, bytes]], length: int, multi: bool
) -> None:
    folder = tmp_path / str(multi)
    folder.mkdir(exist_ok=True)
    kept = tmp_path / f"kept-{multi}"
    if not kept.exists():
        kept.write_bytes((enhanced(folder) if multi else write(folder)[2]).read_bytes())
    raw = bytearray(kept.read_bytes())
    for place, content in edits:
        raw[place : place + len(content)] = content
    (folder / ("enhanced.dcm" if multi else "IM02.dcm")).write_bytes(raw[:length])
    try:
        volume = _read(folder)
    except DataError:
        return
    assert volume.data.ndim == 3
    assert np.isfinite(volume.data).all()


def _deflated(k: int, data: FileDataset) -> None:
    assert data.file_meta is not None
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian


def test_a_deflated_file_is_read_as_far_as_it_has_pixels(tmp_path: Path) -> None:
    path = write(tmp_path, change=_deflated)[0]
    assert b"ImagePosition" not in path.read_bytes()
    assert b"1.2.3" not in path.read_bytes()[400:]  # the series' UID is packed too
    np.testing.assert_array_equal(_read(tmp_path).data, voxels())
    np.testing.assert_array_equal(_read(path).data, voxels())


def test_a_deflated_file_that_unpacks_to_more_than_its_pixels_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    def bomb(k: int, data: FileDataset) -> None:
        if k == 3:
            _deflated(k, data)
            data.PixelData = bytes(2**27)  # packs into 128 kB

    path = write(tmp_path, change=bomb)[3]
    assert path.stat().st_size < 2**18
    tracemalloc.start()
    for name in (path, tmp_path):
        with pytest.raises(DataError, match=r"1\.2\.840\.10008\.1\.2\.1\.99\) and unpacks to more than the 60 bytes"):
            read_dicom(name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize("begin", [132, "data"])
def test_files_without_preamble_or_meta_group_are_read(tmp_path: Path, begin: int | str) -> None:
    for number, path in enumerate(write(tmp_path)):
        content = path.read_bytes()
        start = content.index(b"\x08\x00\x16\x00UI") if begin == "data" else 132
        path.unlink()
        (tmp_path / f"IM{number}").write_bytes(content[start:])
    np.testing.assert_array_equal(_read(tmp_path).data, voxels())
    np.testing.assert_array_equal(_read(tmp_path / "IM3").data, voxels())


def test_a_length_that_is_not_there_is_not_allocated(tmp_path: Path) -> None:
    path = write(tmp_path)[0]
    content = path.read_bytes()
    claim = b"\x09\x00\x10\x10OB\x00\x00" + (2**30).to_bytes(4, "little")  # a private element of 1 GiB
    place = content.index(b"\x20\x00\x0e\x00UI")
    path.write_bytes(content[:place] + claim + content[place:])
    tracemalloc.start()
    with pytest.raises(DataError, match=path.name):
        read_dicom(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
