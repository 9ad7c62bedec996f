"""NIfTI, Analyze and FreeSurfer files: voxels, their size in mm, and where they lie."""

from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.contents import refuse_container
from fusekit.data.images.volume import (
    DEFLATE_LIMIT,
    Volume,
    canonical,
    damaged,
    first_bytes,
    refuse_overclaimed,
)
from fusekit.errors import DataError

NIFTI_SUFFIXES = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz", ".mgz", ".mgh")
NO_ORIENTATION = (
    "the header records no orientation (NIfTI: qform and sform codes are 0): the format's default is taken, and no "
    "figure names the patient's sides"
)
#: Lengths of a header by the code of their unit: what they are called, and in mm.
_UNITS = {1: ("metres", 1000.0), 3: ("micrometres", 0.001)}
#: Share of a voxel by which sform and qform may differ: quaternions round.
_ROUNDING = 0.1


def read_nifti(path: Path) -> Volume | None:
    """Read a NIfTI, Analyze or FreeSurfer volume; None if the suffix is none of ``NIFTI_SUFFIXES``.

    A fourth axis of length one is dropped. Lengths in metres or micrometres become mm. The sform is followed where
    there is one, else the qform; a qform that disagrees is noted. No more memory is asked for than the file can hold.

    Refused are files that are empty, damaged or of another kind, volumes that are not 3-D, hold colours, NaN or one
    value only, and affines that are not finite or flatten an axis.
    """
    if not path.name.lower().endswith(NIFTI_SUFFIXES) or path.is_dir():
        return None
    import nibabel

    first_bytes(path, 1)
    if what := refuse_container(path):
        raise DataError(f"{path}: the file is not what its name says: {what}.")
    try:
        image: Any = nibabel.load(path, mmap=False)
        shape, dtype, offset = tuple(int(n) for n in image.shape), image.get_data_dtype(), int(image.dataobj.offset)
        affine = np.asarray(image.affine, dtype=np.float64)
        pixels = Path(image.file_map["image"].filename)
        room = pixels.stat().st_size
    except Exception as error:  # a damaged header can make nibabel raise anything
        raise damaged(path, error) from error
    listed = " x ".join(map(str, shape))
    if len(shape) < 3 or prod(shape[3:]) > 1:
        advice = " Extract or average its frames." * (len(shape) > 3)
        raise DataError(f"{path}: the image is {len(shape)}-D ({listed}), a 3-D volume is needed.{advice}")
    if min(shape) < 1:
        raise DataError(f"{path}: the header gives the volume {listed} voxels. It is damaged; get it again.")
    shape = shape[:3]
    if dtype.kind not in "iufb":
        raise DataError(f"{path}: the voxels hold {dtype}, not one number each. Convert the image to grey values.")
    packed = DEFLATE_LIMIT if pixels.name.lower().endswith("z") else 1
    refuse_overclaimed(path, offset + prod(shape) * dtype.itemsize, packed, room=room)

    oriented = _oriented(image)
    in_mm, notes = _in_mm(image)
    notes += [] if oriented else [NO_ORIENTATION]
    notes += _disagreement(image, affine, shape, in_mm)
    affine[:3] *= in_mm
    return canonical(
        path, lambda: np.asarray(image.dataobj, dtype=np.float32).reshape(shape), affine, notes, oriented=oriented
    )


def _in_mm(image: Any) -> tuple[float, list[str]]:
    """How many mm the header's unit of length is, and a note where it is another."""
    if "xyzt_units" not in image.header:
        return 1.0, []
    name, in_mm = _UNITS.get(int(image.header["xyzt_units"]) & 7, ("", 1.0))
    return in_mm, [f"the header gives lengths in {name} (xyzt_units): they are read as mm"] if name else []


def _disagreement(image: Any, affine: np.ndarray, shape: tuple[int, ...], in_mm: float) -> list[str]:
    """Note how a qform differs from the sform, which is followed."""
    import nibabel

    header = image.header
    if "sform_code" not in header or not (header["sform_code"] > 0 and header["qform_code"] > 0):
        return []
    try:
        other = np.asarray(header.get_qform(), dtype=np.float64)
    except (ValueError, nibabel.spatialimages.HeaderDataError) as error:
        return [f"the qform is damaged ({error}); the sform is followed"]
    if not (np.isfinite(other).all() and np.isfinite(affine).all()):
        return []
    places = np.array([[*corner, 1] for corner in product(*[(0, count - 1) for count in shape])])
    shift = np.linalg.norm((places @ (affine - other).T)[:, :3], axis=1).max()
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if shift <= _ROUNDING * sizes.min():
        return []
    if np.linalg.det(affine[:3, :3]) * np.linalg.det(other[:3, :3]) < 0:
        apart = "they mirror each other, so one of them has left and right wrong"
    else:
        turn = _rotation(affine) @ _rotation(other).T
        angle = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
        apart = f"they are {angle:.1f} degrees apart"
    return [f"sform and qform disagree ({apart}, and places by up to {shift * in_mm:.3g} mm): the sform is followed"]


def _rotation(affine: np.ndarray) -> np.ndarray:
    """The rotation nearest to an affine's axes, or a mirrored one."""
    with np.errstate(all="ignore"):
        left, _, right = np.linalg.svd(np.nan_to_num(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)))
    return np.asarray(left @ right)


def _oriented(image: Any) -> bool:
    """Whether a file says how its voxels lie in the body; nibabel takes a default where it does not."""
    import nibabel

    if isinstance(image, nibabel.MGHImage):  # nibabel sets the flag when it takes the default, so the file is asked
        with image.file_map["image"].get_prepare_fileobj("rb") as file:
            return bool(int.from_bytes(file.read(30)[28:], "big"))
    if "sform_code" in image.header:
        return bool(image.header["sform_code"] or image.header["qform_code"])
    matrix = image.file_map.get("mat")  # Analyze: SPM writes it beside
    return matrix is not None and Path(matrix.filename).is_file()
