"""SYNTHETIC people: a coronal slice with two signs of atrophy, and a table that says which of them matters.

Slices are made as the ADNI plugin makes brains (``fusekit_adni.synthetic.brain``, whose numbers these are), but in one
plane, which takes a millisecond instead of a third of a second.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from fusekit_adni.synthetic import brain

#: Log odds of disease: SLOPE times the sign that matters (uniform within +-SPREAD standard deviations, where pushes do
#: not saturate), and MAIN_EFFECT times one column. The other columns tell nothing.
SLOPE, SPREAD, MAIN_EFFECT, COLUMNS = 3.0, 1.7, 1.0, 10
#: Where the slice lies, half its width and height (mm), and its width and height in pixels: 2 mm each.
SLICE_MM, HALF_MM, PIXELS = -10.0, 48.0, 48
#: Of the smooth fields, a side of the square: about as far apart as in the brains, 46 mm.
KNOTS = 3
#: People are drawn so many at a time, each time from a seed of its own: the first of many are those of few.
DRAWN = 150


#: Cohort -> which sign matters in people with the marker, and in those without it.
SIGNS = {"which": ("ventricles", "horns"), "where": ("left horn", "right horn")}


class People(NamedTuple):
    """What a model sees of N people, and what it does not."""

    image: Tensor  # (N, 1, PIXELS, PIXELS) float32, left to right and upwards; each of mean 0 and deviation 1
    columns: Tensor  # (N, COLUMNS) float32: marker as -1 or 1, main effect, nothing
    label: Tensor  # (N,) int64
    signs: np.ndarray  # (N, 2): of the cohort, in standard deviations of the brains' signs

    def log_odds(self, marker: np.ndarray) -> np.ndarray:
        """True log odds (N,) if these were their markers: the first sign decides where it is positive."""
        return log_odds(self.signs, marker, self.columns[:, 1].numpy())


def log_odds(signs: np.ndarray, marker: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Log odds of disease (N,)."""
    return np.asarray(SLOPE * np.where(marker > 0, signs[:, 0], signs[:, 1]) + MAIN_EFFECT * effect)


def draw_people(seed: int, count: int, cohort: str = "which") -> People:
    """Draw people of a cohort; with more of them, the first stay the same."""
    drawn = [_draw((seed, start), cohort) for start in range(0, count, DRAWN)]
    image, columns, label = (torch.cat([some[i] for some in drawn])[:count] for i in range(3))  # type: ignore[misc]
    return People(image, columns, label, np.concatenate([some.signs for some in drawn])[:count])


def _draw(seed: tuple[int, int], cohort: str) -> People:
    rng = np.random.default_rng(seed)
    signs = rng.uniform(-SPREAD, SPREAD, (DRAWN, 2))
    columns = rng.normal(size=(DRAWN, COLUMNS))
    columns[:, 0] = rng.choice([-1, 1], DRAWN)
    ill = rng.random(DRAWN) < expit(log_odds(signs, columns[:, 0], columns[:, 1]))
    image = _slices(rng, torch.from_numpy(signs).float(), SIGNS[cohort])
    return People(image, torch.from_numpy(columns).float(), torch.from_numpy(ill.astype(np.int64)), signs)


def _slices(rng: np.random.Generator, signs: Tensor, names: tuple[str, str]) -> Tensor:
    """Slices of people with these signs (N, 2), by name."""
    image, cavities = _atlas()
    axis = torch.linspace(-HALF_MM, HALF_MM, PIXELS)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))  # (2, PIXELS, PIXELS) mm
    mm = grid + _smooth(rng, len(signs), 2, brain.FIELD_MM) + _normal(rng, (len(signs), 2, 1, 1), brain.SHIFT_MM)
    push = torch.zeros_like(mm)
    base, slope, most = brain.PUSH
    for sign, name in zip(signs.T, names, strict=True):
        reach = brain.VENTRICLE_REACH if name == "ventricles" else brain.HORN_REACH
        distance, direction = _sample(cavities[name], mm).split((1, 2), dim=1)
        length = (base + slope * sign).clamp(0, most)[:, None, None, None] * torch.exp(-distance / reach)
        push += torch.where(distance > 0, torch.minimum(length, distance + 1), 0) * direction
    slices = _sample(image, mm - push)
    slices *= torch.exp(_smooth(rng, len(signs), 1, brain.BIAS))  # the scanner's scale would be divided out below
    slices = (slices + _normal(rng, tuple(slices.shape), brain.NOISE * brain.WHITE)).abs()
    deviation, mean = torch.std_mean(slices, dim=(1, 2, 3), keepdim=True)
    return (slices - mean) / deviation


def _normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Tensor:
    return torch.from_numpy(rng.normal(0, deviation, shape)).float()


def _smooth(rng: np.random.Generator, count: int, channels: int, deviation: float) -> Tensor:
    """Smooth random fields (N, channels, PIXELS, PIXELS)."""
    knots = _normal(rng, (count, channels, KNOTS, KNOTS), deviation)
    return interpolate(knots, size=(PIXELS, PIXELS), mode="bicubic", align_corners=True)


def _sample(image: Tensor, mm: Tensor) -> Tensor:
    """Read (C, X, Z) at (N, 2, H, W) mm -> (N, C, H, W)."""
    half = (torch.tensor(image.shape[1:]) - 1) / 2  # the atlas is centred on 0, at 1 mm
    at = (mm / half[:, None, None]).flip(1).movedim(1, -1)
    return grid_sample(image.expand(len(mm), -1, -1, -1), at, padding_mode="border", align_corners=True)


@cache
def _atlas() -> tuple[Tensor, dict[str, Tensor]]:
    """Template at 1 mm (1, X, Z), and of ventricles and horns the distance and the direction away (3, X, Z)."""
    from nilearn.datasets import load_mni152_template
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    loaded = load_mni152_template(resolution=1)
    whole = np.asarray(loaded.dataobj, dtype=np.float32)
    whole *= brain.WHITE / whole.max()
    edge = round(HALF_MM) + 24  # people are moved and bent by less
    starts = [round(middle - origin) for middle, origin in zip((0, SLICE_MM, 0), loaded.affine[:3, 3], strict=True)]
    x0, y, z0 = starts
    image = whole[x0 - edge : x0 + edge + 1, y, z0 - edge : z0 + edge + 1].copy()
    x, z = np.ogrid[-edge : edge + 1, -edge : edge + 1]
    ventricles = (abs(x) < 24) & (z > 0) & (z < 32) & (image > 0) & (image < 0.42 * brain.WHITE)
    (cx, cy, cz), (ax, ay, az) = brain.HORN_CENTRE, brain.HORN_AXES
    horns = ((abs(x) - cx) / ax) ** 2 + ((SLICE_MM - cy) / ay) ** 2 + ((z - cz) / az) ** 2 < 1
    image[horns] = np.minimum(image[horns], brain.FLUID)
    cavities, sides = {}, {"left horn": horns & (x < 0), "right horn": horns & (x > 0)}
    for name, inside in {"ventricles": ventricles, "horns": horns, **sides}.items():
        distance = distance_transform_edt(~inside).astype(np.float32)
        slopes = np.stack(np.gradient(gaussian_filter(distance, 1.0)))
        direction = slopes / np.maximum(np.linalg.norm(slopes, axis=0), 1e-3)
        cavities[name] = torch.from_numpy(np.concatenate((distance[None], direction)))
    return torch.from_numpy(image)[None], cavities
