"""A baseline of ordered classes: logistic regression with one slope for all cuts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import encoded, plain_state
from fusekit.baselines.linear.logistic import STRENGTHS
from fusekit.baselines.linear.penalised import Penalised
from fusekit.data import ClinicalEncoding, Ordered
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import OPEN
from fusekit.errors import DataError

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


class OrdinalLogistic(Penalised):
    """Ordinal logistic regression (proportional odds) with an L2 penalty, on what the networks read too.

    A value shifts the odds of lying above every cut alike: one slope for all, and an intercept for each. The penalty's
    strength is chosen by the log loss in a cross-validation within the training subjects. Scans are weighted so that
    each subject counts alike.

    Args:
        strength: inverse strength of the penalty (scikit-learn's C), a sum over subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

    targets: ClassVar[tuple[str, ...]] = (Ordered.kind,)

    tried, middle = STRENGTHS, 0.01

    def __init__(self, *, strength: float | None = None, folds: int = 5):
        super().__init__("strength", strength, folds)
        self._model = Cumulative(np.zeros(0), np.zeros(1))

    def estimated(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float, start: Any = None
    ) -> Cumulative:
        """Each starts where the one before ended."""
        return fit_cumulative(inputs, labels, weights, penalty, start)

    def predicted(self, model: Cumulative, inputs: np.ndarray) -> np.ndarray:
        """Probabilities (N, K)."""
        return model.probabilities(inputs)

    def keep(self, model: Cumulative, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """As it is."""
        self._model = model

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
