"""Small volumes that are one image, and volumes of different people that only look alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from fusekit.audit.fingerprints import near_pairs

Change = Callable[[np.ndarray], np.ndarray]


def head(rng: np.random.Generator) -> np.ndarray:
    """A ball with smooth structure that all share, warped in grey by smooth structure of its own, (48, 48, 48)."""
    shared = np.random.default_rng(99)
    x = np.stack(np.meshgrid(*[np.linspace(-1, 1, 48)] * 3, indexing="ij"))
    ball = 1 / (1 + np.exp(12 * (np.sqrt((x**2).sum(0)) - 0.75)))
    common = zoom(shared.normal(0, 0.25, (7, 7, 7)), 48 / 7, order=3)
    own = zoom(rng.normal(0, 0.10, (8, 8, 8)), 48 / 8, order=3)
    made: np.ndarray = np.clip(ball * (1 + common + own), 0, None) * 600
    return made


def thumbnail(volume: np.ndarray) -> np.ndarray:
    """Means over blocks, the 1st and 99th percentile of the foreground becoming 0 and 255, as the store makes them."""
    low, high = np.percentile(volume[volume > 0.3 * volume.max()], [1, 99])
    means = volume.reshape(16, 3, 16, 3, 16, 3).mean(axis=(1, 3, 5))
    small: np.ndarray = np.rint(np.clip((means - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return small


def shaded(volume: np.ndarray) -> np.ndarray:
    ramp = np.linspace(-0.15, 0.15, 48)
    return volume * np.exp(ramp[:, None, None] + ramp[None, None, :] ** 2)


CHANGES: dict[str, Change] = {
    "as it is": lambda v: v,
    "another scale": lambda v: 3.7 * v + 20,
    "gamma": lambda v: (v / v.max()) ** 1.3,
    "eight bits": lambda v: np.rint(v / v.max() * 255),
    "noise": lambda v: np.abs(v + np.random.default_rng(5).normal(0, 0.05 * v.max(), v.shape)),
    "smoothed": lambda v: gaussian_filter(v, 1.0),
    "bias field": shaded,
    "a voxel aside": lambda v: np.roll(v, (1, 0, -1), (0, 1, 2)),
}


@pytest.fixture(scope="module")
def people() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [head(rng) for _ in range(24)]


def test_different_people_are_no_copies(people: list[np.ndarray]) -> None:
    assert list(near_pairs(np.stack([thumbnail(v) for v in people]), np.arange(24))) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_however_it_was_saved(people: list[np.ndarray], change: str) -> None:
    images = np.stack([thumbnail(v) for v in [*people, CHANGES[change](people[3])]])
    ((likeness, a, b),) = near_pairs(images, np.arange(25))
    assert (a, b) == (3, 24)
    assert 0.4 < likeness <= 1 + 1e-6


def test_two_scans_of_one_owner_are_not_compared(people: list[np.ndarray]) -> None:
    images = np.stack([thumbnail(v) for v in [*people, people[3]]])
    owners = np.array([f"s{k}" for k in range(24)] + ["s3"])
    assert list(near_pairs(images, owners)) == []


def test_chunks_change_nothing(people: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.stack([thumbnail(v) for v in [*people, people[20], people[2]]])
    whole = list(near_pairs(images, np.arange(26)))
    monkeypatch.setattr("fusekit.audit.fingerprints.CHUNK", 7)
    parts = list(near_pairs(images, np.arange(26)))
    assert [pair[1:] for pair in parts] == [pair[1:] for pair in whole] == [(2, 25), (20, 24)]


def test_blank_thumbnails_and_small_cohorts_are_left_out(people: list[np.ndarray]) -> None:
    images = np.stack([thumbnail(v) for v in people])
    images[[0, 5]] = 0
    images[[6, 7]] = 255
    assert list(near_pairs(images, np.arange(24))) == []
    assert list(near_pairs(images[[1, 1, 2]], np.arange(3))) == []
