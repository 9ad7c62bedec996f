"""What a file is when it is not what its name says, and how to get the real one."""

import re
import zlib
from pathlib import Path

#: How much of a file is looked at.
_LOOK = 1024
_LFS = "it is a Git LFS pointer, a note of where the file is. Get the file with 'git lfs pull' in its repository"
_ANNEX = "it is a git-annex pointer, a note of where the file is. Get the file with 'datalad get' or 'git annex get'"
_HTML = (
    "it is a web page (HTML), most likely the login or error page of a download. Open it in a browser to see what the "
    "site says, and download the file again"
)
_NIFTI = "it is a NIfTI file"

#: What a file begins with, and what it then is.
_BEGINNINGS = (
    (b"version https://git-lfs", _LFS),
    (b"PK\x03\x04", "it is a zip archive. Unpack it"),
    (b"\x1f\x8b", "it is gzip-compressed"),
    (b"BZh", "it is compressed with bzip2. Unpack it"),
    (b"\xfd7zXZ", "it is compressed with xz. Unpack it"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd. Unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive. Unpack it"),
    (b"Rar!", "it is a RAR archive. Unpack it"),
    (b"%PDF", "it is a PDF document. Get the image itself"),
    (b"\x89PNG", "it is a PNG picture. Rename it to end in .png"),
    (b"\xff\xd8\xff", "it is a JPEG picture. Rename it to end in .jpg"),
    (b"II*\0", "it is a TIFF picture. Rename it to end in .tif"),
    (b"MM\0*", "it is a TIFF picture. Rename it to end in .tif"),
    (b"\x89HDF", "it is an HDF5 file (MINC 2?). Convert it to NIfTI"),
    (b"NRRD0", "it is an NRRD file. Rename it to end in .nrrd"),
    (b"ObjectType", "it is a MetaImage file. Rename it to end in .mha"),
)


def what_is(path: Path) -> str:
    """Say what a file is, by its beginning: a clause or two without a full stop; empty if it is not recognised."""
    try:
        with path.open("rb") as file:
            return what_begins(file.read(_LOOK))
    except OSError:
        return ""


def what_begins(first: bytes) -> str:
    """``what_is`` of the first bytes of a file."""
    if not first:
        return "it is empty. Get it again"
    for beginning, what in _BEGINNINGS:
        if first.startswith(beginning):
            return what
    if first[128:132] == b"DICM":
        return "it is a DICOM file. Rename it to end in .dcm"
    if first[257:262] == b"ustar":
        return "it is a tar archive. Unpack it"
    if _is_nifti(first):
        return _NIFTI
    if not first.strip(b"\0"):
        return "it begins with zeros only, as a download does that was cut short. Get it again"
    return _text(first)


def refuse_container(path: Path) -> str:
    """Say why a file named ``.nii``, ``.nii.gz`` or the like is not what its name says; empty if it seems to be.

    A file that is truncated or damaged beyond recognition is left to its reader; one that is not there to the system.
    """
    name = path.name.lower()
    with path.open("rb") as file:
        first = file.read(2**16)
    packed = first.startswith(b"\x1f\x8b")
    if packed and name.endswith(".img.gz"):  # any voxels
        return ""
    what = what_begins(_unpacked(first) if packed else first)
    if packed and what and what != _NIFTI:
        return f"what is packed in it is no NIfTI file: {what}"
    if packed:
        return "" if name.endswith("z") else "it is gzip-compressed, unlike its name. Rename it to end in .nii.gz"
    if name.endswith(".img") and what not in (_LFS, _ANNEX, _HTML):  # any voxels
        return ""
    if not name.endswith("z"):
        return "" if what == _NIFTI else what
    if what == _NIFTI:
        return "it is a NIfTI file that is not gzip-compressed, as its name says. Rename it to end in .nii"
    return what or "it is not gzip-compressed, as its name says, and of no kind that FuseKit knows. Get it again"


def _unpacked(packed: bytes) -> bytes:
    """What a gzip stream begins with; a damaged one gives some byte that is no text."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS + 16).decompress(packed, _LOOK) or b"\xff"
    except zlib.error:
        return b"\xff"


def _is_nifti(first: bytes) -> bool:
    size = first[:4]
    if size in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):  # 348
        return first[344:347] in (b"n+1", b"ni1") or len(first) >= 348  # Analyze has no mark
    return size in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") and first[4:7] in (b"n+2", b"ni2")


def _text(first: bytes) -> str:
    """What a text is, if it is one."""
    try:
        text = first.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(first) - 4:  # but for a letter that was cut in two
            return ""
        text = first[: error.start].decode("utf-8")
    text = text.lstrip("\ufeff").lstrip()
    if re.match(r"<(!doctype html|html|head|body|script)", text, re.IGNORECASE):
        return _HTML
    if re.match(r"(\.\./)*(\.git/annex|/?annex)/objects/", text):
        return _ANNEX
    if not text or any(not (sign.isprintable() or sign.isspace()) for sign in text):
        return ""
    line = text.splitlines()[0][:60]
    kind = "an XML text" if text.startswith("<") else "a JSON text" if text.startswith(("{", "[")) else "a text"
    return f"it is {kind}, which begins with {line!r}. Get the file again"
