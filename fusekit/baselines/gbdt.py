"""Gradient-boosted trees on the clinical values as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, plain_state, require_columns, require_folds
from fusekit.baselines.inner_cv import Loss, log_loss, losses, one_thread, subject_weights
from fusekit.baselines.trees import Trees
from fusekit.data import Classes, ClinicalEncoding, Column, Number, Ordered, TimeToEvent
from fusekit.data.clinical.column import ColumnJson, EncodedColumn
from fusekit.disk import OPEN
from fusekit.errors import DataError, OptionError

#: Bins of a column: plenty for hundreds of scans. A column with more categories is split by their order.
_BINS = 32


@with_config(OPEN)
class _State(TypedDict):
    columns: list[ColumnJson]
    edges: list[list[float]]


class GradientBoosting(Baseline):
    """Gradient-boosted decision trees (histograms) that read gaps and categories as they are.

    Small trees and a slow rate, for cohorts of hundreds. How many trees is chosen by the log loss in a
    cross-validation within the training subjects. Scans are weighted so that each subject counts alike.

    Args:
        trees: how many; None chooses, up to ``most``.
        most: trees that are tried.
        rate: how much of its correction each tree brings.
        leaves: of a tree, at most.
        rows: scans in a leaf, at least.
        penalty: on the leaves' values (L2).
        folds: of the cross-validation that chooses.
    """

    targets: ClassVar[tuple[str, ...]] = (Classes.kind, Ordered.kind)
    counterparts = MappingProxyType({Number.kind: "gbdt-regression", TimeToEvent.kind: "gbdt-hazards"})

    def __init__(
        self,
        *,
        trees: int | None = None,
        most: int = 200,
        rate: float = 0.05,
        leaves: int = 6,
        rows: int = 10,
        penalty: float = 1.0,
        folds: int = 5,
    ):
        for name, given, least in (("trees", trees, 1), ("most", most, 1), ("leaves", leaves, 2), ("rows", rows, 1)):
            if given is not None and given < least:
                raise OptionError(f"baseline.{name} takes {least} or more, not {given}.")
        require_folds(folds)
        if rate <= 0 or penalty < 0:
            raise OptionError("baseline.rate takes a number above 0, baseline.penalty 0 or more.")
        self.trees, self.most, self.folds = trees, most, folds
        self._options = {
            "learning_rate": rate,
            "max_leaf_nodes": leaves,
            "min_samples_leaf": rows,
            "l2_regularization": penalty,
        }
        self._places: _Places = ()
        self._trees: Trees | None = None

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Choose the number of trees, unless given, and fit."""
        require_columns(columns)
        weights = subject_weights(subjects)

        def stages(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            known = _places(values[train], columns)
            model = self._fitted(known, values[train], labels[train], weights[train], self.most, seed)
            return self.staged(model, _matrix(known, values[test]))

        with one_thread():
            strata = self.strata(labels, subjects)
            found = None if self.trees else losses(stages, labels, subjects, self.folds, seed, self.loss, strata)
            chosen = self.trees or (self.most if found is None else int(found.argmin()) + 1)
            self._places = _places(values, columns)
            model = self._fitted(self._places, values, labels, weights, chosen, seed)
            self._trees = Trees.of(model, _categories(self._places))

    @property
    def loss(self) -> Loss:
        """By which the number of trees is chosen."""
        return log_loss

    def strata(self, labels: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        """What the inner folds are balanced by (n,)."""
        return labels

    def estimator(self, **options: Any) -> Any:
        """Of scikit-learn, unfitted."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(**options)

    def samples(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What trees are fitted on: inputs, labels and weights of rows."""
        return inputs, labels, weights

    def asking(self, inputs: np.ndarray) -> np.ndarray:
        """What the trees are asked about N scans, whose inputs (N, F) these are."""
        return inputs

    def staged(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """What a fitted estimator predicts after each tree (trees, N, K)."""
        return np.stack(list(model.staged_predict_proba(inputs)))

    def scores(self, values: pd.DataFrame) -> np.ndarray:
        """What the trees add up to (N, T): ``Trees.scores``."""
        assert self._trees is not None, "it is not fitted"
        return self._trees.scores(self.asking(_matrix(self._places, values)))

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probabilities (N, K)."""
        assert self._trees is not None, "it is not fitted"
        return self._trees.probabilities(_matrix(self._places, values))

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the columns that its trees may ask about."""
        return tuple(place.column.name for place in self._places)

    def shipped(self) -> dict[str, Any]:
        """The columns with their bins, and the trees as arrays."""
        assert self._trees is not None, "it is not fitted"
        return {
            **ClinicalEncoding(tuple(place.column for place in self._places)).as_json(),
            "edges": [list(place.edges) for place in self._places],
            **self._trees.as_arrays(),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if columns, bins and trees do not fit each other, or the trees cannot be walked."""
        made, plain = cls(), plain_state(state, _State)
        columns = ClinicalEncoding.from_json({**plain}).columns
        made._places = tuple(_Place(*each) for each in zip(columns, map(tuple, plain["edges"]), strict=True))
        first = [place.split_by_sets for place in made._places]
        if first != sorted(first, reverse=True) or any(list(one.edges) != sorted(one.edges) for one in made._places):
            raise DataError("its columns or their bins are not in order.")
        made._trees = Trees.from_arrays(state, len(made._places) + 1, _categories(made._places))
        return made

    def _fitted(
        self, places: _Places, values: pd.DataFrame, labels: np.ndarray, weights: np.ndarray, trees: int, seed: int
    ) -> Any:
        categorical = np.arange(len(places) + 1) < len(_categories(places))
        model = self.estimator(
            max_iter=trees,
            max_bins=_BINS,
            early_stopping=False,  # its own would split by scan, not by subject
            categorical_features=categorical if categorical.any() else None,
            random_state=seed,
            **self._options,
        )
        return model.fit(*self.samples(_matrix(places, values), labels, weights))


@dataclass(frozen=True)
class _Place:
    """Where a column's values go: a number to its bin, a category to its place.

    scikit-learn would bin numbers the same way; with weighted rows that takes it longer than all the trees.
    """

    column: EncodedColumn
    edges: tuple[float, ...]  # between the bins, ascending

    @property
    def categories(self) -> tuple[str, ...]:
        """Those that training has."""
        each = zip(self.column.categories, self.column.shares, strict=True)
        return tuple(category for category, share in each if share)

    @property
    def split_by_sets(self) -> bool:
        """Whether a split takes any set of its categories to one side; if not, one half of their order."""
        return 0 < len(self.categories) <= _BINS

    def codes(self, cells: pd.Series) -> np.ndarray:
        """Codes (N,), NaN for gaps and for categories that training did not have."""
        if not self.column.is_number:
            places = {category: float(place) for place, category in enumerate(self.categories)}
            return np.array([np.nan if pd.isna(cell) else places.get(str(cell), np.nan) for cell in cells], dtype=float)
        numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), np.nan, np.searchsorted(self.edges, numbers, side="right"))


_Places: TypeAlias = tuple[_Place, ...]


def _places(values: pd.DataFrame, columns: Sequence[Column]) -> _Places:
    """The columns that have a value in training, those split by sets first; the same checks as for networks."""
    fitted = ClinicalEncoding.fit(values, columns).columns
    observed = (column for column in fitted if values[column.name].notna().any())
    known = [_Place(column, _edges(values[column.name], column)) for column in observed]
    return tuple(sorted(known, key=lambda place: not place.split_by_sets))  # as scikit-learn would sort them


def _categories(places: _Places) -> list[int]:
    """How many categories the columns have that are split by sets."""
    return [len(place.categories) for place in places if place.split_by_sets]


def _edges(cells: pd.Series, column: EncodedColumn) -> tuple[float, ...]:
    """Midpoints of neighbours where a number has few values; else quantiles."""
    if not column.is_number:
        return ()
    numbers = cells.dropna().to_numpy(dtype=np.float64)
    different = np.unique(numbers)
    if len(different) <= _BINS:
        return tuple((different[:-1] + np.diff(different) / 2).tolist())
    return tuple(np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1])).tolist())


def _matrix(places: _Places, values: pd.DataFrame) -> np.ndarray:
    """Codes (N, F + 1); the last column is constant, so that a table without any value says nothing."""
    codes = [place.codes(values[place.column.name]) for place in places]
    return np.stack([*codes, np.zeros(len(values))], axis=1)
