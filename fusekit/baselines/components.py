"""Principal components of the training scans' images, and boosted trees on them beside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, plain_state
from fusekit.baselines.gbdt import GradientBoosting
from fusekit.baselines.images import standardised
from fusekit.baselines.inner_cv import one_thread
from fusekit.data import Column
from fusekit.disk import OPEN
from fusekit.errors import DataError, OptionError

#: Of the columns that components become.
_PREFIX = "image component"


@with_config(OPEN)
class _State(TypedDict):
    shape: list[int]
    size: int


class GradientBoostingComponents(Baseline):
    """Boosted trees on the table and on principal components of the images: the classical fusion.

    Each slice is standardised and averaged to ``size`` x ``size`` pixels (a volume to ``size`` cubed); the channels and
    slices of a scan are one row of pixels. Where a scan has fewer slices than others, or a slice has no content, its
    pixels are the training mean. The first principal components of the training scans, not whitened, are further
    columns of ``gbdt``. Trees find that a component matters in carriers of a gene only; a sum of two scores cannot.

    The components do not see labels, and are not fitted anew in the cross-validation that chooses the trees.

    Args:
        components: how many; fewer where there are fewer training scans.
        size: of a slice in pixels, at most.
        trees, most, rate, leaves, rows, penalty, folds: as of ``gbdt``.
    """

    targets = GradientBoosting.targets
    reads_image = True

    def __init__(
        self,
        *,
        components: int = 30,
        size: int = 32,
        trees: int | None = None,
        most: int = 200,
        rate: float = 0.05,
        leaves: int = 6,
        rows: int = 10,
        penalty: float = 1.0,
        folds: int = 5,
    ):
        for name, given in (("components", components), ("size", size)):
            if given < 1:
                raise OptionError(f"baseline.{name} takes 1 or more, not {given}.")
        self.components, self.size = components, size
        self._gbdt = GradientBoosting(
            trees=trees, most=most, rate=rate, leaves=leaves, rows=rows, penalty=penalty, folds=folds
        )
        self._found: Components | None = None

    def fit(
        self,
        values: pd.DataFrame,
        columns: Sequence[Column],
        labels: np.ndarray,
        subjects: np.ndarray,
        seed: int,
        *,
        images: Sequence[np.ndarray] = (),
    ) -> None:
        """Fit the components, then the trees; a table without columns will do."""
        taken = next((column.name for column in columns if column.name.startswith(_PREFIX)), None)
        if taken is not None:
            raise DataError(f"the column {taken!r} has a name that gbdt-components gives to its own. Rename it.")
        with one_thread():
            self._found = Components.fit(images, self.components, self.size)
        self._gbdt.fit(self._beside(values, images), (*columns, *self._columns), labels, subjects, seed)

    def probabilities(self, values: pd.DataFrame, *, images: Sequence[np.ndarray] = ()) -> np.ndarray:
        """Probabilities (N, K)."""
        return self._gbdt.probabilities(self._beside(values, images))

    def shipped(self) -> dict[str, Any]:
        """The components, and what ``gbdt`` ships."""
        assert self._found is not None, "it is not fitted"
        found = self._found
        own = {"mean": found.mean, "directions": found.directions, "shape": list(found.shape), "size": found.size}
        return {**self._gbdt.shipped(), **own}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if the components do not fit the trees, as ``GradientBoosting.restored``."""
        plain, mean, directions = plain_state(state, _State), state["mean"], state["directions"]
        made = cls(size=plain["size"])
        made._found = Components(mean, directions, tuple(plain["shape"]), plain["size"])
        made._found.check()
        made._gbdt = GradientBoosting.restored(state)
        known = {column.name for column in made._columns}
        if {name for name in made._gbdt.reads if name.startswith(_PREFIX)} - known:
            raise DataError(f"its trees read more than its {len(known)} components.")
        return made

    @property
    def _columns(self) -> tuple[Column, ...]:
        assert self._found is not None, "it is not fitted"
        return tuple(Column(f"{_PREFIX} {number}") for number in range(1, len(self._found.directions) + 1))

    def _beside(self, values: pd.DataFrame, images: Sequence[np.ndarray]) -> pd.DataFrame:
        """The table with the components on its right."""
        if len(images) != len(values):
            raise DataError(f"there are {len(images)} images of {len(values)} scans. Give one array for each.")
        assert self._found is not None
        names = [column.name for column in self._columns]
        components = pd.DataFrame(self._found(images), columns=names, index=values.index)
        return pd.concat([values, components], axis=1)


