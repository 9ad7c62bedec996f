"""What a classical method owes to a comparison."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd

from fusekit.data import Classes, ClinicalEncoding, Column, Target
from fusekit.disk.schema import parse_json
from fusekit.errors import DataError, FusekitError, OptionError

T = TypeVar("T")


class Baseline(ABC):
    """A classifier of clinical values. Factory: ``(*, options...) -> Baseline``; options: ``-o baseline.option=value``.

    One that predicts a number is a ``NumberBaseline``, one of times to an event a ``SurvivalBaseline``.

    It is fitted on training scans alone, and chooses its options within them, on parts that share no subject.

    One that sets ``reads_image`` gets one argument more in both methods, ``images``: for each scan its grey levels
    (slices, C, *S), 0 to 255, as they are stored. They may be read from disk when they are asked for.

    Example:
        >>> class Older(Baseline):
        ...     "The older, the likelier."
        ...
        ...     def fit(self, values, columns, labels, subjects, seed):
        ...         self.middle = values["AGE"].median()
        ...
        ...     def probabilities(self, values):
        ...         p = 1 / (1 + np.exp(self.middle - values["AGE"].fillna(self.middle).to_numpy()))
        ...         return np.stack([1 - p, p], axis=1)
    """

    #: Kinds of targets that it predicts.
    targets: ClassVar[tuple[str, ...]] = (Classes.kind,)
    #: Whether ``fit`` takes labels with times of entry (n, 2); else it is refused where entry is delayed.
    late_entry: ClassVar[bool] = False
    #: Kind of target -> name of the same method for it, where a network starts from it or reads the columns it chooses.
    counterparts: ClassVar[Mapping[str, str]] = {}
    #: What is predicted, which is set before ``fit``.
    target: Target | None = None
    #: Whether ``fit`` and ``probabilities`` take the scans' images too.
    reads_image: ClassVar[bool] = False

    @abstractmethod
    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Learn from training scans.

        Args:
            values: index scan (n rows), one column a ``Column``: float or NaN, text or None.
            columns: describe ``values``, in its order.
            labels: class of each scan (n,), 0-based; every class is there.
            subjects: whose scan it is (n,): subjects, not scans, are the sample.
            seed: of whatever is drawn; the same seed gives the same result.

        Raises:
            DataError: the values cannot be learnt from.
        """

    @abstractmethod
    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probabilities (N, K) of other scans' values: gaps and categories that training did not have are usual."""

    def answers(self, values: pd.DataFrame, **images: Any) -> np.ndarray:
        """What it says of other scans' values (N, A), as ``Target.predict`` takes it: here the probabilities."""
        return self.probabilities(values, **images)

    def shipped(self) -> dict[str, Any]:
        """What a fitted one consists of, by name, so that ``fusekit.baselines.shipping`` can save it.

        Values are plain as JSON has them (text, finite numbers, true, false, None, lists, mappings), arrays of numbers,
        or scikit-learn estimators of the kinds that ``skops_file.ESTIMATORS`` lists. Give ``restored`` with it.
        """
        raise FusekitError(
            f"{type(self).__name__} cannot be shipped: it does not say what it consists of (Baseline.shipped and "
            "Baseline.restored)."
        )

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """The way back from ``shipped``, for ``probabilities``, which come out the same to the last bit.

        A state may come from anywhere: what is wrong in it (names, shapes, numbers that are none) raises DataError, or
        any other error, and nothing in it is run. ``plain_state`` checks the plain part.
        """
        raise FusekitError(f"{cls.__name__} cannot be restored: it has no Baseline.restored.")


def plain_state(state: Mapping[str, Any], kind: type[T]) -> T:
    """The plain part of a state as a TypedDict; DataError names the first place that is of another kind."""
    own = {name: value for name, value in state.items() if name in kind.__annotations__}
    return parse_json(json.dumps(own), kind, "its state")


def with_images(baseline: Baseline, images: Sequence[np.ndarray] | None) -> dict[str, Any]:
    """The further argument of ``fit`` and ``probabilities``: none of a baseline that does not read images.

    DataError if it does, and there are none.
    """
    if not baseline.reads_image:
        return {}
    if images is None:
        raise DataError(f"{type(baseline).__name__} reads images, and there are none. Give the scans' images.")
    return {"images": images}


def encoded(encoding: ClinicalEncoding, values: pd.DataFrame) -> np.ndarray:
    """What the networks read too of N scans' values (N, F), in float64: linear models are fitted in it."""
    return encoding.transform(values).astype(np.float64)


def require_columns(columns: Sequence[Column]) -> None:
    """Refuse a cohort without clinical columns, with a DataError."""
    if not columns:
        raise DataError(
            "A baseline reads clinical columns, and the cohort has none. Add columns to the cohort, or leave the "
            "baseline out."
        )


def require_folds(folds: int) -> None:
    """Refuse, with an OptionError, a cross-validation of one part."""
    if folds < 2:
        raise OptionError(f"baseline.folds takes 2 or more, not {folds}.")
