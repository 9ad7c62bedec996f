"""A baseline in a file predicts the same to the last bit; a file from anywhere is read, or refused in words."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fusekit
from fusekit.baselines import Baseline, GradientBoosting, GradientBoostingComponents, Logistic, Prevalence
from fusekit.baselines.baseline import with_images
from fusekit.baselines.shipping import load, save
from fusekit.data import Column
from fusekit.errors import DataError, FusekitError, UnknownName
from fusekit.extension import Catalog, Plugin, PluginHost, Register
from tests.baselines.cohort import COLUMNS, invented

BUILDS: dict[str, Callable[[], Baseline]] = {
    "gbdt": lambda: GradientBoosting(trees=12),
    "gbdt-components": lambda: GradientBoostingComponents(trees=12, components=3, size=4),
    "logistic": lambda: Logistic(strength=0.1),
    "prevalence": Prevalence,
}


def fitted(name: str, classes: int = 2) -> Baseline:
    values, _, subjects = invented(90)
    made = BUILDS[name]()
    made.fit(values, COLUMNS, np.arange(90) % classes, subjects, 0, **with_images(made, images(90)))
    return made


def images(scans: int) -> list[np.ndarray]:
    return [*np.random.default_rng(scans).integers(0, 256, (scans, 2, 1, 6, 6), dtype=np.uint8)]


def asked(made: Baseline, values: pd.DataFrame) -> np.ndarray:
    return made.probabilities(values, **with_images(made, images(len(values))))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", BUILDS)
def test_it_predicts_the_same_to_the_last_bit(tmp_path: Path, name: str, classes: int) -> None:
    made, (others, _, _) = fitted(name, classes), invented(200, 1)
    others.loc["scan003", "GENE"] = "never seen"
    save(made, tmp_path / "a.skops")
    again = load(tmp_path / "a.skops")
    assert type(again) is type(made)
    np.testing.assert_array_equal(asked(again, others), asked(made, others))
    save(fitted(name, classes), tmp_path / "b.skops")
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    save(again, tmp_path / "c.skops")
    np.testing.assert_array_equal(asked(load(tmp_path / "c.skops"), others), asked(made, others))


class Scaled(Baseline):
    """A third party's: two estimators of scikit-learn, and a number."""

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        self.middle = float(values["AGE"].median())
        self.scaler = StandardScaler().fit(self._ages(values))
        self.model = LogisticRegression().fit(self.scaler.transform(self._ages(values)), labels)

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        found: np.ndarray = self.model.predict_proba(self.scaler.transform(self._ages(values)))
        return found

    def _ages(self, values: pd.DataFrame) -> np.ndarray:
        return values[["AGE"]].fillna(self.middle).to_numpy()

    def shipped(self) -> dict[str, Any]:
        return {"middle": self.middle, "scaler": self.scaler, "model": self.model}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        made = cls()
        made.middle, made.scaler, made.model = (state[name] for name in ("middle", "scaler", "model"))
        return made


class Whole(Scaled):
    """One that ships an estimator of a type that is not listed."""

    def shipped(self) -> dict[str, Any]:
        return {"model": make_pipeline(StandardScaler(), SGDClassifier())}


class Silent(Prevalence):
    """One that says nothing of shipping."""

    shipped = Baseline.shipped


class Theirs:
    @fusekit.hookimpl
    def register(self, to: Register) -> None:
        for made in (Scaled, Whole, Silent):
            to.baseline(made.__name__.lower(), made, "a third party's")
        to.baseline("made", lambda: Prevalence(), "not a class")


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    host = PluginHost()
    host.add(Theirs(), Plugin("theirs", "theirs", "1", "theirs"))
    known = Catalog(host)
    monkeypatch.setattr("fusekit.baselines.shipping.catalog", lambda: known)


@pytest.mark.usefixtures("theirs")
def test_a_third_partys_is_saved_by_two_methods(tmp_path: Path) -> None:
    values, labels, subjects = invented(60)
    made = Scaled()
    made.fit(values, COLUMNS, labels, subjects, 0)
    save(made, tmp_path / "their.skops")
    np.testing.assert_array_equal(load(tmp_path / "their.skops").probabilities(values), made.probabilities(values))


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Silent(), "Silent cannot be shipped: it does not say what it consists of"),
        (Whole(), r"Whole cannot be shipped: it holds the type sklearn\.pipeline\.Pipeline"),
        (Prevalence(), "Prevalence cannot be shipped: no plugin registers the class"),
    ],
)
def test_what_cannot_be_shipped_says_so(tmp_path: Path, made: Baseline, sentence: str) -> None:
    with pytest.raises(FusekitError, match=sentence):
        save(made, tmp_path / "no.skops")
    assert list(tmp_path.iterdir()) == []


