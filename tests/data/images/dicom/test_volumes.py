"""Which slices of a series are one volume, where they lie, and how one of several is chosen."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from fusekit.data import Volume, read_dicom
from fusekit.data.images.dicom.frames import Frame
from fusekit.data.images.dicom.headers import Header, headers_in
from fusekit.data.images.dicom.volumes import choices, fits, how_to_choose, in_order, parted
from fusekit.errors import DataError
from tests.data.images.dicom.written import enhanced, voxels, write

Change = Callable[[int, FileDataset], None]


def _set(**elements: Any) -> Change:
    def change(k: int, data: FileDataset) -> None:
        for keyword, value in elements.items():
            setattr(data, keyword, value)

    return change


def _together(folder: Path, *changes: Change) -> list[list[Path]]:
    """Several images of one series in one folder: their files are called a..., b..., and their voxels differ by 10."""
    files = []
    for number, change in enumerate(changes):

        def own(k: int, data: FileDataset, number: int = number, change: Change = change) -> None:
            data.PixelData = (np.frombuffer(data.PixelData, np.uint16) + 10 * number).astype(np.uint16).tobytes()
            change(k, data)

        written = write(folder / "one", change=own)
        files.append([path.rename(folder / f"{'abcdef'[number]}{path.name}") for path in written])
    (folder / "one").rmdir()
    return files


def _read(path: Path) -> Volume:
    volume = read_dicom(path)
    assert volume is not None
    return volume


def _volumes(folder: Path) -> Any:
    frames = list[Frame]()
    for header in headers_in(folder).values():
        assert isinstance(header, Header)
        frames += header.slices()
    return parted(frames)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("EchoTime", ("4.6", "9.2")),
        ("AcquisitionNumber", ("1", "2")),
        ("ConvolutionKernel", ("B30f", "B60f")),
        ("TemporalPositionIdentifier", ("1", "2")),
        ("DiffusionBValue", (0.0, 1000.0)),
        ("TriggerTime", ("12.5", "250")),
        ("ImageType", (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"])),
        ("AcquisitionTime", ("101500", "101530")),
    ],
)
def test_several_volumes_of_a_series_are_told_apart(tmp_path: Path, name: str, values: tuple[Any, Any]) -> None:
    files = _together(tmp_path, *(_set(**{name: value}) for value in values))
    shown = ["\\".join(value) if isinstance(value, list) else f"{value}".removesuffix(".0") for value in values]
    listed = f"{name} {shown[0]} (7 slices), {shown[1]} (7 slices)"
    with pytest.raises(DataError) as caught:
        read_dicom(tmp_path)
    assert f"the series holds 2 volumes: {listed}. Choose one: in a TOML choose = {{{name} = " in str(caught.value)
    for number, own in enumerate(files):
        for path in (own[0], own[5]):
            volume = _read(path)
            np.testing.assert_array_equal(volume.data, voxels() + 10.0 * number)
            assert volume.notes == (f"the series holds 2 volumes ({listed}), of which the named file's is read",)


def test_kernels_whose_slices_interleave_are_two_volumes(tmp_path: Path) -> None:
    def shifted(k: int, data: FileDataset) -> None:
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient, data.ConvolutionKernel = [x, y, z + 1.25], "B60f"

    files = _together(tmp_path, _set(ConvolutionKernel="B30f"), shifted)
    np.testing.assert_array_equal(_read(files[1][2]).data, voxels() + 10.0)
    with pytest.raises(DataError, match=r"ConvolutionKernel B30f \(7 slices\), B60f \(7 slices\)"):
        read_dicom(tmp_path)


def test_two_attributes_part_a_series_where_one_does_not(tmp_path: Path) -> None:
    both = [{"AcquisitionNumber": a, "FlipAngle": f} for a in (1, 2) for f in (5, 20)]
    files = _together(tmp_path, *(_set(**elements) for elements in both))
    volumes = _volumes(tmp_path)
    assert [len(volume) for volume in volumes] == [7] * 4
    assert choices(volumes) == "AcquisitionNumber 1 (14 slices), 2 (14 slices); FlipAngle 5 (14 slices), 20 (14 slices)"
    np.testing.assert_array_equal(_read(files[3][1]).data, voxels() + 30.0)


def test_an_attribute_that_differs_from_slice_to_slice_parts_nothing(tmp_path: Path) -> None:
    """Acquisition numbers and times count on within a volume of many scanners."""

    def counted(k: int, data: FileDataset) -> None:
        data.AcquisitionNumber, data.AcquisitionTime, data.TriggerTime = k, f"1015{k:02}", 10 * k

    write(tmp_path, change=counted)
    volume = _read(tmp_path)
    np.testing.assert_array_equal(volume.data, voxels())
    assert volume.notes == ()


def test_slices_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    _together(tmp_path, _set(), _set())
    with pytest.raises(DataError, match=r"lie at the same position.*several time points that no attribute tells apart"):
        read_dicom(tmp_path)


@pytest.mark.parametrize(
    ("chosen", "which"),
    [
        ((("EchoTime", 4.6),), [0]),
        ((("EchoTime", "9.20"),), [1]),
        ((("EchoTime", 9.2), ("ImageType", "m")), [1]),
        ((("EchoTime", 9.2), ("ImageType", "P")), []),
        ((("EchoTime", 4),), []),
        ((("ImageType", "ORIGINAL\\PRIMARY\\M"),), [0, 1]),
        ((("FlipAngle", 5),), []),
        ((), [0, 1]),
    ],
)
def test_volumes_are_chosen_by_number_or_text(tmp_path: Path, chosen: Any, which: list[int]) -> None:
    kind = ["ORIGINAL", "PRIMARY", "M"]
    _together(tmp_path, _set(EchoTime="4.6", ImageType=kind), _set(EchoTime="9.2", ImageType=kind))
    volumes = _volumes(tmp_path)
    assert [number for number, volume in enumerate(volumes) if fits(volume, chosen)] == which
    sentence = "Choose one: in a TOML choose = {EchoTime = 4.6}, or -o task.choose=EchoTime=4.6."
    assert how_to_choose(volumes) == sentence


def test_volumes_in_one_file_are_named_and_refused(tmp_path: Path) -> None:
    import pydicom

    path = enhanced(tmp_path)
    data = pydicom.dcmread(path)
    data.PixelData, data.NumberOfFrames = 2 * data.PixelData, 14
    groups = []
    for number in range(14):
        item = Dataset()
        item.update(data.PerFrameFunctionalGroupsSequence[number % 7])
        content = Dataset()
        content.TemporalPositionIndex = 1 + number // 7
        item.FrameContentSequence = Sequence([content])
        groups.append(item)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    data.save_as(path)
    message = r"holds 2 volumes.*TemporalPositionIndex 1 \(7 slices\), 2 \(7 slices\)"
    for name in (path, tmp_path):
        with pytest.raises(DataError, match=message):
            read_dicom(name)
    with pytest.raises(DataError, match="Convert it to NIfTI with dcm2niix, which writes a file for each"):
        read_dicom(path)


def _tilted(k: int, data: FileDataset) -> None:
    x, y, z = data.ImagePositionPatient
    data.ImagePositionPatient, data.GantryDetectorTilt = [x, y + k * 2.5 * np.tan(np.radians(15)), z], 15


def test_a_tilted_gantry_is_noted_and_its_shear_kept(tmp_path: Path) -> None:
    write(tmp_path / "a", change=_tilted)
    volume = _read(tmp_path / "a")
    np.testing.assert_allclose(volume.affine[:3, 2], [0, -2.5 * np.tan(np.radians(15)), 2.5])
    assert volume.notes == (
        "each slice is shifted against the one below, by an angle of 15.0 degrees (GantryDetectorTilt 15): the volume "
        "keeps this shear, and is not resampled",
    )

    def without_word(k: int, data: FileDataset) -> None:
        _tilted(k, data)
        del data.GantryDetectorTilt

    write(tmp_path / "b", change=without_word)
    assert "15.0 degrees (the gantry was tilted, as it seems)" in _read(tmp_path / "b").notes[0]
    write(tmp_path / "c", change=_set(GantryDetectorTilt=-7))
    assert _read(tmp_path / "c").notes == (
        "the gantry was tilted (GantryDetectorTilt 7), and the slices lie straight above each other",
    )


def test_a_slice_that_lies_beside_the_others_is_named(tmp_path: Path) -> None:
    def beside(k: int, data: FileDataset) -> None:
        if k == 3:
            x, y, z = data.ImagePositionPatient
            data.ImagePositionPatient = [x + 2, y, z]

    write(tmp_path, change=beside)
    with pytest.raises(DataError, match=r"the slice IM07\.dcm lies 2 mm beside the line.*dcm2niix"):
        read_dicom(tmp_path)


def test_slices_that_are_spaced_unevenly_are_noted() -> None:
    gaps = np.r_[np.full(20, 2.4), np.full(20, 2.6)]  # each within a tenth of 2.5
    places = np.r_[0, np.cumsum(gaps)]
    frames = [
        Frame(Path(f"{k}.dcm"), 0, np.array([0, 0, z]), np.eye(3)[:2], (1.0, 1.0), (4, 4)) for k, z in enumerate(places)
    ]
    ordered, step, notes = in_order(Path("s"), frames[::-1])
    assert ordered == frames
    np.testing.assert_allclose(step, [0, 0, 2.5])
    off = np.abs(places - 2.5 * np.arange(41)).max()
    assert off == pytest.approx(2)
    assert notes == ["slices are spaced unevenly: they lie up to 2 mm from where one spacing has them"]


def test_kinds_of_values_with_several_parts_are_shown_as_toml_has_them(tmp_path: Path) -> None:
    _together(tmp_path, *(_set(ImageType=["ORIGINAL", "PRIMARY", kind]) for kind in "MP"))
    line = how_to_choose(_volumes(tmp_path)).removeprefix("Choose one: in a TOML ").partition(", or -o ")[0]
    assert tomllib.loads(line) == {"choose": {"ImageType": "ORIGINAL\\PRIMARY\\M"}}


def test_slices_that_have_a_time_each_are_no_volumes_of_one_slice(tmp_path: Path) -> None:
    """Three time points of seven slices, of which every file has an acquisition time of its own."""

    def timed(hour: int) -> Change:
        def change(k: int, data: FileDataset) -> None:
            data.AcquisitionTime = data.ContentTime = f"{hour}{k:02}00"
            data.SliceThickness = 2.5

        return change

    files = _together(tmp_path, timed(10), timed(11), timed(12))
    for path in (tmp_path, files[0][0]):
        with pytest.raises(DataError, match="several time points that no attribute tells apart"):
            read_dicom(path)


def test_one_slice_at_several_times_is_parted_by_its_time(tmp_path: Path) -> None:
    def timed(hour: int) -> Change:
        def change(k: int, data: FileDataset) -> None:
            data.AcquisitionTime = f"{hour}0000"
            data.SliceThickness = 2.5

        return change

    files = _together(tmp_path, timed(10), timed(11))
    for own in files:
        for path in own[1:]:
            path.unlink()
    assert [len(volume) for volume in _volumes(tmp_path)] == [1, 1]
    assert _read(files[1][0]).data.shape == (5, 6, 1)


def test_slices_of_two_patients_are_no_volume_even_if_they_have_one_series_uid(tmp_path: Path) -> None:
    """As tools leave it that take names away and give each series the same UID: their slices would interleave."""

    def of(k: int, data: FileDataset) -> None:
        data.PatientID = "AB"[k % 2]

    paths = write(tmp_path, change=of)
    with pytest.raises(DataError, match="holds 2 DICOM series"):
        read_dicom(tmp_path)
    assert _read(paths[0]).data.shape == (5, 6, 4)
    assert _read(paths[1]).data.shape == (5, 6, 3)
    assert _read(paths[0]).spacing[2] == pytest.approx(5)
