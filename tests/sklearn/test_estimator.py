"""What every estimator does: scikit-learn's own checks, its tools, copies, and errors that it understands."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import fusekit
from fusekit.errors import DataError, FusekitError, OptionError, UnknownName
from fusekit.sklearn import FuseKitClassifier, FuseKitRegressor, FuseKitSurvival
from fusekit.testing import write_cohort

#: Of the table alone, so that arrays will do; two epochs with so large a rate learn what the checks ask for.
TABLE: dict[str, Any] = {"image": None, "image_size": 32, "device": "cpu"}
NETWORK = {**TABLE, "fusion": "clinical-only", "epochs": 2, "lr": 0.03, "batch_size": 8}
NETWORK |= {"options": {"encoder": {"drop_columns": 0.0}}}
LOGISTIC = {**TABLE, "baseline": "logistic", "options": {"baseline": {"strength": 1.0}}}  # nothing to choose
#: Of pictures.
IMAGES: dict[str, Any] = {"backbone": "test_resnet", "epochs": 1, "image_size": 32, "batch_size": 8, "device": "cpu"}


# No check is expected to fail.
@parametrize_with_checks([FuseKitClassifier(**LOGISTIC), FuseKitRegressor(**NETWORK)])  # type: ignore[untyped-decorator]
def test_checks_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([FuseKitClassifier(**NETWORK), FuseKitRegressor(**TABLE, baseline="ridge")])  # type: ignore[untyped-decorator]
def test_more_checks_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.Series]:
    """Twenty people with a picture each, as a DataFrame, and whether they are ill."""
    folder = tmp_path_factory.mktemp("people")
    write_cohort(folder)
    frame = pd.read_csv(folder / "people.csv")
    return frame.drop(columns="ill").assign(image=[str(folder / f"{who}.png") for who in frame["id"]]), frame["ill"]


def test_a_pipeline_with_a_column_transformer(people: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = people
    gaps = X.assign(tau=X["tau"].where(X.index > 1))
    imputed = ColumnTransformer(
        [("numbers", SimpleImputer(), ["age", "tau"])], remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    whole = make_pipeline(imputed, FuseKitClassifier(subject="id", **IMAGES)).fit(gaps, y)
    by_hand = gaps.assign(tau=gaps["tau"].fillna(gaps["tau"].mean()))[["age", "tau", "id", "image"]]
    alone = FuseKitClassifier(subject="id", **IMAGES).fit(by_hand, y)
    assert np.array_equal(whole.predict_proba(gaps), alone.predict_proba(by_hand))
    nameless = make_pipeline(clone(imputed).set_output(transform="default"), FuseKitClassifier(**IMAGES))
    with pytest.raises(ValueError, match="could not convert"):
        nameless.fit(gaps, y)


def test_cross_val_predict_holds_subjects_out(people: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = people
    estimator = FuseKitClassifier(**TABLE | {"image": "image"}, subject="id", baseline="logistic")
    folds = GroupKFold(2, shuffle=True, random_state=0)
    found = cross_val_predict(estimator, X, y, groups=X["id"], cv=folds, method="predict_proba")
    train, test = next(folds.split(X, y, X["id"]))
    first = clone(estimator).fit(X.iloc[train], y.iloc[train])
    assert np.array_equal(found[test], first.predict_proba(X.iloc[test]))


def test_a_search_over_fusions(people: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = people
    folds, grid = [(np.arange(10), np.arange(10, 20))], {"fusion": ["concat", "clinical-only"]}
    search = GridSearchCV(FuseKitClassifier(subject="id", **IMAGES), grid, cv=folds, error_score="raise").fit(X, y)
    assert list(search.cv_results_["param_fusion"]) == ["concat", "clinical-only"]
    best = search.best_estimator_
    assert best.fusion == best.bundle_.provenance["config"]["fusion"] == search.best_params_["fusion"]
    first = FuseKitClassifier(subject="id", fusion="concat", **IMAGES).fit(X[:10], y[:10])
    assert search.cv_results_["mean_test_score"][0] == (first.predict(X[10:]) == y[10:]).mean()


def test_options_reach_the_training() -> None:
    X = np.arange(16.0)[:, None]
    fitted = FuseKitClassifier(**NETWORK | {"options": {"training": {"members": 2}}}).fit(X, X[:, 0] > 7)
    assert len(fitted.bundle_.each) == 2
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_clones_have_the_parameters_and_no_model() -> None:
    options = {"training": {"members": 2}}
    estimator = FuseKitSurvival(image="scan", options=options, horizons=[1, 2], random_state=3)
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert copy.horizons == [1, 2]
    assert not hasattr(copy, "bundle_")


def test_a_fitted_estimator_on_disk(people: tuple[pd.DataFrame, pd.Series], tmp_path: Path) -> None:
    X, y = people
    fitted = FuseKitClassifier(subject="id", **IMAGES).fit(X, y)
    said = fitted.predict_proba(X)
    joblib.dump(fitted, tmp_path / "estimator.joblib")
    assert np.array_equal(joblib.load(tmp_path / "estimator.joblib").predict_proba(X), said)
    fitted.bundle_.save(str(tmp_path / "bundle"))
    loaded = fusekit.load(tmp_path / "bundle").predict(X.assign(subject=X["id"])).subjects.set_index("subject")
    assert np.array_equal(loaded.loc[X["id"], ["p_0", "p_1"]].to_numpy(), said)
    assert loaded.loc[X["id"], "called"].tolist() == fitted.predict(X).tolist()
    row = X.iloc[0]
    explained = fitted.bundle_.explain(row["image"], {"age": row["age"], "tau": row["tau"]}, what_if={"tau": [60]})
    assert explained.predicted["p_1"] == pytest.approx(said[0, 1], abs=1e-6)


def test_nothing_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    X = pd.DataFrame({"a": range(12)})
    pickle.loads(pickle.dumps(FuseKitClassifier(**NETWORK).fit(X, X["a"] > 5))).predict(X)
    assert list(tmp_path.iterdir()) == []


def test_categories_that_training_did_not_have_count_as_missing() -> None:
    X = pd.DataFrame({"site": ["a", "b"] * 10, "age": range(20)})
    fitted = FuseKitClassifier(**NETWORK).fit(X, X["age"] > 9)
    with pytest.warns(UserWarning, match="column 'site': categories that training did not have.*'c'"):
        strange = fitted.predict_proba(X.assign(site="c"))
    assert np.array_equal(strange, fitted.predict_proba(X.assign(site=None)))


def test_numbers_far_from_those_of_the_training_are_taken() -> None:
    X = np.arange(20.0)[:, None]
    assert FuseKitClassifier(**NETWORK).fit(X, X[:, 0] > 9).predict([[1e6]]).tolist() == [True]


def test_images_may_be_absent_where_the_fusion_can(people: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = people
    gaps = X.assign(image=X["image"].where(X.index != 3))
    fitted = FuseKitClassifier(subject="id", fusion="concat", **IMAGES).fit(gaps, y)
    assert fitted.bundle_.absent == ("image",)
    assert np.isfinite(fitted.predict_proba(gaps)).all()
    whole = FuseKitClassifier(subject="id", fusion="concat", **IMAGES).fit(X, y)
    with pytest.raises(ValueError, match=r"1 rows have no image, which this model reads: row 3\."):
        whole.predict(gaps)
    baseline = FuseKitClassifier(baseline="gbdt-components", **TABLE | {"image": "image"})
    with pytest.raises(DataError, match=r"1 rows have no image: row 3\. the baseline gbdt-components reads one"):
        baseline.fit(gaps, y)


@pytest.mark.parametrize(
    ("parameters", "kind", "said"),
    [
        ({"fusion": "conkat"}, UnknownName, "concat"),
        ({"baseline": "logistics"}, UnknownName, "logistic"),
        ({"backbone": "resnet10"}, UnknownName, "resnet"),
        ({"preset": "best"}, OptionError, "tuned"),
        ({"image_size": "large"}, OptionError, "image_size"),
        ({"epochs": 0}, OptionError, "epochs"),
        ({"options": [1]}, OptionError, "options takes part -> option -> value"),
        ({"options": {"trainig": {"ema": 1}}}, OptionError, "training"),
        ({"options": {"training": {"emma": 1}}}, OptionError, "ema"),
        ({"random_state": -1}, OptionError, "seed"),
        ({"device": "gpu"}, OptionError, "device"),
        ({"image": "picture"}, OptionError, "no column 'picture'"),
        ({"fusion": "concat"}, OptionError, "the fusion concat reads images, and no row has one"),
        ({"baseline": "ridge", "fusion": "concat"}, OptionError, "the baseline ridge is for the target number"),
    ],
)
def test_parameters_are_refused_when_it_is_fitted(
    parameters: dict[str, Any], kind: type[FusekitError], said: str
) -> None:
    estimator = FuseKitClassifier(**NETWORK | {"options": None} | parameters)
    with pytest.raises(kind, match=said) as refused:
        estimator.fit(np.arange(8.0)[:, None], [0, 1] * 4)
    assert isinstance(refused.value, ValueError)


def test_a_subject_has_one_label() -> None:
    X = pd.DataFrame({"who": ["p", "p", "q", "r"], "a": [1, 2, 3, 4]})
    with pytest.raises(ValueError, match="1 subjects have two labels: p"):
        FuseKitClassifier(**NETWORK, subject="who").fit(X, [0, 1, 0, 1])


def test_the_random_state_is_the_seed() -> None:
    X, y = np.arange(16.0)[:, None], [0, 1] * 8

    def said(state: Any) -> np.ndarray:
        found: np.ndarray = FuseKitClassifier(**NETWORK, random_state=state).fit(X, y).predict_proba(X)
        return found

    assert np.array_equal(said(1), said(np.int64(1)))
    assert not np.array_equal(said(1), said(2))
    assert np.array_equal(said(np.random.RandomState(5)), said(np.random.RandomState(5)))


def test_progress_is_shown_if_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = pd.DataFrame({"a": range(16), "b": None}), [0, 1] * 8
    FuseKitClassifier(**NETWORK).fit(X, y)
    assert capsys.readouterr() == ("", "")
    FuseKitClassifier(**NETWORK, verbose=True).fit(X, y)
    assert "no row has a value" in capsys.readouterr().err
