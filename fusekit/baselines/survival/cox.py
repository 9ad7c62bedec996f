"""Cox's proportional hazards, with a penalty.

statsmodels takes a minute for one penalty and 240 columns, lifelines does not run beside pandas 3, and scikit-survival
may not be shipped; the likelihood is short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import encoded, plain_state
from fusekit.baselines.inner_cv import Loss
from fusekit.baselines.linear.penalised import Penalised
from fusekit.baselines.survival.baseline import SurvivalBaseline, at_horizons, check_steps, read_target
from fusekit.data import ClinicalEncoding, Column
from fusekit.data.clinical.column import ColumnJson
from fusekit.data.target.follow_up import entries_of, events_of, times_of, waiting
from fusekit.disk import OPEN
from fusekit.errors import DataError

#: Penalties that are tried, the strongest first.
PENALTIES = tuple(float(10.0**exponent) for exponent in np.arange(3, -1.5, -0.5))


class Likelihood(NamedTuple):
    """Cox's partial log likelihood at risks (n,), and what follows from it."""

    value: float
    gradient: np.ndarray  # by the log risks (n,)
    times: np.ndarray  # of events (K,), ascending
    hazard: np.ndarray  # baseline hazard at each (K,)


def partial_likelihood(labels: np.ndarray, risks: np.ndarray, weights: np.ndarray) -> Likelihood:
    """Of log risks (n,), with Efron's way (1977) of events at the same time and weights (n,), as R's ``coxph``.

    With delayed entry, labels (n, 2), those are at risk who entered before.
    """
    events = events_of(labels)
    times, of_row = np.unique(times_of(labels), return_inverse=True)
    shift = risks.max(initial=-np.inf) if len(risks) else 0.0
    own = weights * np.exp(risks - shift)
    died = np.bincount(of_row, weights=events, minlength=len(times)).astype(int)
    at_risk = np.cumsum(np.bincount(of_row, weights=own, minlength=len(times))[::-1])[::-1]
    tied = np.bincount(of_row, weights=own * events, minlength=len(times))
    # A difference of sums may be rounded to nothing; who has the event is at risk.
    at_risk = np.maximum(at_risk - waiting(labels, times, own), tied)
    weight = np.bincount(of_row, weights=weights * events, minlength=len(times))
    step = np.repeat(np.arange(len(times)), died)
    before = np.arange(len(step)) - np.repeat(np.cumsum(died) - died, died)  # events at the same time so far
    share, mean = before / died[step], weight[step] / died[step]
    among = at_risk[step] - share * tied[step]
    value = np.sum((weights * (risks - shift))[events]) - np.sum(mean * np.log(among))
    hazard = np.bincount(step, weights=mean / among, minlength=len(times))
    spared = np.bincount(step, weights=share * mean / among, minlength=len(times))
    summed = np.cumsum(hazard)[of_row]
    if (entries := entries_of(labels)) is not None:
        summed -= np.concatenate([[0.0], np.cumsum(hazard)])[np.searchsorted(times, entries, side="right")]
    gradient = weights * events - own * (summed - events * spared[of_row])
    return Likelihood(float(value), gradient, times[died > 0], hazard[died > 0] * np.exp(-shift))


def baseline_hazard(labels: np.ndarray, risks: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times of events (K,), and the cumulative hazard of a log risk of 0 from each on (K,)."""
    found = partial_likelihood(labels, risks, weights)
    return found.times, np.cumsum(found.hazard)


def negative_likelihood(labels: np.ndarray, risks: np.ndarray, weights: np.ndarray) -> float:
    """The loss of log risks (n,) that a penalty is chosen by: over the subjects set aside alone, for each of them."""
    return -partial_likelihood(labels, risks, weights).value / float(weights.sum())


@with_config(OPEN)
class _State(TypedDict):
    columns: list[ColumnJson]
    target: dict[str, Any]
    times: list[float]
    hazard: list[float]


class Cox(Penalised, SurvivalBaseline):
    """Cox's regression on what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty is chosen by the partial likelihood in a cross-validation within the training subjects. Scans are
    weighted so that each subject counts alike.

    Args:
        penalty: half of it times the squared coefficients is taken from the log likelihood; None chooses it.
        folds: of the cross-validation that chooses.
    """

    tried, middle, late_entry = PENALTIES, 100.0, True

    def __init__(self, *, penalty: float | None = None, folds: int = 5):
        super().__init__("penalty", penalty, folds)
        self._coefficients, self._times, self._hazard = np.zeros(0), np.zeros(0), np.zeros(0)

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Choose the penalty, unless given, and fit; DataError where no event is seen in time."""
        self.require_events(labels)
        super().fit(values, columns, labels, subjects, seed)

    def estimated(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float, start: Any = None
    ) -> np.ndarray:
        """Coefficients (F,) that make the penalised likelihood largest."""
        from scipy.optimize import minimize

        def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
            found = partial_likelihood(labels, inputs @ coefficients, weights)
            value = penalty / 2 * float(coefficients @ coefficients) - found.value
            return value, penalty * coefficients - found.gradient @ inputs

        begin, how = (
            np.zeros(inputs.shape[1]) if start is None else start,
            {"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-6},
        )
        return np.asarray(minimize(loss, begin, jac=True, method="L-BFGS-B", options=how).x)

    def predicted(self, model: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Log risks (N,)."""
        return np.asarray(inputs @ model)

    def keep(self, model: np.ndarray, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """The coefficients, and the hazard of a log risk of 0."""
        self._coefficients = model
        self._times, self._hazard = baseline_hazard(labels, self.predicted(model, inputs), weights)

    @property
    def loss(self) -> Loss:
        """The negative partial likelihood."""
        return negative_likelihood

    def strata(self, labels: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        """Whether the event was seen."""
        return events_of(labels).astype(int)

    def survival(self, values: pd.DataFrame) -> np.ndarray:
        """Risk and survival (N, 1 + H), row by row, so that it does not depend on the other rows."""
        risks = np.einsum("nf,f->n", encoded(self._encoding, values), self._coefficients)
        cumulative = np.exp(np.clip(risks, -50, 50))[:, None] * self._hazard[None]
        return at_horizons(self.asked, self._times, np.exp(-cumulative))

    def shipped(self) -> dict[str, Any]:
        """The encoding, the coefficients and the cumulative hazard."""
        return {
            **self._encoding.as_json(),
            "target": self.asked.as_json()["time_to_event"],
            "times": self._times.tolist(),
            "hazard": self._hazard.tolist(),
            "coefficients": self._coefficients,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if the coefficients are of other columns, or one is no number."""
        made, plain = cls(), plain_state(state, _State)
        made.target = read_target(plain)
        made._encoding = ClinicalEncoding.from_json({"columns": plain["columns"]})
        coefficients = np.asarray(state["coefficients"])
        if coefficients.shape != (len(made._encoding.features),) or coefficients.dtype != np.float64:
            raise DataError(f"its coefficients are {coefficients.shape} {coefficients.dtype}, and of other columns.")
        if not np.isfinite(coefficients).all():
            raise DataError("a coefficient is no number.")
        made._coefficients, made._times, made._hazard = (
            coefficients,
            np.array(plain["times"]),
            np.array(plain["hazard"]),
        )
        check_steps(made._times, made._hazard)
        return made
