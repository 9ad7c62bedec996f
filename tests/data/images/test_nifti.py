"""NIfTI, Analyze and FreeSurfer files, against what nibabel wrote."""

import gzip
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusekit.data import Volume, read_nifti
from fusekit.data.images.nifti import NO_ORIENTATION
from fusekit.data.images.volume import IDENTITY_AFFINE
from fusekit.errors import DataError
from tests.data.images.written import AFFINE, SHAPE, save, voxels

nibabel: Any = untyped_nibabel


def _read(path: Path) -> Volume:
    volume = read_nifti(path)
    assert volume is not None
    return volume


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.hdr", "A.NII.GZ", "a.hdr.gz", "a.img.gz"])
def test_a_file_gives_its_array_affine_and_spacing(tmp_path: Path, name: str) -> None:
    volume = _read(save(tmp_path / name))
    assert volume.data.dtype == np.float32
    np.testing.assert_array_equal(volume.data, voxels())
    np.testing.assert_allclose(volume.affine, AFFINE)
    assert volume.spacing == pytest.approx((2.0, 3.0, 1.5))
    assert volume.notes == ()
    assert volume.path == tmp_path / name


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nibabel leaves a .mgh to the collector
@pytest.mark.parametrize("name", ["a.mgz", "a.mgh"])
def test_a_freesurfer_volume_is_read(tmp_path: Path, name: str) -> None:
    nibabel.save(nibabel.MGHImage(voxels(), AFFINE), tmp_path / name)
    volume = _read(tmp_path / name)
    np.testing.assert_array_equal(volume.data, voxels())
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(voxels(), AFFINE)
    image.header.set_slope_inter(0.5, -10)
    nibabel.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(_read(tmp_path / "a.nii").data, voxels() * 0.5 - 10)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product([1, -1], repeat=3)))
def test_every_orientation_gives_the_same_volume(tmp_path: Path, axes: Any, signs: Any) -> None:
    image = nibabel.Nifti1Image(voxels(), AFFINE)
    turned = image.as_reoriented(np.stack([axes, signs], axis=1))
    nibabel.save(turned, tmp_path / "turned.nii")
    volume = _read(tmp_path / "turned.nii")
    np.testing.assert_array_equal(volume.data, voxels())
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert volume.orientation == "".join(nibabel.aff2axcodes(turned.affine))


def test_a_trailing_axis_of_one_frame_is_dropped(tmp_path: Path) -> None:
    assert _read(save(tmp_path / "a.nii", voxels()[..., None])).data.shape == SHAPE


def test_an_identity_affine_is_noted(tmp_path: Path) -> None:
    volume = _read(save(tmp_path / "a.nii", affine=np.eye(4)))
    assert (volume.notes, volume.orientation) == ((IDENTITY_AFFINE,), "")


def test_a_header_without_orientation_is_noted(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii")
    raw = bytearray(path.read_bytes())
    raw[252:256] = bytes(4)  # qform_code, sform_code
    path.write_bytes(raw)
    volume = _read(path)
    assert (volume.notes, volume.orientation) == ((NO_ORIENTATION,), "")


@pytest.mark.parametrize(("flag", "orientation"), [(1, "RAS"), (0, "")])
def test_a_freesurfer_volume_says_whether_its_orientation_is_known(tmp_path: Path, flag: int, orientation: str) -> None:
    nibabel.save(nibabel.MGHImage(voxels(), AFFINE), tmp_path / "T1.mgz")
    raw = bytearray(gzip.decompress((tmp_path / "T1.mgz").read_bytes()))
    raw[28:30] = flag.to_bytes(2, "big")  # goodRASFlag
    (tmp_path / "T1.mgz").write_bytes(gzip.compress(bytes(raw)))
    assert _read(tmp_path / "T1.mgz").orientation == orientation


def test_analyze_has_an_orientation_only_where_spm_wrote_one_beside(tmp_path: Path) -> None:
    nibabel.save(nibabel.Spm99AnalyzeImage(voxels(), AFFINE), tmp_path / "a.img")
    assert _read(tmp_path / "a.img").orientation == "RAS"
    (tmp_path / "a.mat").unlink()
    volume = _read(tmp_path / "a.img")
    assert (volume.notes, volume.orientation) == ((NO_ORIENTATION,), "")


def test_another_suffix_is_left_to_others(tmp_path: Path) -> None:
    assert read_nifti(tmp_path / "a.dcm") is None
    assert read_nifti(tmp_path) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (voxels()[0], r"the image is 2-D \(5 x 6\), a 3-D volume is needed"),
        (np.stack([voxels()] * 3, axis=-1), r"the image is 4-D \(4 x 5 x 6 x 3\).*Extract or average its frames"),
        (np.full(SHAPE, 7.0, np.float32), "every voxel is 7; the image is empty"),
        (np.where(voxels() < 12, np.nan, 1.0).astype(np.float32), r"10\.00% of the voxels are NaN or infinite"),
        (np.where(voxels() < 12, np.inf, 1.0).astype(np.float32), r"10\.00% of the voxels are NaN or infinite"),
        (np.where(voxels() < 12, 1e300, 1.0), r"10\.00% of the voxels are NaN or infinite"),
        (np.ones(SHAPE, np.complex64), "hold complex64, not one number each"),
        (np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])), "not one number each"),
    ],
)
def test_content_that_is_no_volume_is_refused(tmp_path: Path, data: np.ndarray, message: str) -> None:
    path = save(tmp_path / "a.nii.gz", data)
    with pytest.raises(DataError, match=message) as caught:
        read_nifti(path)
    assert str(path) in str(caught.value)


