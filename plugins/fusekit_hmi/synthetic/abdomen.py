"""Synthetic upper abdomens: ellipses of organs in Hounsfield units, a tumour in the liver, and noise.

Coordinates are DICOM's, in mm: x to the patient's left, y to the back, z upwards; the liver's centre is near the origin
of z. Two signs of invasion can be set: how ragged the tumour's margin is, and how many satellites lie around it.
"""

from dataclasses import dataclass

import numpy as np

#: Pixels along a slice's edges and mm between them, mm between slices, and how many slices there are at least and most.
SIZE, PIXEL, THICKNESS, SLICES = 128, 2.8, 5.0, (24, 40)

#: Hounsfield units: level and how much it differs between patients. In the liver, noise and texture give 83 to 152 from
#: the 5th to the 95th percentile, in the tumour 34 to 110.
LIVER, TUMOUR, BETWEEN = 119.0, 69.0, 5.0
NOISE, LIVER_TEXTURE, TUMOUR_TEXTURE = 18.0, 9.0, 13.0
AIR, LUNG, FAT, MUSCLE, SPLEEN, AORTA, BONE, KIDNEY, FLUID, VESSEL = (
    *(-1000.0, -850.0, -100.0, 55.0, 122.0, 160.0, 260.0, 165.0, 15.0, 158.0),
)
#: Standard deviation of the tumour's radius over directions, as a share: for a sign of 0, its change for a sign of 1,
#: and its largest value.
RAGGED = (0.07, 0.045, 0.2)
#: Satellites on average for a sign of 0, their change for a sign of 1, and the most on average; their radii in mm.
SATELLITES, SATELLITE_MM = (1.2, 1.0, 5.0), (4.0, 8.0)

_BUMPS, _SHARP = 14, 8.0  # of the tumour's surface: how many, and how narrow


@dataclass(frozen=True)
class Scan:
    """One CT scan."""

    hounsfield: np.ndarray  # int16 (slices, rows, columns), from below upwards
    tumour: np.ndarray  # bool, likewise: the tumour without its satellites
    corner: tuple[float, float, float]  # centre of the first voxel in mm (x, y, z)


def make_scan(rng: np.random.Generator, diameter: float, margin: float, satellites: float) -> Scan:
    """One patient's scan: the tumour's diameter in cm; signs of a ragged margin and of satellites.

    The signs are 0 on average, in standard deviations. Anatomy, the tumour's place, texture and noise are drawn.
    """
    count = int(rng.integers(SLICES[0], SLICES[1] + 1))
    corner = (-(SIZE - 1) / 2 * PIXEL, -(SIZE - 1) / 2 * PIXEL, -(count - 1) / 2 * THICKNESS)
    x = (corner[0] + PIXEL * np.arange(SIZE, dtype=np.float32))[None, None, :]
    y = (corner[1] + PIXEL * np.arange(SIZE, dtype=np.float32))[None, :, None]
    z = (corner[2] + THICKNESS * np.arange(count, dtype=np.float32))[:, None, None]
    shape = (count, SIZE, SIZE)

    ct, cavity, liver = _body(rng, shape, x, y, z)
    radius = 5 * diameter  # mm
    room = max(0.0, 1 - radius / 60)
    place = np.array([-65.0, -5.0, 0.0]) + rng.normal(0, 1, 3) * np.array([25.0, 22.0, 12.0]) * room
    place[2] = corner[2] + THICKNESS * round((place[2] - corner[2]) / THICKNESS)  # in a slice, however small it is
    place[:2] = corner[0] + PIXEL * np.rint((place[:2] - corner[0]) / PIXEL)
    at = tuple(axis - np.float32(c) for axis, c in zip((x, y, z), place, strict=True))
    tumour = _ragged(rng, at, radius, margin) & cavity
    around = _satellites(rng, at, radius, satellites) & liver & ~tumour

    level = rng.normal(TUMOUR, BETWEEN)
    ct[liver] += _texture(rng, shape, LIVER_TEXTURE)[liver]
    sick = tumour | around
    ct[sick] = level + _texture(rng, shape, TUMOUR_TEXTURE)[sick]
    ct += rng.standard_normal(shape, dtype=np.float32) * np.float32(NOISE)
    return Scan(np.clip(np.rint(ct), -1024, 3071).astype(np.int16), tumour, corner)


