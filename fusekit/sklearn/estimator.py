"""What the three estimators share: parameters, fitting, and answers row by row."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from fusekit.data import ClinicalEncoding, Target
from fusekit.data.clinical.tables import is_missing
from fusekit.errors import DataError, OptionError, first_ten
from fusekit.progress import Bars, Quiet
from fusekit.sklearn.errors import as_value_errors
from fusekit.sklearn.table import Table
from fusekit.sklearn.table import X as SOURCE
from fusekit.sklearn.task import FrameTask

if TYPE_CHECKING:
    from fusekit.bundle.bundle import Bundle

#: Parameters that are settings of a run by the same name.
_SETTINGS = ("fusion", "baseline", "backbone", "preset", "image_size", "epochs", "batch_size", "lr", "device")


class Outcome(NamedTuple):
    """What y says: of which target, the label of each row (n,), and the usual metrics."""

    target: Target
    labels: np.ndarray
    metrics: tuple[str, ...]


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Parameters and fitted model of an estimator; subclasses say what y means and what is predicted."""

    image: str | None = "image"
    subject: str | None = None
    fusion: str = "table-first"
    baseline: str | None = None
    backbone: str | None = None
    preset: str = "tuned"
    image_size: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    options: Mapping[str, Mapping[str, Any]] | None = None
    random_state: Any = 0
    device: str = "auto"
    verbose: bool = False

    @abstractmethod
    def _outcome(self, y: Any) -> Outcome:
        """Check y, and note what is fitted by it alone."""

    def fit(self, X: Any, y: Any) -> Self:
        """Train on all rows of X, and return itself.

        Args:
            X: a DataFrame (n rows): the column ``image`` holds paths, ``subject`` names, every other one is an input.
                With ``image=None`` also an array (n, columns) of numbers.
            y: (n,), one for each row; rows of one subject have the same.

        Raises:
            ValueError: a parameter, X or y does not fit; also a ``fusekit.FusekitError``.
        """
        from fusekit.sklearn.fit import train

        with as_value_errors():
            if y is None:
                raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
            table = self._table(X, fitting=True)
            outcome = self._outcome(y)
            check_consistent_length(table.frame, outcome.labels)
            task = FrameTask(table, *outcome)
            self.bundle_: Bundle = train(task, self._settings(), Bars() if self.verbose else Quiet())
        return self

    def _settings(self) -> dict[str, Any]:
        """The parameters, as a run has them."""
        seed = self.random_state
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        if not (self.options is None or isinstance(self.options, Mapping)):
            raise OptionError(f"options takes part -> option -> value, not {self.options!r}.")
        fusion = None if self.baseline else self.fusion
        own = {name: getattr(self, name) for name in _SETTINGS}
        return {**own, "fusion": fusion, "options": self.options or {}, "seed": int(seed)}

    def _table(self, given: Any, *, fitting: bool) -> Table:
        """X with its names; those of an array are x0, x1, ..."""
        least = 2 if fitting else 1
        if isinstance(given, pd.DataFrame) and all(isinstance(name, str) for name in given.columns):
            if not given.shape[1]:
                raise DataError(f"0 feature(s) (shape={given.shape}) while a minimum of 1 is required.")
            if len(given) < least:
                raise DataError(f"X has {len(given)} rows: n_samples = {len(given)}, and {least} or more are needed.")
            validate_data(self, given, reset=fitting, skip_check_array=True)
            return Table.of(given, self.image, self.subject)
        found = validate_data(
            self, given, reset=fitting, ensure_all_finite="allow-nan", ensure_min_samples=least, dtype="numeric"
        )
        names = list(getattr(self, "feature_names_in_", [f"x{place}" for place in range(found.shape[1])]))
        return Table.of(pd.DataFrame(found, columns=names), self.image, self.subject)

    def _answers(self, X: Any) -> pd.DataFrame:
        """What the model says of each row of X, in its order: see ``Predictions.subjects``."""
        check_is_fitted(self, "bundle_")
        with as_value_errors():
            table, bundle = self._table(X, fitting=False), self.bundle_
            rows = _known(table, bundle.encoding).assign(subject=[str(row) for row in range(len(table.frame))])
            if bundle.reads_image:
                rows = rows.assign(image=_given(table, bundle))
            said: pd.DataFrame = bundle.predict(
                rows, source=SOURCE, allow_out_of_range=True, device=self.device
            ).subjects
        return said.set_index("subject").loc[rows["subject"]]

    def __sklearn_tags__(self) -> Any:
        """Missing values are read; of several targets, only one is predicted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """With the files of ``bundle_.save`` in place of the model: no network is pickled."""
        from fusekit.sklearn.kept import packed

        state = dict(super().__getstate__())
        if "bundle_" in state:
            state["bundle_"] = packed(state["bundle_"])
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        from fusekit.sklearn.kept import unpacked

        super().__setstate__(dict(state))
        if "bundle_" in state:
            self.bundle_ = unpacked(state["bundle_"])


def _known(table: Table, encoding: ClinicalEncoding | None) -> pd.DataFrame:
    """The columns that a model reads, as text; a category that its training did not have is a missing value."""
    if encoding is None:
        return pd.DataFrame(index=table.frame.index)
    cells = table.cells([column.name for column in encoding.columns if not column.is_number])
    for column in encoding.columns:
        if column.is_number or column.name not in cells:
            continue
        own = cells[column.name]
        strange = ~own.isin(column.categories) & ~is_missing(own)
        if strange.any():
            listed = first_ten(sorted({repr(one) for one in own[strange]}))
            message = f"X, column {column.name!r}: categories that training did not have count as missing: {listed}."
            warnings.warn(message, UserWarning, stacklevel=4)
            cells[column.name] = own.mask(strange, "")
    return cells


def _given(table: Table, bundle: Bundle) -> list[str]:
    """Paths as text, empty where there is none; DataError if the model cannot do without."""
    images = table.images
    if "image" not in bundle.absent and len(without := images.index[images.isna()]):
        raise DataError(f"X: {len(without)} rows have no image, which this model reads: row {first_ten(without)}.")
    return [str(path or "") for path in images]


def numbers(given: Any, name: str = "y") -> np.ndarray:
    """Y, or what else an estimator is given, as finite numbers (n,)."""
    found = check_array(given, ensure_2d=False, dtype="numeric", input_name=name)
    return np.asarray(found, dtype=np.float64)
