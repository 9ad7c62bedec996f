"""Synthetic brains: the MNI152 T1 template, warped, shaded and made noisy for each subject.

Two signs of atrophy can be set: the lateral ventricles (V) and the temporal horns beside the hippocampus (H). Both are
pushes outwards from a cavity, decaying with distance, so that cerebrospinal fluid takes the place of tissue.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

#: Voxel size and first voxel's centre in MNI mm; the field of view holds the head with a margin.
SPACING = (2.0, 3.0, 2.0)
ORIGIN = (-92.0, -124.0, -72.0)
SHAPE = (93, 75, 85)

#: How far, in mm, a push reaches before it has decayed to 1/e.
VENTRICLE_REACH, HORN_REACH = 12.0, 7.0

#: Push at the cavity's wall in mm for a sign of 0, its change for a sign of 1, and its largest value.
PUSH = (2.8, 1.6, 5.5)

#: Centres of the temporal horns (x is mirrored) and their half axes, in MNI mm.
HORN_CENTRE, HORN_AXES = (31.0, -13.0, -19.0), (2.5, 13.0, 3.0)

#: Grey level of cerebrospinal fluid.
FLUID = 250.0

#: Grey level of the brightest voxel of the template, standard deviation of the noise and of the logarithm of the bias
#: field, and the range of the scanner's own scale.
WHITE, NOISE, BIAS, SCALE = 1000.0, 0.02, 0.08, (0.7, 1.4)

#: Knots of the smooth random field along each axis, and its standard deviation in mm.
KNOTS, FIELD_MM = (5, 6, 5), 2.2

#: Standard deviation of the head's position along each axis, in mm.
SHIFT_MM = 2.0


@dataclass(frozen=True)
class _Cavity:
    """A fluid-filled space that atrophy widens, on the output grid."""

    distance: np.ndarray  # (*SHAPE) mm to the cavity, 0 inside
    direction: np.ndarray  # (3, *SHAPE) unit vectors away from it
    reach: float

    def push(self, sign: float) -> np.ndarray:
        """How far each voxel's content was pushed outwards, mm (3, *SHAPE)."""
        base, slope, most = PUSH
        length = np.clip(base + slope * sign, 0.0, most) * np.exp(-self.distance / self.reach)
        # At most from just inside the wall: the far wall must not show up in the middle of the fluid.
        length = np.where(self.distance > 0, np.minimum(length, self.distance + 1.0), 0.0)
        return np.asarray(length * self.direction, dtype=np.float32)


@dataclass(frozen=True)
class _Template:
    """What every subject's brain is made from."""

    image: np.ndarray  # 1 mm template with open temporal horns, float32
    origin: np.ndarray  # (3, 1, 1, 1) mm of its first voxel
    grid: np.ndarray  # (3, *SHAPE) mm of every output voxel
    ventricles: _Cavity
    horns: _Cavity
    splines: tuple[np.ndarray, ...]  # (n, knots) from knots to voxels, one per axis


def affine() -> np.ndarray:
    """Voxels of a synthetic volume in RAS order -> MNI mm (4, 4)."""
    matrix = np.diag([*SPACING, 1.0])
    matrix[:3, 3] = ORIGIN
    return matrix


def make_brain(rng: np.random.Generator, ventricles: float, horns: float) -> np.ndarray:
    """One subject's volume, int16 of ``SHAPE`` in RAS order on the grid of ``affine()``.

    The signs V and H are 0 on average, in standard deviations. Anatomy, head position, shading, scanner scale and noise
    are drawn.
    """
    template = _template()
    shift = rng.normal(0, SHIFT_MM, (3, 1, 1, 1)).astype(np.float32)  # of the head in the scanner
    mm = template.grid + _smooth(rng, template, FIELD_MM) + shift
    # Both pushes are fields of the template's anatomy: read them where this subject's anatomy lies.
    push = template.ventricles.push(ventricles) + template.horns.push(horns)
    mm -= _sample(push, (mm - template.grid[:, :1, :1, :1]) / np.reshape(SPACING, (3, 1, 1, 1)), "border")
    volume = _sample(template.image[None], mm - template.origin, "zeros")[0]
    volume *= np.exp(_smooth(rng, template, BIAS)[0]) * rng.uniform(*SCALE)
    noise = rng.standard_normal(volume.shape, dtype=np.float32) * NOISE * WHITE
    return np.asarray(np.abs(volume + noise), dtype=np.int16)  # a magnitude image is not negative


