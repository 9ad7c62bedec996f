"""A small NIfTI file, as tests of readers write it."""

from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np

nibabel: Any = untyped_nibabel
AFFINE = np.array([[2.0, 0, 0, -7], [0, 3.0, 0, -11], [0, 0, 1.5, 4], [0, 0, 0, 1]])
SHAPE = (4, 5, 6)


def voxels() -> np.ndarray:
    """Each voxel another number, (4, 5, 6) int16."""
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


def save(path: Path, data: np.ndarray | None = None, affine: np.ndarray = AFFINE) -> Path:
    """Write voxels, those of ``voxels`` if none are given; returns the path."""
    nibabel.save(nibabel.Nifti1Image(voxels() if data is None else data, affine), path)
    return path
