"""The check of baselines passes the bundled ones and names what a broken one breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.baselines import Baseline, GradientBoosting, GradientBoostingComponents, Logistic, Prevalence
from fusekit.data import Column
from fusekit.testing import check_baseline


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "build",
    [
        Prevalence,
        partial(Logistic, folds=3),
        partial(GradientBoosting, most=15, folds=2, rows=3),
        partial(GradientBoostingComponents, most=15, folds=2, rows=3, size=5),
    ],
)
def test_the_bundled_ones_keep_what_baselines_promise(build: Callable[[], Baseline], classes: int) -> None:
    check_baseline(build, classes=classes)


class Constant(Baseline):
    """Keeps what is asked."""

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        self.seen = values

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        return np.full((len(values), 2), 0.5)


class Narrow(Constant):
    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        return np.full((len(values), 1), 1.0)


class Gaps(Constant):
    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        p = values["TAU"].notna().to_numpy() * np.nan
        return np.stack([p, 1 - p], axis=1)


class Loud(Constant):
    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        return super().probabilities(values) * 1.1


class Negative(Constant):
    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        return np.tile([-0.5, 1.5], (len(values), 1))


class Drawing(Constant):
    def fit(self, values: pd.DataFrame, *rest: Any) -> None:
        self.p = np.random.default_rng().random()

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        return np.tile([self.p, 1 - self.p], (len(values), 1))


class Ranking(Constant):
    """Looks at who else is asked about."""

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        p = np.arange(len(values)) / len(values)
        return np.stack([p, 1 - p], axis=1)


class Filling(Constant):
    def fit(self, values: pd.DataFrame, *rest: Any) -> None:
        values.loc[:, "AGE"] = 70.0


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Narrow, "have shape"),
        (Gaps, "not finite"),
        (Loud, "do not sum to one"),
        (Negative, "negative"),
        (Drawing, "comes out otherwise"),
        (Ranking, "depend on the others"),
        (Filling, "leave them alone"),
        (dict, "no Baseline"),
    ],
)
def test_what_a_broken_one_breaks_is_said(broken: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_baseline(broken)


class Blind(Constant):
    reads_image = True

    def fit(self, values: pd.DataFrame, *rest: Any, images: Sequence[np.ndarray] = ()) -> None:
        assert len(images) == len(values)

    def probabilities(self, values: pd.DataFrame, *, images: Sequence[np.ndarray] = ()) -> np.ndarray:
        assert len(images) == len(values)
        return super().probabilities(values)


class Beside(Blind):
    """Looks at another scan's image."""

    def probabilities(self, values: pd.DataFrame, *, images: Sequence[np.ndarray] = ()) -> np.ndarray:
        p = np.array([images[row - 1].mean() / 255 for row in range(len(values))])
        return np.stack([p, 1 - p], axis=1)


def test_one_that_reads_images_gets_one_for_each_scan() -> None:
    check_baseline(Blind)
    with pytest.raises(AssertionError, match="depend on the others"):
        check_baseline(Beside)


def test_a_constant_passes() -> None:
    assert (check_baseline(Constant) == 0.5).all()
