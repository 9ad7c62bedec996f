"""MetaImage and NRRD: what is refused, and why; that both agree with SimpleITK is shown beside it."""

import builtins
import gzip
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (the library's own name for itself)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusekit.data import Volume, read, read_itk
from fusekit.data.images.itk import NO_DIRECTION
from fusekit.errors import DataError

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)  # (z, y, x)
NAMES = ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"]


def _image(array: Any = VOXELS, **options: Any) -> Any:
    image = sitk.GetImageFromArray(array, **options)
    image.SetSpacing([0.7, 0.8, 2.5, 1][: image.GetDimension()])
    image.SetOrigin([10, -20, 30, 0][: image.GetDimension()])
    return image


def _save(path: Path, image: Any = None, packed: bool = False) -> Path:
    sitk.WriteImage(_image() if image is None else image, str(path), packed)
    return path


def _edit(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def _read(path: Path) -> Volume:
    volume = read_itk(path)
    assert volume is not None
    return volume


@pytest.mark.parametrize("name", NAMES)
def test_axes_that_run_to_the_left_and_back_are_turned(tmp_path: Path, name: str) -> None:
    volume = _read(_save(tmp_path / name))
    np.testing.assert_array_equal(volume.data, VOXELS.transpose(2, 1, 0)[::-1, ::-1])
    expected = np.diag([0.7, 0.8, 2.5, 1])
    expected[:3, 3] = (-10 - 5 * 0.7, 20 - 4 * 0.8, 30)
    np.testing.assert_allclose(volume.affine, expected)
    assert (volume.orientation, volume.notes, str(volume.data.dtype)) == ("LPS", (), "float32")


def test_another_suffix_is_left_to_others(tmp_path: Path) -> None:
    assert read_itk(tmp_path / "a.nii") is None
    assert read_itk(tmp_path) is None


def test_without_simpleitk_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, original = _save(tmp_path / "a.mha"), builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "SimpleITK":
            raise ImportError(name)
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"a\.mha: MetaImage and NRRD.*pip install 'fusekit\[itk\]'"):
        read_itk(path)


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
@pytest.mark.parametrize(
    "elsewhere", ["../secret.raw", "/etc/hostname", "sub/../../secret.raw", "..\\secret.raw", "link.raw"]
)
def test_voxels_outside_the_headers_folder_are_refused(tmp_path: Path, name: str, elsewhere: str) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.raw").write_bytes(VOXELS.tobytes())
    (folder / "link.raw").symlink_to(tmp_path / "secret.raw")
    path = _edit(_save(folder / name), b"a.raw", elsewhere.encode())
    with pytest.raises(DataError, match="outside the header's folder"):
        read_itk(path)


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_voxels_in_a_folder_below_are_read_and_absent_ones_named(tmp_path: Path, name: str) -> None:
    path = _edit(_save(tmp_path / name), b"a.raw", b"sub/a.raw")
    with pytest.raises(DataError, match=r"its voxels lie in 'sub/a\.raw', which is not there"):
        read_itk(path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.raw").rename(tmp_path / "sub" / "a.raw")
    assert _read(path).data.shape == (6, 5, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("a.mhd", b"LIST"), ("a.mhd", b"slice%03d.raw 1 4 1"), ("a.nhdr", b"LIST"), ("a.nhdr", b"slice%03d.raw 1 4 1")],
)
def test_voxels_in_several_files_are_refused(tmp_path: Path, name: str, value: bytes) -> None:
    path = _edit(_save(tmp_path / name), b"a.raw", value)
    with pytest.raises(DataError, match=r"does not name one file of voxels.*Save the volume as one file"):
        read_itk(path)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
