"""Pixels of DICOM files: from stored values to those that the image means."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.dicom.files import HARMLESS, MOST_PACKED, claimed_bytes, read_dataset
from fusekit.data.images.dicom.frames import Frame, finder, naming
from fusekit.data.images.pictures import grey_or_colours
from fusekit.data.images.volume import refuse_overclaimed
from fusekit.errors import DataError

INVERTED = "low values are bright (MONOCHROME1): the values are inverted within their bits"
LOSSY = "the image was compressed with loss (LossyImageCompression)"
HIGH_BITS = "bits above BitsStored hold something else (overlays, in old files): they are left out"


def volume_pixels(frames: Sequence[Frame]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Voxels (column, row, slice) float32 of slices in order, and notes on them."""
    pixels = Pixels()
    rows, columns = frames[0].shape
    data: np.ndarray | None = None
    opened: Path | None = None
    for index, frame in enumerate(frames):
        with naming(frame.path):
            if frame.path != opened:
                file, opened = read_dataset(frame.path, pixels=True), frame.path
            image = pixels.of(frame.path, file, frame.number, frame.corner and (*frame.corner, rows, columns))
            if image.ndim > 2:
                raise DataError(f"{frame.path}: the slice is in colour; grey values are needed.")
            if data is None:  # only now: a header's size is believed once its pixels were there
                data = np.empty((len(frames), columns, rows), dtype=np.float32)
            data[index] = image.T
    assert data is not None  # a series has a slice
    pixels.fill(frames[0].path, data.transpose(0, 2, 1))
    return data.transpose(1, 2, 0), tuple(pixels.notes)


class Pixels:
    """Images of one series: notes on them, and what lies outside the field of view."""

    def __init__(self) -> None:
        self._stored: tuple[Path, np.ndarray] | None = None
        self._notes: dict[str, None] = {}
        self._outside: dict[int, np.ndarray] = {}  # by image: (rows, columns) bool
        self._fills: set[float] = set()
        self._inverted: list[bool] = []

    @property
    def notes(self) -> list[str]:
        """Clauses without a full stop."""
        mixed = "slices of MONOCHROME1 and MONOCHROME2 are mixed; of the first, "
        inverted = INVERTED if all(self._inverted) else mixed + INVERTED
        return [*[inverted] * any(self._inverted), *self._notes]

    def of(self, path: Path, file: Any, number: int, tile: tuple[int, int, int, int] | None) -> np.ndarray:
        """Values (rows, columns) float32 of a frame of a file, or of a tile (row, column, rows, columns) of it.

        (rows, columns, 3) of a frame in colour.
        """
        if self._stored is None or self._stored[0] != path:
            self._stored = path, _decode(path, file)
        frames = self._stored[1]
        if number >= len(frames):
            raise DataError(f"{path}: frame {number + 1} is missing; the file has {len(frames)}.")
        stored, find = frames[number], finder(file, number)
        if tile:
            stored = stored[tile[0] : tile[0] + tile[2], tile[1] : tile[1] + tile[3]]
        self._describe(find)
        if stored.ndim == 3:
            self._inverted.append(False)
            return grey_or_colours(path, stored.astype(np.float32))
        values = self._meant(stored, find)
        outside = self._padded(stored, values, find)
        self._inverted.append(_is_inverted(find))
        if self._inverted[-1]:
            self._contradiction(find)
            values = _inverted(path, values, find)
        found = self._rescaled(path, values, file, find)
        if outside is not None:
            self._outside[len(self._inverted) - 1] = outside
            self._fills |= set(map(float, np.unique(found[outside])[:9]))
        return found

    def fill(self, path: Path, images: np.ndarray) -> None:
        """Make background of what lies outside the field of view, in place; images (n, rows, columns)."""
        if not self._outside:
            return
        lows = [
            float(image[~self._outside[k]].min() if k in self._outside else image.min())
            for k, image in enumerate(images)
            if k not in self._outside or not self._outside[k].all()
        ]
        if not lows:
            raise DataError(f"{path}: all pixels have the PixelPaddingValue; the image is empty.")
        background = 0.0 if self._fills == {0.0} and min(lows) >= 0 else min(lows)
        if LOSSY in self._notes:  # around the padding, values swing to both sides of it
            background = max(background, min(self._fills))
        for k, outside in self._outside.items():
            images[k][outside] = background

    def _meant(self, stored: np.ndarray, find: Callable[[str], Any]) -> np.ndarray:
        """Stored values without the bits that are not theirs."""
        if stored.dtype.kind == "f":
            return stored
        allocated = stored.dtype.itemsize * 8
        bits = min(int(find("BitsStored") or allocated), allocated)
        high = find("HighBit")
        up = allocated - 1 - (bits - 1 if high is None or not bits - 1 <= int(high) < allocated else int(high))
        values: np.ndarray = np.right_shift(
            np.left_shift(stored, up), allocated - bits
        )  # a signed value keeps its sign
        if up + bits == allocated and not np.array_equal(values, stored):
            self._notes[HIGH_BITS] = None
        return values

    def _padded(self, stored: np.ndarray, values: np.ndarray, find: Callable[[str], Any]) -> np.ndarray | None:
        names = ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if stored.dtype.kind == "f":
            names = ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit")
        given = [find(name) for name in names]
        if given[0] is None:
            return None
        limits = [_as_stored(value, stored.dtype) for value in given if value is not None]
        low, high = min(limits), max(limits)
        outside: np.ndarray = ((stored >= low) & (stored <= high)) | ((values >= low) & (values <= high))
        if not outside.any():
            return None
        listed = f"{low}" if low == high else f"{low} to {high}"
        self._notes[f"pixels outside the field of view (PixelPaddingValue {listed}) are made background"] = None
        return outside

    def _rescaled(self, path: Path, values: np.ndarray, file: Any, find: Callable[[str], Any]) -> np.ndarray:
        from pydicom.pixels.processing import apply_modality_lut

        slope, intercept, kind = (find(f"Rescale{name}") for name in ("Slope", "Intercept", "Type"))
        modality = find("Modality")
        if file.get("ModalityLUTSequence"):
            kind = file.ModalityLUTSequence[0].get("ModalityLUTType")
            self._notes[f"the values are those of the file's Modality LUT ({kind or 'of no named type'})"] = None
            values = apply_modality_lut(values, file)
        elif modality == "CT" and slope is None:
            self._notes["a CT file gives no RescaleSlope: its values are as stored, and no Hounsfield units"] = None
        if modality == "CT" and kind not in (None, "", "HU", "HU_MOD"):
            self._notes[f"RescaleType is {kind}: the values are no Hounsfield units"] = None
        slope, intercept = (float(1 if slope is None else slope), float(intercept or 0))
        if not np.isfinite([slope, intercept]).all() or slope == 0:
            raise DataError(
                f"{path}: the slice's rescaling is damaged (RescaleSlope {slope:g}, RescaleIntercept {intercept:g}). "
                "Get the file again."
            )
        if file.get("ModalityLUTSequence"):
            return values.astype(np.float32)
        return (values * np.float32(slope) + np.float32(intercept)).astype(np.float32)

    def _describe(self, find: Callable[[str], Any]) -> None:
        """Note what a reader of the numbers should know."""
        if find("Modality") == "PT" and find("Units"):
            self._notes[f"the values are in {find('Units')}; no SUV is computed"] = None
        if str(find("LossyImageCompression") or "") == "01":
            self._notes[LOSSY] = None
        if str(find("BurnedInAnnotation") or "").upper() == "YES":
            self._notes["text is burned into the pixels (BurnedInAnnotation): a network can read it"] = None

    def _contradiction(self, find: Callable[[str], Any]) -> None:
        shape, kind = find("PresentationLUTShape"), find("PhotometricInterpretation")
        if shape and (shape == "INVERSE") != (kind == "MONOCHROME1"):
            self._notes[f"{kind} and PresentationLUTShape {shape} contradict each other: the file may be wrong"] = None