@dataclass(frozen=True)
class Components:
    """Principal components of scans' images, of the rows of pixels that ``standardised`` makes of them."""

    mean: np.ndarray  # (P,) of the training scans
    directions: np.ndarray  # (k, P), orthonormal, the largest variance first
    shape: tuple[int, ...]  # (slices, C, *side) of a scan: P pixels
    size: int

    @classmethod
    def fit(cls, images: Sequence[np.ndarray], count: int, size: int) -> Self:
        """Find so many of n scans, or as many as n scans have; from their (n, n) products, as pixels are many more."""
        small = [standardised(image, size) for image in images]
        slices = max(map(len, small))
        shape = (slices, *_same_shape(small))
        pixels = np.stack([_row(image, shape) for image in small])
        seen = ~np.isnan(pixels)
        mean = np.where(seen, pixels, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        centred = np.where(seen, pixels - mean, 0)
        variances, scans = np.linalg.eigh(centred @ centred.T)  # ascending
        rounding = 1e-9 * max(variances[-1], mean.size)  # a standardised pixel's variance is about 1
        largest = np.flatnonzero(variances > rounding)[::-1][:count]
        directions = (centred.T @ (scans[:, largest] / np.sqrt(variances[largest]))).T
        # A direction and its opposite are the same component: the one whose largest pixel is above 0 is taken.
        up = directions.max(axis=1) >= -directions.min(axis=1)
        return cls(mean, np.ascontiguousarray(directions * np.where(up, 1, -1)[:, None]), shape, size)

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Components (N, k) of scans; each by itself, and an array that is there many times once."""
        known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        found = np.zeros((len(images), len(self.directions)))
        for number, image in enumerate(images):
            if id(image) not in known:
                pixels = _row(standardised(image, self.size), self.shape) - self.mean
                # The array is kept too: another one could get its id.
                known[id(image)] = image, self.directions @ np.nan_to_num(pixels)
            found[number] = known[id(image)][1]
        return found

    def check(self) -> None:
        """Refuse, by DataError, parts that do not fit each other, and numbers that are none."""
        pixels = int(np.prod([float(side) for side in self.shape])) if all(s > 0 for s in self.shape) else 0
        fits = isinstance(self.mean, np.ndarray) and isinstance(self.directions, np.ndarray)
        fits = fits and self.mean.shape == (pixels,) and self.directions.ndim == 2 and len(self.shape) in (4, 5)
        if not fits or self.directions.shape[1] != pixels or self.size < max(self.shape[2:]):
            raise DataError(f"its components do not fit images of shape {self.shape}.")
        if self.mean.dtype != np.float64 or self.directions.dtype != np.float64:
            raise DataError("its components are not of float64.")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.directions).all()):
            raise DataError("its components hold a number that is none.")


def _same_shape(small: Sequence[np.ndarray]) -> tuple[int, ...]:
    """Channels and sides of a slice, of which all scans have the same."""
    shapes = {image.shape[1:] for image in small}
    if len(shapes) > 1:
        raise DataError(f"images have different channels or sizes: {', '.join(map(str, sorted(shapes)))}.")
    return shapes.pop()


def _row(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels (P,) of a scan: slices that it has more are left out, and of those that it has fewer they are NaN."""
    if image.shape[1:] != shape[1:]:
        raise DataError(f"an image has channels and sides {image.shape[1:]}, and {shape[1:]} are expected.")
    full = np.full(shape, np.nan)
    full[: len(image)] = image[: shape[0]]
    return full.ravel()