def _sample(image: np.ndarray, at: np.ndarray, beyond: Literal["zeros", "border"]) -> np.ndarray:
    """Read (C, X, Y, Z) at voxel coordinates (3, *S), linearly -> (C, *S); what lies ``beyond`` is 0 or as the border.

    torch's sampler takes a third of the time of scipy's, works in one thread, and leaves Python's lock.
    """
    import torch

    spans = np.array(image.shape[1:], dtype=np.float32) - 1
    grid = np.stack([at[axis] * np.float32(2 / spans[axis]) - 1 for axis in (2, 1, 0)], axis=-1)  # -1 to 1, z first
    read = torch.nn.functional.grid_sample(
        torch.from_numpy(image)[None],
        torch.from_numpy(grid.astype(np.float32))[None],
        padding_mode=beyond,
        align_corners=True,
    )
    return np.asarray(read[0].numpy())


def _smooth(rng: np.random.Generator, template: _Template, deviation: float) -> np.ndarray:
    """A smooth random vector field (3, *SHAPE): normal values at the knots, splines between."""
    field = rng.normal(0, deviation, (3, *KNOTS)).astype(np.float32)
    x, y, z = template.splines
    # One axis at a time, without a linear-algebra library, whose own threads would compete with ours.
    field = np.einsum("cijk,zk->cijz", field, z)
    field = np.einsum("cijz,yj->ciyz", field, y)
    return np.asarray(np.einsum("ciyz,xi->cxyz", field, x))


@cache
def _template() -> _Template:
    """Load the template once per process: the distances to the cavities take seconds."""
    from nilearn.datasets import load_mni152_template
    from scipy.interpolate import CubicSpline

    loaded = load_mni152_template(resolution=1)  # 1 mm voxels, axis-parallel
    origin = loaded.affine[:3, 3].astype(np.float32)
    image = np.asarray(loaded.dataobj, dtype=np.float32)
    image *= WHITE / image.max()
    x, y, z = np.ogrid[tuple(slice(o, o + n) for o, n in zip(origin, image.shape, strict=True))]  # mm
    middle = (abs(x) < 24) & (y > -45) & (y < 38) & (z > 0) & (z < 32)
    ventricles = np.asarray(middle & (image > 0) & (image < 0.42 * WHITE))  # the dark voxels in the middle of the brain
    (cx, cy, cz), (ax, ay, az) = HORN_CENTRE, HORN_AXES
    horns = np.asarray(((abs(x) - cx) / ax) ** 2 + ((y - cy) / ay) ** 2 + ((z - cz) / az) ** 2 < 1)
    image[horns] = np.minimum(image[horns], FLUID)
    axes = [ORIGIN[i] + SPACING[i] * np.arange(SHAPE[i], dtype=np.float32) for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    corner = origin.reshape(3, 1, 1, 1)
    cavities = [
        _cavity(inside, grid - corner, reach) for inside, reach in ((ventricles, VENTRICLE_REACH), (horns, HORN_REACH))
    ]
    splines = [
        CubicSpline(np.linspace(0, 1, k), np.eye(k))(np.linspace(0, 1, n)).astype(np.float32)
        for k, n in zip(KNOTS, SHAPE, strict=True)
    ]
    return _Template(image, corner, grid, cavities[0], cavities[1], tuple(splines))


def _cavity(inside: np.ndarray, voxels: np.ndarray, reach: float) -> _Cavity:
    """Distances and directions from a cavity, computed at 1 mm and brought to the output grid."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

    distance: np.ndarray = distance_transform_edt(~inside).astype(np.float32)
    slopes = np.gradient(gaussian_filter(distance, 1.0))
    at_grid = [map_coordinates(f, voxels, order=1, output=np.float32, mode="nearest") for f in (distance, *slopes)]
    direction = np.stack(at_grid[1:])
    return _Cavity(at_grid[0], direction / np.maximum(np.linalg.norm(direction, axis=0), 1e-3), reach)