def written(path: Path, content: object, **description: object) -> Path:
    """A file of skops with a description of a logistic baseline, and other parts than it has."""
    plain = {"format": 1, "baseline": "logistic", "versions": {}, "state": {"columns": []}, **description}
    path.write_bytes(skops.io.dumps({"description": json.dumps(plain), "parts": {"model": content}}))
    return path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (partial(os.system, "true"), r"the type functools\.partial"),
        (os.system, r"the type posix\.system"),
        ("text".upper, "the type"),
        (HistGradientBoostingClassifier().fit(np.arange(40)[:, None], np.arange(40) % 2), "HistGradientBoosting"),
        (np.array([{"a": 1}], dtype=object), "an array of objects"),
        (np.array(["text"]), "only arrays of numbers"),
        (np.random.default_rng(0), r"the type numpy\.random"),
        ({1: 2}, r"the type builtins\.int \(TypeNode\)"),
        ({1.5}, r"the type builtins\.set"),
        (b"bytes", r"the type builtins\.bytes"),
        (StandardScaler(), "its model is a StandardScaler, and a LogisticRegression is expected"),
        (LogisticRegression(), "AttributeError"),
        (LogisticRegression().fit([[0.0], [1.0]], [0, 1]), r"coefficients of \(1, 1\)"),
        (np.zeros(3), "its model is a ndarray"),
        ("model", "its model is a str"),
    ],
)
def test_other_types_are_refused_by_name(tmp_path: Path, content: object, sentence: str) -> None:
    path = written(tmp_path / "hostile.skops", content)
    with pytest.raises(DataError, match=sentence) as refused:
        load(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ({"format": 2}, "format"),
        ({"versions": {"scikit-learn": 5}}, "versions"),
        ({"state": {"columns": [{"name": "AGE"}]}}, r"columns\[0\]"),
        ({"state": {}}, "columns is missing"),
        ({"state": []}, "state is a list"),
    ],
)
def test_a_description_of_another_kind_is_refused(tmp_path: Path, description: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load(written(tmp_path / "hostile.skops", np.zeros(1), **description))


def test_a_baseline_that_no_plugin_registers_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="gbdd"):
        load(written(tmp_path / "unknown.skops", np.zeros(1), baseline="gbdd"))


@pytest.mark.usefixtures("theirs")
def test_a_baseline_that_is_no_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not registered as a class"):
        load(written(tmp_path / "made.skops", np.zeros(1), baseline="made"))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(fitted("prevalence"), tmp_path / "a.skops")
    for place in ("skops_file", "shipping"):
        monkeypatch.setattr(f"fusekit.baselines.{place}.LARGEST", 100)
    with pytest.raises(DataError, match="larger than 0 MiB"):
        load(tmp_path / "a.skops")
    with pytest.raises(DataError, match=r"there is no such file; did you mean 'a\.skops'"):
        load(tmp_path / "b.skops")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("shipped")
    for name in BUILDS:
        save(fitted(name), folder / name)
    return {name: (folder / name).read_bytes() for name in BUILDS}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*BUILDS]), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7) | st.none())
def test_a_damaged_file_is_refused_or_the_same(
    tmp_path: Path, shipped: dict[str, bytes], name: str, place: float, bit: int | None
) -> None:
    content = bytearray(shipped[name])
    at = int(place * len(content))
    if bit is None:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    path = tmp_path / "damaged.skops"
    path.write_bytes(content)
    values, _, _ = invented(20, 5)
    try:
        again = load(path)
    except (DataError, UnknownName):
        return
    np.testing.assert_array_equal(asked(again, values), asked(fitted(name), values))


def test_another_version_of_scikit_learn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.skops"
    save(fitted("logistic"), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(path)
    monkeypatch.setattr("fusekit.baselines.shipping.version", lambda name: "0.9")
    with pytest.warns(UserWarning, match=r"old\.skops: It was saved with scikit-learn 1.*this is 0\.9"):
        load(path)
    with pytest.raises(DataError, match=r"StandardScaler.* It was saved with scikit-learn an unknown version"):
        load(written(path, StandardScaler()))
