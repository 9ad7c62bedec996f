"""DICOM as volumes: a series' slices in order, in the units of their modality; or one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusekit.data.images.dicom.files import is_dicom
from fusekit.data.images.dicom.frames import Frame
from fusekit.data.images.dicom.headers import Header, header_of, headers_in, series_of
from fusekit.data.images.dicom.picture import read_picture
from fusekit.data.images.dicom.pixels import volume_pixels
from fusekit.data.images.dicom.volumes import choices, how_to_choose, in_order, parted
from fusekit.data.images.volume import Volume, canonical
from fusekit.errors import DataError, first_ten

_HEADERS = dict[Path, Header | DataError]


def read_dicom(path: Path) -> Volume | None:
    """Read a volume: a folder of DICOM files, or one file of it; or a picture. None if it is neither.

    DICOM files end in ``.dcm``, carry the format's mark (``DICM`` after 128 bytes) or begin with a first element,
    whatever their name. A folder may hold one volume; of a folder with several, name a file of the one that is meant:
    other series of the folder are then no matter. What each attribute does to the values is listed in the docs
    ("What FuseKit reads in a DICOM file"). Compressed files are read if pydicom has a decoder for their transfer
    syntax.

    Refused are damaged files of the series, several volumes, colours, slices without a position, repeated, with gaps,
    or of different size or direction, and a transfer syntax without decoder.
    """
    whole = path.is_dir()
    if not (whole or is_dicom(path)):
        return None
    if not whole and header_of(path).picture:
        return read_picture(path)
    found = headers_in(path) if whole else series_of(path)
    if not found:
        return None
    headers = [header for header in found.values() if isinstance(header, Header)]
    images = [header for header in headers if header.image]
    if not images:
        raise next((each for each in found.values() if isinstance(each, DataError)), None) or _no_image(path, headers)
    if whole and any(header.picture for header in images):
        return _only_picture(path, images)
    series = {header.series: [each for each in headers if each.series == header.series] for header in images}
    if len(series) > 1:
        listed = first_ten(_series_shown(members) for members in series.values())
        raise DataError(f"{path}: the folder holds {len(series)} DICOM series; name a file of the right one: {listed}.")
    (members,) = series.values()
    volumes = parted([frame for header in members for frame in header.slices()])
    frames, notes = _the_one(path, volumes)
    notes += _unread(found, headers, members)
    frames, step, more = in_order(path, frames)
    pixels, said = volume_pixels(frames)
    return canonical(path, lambda: pixels, _affine(frames[0], step), (*notes, *more, *said))


def _the_one(path: Path, volumes: list[list[Frame]]) -> tuple[list[Frame], list[str]]:
    """The volume of a series that is meant, and notes."""
    if len(volumes) == 1:
        return volumes[0], []
    own = [volume for volume in volumes if any(frame.path == path for frame in volume)]
    listed = choices(volumes)
    if len(own) == 1:
        return own[0], [f"the series holds {len(volumes)} volumes ({listed}), of which the named file's is read"]
    if len(own) > 1:
        raise DataError(
            f"{path}: the file holds {len(own)} volumes ({choices(own)}), and is read only if it holds one. Convert it "
            "to NIfTI with dcm2niix, which writes a file for each."
        )
    raise DataError(
        f"{path}: the series holds {len(volumes)} volumes: {listed}. {how_to_choose(volumes)} Or "
        f"name a file of the right one: {first_ten(volume[0].path.name for volume in volumes)}."
    )


def _affine(first: Frame, step: np.ndarray) -> np.ndarray:
    lps = np.eye(4)
    lps[:3] = np.stack([first.axes[0] * first.pixel[1], first.axes[1] * first.pixel[0], step, first.position], axis=1)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps  # DICOM counts to the left and to the back, FuseKit the other way


def _only_picture(path: Path, images: Sequence[Header]) -> Volume:
    if len(images) > 1:
        listed = first_ten(header.path.name for header in images)
        raise DataError(
            f"{path}: the folder holds {len(images)} DICOM images, of which some are pictures without a place in the "
            f"body; name the file that is meant: {listed}."
        )
    return read_picture(images[0].path)


def _series_shown(members: Sequence[Header]) -> str:
    count = sum(max(1, len(header.frames)) for header in members)
    text = members[0].texts["SeriesDescription"]
    return f"{members[0].path.name} ({count} slices{', ' + text if text else ''})"


def _no_image(path: Path, headers: Sequence[Header]) -> DataError:
    kinds = first_ten(sorted({header.kind for header in headers}))
    advice = ""
    if "Structure Set" in kinds:
        advice = " It holds contours: draw them into a mask with e.g. rt-utils, dcmrtstruct2nii or 3D Slicer."
    return DataError(f"{path}: there is no image in it: {kinds}.{advice}")


def _unread(found: _HEADERS, headers: Sequence[Header], members: Sequence[Header]) -> list[str]:
    """Note the files that are not of the series; refuse one that cannot be read, and is of it."""
    uid, unread = members[0].texts["SeriesInstanceUID"], []
    for path, error in found.items():
        if isinstance(error, DataError):
            if uid and _mentions(path, uid):
                raise error
            unread.append(f"{error}".replace(f"{path}: ", f"{path.name}: ").rstrip("."))
    others = [header for header in headers if not header.image and header.series != members[0].series]
    notes = [f"a DICOM file beside the series cannot be read, and seems to be of another: {why}" for why in unread]
    if others:
        kinds = first_ten(sorted({header.kind for header in others}))
        notes.append(f"DICOM files without pixels lie beside the series ({kinds}): they are not read")
    return notes


def _mentions(path: Path, uid: str) -> bool:
    """Whether the beginning of a file that cannot be read names a series."""
    try:
        with path.open("rb") as file:
            beginning = file.read(2**20)
    except OSError:
        return False
    return any(beginning.find(uid.encode() + end) >= 0 for end in (b"\0", b" ", b"\x20\x00", b"\x08\x00", b"(\0"))
