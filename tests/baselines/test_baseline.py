"""A third party's baseline comes in through the hook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit.baselines import Baseline, GradientBoosting, GradientBoostingComponents, Logistic
from fusekit.data import Column
from fusekit.errors import DataError, OptionError
from fusekit.extension import Catalog, Plugin, PluginHost, Register, catalog, read_options
from fusekit.testing import check_baseline


class Older(Baseline):
    """The older, the likelier."""

    def __init__(self, *, years: float = 10.0):
        self.years, self.middle = years, 0.0

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        self.middle = values["AGE"].median()

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        p = 1 / (1 + np.exp((self.middle - values["AGE"].fillna(self.middle).to_numpy()) / self.years))
        return np.stack([1 - p, p], axis=1)


class Theirs:
    @fusekit.hookimpl
    def register(self, to: Register) -> None:
        to.baseline("older", Older, "age alone")


def test_a_third_partys_comes_in_through_the_hook() -> None:
    host = PluginHost()
    host.add(Theirs(), Plugin("theirs", "theirs", "1", "theirs"))
    known = Catalog(host).baselines
    assert known.names() == ["older"]
    factory = known.get("older")
    options = read_options("baseline", factory, {"years": "5"})
    assert factory(**options).years == 5.0
    check_baseline(factory)


def test_the_bundled_ones_have_names() -> None:
    of_classes, of_numbers = ["gbdt", "gbdt-components", "logistic", "prevalence"], ["gbdt-regression", "mean", "ridge"]
    of_times = ["cox", "gbdt-hazards", "kaplan-meier"]
    assert catalog().baselines.names() == sorted([*of_classes, *of_numbers, *of_times, "ordinal-logistic"])
    assert catalog().baselines.get("logistic") is Logistic
    assert fusekit.Baseline is Baseline


@pytest.mark.parametrize("build", [Logistic, GradientBoosting])
def test_a_cohort_without_columns_is_refused(build: Callable[[], Baseline]) -> None:
    with pytest.raises(DataError, match="the cohort has none"):
        build().fit(pd.DataFrame(index=["a", "b"]), (), np.array([0, 1]), np.array(["a", "b"]), 0)


@pytest.mark.parametrize(
    ("build", "options", "sentence"),
    [
        (Logistic, {"strength": 0.0}, "baseline.strength takes a number above 0"),
        (Logistic, {"folds": 1}, "baseline.folds takes 2 or more"),
        (GradientBoosting, {"folds": 1}, "baseline.folds takes 2 or more"),
        (GradientBoosting, {"trees": 0}, "baseline.trees takes 1 or more"),
        (GradientBoosting, {"leaves": 1}, "baseline.leaves takes 2 or more"),
        (GradientBoostingComponents, {"components": 0}, "baseline.components takes 1 or more"),
        (GradientBoostingComponents, {"size": 0}, "baseline.size takes 1 or more"),
        (GradientBoostingComponents, {"trees": 0}, "baseline.trees takes 1 or more"),
        (GradientBoosting, {"rate": 0.0}, "baseline.rate takes a number above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(build: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        build(**options)