def _body(
    rng: np.random.Generator, shape: tuple[int, int, int], x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Everything but the tumour: Hounsfield units; where the abdominal cavity is; where the liver is."""
    wide, deep = rng.normal(155, 8), rng.normal(112, 6)
    fat = rng.uniform(0.82, 0.92)  # how far in the muscles begin
    outline = np.broadcast_to((x / wide) ** 2 + (y / deep) ** 2, shape)
    ct = np.full(shape, AIR, dtype=np.float32)
    ct[outline < 1] = FAT
    ct[outline < fat**2] = MUSCLE
    cavity = outline < (fat - 0.07) ** 2
    ct[cavity] = FAT
    size = rng.normal(1, 0.05)
    ragged = _texture(rng, shape, 0.08)
    right = _ellipsoid(x + 65, y + 5, z, (78 * size, 74 * size, 85 * size))
    left = _ellipsoid(x - 10, y + 38, z - 10, (72 * size, 34, 45 * size))
    liver = (np.minimum(right, left) + ragged < 1) & cavity
    dome = z > 40 + 25 * np.exp(-(((x + 65) / 60) ** 2 + (y / 60) ** 2))
    ct[cavity & dome] = LUNG
    for inside, level in (
        (_ellipsoid(x - 70, y + 35, z, (42, 32, 45)) < 1, FLUID),  # the stomach
        (_ellipsoid(x - 72, y + 60, z, (26, 9, 40)) < 1, AIR),  # its air, in front
        (_ellipsoid(x - 98, y - 30, z - 10, (30, 38, 45)) < 1, SPLEEN),
        (_ellipsoid(x - 62, y - 52, z + 45, (24, 24, 50)) < 1, KIDNEY),
        (_ellipsoid(x + 62, y - 58, z + 50, (24, 24, 50)) < 1, KIDNEY),
    ):
        ct[inside & cavity] = level
    ct[liver] = rng.normal(LIVER, BETWEEN)
    inside_liver = np.nonzero(liver)
    at = np.stack([axis.ravel()[n] for axis, n in zip((z, y, x), inside_liver, strict=True)][::-1])  # (3, n) x, y, z
    vessels = np.zeros(at.shape[1], dtype=bool)
    for _ in range(7):  # they run out of the porta hepatis
        ends = np.array([-65.0, -5.0, 0.0]) + rng.normal(0, 1, 3) * np.array([40.0, 35.0, 35.0])
        vessels |= _tube(at, np.array([-25.0, 0.0, -10.0]), ends, rng.uniform(2.0, 4.5))
    ct[tuple(n[vessels] for n in inside_liver)] = VESSEL
    spine = np.broadcast_to((x / 21) ** 2 + ((y - 66) / 18) ** 2, shape)
    ct[spine < 1] = BONE
    ct[spine < 0.7] = BONE - 90
    ct[np.broadcast_to((x / 9) ** 2 + ((y - 90) / 7) ** 2 < 1, shape)] = FLUID + 15  # the spinal canal
    ct[np.broadcast_to((x - 12) ** 2 + (y - 36) ** 2 < 11**2, shape)] = AORTA
    return ct, cavity & (spine >= 1), liver & (spine >= 1)


def _ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, axes: tuple[float, float, float]) -> np.ndarray:
    """Below 1 inside an ellipsoid around the origin."""
    return np.asarray((x / axes[0]) ** 2 + (y / axes[1]) ** 2 + (z / axes[2]) ** 2)


def _tube(at: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """Which points (3, n) are nearer than ``radius`` to the line from start to end."""
    line = (end - start).astype(np.float32)
    from_start = at - start.astype(np.float32)[:, None]
    along = np.clip((line[:, None] * from_start).sum(axis=0) / (line**2).sum(), 0, 1)
    return np.asarray(((from_start - along * line[:, None]) ** 2).sum(axis=0) < radius**2)


def _ragged(rng: np.random.Generator, at: tuple[np.ndarray, ...], radius: float, sign: float) -> np.ndarray:
    """Inside a ball whose radius differs with the direction; ``at`` is x, y, z from its centre."""
    base, slope, most = RAGGED
    spread = float(np.clip(base + slope * sign, 0.0, most))
    distance = np.sqrt(sum(d**2 for d in at))  # (slices, rows, columns)
    weights, towards = rng.normal(0, 1, _BUMPS), _directions(rng, _BUMPS)
    inside = np.asarray(distance <= PIXEL / 2)  # the voxel in the centre, so that no tumour falls between pixels
    near = np.nonzero(distance <= max(PIXEL, 2 * radius))
    points = np.stack([d.ravel()[n] for d, n in zip(at, near[::-1], strict=True)])  # (3, n)
    unit = points / np.maximum(distance[near], 1e-3)
    bumps = np.zeros(unit.shape[1], dtype=np.float32)
    for weight, u in zip(weights, towards.astype(np.float32), strict=True):
        bumps += np.float32(weight) * np.exp(np.float32(_SHARP) * ((u[:, None] * unit).sum(axis=0) - 1))
    bumps /= np.float32(np.sqrt(_BUMPS / (4 * _SHARP)))  # to a standard deviation of 1 over directions
    inside[near] |= distance[near] <= radius * (1 + spread * bumps)
    return inside


def _satellites(rng: np.random.Generator, at: tuple[np.ndarray, ...], radius: float, sign: float) -> np.ndarray:
    """Inside small balls around the tumour, more to its sides than above and below."""
    base, slope, most = SATELLITES
    count = int(rng.poisson(np.clip(base + slope * sign, 0.0, most)))
    inside = np.zeros(np.broadcast_shapes(*(d.shape for d in at)), dtype=bool)
    for towards in _directions(rng, count, flat=0.4):
        centre = towards * (radius + rng.uniform(7, 20))
        mm = rng.uniform(*SATELLITE_MM)
        inside |= sum((d - np.float32(c)) ** 2 for d, c in zip(at, centre, strict=True)) < mm**2
    return inside


def _directions(rng: np.random.Generator, count: int, flat: float = 1.0) -> np.ndarray:
    """Unit vectors (count, 3); ``flat`` draws them together along z."""
    vectors = rng.normal(0, 1, (count, 3)) * np.array([1.0, 1.0, flat])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _texture(rng: np.random.Generator, shape: tuple[int, int, int], deviation: float) -> np.ndarray:
    field = rng.normal(0, 1, (shape[0] // 3 + 2, 22, 22)).astype(np.float32)  # at knots; linear between them
    places = [np.linspace(0, k - 1, n)[:, None] - np.arange(k) for n, k in zip(shape, field.shape, strict=True)]
    z, y, x = (np.clip(1 - np.abs(p), 0, 1).astype(np.float32) for p in places)
    # One axis at a time, without a linear-algebra library, whose own threads would compete with ours.
    field = np.einsum("kji,zk->zji", field, z)
    field = np.einsum("zji,yj->zyi", field, y)
    field = np.einsum("zyi,xi->zyx", field, x)
    return np.asarray(field * np.float32(deviation / max(float(field.std()), 1e-6)))
