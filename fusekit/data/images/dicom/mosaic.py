"""Siemens mosaics: the slices of a volume side by side in one picture."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.dicom.files import read_dataset
from fusekit.data.images.dicom.frames import Frame
from fusekit.errors import DataError


def tiles(frame: Frame) -> tuple[Frame, ...]:
    """The slices of a mosaic, which was taken for one slice, by Siemens' private header.

    Source: nibabel's description of the format (``nibabel.nicom``, "DICOM mosaic"); its reader of the private header
    is used.
    """
    with warnings.catch_warnings():  # on import nibabel says that its names may change
        warnings.simplefilter("ignore", UserWarning)
        from nibabel.nicom import csareader, dicomwrappers

    siemens: Any = csareader  # has no types
    wrappers: Any = dicomwrappers
    path, header = frame.path, read_dataset(frame.path)
    try:
        private = siemens.get_csa_header(header, "image")
        count = 0 if private is None else int(siemens.get_n_mosaic(private) or 0)
    except Exception as error:  # a damaged private header can make nibabel raise anything
        raise _refused(path, f"its Siemens header is damaged ({error})") from error
    if not count:
        raise _refused(path, "it has no Siemens header (0029,1010) that says how many slices and in which direction")
    across = int(np.ceil(np.sqrt(count)))
    rows, columns = frame.shape[0] // across, frame.shape[1] // across
    try:
        found = wrappers.MosaicWrapper(header, private, count)
        normal, first = np.asarray(found.slice_normal, np.float64), np.asarray(found.image_position, np.float64)
        apart = float(header.get("SpacingBetweenSlices") or header.SliceThickness)
    except Exception as error:  # as of headers: values of the wrong kind surface anywhere
        raise _refused(path, f"it does not say how its slices lie ({type(error).__name__}: {error})") from error
    if (rows * across, columns * across) != frame.shape or not np.isfinite([*normal, *first, apart]).all():
        raise _refused(path, f"{frame.shape[0]} x {frame.shape[1]} pixels are no {across} x {across} slices")
    return tuple(
        replace(
            frame,
            position=first + k * apart * normal,
            shape=(rows, columns),
            thickness=apart,
            corner=(k // across * rows, k % across * columns),
        )
        for k in range(count)
    )


def _refused(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: a Siemens mosaic (many slices in one picture), and {why}. Convert the series to NIfTI with dcm2niix."
    )
