"""The time until an event, which for some is only known to lie beyond the end of their follow-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fusekit.data.target.follow_up import (
    ENTRY,
    check_entries,
    entries_of,
    events_of,
    labelled,
    summed_hazard,
    surprise,
    times_of,
)
from fusekit.data.target.intervals import ends_at_quantiles, passed, risk_and_survival
from fusekit.data.target.target import SMALLEST, Meaning, Target
from fusekit.errors import DataError, first_ten

if TYPE_CHECKING:
    from torch import Tensor

#: Column of the risk; those of survival begin so, and end with the horizon.
RISK, SURVIVAL = "risk", "survival_"

#: Cumulative hazards below, and survival this close to 0 and 1, are as single precision rounds them: certain.
_LEAST = 2.0**-24

#: Subjects with an event that each stratum of folds has, or more.
_FEWEST = 10
#: Of log hazard ratios.
_LARGEST = 50.0
#: Intervals of the hazard of everyone, at most: with no more events, it steps at each of them.
_STEPS = 200


@dataclass(frozen=True, slots=True)
class TimeToEvent(Target):
    """The time from a start until an event, right-censored. All that is said is about the time up to a last horizon.

    A label is the time; with a minus sign it is that of the end of a follow-up without the event, as in XGBoost. Scans
    with a column ``entry`` are of people who are under observation from that time on (delayed entry). A model puts out
    the logits of hazards in intervals between ``edges``: the chance that the event comes in an interval for those who
    reach it (Gensheimer and Narasimhan 2019). Within an interval the hazard is constant.

    Args:
        name: of the event, e.g. ``dementia``.
        horizons: times, ascending, at which survival is stated; the last one ends all that is said.
        unit: of the times, e.g. ``months``.
        intervals: how many hazards a model puts out.
        edges: ends of the intervals, ascending, the last is the last horizon: by ``fit``, at quantiles of the training
            subjects' times of events; before, intervals are alike. Of hazard ratios there are up to 200 in any case.
        proportional: whether a model puts out one log hazard ratio in place of a hazard for each interval (Cox 1972).
        hazard: that of a ratio of 1, summed over each interval: by ``calibrated``; before, 1 in all, spread evenly.

    Raises:
        DataError: horizons or edges are not above 0 and ascending, or do not fit each other.
    """

    name: str
    horizons: tuple[float, ...]
    unit: str = ""
    intervals: int = 10
    edges: tuple[float, ...] = ()
    proportional: bool = False
    hazard: tuple[float, ...] = ()
    words: ClassVar[str] = "the time to an event"
    kind: ClassVar[str] = "time_to_event"
    objective: ClassVar[str] = "hazards"
    select: ClassVar[str] = "harrell-c"
    part: ClassVar[str] = "group"
    schema: ClassVar[Mapping[str, type]] = {"label": float, ENTRY: float, RISK: float, f"{SURVIVAL}*": float}

    def __post_init__(self) -> None:
        given = np.asarray(self.horizons, dtype=float)
        if not (given.size and np.isfinite(given).all() and (np.diff(given, prepend=0) > 0).all()):
            raise DataError(
                f"the horizons of {self.name!r} are {list(self.horizons)}; they are times above 0, ascending."
            )
        if self.intervals < 1:
            raise DataError(f"{self.name!r} has {self.intervals} intervals, and needs 1 or more.")
        ends = np.asarray(self.edges, dtype=float)
        fits = self.proportional or len(ends) == self.intervals
        if ends.size and not (fits and ends[-1] == given[-1] and (np.diff(ends, prepend=0) > 0).all()):
            raise DataError(
                f"the intervals of {self.name!r} end at {list(self.edges)}; {self.intervals} ascending ends up to the "
                f"last horizon, {given[-1]:g}, are expected."
            )
        summed = np.asarray(self.hazard, dtype=float)
        if summed.size and not (self.proportional and len(summed) == len(ends) and (summed >= 0).all()):
            raise DataError(f"{self.name!r} has the hazards {list(self.hazard)}; one for each interval is expected.")

    @property
    def title(self) -> str:
        """What is predicted, in words."""
        return f"time to {self.name}" + (f" ({self.unit})" if self.unit else "")

    @property
    def last(self) -> float:
        """The last horizon."""
        return self.horizons[-1]

    @property
    def outputs(self) -> int:
        """The logit of a hazard for each interval, or one log hazard ratio."""
        return 1 if self.proportional else self.intervals

    @property
    def columns(self) -> tuple[str, ...]:
        """``risk``, and ``survival_12`` for each horizon.

        The risk is the share of the time up to the last horizon that is lost on average: 1 - restricted mean survival
        time / horizon. Survival is the chance to have no event up to then.
        """
        return (RISK, *(f"{SURVIVAL}{float(horizon)!r}".removesuffix(".0") for horizon in self.horizons))

    def spelled(self, label: float) -> str:
        """The time; with a plus where it is known to be longer."""
        return f"{abs(label):g}" + "+" * bool(np.signbit(label))

    def check(self, scans: pd.DataFrame) -> None:
        """DataError if a label is no time, a subject has two, no event or only events at once were seen in time.

        Or if a time of entry is none before the subject's own.
        """
        labels = scans["label"].to_numpy(dtype=float)
        if not np.isfinite(labels).all():
            raise DataError(f"{(~np.isfinite(labels)).sum()} scans have no time to {self.name}: "
                            f"{first_ten(scans.index[~np.isfinite(labels)])}.")  # fmt: skip
        several = scans.groupby("subject")["label"].nunique()
        if (several > 1).any():
            raise DataError(
                f"{(several > 1).sum()} subjects have two times to {self.name}: {first_ten(several.index[several > 1])}"
                ". A subject needs one, from one start: restrict the visits, or correct the table."
            )
        if ENTRY in scans:
            check_entries(scans)
        if not self._seen(labels).any():
            raise DataError(
                f"no subject has {self.name} up to the last horizon, {self.last:g} {self.unit}".rstrip()
                + "; there is nothing to learn."
            )
        if (labels > 0).all() and len(set(labels)) < 2:
            raise DataError(f"all subjects have {self.name} at the same time; there is nothing to learn.")

    def _seen(self, labels: np.ndarray) -> np.ndarray:
        """Whether the event was seen up to the last horizon (N,)."""
        return events_of(labels) & (times_of(labels) <= self.last)

    def strata(self, scans: pd.DataFrame) -> pd.Series:
        """Events and others apart, each cut by their times into up to five parts with ten subjects or more."""
        labels = scans.groupby("subject")["label"].first().sort_index()
        seen = pd.Series(self._seen(labels.to_numpy()), labels.index)
        times, strata = labels.abs(), pd.Series(0, labels.index)
        for first, own in ((0, times[seen]), (5, times[~seen])):
            parts = min(5, max(1, len(own) // _FEWEST))
            strata[own.index] = first + (own.rank(method="first") - 1).astype(int) * parts // max(1, len(own))
        return strata

    def parts(self, labels: pd.Series) -> dict[str, pd.Series]:
        """Those with the event, and those who were censored before it."""
        seen = pd.Series(events_of(labels.to_numpy()), labels.index)
        return {f"with {self.name}": seen, "censored": ~seen}

    def groups(self, labels: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
        """The same: what tells the event, and what tells who was censored."""
        return events_of(labels.to_numpy()).astype(int), ("censored", f"with {self.name}")

    def answers(self, outputs: Tensor) -> Tensor:
        """Logits of hazards (B, W), or log hazard ratios (B, 1) -> risk and survival at the horizons (B, 1 + H)."""
        return risk_and_survival(self._lost(outputs), self.grid, self.horizons)

    def _lost(self, outputs: Tensor) -> Tensor:
        """Outputs (B, W) -> logarithms of the chance to pass each interval (B, intervals), log(1 - h)."""
        from torch.nn.functional import softplus

        if not self.proportional:
            return -softplus(outputs)
        summed = self.hazard or (np.diff(self.grid, prepend=0) / self.last).tolist()
        return -outputs.clamp(-_LARGEST, _LARGEST).exp() * outputs.new_tensor(summed)

    def explained(self, outputs: Tensor, of: int | Tensor = 0) -> Tensor:
        """Logarithm of the cumulative hazard up to the last horizon, log(-log S).

        Where hazards are proportional, it is a sum over the inputs, and a value's share is its log hazard ratio,
        whatever the horizon; survival and risk are bounded, so shares of them depend on all other values.
        """
        return (-self._lost(outputs).sum(dim=1)).clamp_min(_LEAST).log()

    def explained_answers(self, answers: np.ndarray, of: int = 0) -> np.ndarray:
        """The same, of survival at the last horizon."""
        return np.asarray(np.log(-np.log(np.clip(answers[:, -1], _LEAST, 1 - _LEAST))))

    def meaning(self, of: int | None = None) -> Meaning:
        """The hazard, with survival at the last horizon beside it."""
        until = f"{self.last:g} {self.unit}".rstrip()
        return Meaning(
            f"a higher risk of {self.name}",
            f"log cumulative hazard of {self.name} up to {until}",
            f"S({until})",
            self.columns[-1],
            note=f" S({until}) is the predicted chance to have no {self.name} up to then.",
        )

    @property
    def grid(self) -> tuple[float, ...]:
        """Ends of the intervals (W,)."""
        return self.edges or tuple(self.last * np.arange(1, self.intervals + 1) / self.intervals)

    @property
    def of_prior(self) -> TimeToEvent:
        """With the end of every interval as a horizon, so that survival there gives each hazard."""
        ends = replace(self, edges=(), hazard=()).grid if self.proportional else self.grid
        return replace(self, horizons=ends, edges=ends, hazard=())

    def outputs_of(self, answers: np.ndarray) -> np.ndarray:
        """Risk and survival (N, 1 + W) -> logits of hazards (N, W); of those whose horizons end the intervals alone.

        Of a log hazard ratio the logarithm of what was lost up to the last horizon.
        """
        if self.proportional:
            return np.asarray(np.log(-np.log(np.clip(answers[:, -1:], SMALLEST, 1 - SMALLEST))))
        hazards = self._hazards(answers)
        return np.asarray(np.log(hazards) - np.log1p(-hazards))

    def _hazards(self, answers: np.ndarray) -> np.ndarray:
        """Risk and survival at the ends of intervals (N, 1 + W) -> hazards (N, W)."""
        if self.horizons != self.grid:
            raise DataError(f"hazards follow from survival at {list(self.grid)}, and that is not where it is known.")
        after = np.clip(answers[:, 1:], SMALLEST, 1)
        before = np.column_stack([np.ones(len(after)), after[:, :-1]])
        return np.asarray(np.clip(1 - after / before, SMALLEST, 1 - SMALLEST))

    def uninformed(self, outputs: np.ndarray) -> np.ndarray:
        """The mean over people: a hazard has no value that says nothing."""
        return np.asarray(outputs.mean(axis=0))

    def surprise(self, labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Of the hazards."""
        return surprise(self.scaled(labels), self._hazards(answers))

    def fit(self, scans: pd.DataFrame) -> TimeToEvent:
        """Intervals between quantiles of the training subjects' times of events, each subject counted once."""
        labels = scans.groupby("subject")["label"].first().to_numpy(dtype=float)
        seen = labels[self._seen(labels)]
        if not len(seen):
            raise DataError(f"no training subject has {self.name} up to {self.last:g}; there is nothing to learn.")
        most, least = (_STEPS, 1) if self.proportional else (self.intervals, self.intervals)
        return replace(self, edges=ends_at_quantiles(seen, self.last, most, least))

    def calibrated(self, outputs: Callable[[], np.ndarray], labels: np.ndarray, weights: np.ndarray) -> TimeToEvent:
        """Breslow's hazard (1974) of a ratio of 1, summed over each interval."""
        if not self.proportional:
            return self
        ratios = np.exp(np.clip(outputs()[:, 0], -_LARGEST, _LARGEST))
        return replace(self, hazard=tuple(summed_hazard(self.scaled(labels), ratios, weights, len(self.grid)).tolist()))

    @property
    def unfitted(self) -> TimeToEvent:
        """Without the ends of intervals, and whatever a model puts out."""
        return replace(self, edges=(), proportional=False, hazard=())

    def scaled(self, labels: np.ndarray) -> np.ndarray:
        """Intervals that were passed (N,), with the share of the last; with a minus sign where no event ended them.

        An event in the third interval is 2 and a share above 0. Beyond the last horizon everyone is censored there.
        With delayed entry (N, 2), also the intervals that were passed before.
        """
        times, seen, entries = np.minimum(times_of(labels), self.last), self._seen(labels), entries_of(labels)
        if entries is not None:
            entries = passed(np.minimum(entries, self.last), np.zeros(len(entries), dtype=bool), self.grid)
        return labelled(passed(times, seen, self.grid), seen, entries)

    def as_json(self) -> dict[str, Any]:
        """``{"time_to_event": {"name": ..., "horizons": [...], ...}}``."""
        plain = {name: list(own) if isinstance(own, tuple) else own for name, own in asdict(self).items()}
        return {"time_to_event": plain}
