"""What each attribute does to pixels: inverted, padded, shifted, rescaled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from fusekit.data import Volume, read_dicom
from fusekit.data.images.dicom.pixels import HIGH_BITS, INVERTED
from fusekit.errors import DataError
from tests.data.images.dicom.written import SHAPE, voxels, write

Change = Callable[[int, FileDataset], None]
VOXELS = voxels().astype(np.float32)


def _read(path: Path) -> Volume:
    volume = read_dicom(path)
    assert volume is not None
    return volume


def _series(folder: Path, *changes: Change) -> Volume:
    def change(k: int, data: FileDataset) -> None:
        for each in changes:
            each(k, data)

    write(folder, change=change)
    return _read(folder)


def _set(**elements: Any) -> Change:
    def change(k: int, data: FileDataset) -> None:
        for keyword, value in elements.items():
            setattr(data, keyword, value)

    return change


def _stored(data: FileDataset) -> np.ndarray:
    return np.frombuffer(data.PixelData, np.uint16).copy()


def _complement(k: int, data: FileDataset) -> None:
    """The same scan as MONOCHROME1: white is black."""
    data.BitsStored, data.HighBit, data.PhotometricInterpretation = 12, 11, "MONOCHROME1"
    data.PixelData = (4095 - _stored(data)).astype(np.uint16).tobytes()


def test_monochrome1_is_the_scan_that_monochrome2_would_be(tmp_path: Path) -> None:
    volume = _series(tmp_path, _complement)
    np.testing.assert_array_equal(volume.data, VOXELS)
    assert volume.notes == (INVERTED,)


def test_in_a_series_of_both_each_slice_is_read_by_its_own(tmp_path: Path) -> None:
    volume = _series(tmp_path, lambda k, data: _complement(k, data) if k % 2 else None)
    np.testing.assert_array_equal(volume.data, VOXELS)
    assert volume.notes == (f"slices of MONOCHROME1 and MONOCHROME2 are mixed; of the first, {INVERTED}",)


def test_signed_values_are_inverted_about_minus_one_half(tmp_path: Path) -> None:
    """-1 - v: of 16 bits -32768 becomes 32767; before the rescaling, which is that of either."""

    def signed(k: int, data: FileDataset) -> None:
        data.PixelData = (-1 - (_stored(data).astype(np.int16) - 2000)).astype(np.int16).tobytes()

    elements = {"PixelRepresentation": 1, "RescaleSlope": 2, "RescaleIntercept": 10}
    volume = _series(tmp_path, signed, _set(PhotometricInterpretation="MONOCHROME1", **elements))
    np.testing.assert_array_equal(volume.data, (VOXELS - 2000) * 2 + 10)


@pytest.mark.parametrize(("shape", "noted"), [("INVERSE", False), ("IDENTITY", True)])
def test_monochrome1_and_its_presentation_shape_are_one_inversion(tmp_path: Path, shape: str, noted: bool) -> None:
    volume = _series(tmp_path, _complement, _set(PresentationLUTShape=shape))
    np.testing.assert_array_equal(volume.data, VOXELS)
    assert any("MONOCHROME1 and PresentationLUTShape IDENTITY contradict" in note for note in volume.notes) == noted


def test_an_inverse_presentation_shape_inverts_alone_too(tmp_path: Path) -> None:
    volume = _series(
        tmp_path, _complement, _set(PresentationLUTShape="INVERSE", PhotometricInterpretation="MONOCHROME2")
    )
    np.testing.assert_array_equal(volume.data, VOXELS)
    assert any("contradict each other" in note for note in volume.notes)


def _outside(value: int, dtype: Any = np.int16) -> Change:
    """The first row of every slice lies outside the field of view; values run from -2000."""

    def change(k: int, data: FileDataset) -> None:
        data.PixelRepresentation = int(dtype == np.int16)
        pixels = (_stored(data).astype(np.int64) - 2000 * data.PixelRepresentation).astype(dtype).reshape(6, 5)
        pixels[0] = value
        data.PixelData = pixels.tobytes()

    return change


def _expected(low: float) -> np.ndarray:
    expected = VOXELS - 2000
    expected[:, -1] = low  # rows run to the back, y to the front
    return expected


def test_padding_becomes_background(tmp_path: Path) -> None:
    volume = _series(tmp_path, _outside(-3024), _set(PixelPaddingValue=-3024))
    inside = (VOXELS - 2000)[:, :-1]
    np.testing.assert_array_equal(volume.data, _expected(inside.min()))
    assert volume.notes == ("pixels outside the field of view (PixelPaddingValue -3024) are made background",)


def test_padding_that_is_bright_or_written_without_its_sign_becomes_background_too(tmp_path: Path) -> None:
    low = (VOXELS - 2000)[:, :-1].min()

    def unsigned(k: int, data: FileDataset) -> None:
        data.PixelPaddingValue = -3024
        data["PixelPaddingValue"].VR = "US"
        data["PixelPaddingValue"].value = 65536 - 3024

    np.testing.assert_array_equal(_series(tmp_path / "a", _outside(-3024), unsigned).data, _expected(low))
    bright = _series(tmp_path / "b", _outside(32767), _set(PixelPaddingValue=32767))
    np.testing.assert_array_equal(bright.data, _expected(low))


def test_padding_is_found_where_its_element_has_no_type_of_its_own(tmp_path: Path) -> None:
    def implicit(k: int, data: FileDataset) -> None:
        assert data.file_meta is not None
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        data["PixelData"].VR = "OW"

    volume = _series(tmp_path, _outside(-3024), _set(PixelPaddingValue=-3024), implicit)
    np.testing.assert_array_equal(volume.data, _expected((VOXELS - 2000)[:, :-1].min()))


def test_a_range_of_padding_becomes_background(tmp_path: Path) -> None:
    def several(k: int, data: FileDataset) -> None:
        _outside(-3024)(k, data)
        pixels = np.frombuffer(data.PixelData, np.int16).copy().reshape(6, 5)
        pixels[0, :3] = (-3000, -2999, -2998)
        data.PixelData = pixels.tobytes()

    volume = _series(tmp_path, several, _set(PixelPaddingValue=-3024, PixelPaddingRangeLimit=-2998))
    np.testing.assert_array_equal(volume.data, _expected((VOXELS - 2000)[:, :-1].min()))
    assert "PixelPaddingValue -3024 to -2998" in volume.notes[0]


def test_background_is_in_the_images_units_and_of_an_inverted_scan_dark(tmp_path: Path) -> None:
    def inverted(k: int, data: FileDataset) -> None:
        _complement(k, data)
        pixels = _stored(data).reshape(6, 5)
        pixels[0] = 4095  # black, as it was inverted
        data.PixelData = pixels.tobytes()

    elements = {"PixelPaddingValue": 4095, "RescaleSlope": 2, "RescaleIntercept": -1024}
    volume = _series(tmp_path, inverted, _set(**elements))
    expected = VOXELS * 2 - 1024
    expected[:, -1] = expected[:, :-1].min()
    np.testing.assert_array_equal(volume.data, expected)


def test_a_padding_of_no_signal_stays_zero(tmp_path: Path) -> None:
    volume = _series(tmp_path, _outside(0, np.uint16), _set(PixelPaddingValue=0))
    assert (volume.data[:, -1] == 0).all()
    assert volume.data[:, :-1].min() > 0


def test_padding_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all pixels have the PixelPaddingValue"):
        _series(tmp_path, _set(PixelPaddingValue=7, PixelData=np.full(30, 7, np.uint16).tobytes()))


def test_bits_above_those_stored_are_left_out(tmp_path: Path) -> None:
    def overlay(k: int, data: FileDataset) -> None:
        data.BitsStored, data.HighBit = 12, 11
        pixels = _stored(data)
        pixels[::3] |= 0x8000  # an overlay in the highest bit, as in files of the 1990s
        data.PixelData = pixels.tobytes()

    volume = _series(tmp_path, overlay)
    np.testing.assert_array_equal(volume.data, VOXELS)
    assert volume.notes == (HIGH_BITS,)


def test_a_signed_value_takes_its_sign_from_its_own_highest_bit(tmp_path: Path) -> None:
    def twelve(k: int, data: FileDataset) -> None:
        data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, 1
        data.PixelData = ((_stored(data).astype(np.int64) - 2000) & 0xFFF).astype(np.uint16).tobytes()  # -1 as 0x0FFF

    np.testing.assert_array_equal(_series(tmp_path, twelve).data, VOXELS - 2000)


def test_bits_that_lie_high_are_shifted_down(tmp_path: Path) -> None:
    def high(k: int, data: FileDataset) -> None:
        data.BitsStored, data.HighBit = 12, 15
        data.PixelData = (_stored(data) << 4 | 3).tobytes()

    np.testing.assert_array_equal(_series(tmp_path, high).data, VOXELS)


@pytest.mark.parametrize(
    ("elements", "note"),
    [
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleType": "US"}, "RescaleType is US: the values are no Hounsfield"),
        ({"Modality": "CT"}, "a CT file gives no RescaleSlope"),
        ({"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}, ""),
        ({"Modality": "PT", "Units": "BQML", "RescaleSlope": 2.5}, "the values are in BQML; no SUV is computed"),
        ({"Modality": "MR", "LossyImageCompression": "01"}, "compressed with loss"),
        ({"Modality": "MR", "BurnedInAnnotation": "YES"}, "text is burned into the pixels"),
        ({"Modality": "MR", "RescaleType": "US"}, ""),
    ],
)
def test_what_the_numbers_are_is_noted(tmp_path: Path, elements: dict[str, Any], note: str) -> None:
    volume = _series(tmp_path, _set(**elements))
    assert len(volume.notes) == bool(note)
    assert note in " ".join(volume.notes)


def test_a_modality_lookup_table_is_followed(tmp_path: Path) -> None:
    def table(k: int, data: FileDataset) -> None:
        item = Dataset()
        item.LUTDescriptor, item.ModalityLUTType = [4000, 0, 16], "OD"
        item.LUTData = (65535 - 16 * np.arange(4000)).tolist()
        item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "US"
        data.ModalityLUTSequence = Sequence([item])

    volume = _series(tmp_path, table)
    np.testing.assert_array_equal(volume.data, 65535 - 16 * VOXELS)
    assert volume.notes == ("the values are those of the file's Modality LUT (OD)",)


def test_values_keep_single_precision_as_a_multiplication_in_it_gives(tmp_path: Path) -> None:
    volume = _series(tmp_path, _set(RescaleSlope="0.0037", RescaleIntercept="-1.1"))
    np.testing.assert_array_equal(volume.data, VOXELS * np.float32(0.0037) + np.float32(-1.1))
    assert volume.data.shape == SHAPE