def _bad_affines() -> list[tuple[np.ndarray, str]]:
    nan, zero, flat = AFFINE.copy(), AFFINE.copy(), AFFINE.copy()
    nan[0, 3] = np.nan
    zero[:3, 1] = 0
    flat[:3, 1] = flat[:3, 0]
    return [(nan, "the affine is not finite"), (zero, r"without volume \(2 x 0 x 1.5 mm\)"), (flat, "without volume")]


@pytest.mark.parametrize(("affine", "message"), _bad_affines())
def test_an_affine_that_places_nothing_is_refused(tmp_path: Path, affine: np.ndarray, message: str) -> None:
    path = save(tmp_path / "a.nii")
    raw = bytearray(path.read_bytes())
    raw[280:328] = affine[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z of the NIfTI-1 header
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_nifti(path)


def test_containers_that_are_not_what_they_seem_are_refused(tmp_path: Path) -> None:
    good = save(tmp_path / "a.nii").read_bytes()
    packed = gzip.compress(good)
    for name, content, message in (
        ("empty.nii.gz", b"", "the file is empty"),
        ("plain.nii.gz", good, r"not gzip-compressed.*end in \.nii"),
        ("packed.nii", packed, r"is gzip-compressed, unlike.*end in \.nii\.gz"),
        ("cut.nii.gz", packed[:-20], "truncated or damaged"),
        ("header.nii.gz", packed[:15], "truncated or damaged"),
        ("short.nii", good[:-1], r"claims 592 bytes of pixels, but the file has only 591"),
        ("text.nii", b"subject,age\n1,70\n", "it is a text, which begins with 'subject,age'"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            read_nifti(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    with pytest.raises(DataError, match=r"gone\.nii: the file cannot be read"):
        read_nifti(tmp_path / "gone.nii")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_an_absurd_size_in_the_header_is_refused_without_allocating_it(tmp_path: Path, name: str) -> None:
    raw = bytearray(save(tmp_path / "good.nii").read_bytes())
    raw[40:48] = np.array([3, 30000, 30000, 30000], "<i2").tobytes()  # dim: 54 TB of int16
    (tmp_path / name).write_bytes(gzip.compress(bytes(raw)) if name.endswith("gz") else bytes(raw))
    with pytest.raises(DataError, match=r"the header claims 54,000,000,000,352 bytes"):
        read_nifti(tmp_path / name)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 591), st.binary(min_size=1, max_size=4)), max_size=4),
    length=st.integers(0, 592) | st.just(592),
    name=st.sampled_from(["a.nii", "a.nii.gz"]),
)
def test_a_damaged_file_gives_a_volume_or_a_data_error(
    tmp_path: Path, edits: list[tuple[int, bytes]], length: int, name: str
) -> None:
    raw = bytearray(save(tmp_path / "good.nii").read_bytes())
    for place, content in edits:
        raw[place : place + len(content)] = content
    path = tmp_path / name
    path.write_bytes(gzip.compress(bytes(raw[:length])) if name.endswith("gz") else bytes(raw[:length]))
    try:
        volume = _read(path)
    except DataError:
        return
    assert volume.data.ndim == 3
    assert np.isfinite(volume.data).all()
    assert np.isfinite(volume.affine).all()
    assert all(size > 0 for size in volume.spacing)


