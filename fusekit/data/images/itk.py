"""MetaImage and NRRD files, which challenges and 3D Slicer give: read by SimpleITK, an extra."""

import os
import re
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fusekit.data.images.contents import what_is
from fusekit.data.images.volume import DEFLATE_LIMIT, Volume, canonical, damaged, first_bytes, refuse_overclaimed
from fusekit.disk import regular
from fusekit.errors import DataError

ITK_SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
NO_DIRECTION = (
    "the header says nothing about how the axes lie in the body: the format's default is taken, and no figure names "
    "the patient's sides"
)
#: Units of length in mm, in lower case and without a plural's s.
_UNITS = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0, "meter": 1000.0, "metre": 1000.0}
_UNITS |= dict.fromkeys(("um", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m"), 0.001)
_UNITS |= dict.fromkeys(("micron", "micrometer", "micrometre"), 0.001)
#: A header in text is no longer than this.
_LONGEST = 2**20
#: Encodings of NRRD by how often they can pack a byte; a number written as text takes two bytes or more.
_ENCODINGS = {"raw": 1, "gzip": DEFLATE_LIMIT, "gz": DEFLATE_LIMIT, "txt": 4, "text": 4, "ascii": 4}

#: NRRD's names of spaces that lie in the body.
_ANATOMICAL = re.compile(
    r"(r|l|right|left)-?(a|p|anterior|posterior)-?(s|i|superior|inferior)(-?t|-?time)?", re.IGNORECASE
)


class _Header(NamedTuple):
    """What is read of the header in text before SimpleITK sees the file."""

    beside: str  # name of the file that holds the voxels; empty: this one
    packed: int  # how often the voxels may be packed
    oriented: bool  # whether it says how the axes lie in the body
    sized: bool  # whether it says how large a voxel is
    in_mm: float  # the unit of its lengths


def read_itk(path: Path) -> Volume | None:
    """Read a MetaImage or NRRD volume; None if the suffix is none of ``ITK_SUFFIXES``.

    Both formats count to the left and to the back, as DICOM does, or say how they count; the axes are turned. A last
    axis of length one is dropped. A file of voxels beside the header must lie in its folder.

    Refused are volumes that are not 3-D, voxels that hold several numbers, voxels in several files, and what
    ``read_nifti`` refuses; and all of them without SimpleITK (``pip install 'fusekit[itk]'``).
    """
    if not path.name.lower().endswith(ITK_SUFFIXES) or path.is_dir():
        return None
    first = first_bytes(path, _LONGEST)
    meta = path.name.lower().endswith((".mha", ".mhd"))
    if not re.match(rb"\s*\w+\s*=" if meta else rb"NRRD\d{4}", first):
        what = what_is(path) or "it is damaged, or of another kind"
        raise DataError(f"{path}: the file is no {'MetaImage' if meta else 'NRRD'} file: {what}.")
    header = _meta(path, first) if meta else _nrrd(path, first)
    voxels = _confined(path, header.beside) if header.beside else path
    try:
        import SimpleITK as sitk  # noqa: N813  (the library's own name for itself)
    except ImportError as error:
        raise DataError(
            f"{path}: MetaImage and NRRD files are read by SimpleITK, which is not installed: pip install "
            "'fusekit[itk]', or convert the image to NIfTI."
        ) from error
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO" if meta else "NrrdImageIO")  # whatever else the file might be taken for
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        sizes, parts = tuple(map(int, reader.GetSize())), int(reader.GetNumberOfComponents())
        kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
        bytes_each = int(re.sub(r"\D", "", kind) or 64) // 8
        axes, spacing = np.reshape(reader.GetDirection(), (len(sizes), -1))[:3, :3], reader.GetSpacing()[:3]
        origin = np.array(reader.GetOrigin()[:3])
    except RuntimeError as error:
        raise damaged(path, _shortened(error)) from error
    listed = " x ".join(map(str, sizes))
    if len(sizes) < 3 or prod(sizes[3:]) > 1:
        advice = " Extract one of its volumes." * (len(sizes) > 3)
        raise DataError(f"{path}: the image is {len(sizes)}-D ({listed}), a 3-D volume is needed.{advice}")
    if parts != 1 or "complex" in kind:
        raise DataError(f"{path}: each voxel holds several numbers ({kind}, {parts}), and one is needed. Convert it.")
    refuse_overclaimed(path, prod(sizes) * bytes_each, header.packed, room=voxels.stat().st_size)
    affine = np.eye(4)
    affine[:3] = np.column_stack([axes * spacing, origin]) * header.in_mm
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # to the right and to the front
    notes = [NO_DIRECTION] * (not header.oriented)
    notes += ["the header gives lengths in another unit: they are read as mm"] * (header.in_mm != 1)
    notes += ["the header says nothing about the size of a voxel: 1 mm is taken"] * (not header.sized)

    def load() -> np.ndarray:
        try:
            return np.asarray(sitk.GetArrayFromImage(reader.Execute()), np.float32).reshape(sizes[2::-1]).T
        except RuntimeError as error:
            raise damaged(path, _shortened(error)) from error

    return canonical(path, load, affine, notes, oriented=header.oriented)


def _meta(path: Path, first: bytes) -> _Header:
    """Read ``Key = value`` lines, of which ElementDataFile is the last."""
    entries: dict[str, str] = {}
    for line in first.split(b"\n"):
        key, equals, value = line.partition(b"=")
        if not equals:
            break
        name = key.strip().decode("latin-1")
        entries[name.lower()] = value.strip().decode("utf-8", "replace")
        if name == "ElementDataFile":
            break
    beside = entries.get("elementdatafile", "")
    listed = beside.upper() == "LIST" or "%" in beside or (" " in beside and not (path.parent / beside).is_file())
    if not beside or listed:
        raise _several(path, "ElementDataFile", beside)
    packed = entries.get("compresseddata", "").lower() in ("true", "1") or beside.lower().endswith((".gz", ".zraw"))
    oriented = not {"transformmatrix", "orientation", "rotation"}.isdisjoint(entries)
    sized = not {"elementspacing", "elementsize"}.isdisjoint(entries)
    in_mm = _unit(path, entries.get("distanceunits", ""))
    return _Header("" if beside.upper() == "LOCAL" else beside, DEFLATE_LIMIT if packed else 1, oriented, sized, in_mm)


def _nrrd(path: Path, first: bytes) -> _Header:
    """Read ``field: value`` lines, up to the first that is empty."""
    entries: dict[str, str] = {}
    for line in re.split(rb"\r?\n\r?\n", first, maxsplit=1)[0].splitlines()[1:]:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon and not line.startswith(b"#"):
            entries[name.strip().lower()] = value.strip()
    beside = entries.get("data file", entries.get("datafile", ""))
    if beside.upper().startswith("LIST") or "%" in beside:
        raise _several(path, "data file", beside)
    encoding = entries.get("encoding", "raw").lower()
    if encoding not in _ENCODINGS:
        raise DataError(f"{path}: the voxels are encoded as {encoding!r}, which is not read; raw and gzip are.")
    oriented = "space directions" in entries and bool(_ANATOMICAL.fullmatch(entries.get("space", "")))
    sized = "space directions" in entries or "spacings" in entries
    return _Header(beside, _ENCODINGS[encoding], oriented, sized, _unit(path, entries.get("space units", "")))


def _unit(path: Path, text: str) -> float:
    """How many mm a header's unit of length is; DataError if it names none that is known, or several."""
    quoted = re.findall(r'"([^"]*)"', text)[:3] or [text]
    names = {re.sub(r"(?<=\w{4})s$", "", name.strip().lower()) for name in quoted} - {"", "?"}
    found = {_UNITS.get(name) for name in names} or {1.0}
    (in_mm,) = found if len(found) == 1 else {None}
    if in_mm is None:
        raise DataError(f"{path}: the header gives lengths in {text}, which FuseKit does not know. Save it in mm.")
    return in_mm


def _confined(path: Path, name: str) -> Path:
    """The file of voxels beside a header; it may not lie outside the header's folder, by name or by link."""
    voxels = path.parent / name
    home, there = os.path.realpath(path.parent), os.path.realpath(voxels)
    if "\\" in name or os.path.commonpath([home, there]) != home:
        raise DataError(
            f"{path}: its voxels lie in {name!r}, outside the header's folder, and only files inside it are read. Copy "
            "the file beside the header and correct the name there."
        )
    try:
        if not regular(voxels).is_file():
            raise FileNotFoundError
    except OSError as error:
        raise DataError(f"{path}: its voxels lie in {name!r}, which is not there. Get that file too.") from error
    return voxels


def _several(path: Path, field: str, value: str) -> DataError:
    said = f"{field} is {value!r}" if value else f"there is no {field}"
    return DataError(
        f"{path}: the header does not name one file of voxels ({said}), and only one is read. Save the volume as one "
        "file, e.g. .nii.gz or .mha, with SimpleITK or 3D Slicer."
    )


def _shortened(error: RuntimeError) -> RuntimeError:
    """What ITK says, without the place in its sources."""
    return RuntimeError(str(error).strip().splitlines()[-1].removeprefix("ITK ERROR: "))