def _is_inverted(find: Callable[[str], Any]) -> bool:
    return bool(find("PhotometricInterpretation") == "MONOCHROME1" or find("PresentationLUTShape") == "INVERSE")


def _inverted(path: Path, values: np.ndarray, find: Callable[[str], Any]) -> np.ndarray:
    if values.dtype.kind == "f":
        raise DataError(f"{path}: MONOCHROME1 is not defined for pixels that are floating-point numbers.")
    if values.dtype.kind == "i":
        return np.asarray(np.invert(values))
    bits = min(int(find("BitsStored") or 64), values.dtype.itemsize * 8)
    return np.asarray(np.subtract(2**bits - 1, values, dtype=values.dtype))


def _as_stored(value: Any, dtype: np.dtype[Any]) -> Any:
    """A padding value as the pixels have it, whatever the sign that its element claims."""
    if isinstance(value, bytes):
        value = int.from_bytes(value[: dtype.itemsize], "little")
    if dtype.kind == "f":
        return float(value)
    return int(np.array(int(value) % 2 ** (8 * dtype.itemsize), np.dtype(f"u{dtype.itemsize}")).view(dtype))


def _decode(path: Path, file: Any) -> np.ndarray:
    """Stored values (frames, rows, columns), or (frames, rows, columns, 3) of a picture in colour."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    syntax = file.file_meta.get("TransferSyntaxUID")
    _refuse_undecodable(path, syntax)
    refuse_overclaimed(path, claimed_bytes(file), MOST_PACKED, HARMLESS)  # decoders ask for all of the memory first
    try:
        pixels: np.ndarray = pixel_array(file, correct_unused_bits=False)
        if file.get("PhotometricInterpretation") == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, file)
            if pixels.dtype == np.uint16 and pixels.max() > 255:  # 0 to 255, as other colours are, and screens
                pixels >>= 8
    except Exception as error:  # a decoder may raise anything
        packed = getattr(syntax, "is_encapsulated", False)
        elsewhere = ", or convert it with SimpleITK or dcm2niix, whose decoders are others" * bool(packed)
        raise DataError(
            f"{path}: the pixels cannot be decoded (transfer syntax {getattr(syntax, 'name', 'unknown')}); the file is "
            f"truncated or damaged. Get it again{elsewhere}. ({error})"
        ) from error
    colours = pixels.shape[-1:] if pixels.ndim > 2 and pixels.shape[-1] in (3, 4) and _in_colour(file) else ()
    return pixels.reshape(-1, int(file.Rows), int(file.Columns), *colours)


def _in_colour(file: Any) -> bool:
    return int(file.get("SamplesPerPixel") or 1) > 1 or file.get("PhotometricInterpretation") == "PALETTE COLOR"


def _refuse_undecodable(path: Path, syntax: Any) -> None:
    from pydicom.pixels.decoders.base import get_decoder

    if not getattr(syntax, "is_encapsulated", False):
        return
    advice = "Install its decoder (pip install 'fusekit[dicom]'), or convert the series to NIfTI, e.g. with dcm2niix."
    try:
        found = get_decoder(syntax).is_available
    except NotImplementedError:  # a film, or something newer than pydicom
        found, advice = False, "pydicom decodes no such syntax. Convert the series to NIfTI, e.g. with dcm2niix."
    if not found:
        raise DataError(f"{path}: the pixels are compressed as {syntax.name} ({syntax}), which is not read. {advice}")