@pytest.mark.parametrize(
    ("image", "message"),
    [
        (_image(np.zeros((3, 4, 5, 6), np.int16), isVector=False), r"the image is 4-D \(6 x 5 x 4 x 3\), a 3-D volume"),
        (_image(VOXELS[0]), r"the image is 2-D \(6 x 5\), a 3-D volume is needed"),
        (
            _image(np.zeros((4, 5, 6, 3), np.uint8), isVector=True),
            r"several numbers \(vector of 8-bit.*, 3\)",
        ),
        (_image(np.full((4, 5, 6), 7, np.uint8)), "every voxel is 7; the image is empty"),
        (_image(np.full((4, 5, 6), np.nan)), "100.00% of the voxels are NaN"),
    ],
)
def test_what_is_no_volume_of_numbers_is_refused(tmp_path: Path, name: str, image: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_itk(_save(tmp_path / name, image))


def test_a_last_axis_of_one_is_dropped(tmp_path: Path) -> None:
    image = sitk.JoinSeries([_image()])
    np.testing.assert_array_equal(_read(_save(tmp_path / "a.mha", image)).data, _read(_save(tmp_path / "b.mha")).data)


@pytest.mark.parametrize(
    ("unit", "in_mm"), [(b"mm", 1), (b"um", 0.001), ("µm".encode(), 0.001), (b"microns", 0.001), (b"cm", 10), (b"", 1)]
)
def test_lengths_become_mm(tmp_path: Path, unit: bytes, in_mm: float) -> None:
    units = b'space units: "%b" "%b" "%b"\nkinds' % (unit, unit, unit)
    volume = _read(_edit(_save(tmp_path / "a.nrrd"), b"kinds", units))
    assert volume.spacing == pytest.approx((0.7 * in_mm, 0.8 * in_mm, 2.5 * in_mm))
    assert len(volume.notes) == (in_mm != 1)
    meta = _edit(_save(tmp_path / "a.mha"), b"ElementType", b"DistanceUnits = %b\nElementType" % unit)
    assert _read(meta).spacing == pytest.approx(volume.spacing)


def test_units_that_are_none_or_differ_are_refused(tmp_path: Path) -> None:
    for text in (b'"mm" "mm" "s"', b'"parsec" "parsec" "parsec"'):
        path = _edit(_save(tmp_path / "a.nrrd"), b"kinds", b"space units: %b\nkinds" % text)
        with pytest.raises(DataError, match=r"gives lengths in .*which FuseKit does not know"):
            read_itk(path)


def test_a_header_that_says_nothing_of_the_body_gives_no_sides(tmp_path: Path) -> None:
    meta = _save(tmp_path / "a.mhd")
    lines = meta.read_bytes().splitlines()
    lines = [line for line in lines if not line.startswith((b"TransformMatrix", b"Anatomical"))]
    meta.write_bytes(b"\n".join(lines))
    nrrd = _edit(_save(tmp_path / "a.nhdr"), b"space: left-posterior-superior", b"space dimension: 3")
    for path in (meta, nrrd):
        volume = _read(path)
        assert (volume.orientation, volume.notes) == ("", (NO_DIRECTION,))
        assert volume.spacing == pytest.approx((0.7, 0.8, 2.5))


def test_spaces_by_other_names_are_turned(tmp_path: Path) -> None:
    plain = _read(_save(tmp_path / "a.nrrd"))
    other = _read(_edit(_save(tmp_path / "b.nrrd"), b"left-posterior-superior", b"LPS"))
    np.testing.assert_array_equal(other.affine, plain.affine)
    assert other.orientation == "LPS"
    turned = _read(_edit(_save(tmp_path / "c.nrrd"), b"left-posterior-superior", b"right-anterior-superior"))
    assert turned.orientation == "RAS"
    np.testing.assert_allclose(turned.affine[:3, 3], (10, -20, 30))


@pytest.mark.parametrize("name", NAMES)
def test_a_size_that_the_file_cannot_hold_is_not_allocated(tmp_path: Path, name: str) -> None:
    field = b"DimSize = " if "m" in name else b"sizes: "
    path = _edit(_save(tmp_path / name), field + b"6 5 4", field + b"6000 5000 4000")
    tracemalloc.start()
    with pytest.raises(DataError, match="the header claims 240,000,000,000 bytes of pixels"):
        read_itk(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, name: str, packed: bool) -> None:
    path = _save(tmp_path / name, packed=packed)
    alone = path.suffix in (".mha", ".nrrd")
    (largest,) = [other for other in tmp_path.iterdir() if alone or other.suffix != path.suffix]
    largest.write_bytes(largest.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"truncated or damaged"):
        read_itk(path)


def test_an_encoding_without_a_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="encoded as 'bzip2', which is not read; raw and gzip are"):
        read_itk(_edit(_save(tmp_path / "a.nrrd"), b"encoding: raw", b"encoding: bzip2"))


def test_a_file_of_another_kind_is_told_by_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(gzip.compress(b"x"))
    with pytest.raises(DataError, match=r"a\.mha: the file is no MetaImage file: it is gzip-compressed"):
        read_itk(tmp_path / "a.mha")


def test_threads_read_their_own(tmp_path: Path) -> None:
    paths = [_save(tmp_path / f"{k}.mha", _image(VOXELS + k)) for k in range(8)]
    found: dict[int, float] = {}

    def one(k: int) -> None:
        found[k] = float(read(paths[k]).data.min())

    threads = [threading.Thread(target=one, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: float(VOXELS.min()) + k for k in range(8)}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=4)), max_size=4),
    length=st.integers(0, 700),
    name=st.sampled_from(["a.mha", "a.nrrd"]),
)
def test_a_damaged_file_gives_a_volume_or_a_data_error(
    tmp_path: Path, edits: list[tuple[int, bytes]], length: int, name: str
) -> None:
    raw = bytearray(_save(tmp_path / name).read_bytes())
    for place, content in edits:
        raw[place : place + len(content)] = content
    (tmp_path / name).write_bytes(raw[:length])
    try:
        volume = _read(tmp_path / name)
    except DataError:
        return
    assert volume.data.ndim == 3
    assert np.isfinite(volume.data).all()
