"""Survival: the time to an event, right-censored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import TimeToEvent
from fusekit.data.own.outcome import TIMES
from fusekit.data.target.follow_up import labelled
from fusekit.errors import DataError
from fusekit.evaluation.survival.concordance import harrell
from fusekit.sklearn.errors import as_value_errors
from fusekit.sklearn.estimator import Estimator, Outcome, numbers


@dataclass(kw_only=True, eq=False, repr=False)
class FuseKitSurvival(Estimator):
    """Fuses an image and the other columns of a DataFrame into the risk of an event.

    Parameters and attributes are those of ``FuseKitClassifier``, but for ``classes_``, and besides:

    Args:
        horizons: ascending times at which survival is stated; nothing is said beyond the last, and an event after it
            counts as none. None: the quartiles of the times of events, and the last of these.

    Attributes:
        horizons_: those that were used.
    """

    horizons: Sequence[float] | None = None

    def _outcome(self, y: Any) -> Outcome:
        name, labels = _follow_up(y)
        seen = labels[labels > 0]
        if self.horizons is not None:
            horizons = numbers(self.horizons, "horizons").tolist()
        elif len(seen):
            horizons = np.unique(np.quantile(seen, [0.25, 0.5, 0.75, 1])).tolist()
        else:
            raise DataError("y has no event after time 0; there is nothing to learn.")
        self.horizons_ = tuple(horizons)
        return Outcome(TimeToEvent(name, self.horizons_), labels, TIMES)

    def predict(self, X: Any) -> np.ndarray:
        """Risk of each row (n,), from 0 to 1; the higher, the earlier the event.

        It is the share of the time up to the last horizon that is lost on average.
        """
        return self._answers(X)["risk"].to_numpy()

    def predict_survival(self, X: Any) -> pd.DataFrame:
        """Chance of each row to have no event up to each horizon; the columns are ``horizons_``, the index is X's."""
        answers = self._answers(X)
        found = answers[list(self.bundle_.target.columns[1:])]
        index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(found))
        return found.set_axis(pd.Index(self.horizons_, name="horizon"), axis=1).set_axis(index)

    def score(self, X: Any, y: Any) -> float:
        """Harrell's c up to the last horizon: 0.5 by chance."""
        with as_value_errors():
            labels = _follow_up(y)[1]
        return harrell(self.horizons_[-1])(labels, self.predict(X))[0]


def _follow_up(y: Any) -> tuple[str, np.ndarray]:
    """Name of the event, and labels (n,) of ``TimeToEvent``; DataError if y is no structured array of both."""
    names = getattr(getattr(y, "dtype", None), "names", None)
    if not names or len(names) != 2 or y.dtype[names[0]].kind != "b":
        raise DataError(
            "y takes a structured array of two fields, whether the event was seen and the time, as "
            "np.array([(True, 12.5), (False, 30.0)], dtype=[('died', bool), ('months', float)])."
        )
    times = numbers(y[names[1]])
    if (times < 0).any():
        raise DataError(f"y, {names[1]}: {(times < 0).sum()} times are below 0. They count from the start.")
    return names[0], labelled(times, y[names[0]])