@pytest.mark.parametrize(("unit", "in_mm", "name"), [("micron", 0.001, "micrometres"), ("meter", 1000, "metres")])
def test_lengths_become_mm(tmp_path: Path, unit: str, in_mm: float, name: str) -> None:
    affine = AFFINE.copy()
    affine[:3] /= in_mm
    image = nibabel.Nifti1Image(voxels(), affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    volume = _read(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.affine, AFFINE, rtol=1e-6)
    assert volume.spacing == pytest.approx((2, 3, 1.5))
    assert volume.notes == (f"the header gives lengths in {name} (xyzt_units): they are read as mm",)


@pytest.mark.parametrize("unit", ["mm", "unknown", None])
def test_mm_and_no_unit_stay_as_they_are(tmp_path: Path, unit: str | None) -> None:
    image = nibabel.Nifti1Image(voxels(), AFFINE)
    image.header["xyzt_units"] = 23 if unit is None else 0  # 23: a unit that the standard does not know, and time
    if unit:
        image.header.set_xyzt_units(unit, "msec")
    nibabel.save(image, tmp_path / "a.nii")
    volume = _read(tmp_path / "a.nii")
    assert volume.spacing == pytest.approx((2, 3, 1.5))
    assert volume.notes == ()


def _two_forms(path: Path, sform: np.ndarray, qform: np.ndarray, unit: str = "mm") -> Volume:
    image = nibabel.Nifti1Image(voxels(), sform)
    image.set_sform(sform, 2)
    image.set_qform(qform, 1)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return _read(path)


def _turned(degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0, 0], [np.sin(a), np.cos(a), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return np.asarray(turn @ AFFINE)


def test_a_qform_that_disagrees_is_noted_and_the_sform_followed(tmp_path: Path) -> None:
    volume = _two_forms(tmp_path / "a.nii", AFFINE, _turned(10))
    np.testing.assert_allclose(volume.affine, AFFINE, rtol=1e-6)
    corners = np.array([[i, j, k, 1] for i in (0, 3) for j in (0, 4) for k in (0, 5)])
    shift = np.linalg.norm((corners @ (AFFINE - _turned(10)).T)[:, :3], axis=1).max()
    assert volume.notes == (
        f"sform and qform disagree (they are 10.0 degrees apart, and places by up to {shift:.3g} mm): the sform is "
        "followed",
    )


def test_a_shift_alone_a_mirror_and_micrometres_are_noted_as_they_are(tmp_path: Path) -> None:
    moved, mirrored = AFFINE.copy(), AFFINE.copy()
    moved[:3, 3] += (3, 0, 4)
    mirrored[0] *= -1
    (note,) = _two_forms(tmp_path / "a.nii", AFFINE, moved).notes
    assert "they are 0.0 degrees apart, and places by up to 5 mm" in note
    (note,) = _two_forms(tmp_path / "b.nii", AFFINE, mirrored).notes
    assert "they mirror each other, so one of them has left and right wrong" in note
    notes = _two_forms(tmp_path / "c.nii", AFFINE, moved, "micron").notes
    assert "places by up to 0.005 mm" in notes[1]


@pytest.mark.parametrize("by", [0.0, 0.01])
def test_forms_that_agree_up_to_rounding_are_not_noted(tmp_path: Path, by: float) -> None:
    other = AFFINE.copy()
    other[:3, 3] += by
    assert _two_forms(tmp_path / "a.nii", AFFINE, other).notes == ()


def test_a_qform_that_is_none_is_noted(tmp_path: Path) -> None:
    _two_forms(tmp_path / "a.nii", AFFINE, AFFINE)
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[256:268] = np.array([2, 2, 2], "<f4").tobytes()  # quatern_b, c, d of length above 1
    (tmp_path / "a.nii").write_bytes(raw)
    volume = _read(tmp_path / "a.nii")
    assert "the qform is damaged" in volume.notes[0]
    np.testing.assert_allclose(volume.affine, AFFINE, rtol=1e-6)
