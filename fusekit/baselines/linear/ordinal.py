"""A baseline of ordered classes: logistic regression with one slope for all cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, encoded, plain_state, require_columns, require_folds
from fusekit.baselines.inner_cv import losses, one_thread, subject_weights
from fusekit.baselines.linear.logistic import STRENGTHS
from fusekit.data import ClinicalEncoding, Column, Ordered
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import OPEN
from fusekit.errors import DataError, OptionError

#: Strength where there are too few subjects to choose one.
_MIDDLE = 0.01
#: Logarithms of gaps between cuts: where nobody has a class, or classes are parted, the likeliest is no number.
_GAPS = (-30.0, 20.0)


class Cumulative(NamedTuple):
    """Proportional odds (McCullagh 1980): P(y > k) = 1 / (1 + exp(t_k - x b))."""

    slopes: np.ndarray  # b (F,)
    cuts: np.ndarray  # t (K - 1,), ascending

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        """Of K classes (N, K) for inputs (N, F), row by row, so that a row does not depend on the others."""
        from scipy.special import expit

        above = expit(np.einsum("nf,f->n", inputs, self.slopes)[:, None] - self.cuts)
        certain, never = np.ones((len(inputs), 1)), np.zeros((len(inputs), 1))
        return np.asarray(-np.diff(np.concatenate([certain, above, never], axis=1), axis=1))


def fit_cumulative(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, strength: float, start: Cumulative | None = None
) -> Cumulative:
    """Minimise the weighted sum of -log P(y) plus |b|^2 / (2 strength), as scikit-learn's C counts it.

    Inputs (N, F), labels (N,) from 0, weights (N,). Cuts are not penalised. It starts from ``start``, a model of the
    same shape, or from no slope and the shares of the classes.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit, logit

    classes, features = int(labels.max()) + 1, inputs.shape[1]
    if start is None:
        shares = np.bincount(labels, weights, classes) + 1e-3 * weights.sum()
        start = Cumulative(np.zeros(features), -logit(1 - np.cumsum(shares)[:-1] / shares.sum()))
    first, last = labels == 0, labels == classes - 1
    below, above = np.maximum(labels - 1, 0), np.minimum(labels, classes - 2)  # the cuts on either side

    def loss(given: np.ndarray) -> tuple[float, np.ndarray]:
        # P(y) = s(a) s(-b) (1 - exp(b - a)), s the logistic function of a above the cut below y and of b at that above:
        # no difference of two near numbers. Between two cuts a - b is their gap.
        slopes, lowest, gaps = given[:features], given[features], np.exp(given[features + 1 :])
        cuts = lowest + np.concatenate([[0.0], np.cumsum(gaps)])
        scores = inputs @ slopes
        a, b = scores - cuts[below], scores - cuts[above]
        between = ~(first | last)
        gap = gaps[below[between]] if len(gaps) else np.zeros(0)
        each = np.where(first, 0.0, log_expit(a)) + np.where(last, 0.0, log_expit(-b))
        each[between] += np.log(-np.expm1(-gap))
        of_a, of_b = -weights * np.where(first, 0.0, expit(-a)), weights * np.where(last, 0.0, expit(b))
        of_gap = weights[between] * np.exp(-gap) / np.expm1(-gap)
        of_cuts = -np.bincount(below, of_a, classes - 1) - np.bincount(above, of_b, classes - 1)
        of_gaps = np.cumsum(of_cuts[::-1])[::-1]  # a gap moves all cuts above it; the first is moved by none
        of_gaps[1:] += np.bincount(below[between], of_gap, classes - 2) if len(gaps) else 0.0
        slope = np.concatenate([inputs.T @ (of_a + of_b) + slopes / strength, of_gaps[:1], of_gaps[1:] * gaps])
        return float(-weights @ each + slopes @ slopes / (2 * strength)), slope

    begin = np.concatenate([start.slopes, start.cuts[:1], np.log(np.diff(start.cuts).clip(min=1e-12))])
    bounds = [(None, None)] * (features + 1) + [_GAPS] * (classes - 2)
    how = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 1e-13, "gtol": 1e-7}
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=how)
    slopes, lowest, gaps = found.x[:features], found.x[features], np.exp(found.x[features + 1 :])
    return Cumulative(slopes, lowest + np.concatenate([[0.0], np.cumsum(gaps)]))


@with_config(OPEN)
class _State(TypedDict):
    columns: list[ColumnJson]
    cuts: list[float]


class OrdinalLogistic(Baseline):
    """Ordinal logistic regression (proportional odds) with an L2 penalty, on what the networks read too.

    A value shifts the odds of lying above every cut alike: one slope for all, and an intercept for each. The penalty's
    strength is chosen by the log loss in a cross-validation within the training subjects. Scans are weighted so that
    each subject counts alike.

    Args:
        strength: inverse strength of the penalty (scikit-learn's C), a sum over subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

    targets: ClassVar[tuple[str, ...]] = (Ordered.kind,)

    def __init__(self, *, strength: float | None = None, folds: int = 5):
        if strength is not None and strength <= 0:
            raise OptionError(f"baseline.strength takes a number above 0, or none, not {strength:g}.")
        require_folds(folds)
        self.strength, self.folds = strength, folds
        self._encoding = ClinicalEncoding(())
        self._model = Cumulative(np.zeros(0), np.zeros(1))

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Choose the penalty, unless given, and fit."""
        require_columns(columns)
        weights = subject_weights(subjects)

        def path(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            encoding = ClinicalEncoding.fit(values[train], columns)  # anew: the part set aside is not looked at
            inputs, others = encoded(encoding, values[train]), encoded(encoding, values[test])
            model, found = None, []
            for strength in STRENGTHS:  # each starts where the one before ended
                model = fit_cumulative(inputs, labels[train], weights[train], strength, model)
                found.append(model.probabilities(others))
            return np.stack(found)

        with one_thread():
            found = None if self.strength else losses(path, labels, subjects, self.folds, seed)
            chosen = self.strength or (_MIDDLE if found is None else STRENGTHS[int(found.argmin())])
            self._encoding = ClinicalEncoding.fit(values, columns)
            self._model = fit_cumulative(encoded(self._encoding, values), labels, weights, chosen)

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probabilities (N, K)."""
        return self._model.probabilities(encoded(self._encoding, values))

    def shipped(self) -> dict[str, Any]:
        """The encoding, the slopes and the cuts."""
        return {**self._encoding.as_json(), "cuts": self._model.cuts.tolist(), "slopes": self._model.slopes}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if the slopes are of other columns, or the cuts do not ascend, or one is no number."""
        made, plain = cls(), plain_state(state, _State)
        made._encoding = ClinicalEncoding.from_json({"columns": plain["columns"]})
        slopes, cuts = np.asarray(state["slopes"]), np.array(plain["cuts"], dtype=float)
        if slopes.shape != (len(made._encoding.features),) or slopes.dtype != np.float64:
            raise DataError(f"its slopes are {slopes.shape} {slopes.dtype}, and of other columns.")
        if not (np.isfinite(slopes).all() and np.isfinite(cuts).all()):
            raise DataError("a slope or a cut is no number.")
        if not len(cuts) or (np.diff(cuts) < 0).any():
            raise DataError("its cuts between classes do not ascend.")
        made._model = Cumulative(slopes, cuts)
        return made
