"""The calling rule: from slices to scans to subjects to the class that is called.

The order is fixed. Probabilities of slices are joined into one of each scan, and those of scans into one of the
subject. The call compares that probability with the threshold; without one the most probable class is called. The
temperature comes last: it changes the probability that is shown, never the call, as thresholds are fitted before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from fusekit.data.target.follow_up import ENTRY
from fusekit.errors import DataError, OptionError
from fusekit.evaluation.aggregation import AGGREGATIONS, joining
from fusekit.evaluation.calibration.reliability import COLDEST, HOTTEST, apply_temperature, fit_temperature
from fusekit.evaluation.predictions import (
    POSITIVE,
    are_probabilities,
    outputs_of,
    predicted_columns,
    probabilities_of,
    probability_columns,
    with_probabilities,
)
from fusekit.evaluation.thresholds import most_probable, recentre, youden
from fusekit.extension.registry import suggest

Level = Literal["slice", "subject"]
Threshold = Literal["argmax", "youden"]
#: A fold's number as text: there is one way to write each.
FOLD = r"^(0|[1-9][0-9]{0,5})$"


@dataclass(frozen=True)
class Rule:
    """How a model's probabilities become calls.

    Args:
        aggregate: a name in ``AGGREGATIONS``; the same one joins slices and scans.
        thresholds: fold -> "slice" and "subject" -> the probability above which class 1 is called; empty where the
            most probable class is. A shipped model is fold 0, and so is every table without a column ``fold``.
        temperatures: fold -> what the subjects' logarithms of probabilities are divided by.

    Raises:
        OptionError: there is no such aggregation.
        DataError: a threshold does not lie between 0 and 1, or a temperature not between 0.05 and 20.
    """

    aggregate: str = "mean"
    thresholds: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    temperatures: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.aggregate not in AGGREGATIONS:
            near = suggest(self.aggregate, AGGREGATIONS)
            raise OptionError(f"There is no aggregation {self.aggregate!r} from slices to subjects; {near}")
        for fold, levels in self.thresholds.items():
            if set(levels) != {"slice", "subject"} or not all(0 <= threshold <= 1 for threshold in levels.values()):
                raise DataError(
                    f"The thresholds of fold {fold} are {dict(levels)}; a slice and a subject need one between 0 and 1."
                )
        for fold, temperature in self.temperatures.items():
            if not COLDEST <= temperature <= HOTTEST:
                raise DataError(
                    f"The temperature of fold {fold} is {temperature}; it must be from {COLDEST:g} to {HOTTEST:g}."
                )

    @classmethod
    def fit(cls, validation: pd.DataFrame, aggregate: str = "mean", threshold: str = "argmax") -> Rule:
        """Fit thresholds and temperatures on the subjects that were set aside within each fold's training part.

        A fold whose every validation subject is called rightly has no temperature: the likeliest one would be 0, which
        makes certainties of probabilities.

        Args:
            validation: one row per slice, as in ``validation.csv``.
            aggregate: how slices become subjects.
            threshold: ``argmax``, or ``youden``: the largest sensitivity + specificity.

        Raises:
            OptionError: there are more than two classes for a threshold, or there is no such aggregation.
            DataError: the validation part of a fold lacks a class, or a probability is not a number.
        """
        if not are_probabilities(validation):
            return cls(aggregate)  # nothing is called, and there is no temperature
        subjects = cls(aggregate).subjects(validation)
        temperatures = {}
        for fold, rows in subjects.groupby("fold"):
            probabilities, labels = probabilities_of(rows), rows["label"].to_numpy()
            if (most_probable(probabilities) != labels).any():
                temperatures[int(str(fold))] = fit_temperature(probabilities, labels)
        thresholds: dict[int, dict[str, float]] = {}
        for level, table in () if threshold == "argmax" else (("slice", validation), ("subject", subjects)):
            _refuse_several_classes(len(probability_columns(table)))
            for fold, rows in table.groupby("fold"):
                try:
                    fitted = youden(rows["label"].to_numpy(), probabilities_of(rows)[:, POSITIVE])
                except DataError as error:
                    raise DataError(f"Validation part of fold {fold}: {error}") from None
                thresholds.setdefault(int(str(fold)), {})[level] = fitted
        return cls(aggregate, thresholds, temperatures)

    @classmethod
    def joined(cls, rules: Iterable[Rule], aggregate: str = "mean") -> Rule:
        """One rule of the rules of a run's folds."""
        each = list(rules)
        thresholds = {fold: at for rule in each for fold, at in rule.thresholds.items()}
        return cls(aggregate, thresholds, {fold: t for rule in each for fold, t in rule.temperatures.items()})

    @property
    def calibrates(self) -> bool:
        """Whether a temperature was fitted."""
        return bool(self.temperatures)

    def check(self, columns: Sequence[str]) -> None:
        """Refuse what is for two classes where other columns are predicted, by OptionError."""
        joining(self.aggregate, columns)
        if self.thresholds:
            _refuse_several_classes(len(columns))

    def subjects(self, slices: pd.DataFrame) -> pd.DataFrame:
        """Join slices within a scan, then scans within a subject, so that a long scan does not outvote a short one.

        Args:
            slices: one row per slice: subject, scan, what was predicted, and maybe fold and label.

        Returns:
            One row per subject, sorted: subject, fold, label and entry where given, scans, slices, what was predicted.

        Raises:
            DataError: a row has no subject, scan, fold or label, or a probability is not a number.
            OptionError: the aggregation is for two classes and there are more.
        """
        columns = predicted_columns(slices)
        self.check(columns)
        how = joining(self.aggregate, columns)
        # A new patient has the first alone.
        keys = [name for name in ("subject", "fold", "label", ENTRY) if name in slices]
        _refuse_missing(slices, [*keys, "scan"])
        table = slices.assign(**_named(columns, how.before(outputs_of(slices))))
        joined = {name: (name, how.joined) for name in columns}
        scans = table.groupby([*keys, "scan"], as_index=False).agg(slices=("scan", "size"), **joined)
        counts = {"scans": ("scan", "size"), "slices": ("slices", "sum")}
        subjects = scans.groupby(keys, as_index=False).agg(**counts, **joined)
        return subjects.assign(**_named(columns, how.after(subjects[columns].to_numpy(dtype=float))))

    def called(self, table: pd.DataFrame, level: Level) -> np.ndarray:
        """Class that each row (N,) of slices or of ``subjects`` is called, from 0.

        Raises:
            DataError: a fold has no threshold, or a probability is not a number.
            OptionError: there is a threshold, and there are more than two classes.
        """
        probabilities = probabilities_of(table)
        at = self.threshold(table, level)
        return most_probable(probabilities) if at is None else (probabilities[:, POSITIVE] > at).astype(int)

    def centred(self, table: pd.DataFrame, level: Level) -> pd.DataFrame:
        """Move each row's threshold to one half, where metrics of calls expect it. Raises as ``called``."""
        at = self.threshold(table, level)
        return table if at is None else with_probabilities(table, recentre(probabilities_of(table), at))

    def threshold(self, table: pd.DataFrame, level: Level) -> np.ndarray | None:
        """Probability above which class 1 of each row (N,) is called; None: the most probable class is."""
        if not self.thresholds:
            return None
        _refuse_several_classes(len(probability_columns(table)))
        return _of_folds({fold: levels[level] for fold, levels in self.thresholds.items()}, table, "threshold")

    def calibrated(self, subjects: pd.DataFrame) -> pd.DataFrame:
        """Soften or sharpen the probabilities of subjects by their fold's temperature, in a column ``temperature``.

        Calls are made before. A threshold goes with them through ``apply_temperature``.

        Raises:
            DataError: a fold has no temperature, or a probability is not a number, before or after.
        """
        of_row = _of_folds(self.temperatures, subjects, "temperature")
        softened = with_probabilities(subjects, apply_temperature(probabilities_of(subjects), of_row))
        probabilities_of(softened)
        return softened.assign(temperature=of_row)

    def shown_threshold(self, level: Level = "subject") -> float | None:
        """Threshold of a shipped model on the scale of the probabilities that it prints."""
        at = self.thresholds[0][level] if self.thresholds else None
        if at is None or level == "slice" or not self.calibrates:
            return at
        return float(apply_temperature(np.array([[1 - at, at]]), self.temperatures[0])[0, 1])

    def as_json(self) -> dict[str, Any]:
        """Plain text and numbers."""
        return {
            "aggregate": self.aggregate,
            "thresholds": {str(fold): dict(at) for fold, at in self.thresholds.items()},
            "temperatures": {str(fold): at for fold, at in self.temperatures.items()},
        }

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> Rule:
        """The rule that a run was scored by."""
        return cls.from_json(manifest.get("evaluation", {}))

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Rule:
        """The way back; other entries are left aside. DataError: a name is no fold's."""
        thresholds = {_fold(name): dict(at) for name, at in plain.get("thresholds", {}).items()}
        temperatures = {_fold(name): float(at) for name, at in plain.get("temperatures", {}).items()}
        return cls(str(plain.get("aggregate", "mean")), thresholds, temperatures)


def _named(columns: Sequence[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """Column -> values (N,), of (N, A), or of (N,) where there is one."""
    return dict(zip(columns, values.reshape(len(values), len(columns)).T, strict=True))


def _fold(name: str) -> int:
    if not re.fullmatch(FOLD, name):
        raise DataError(f"A rule names its folds 0, 1, 2, ...; {name[:40]!r} is none.")
    return int(name)


def _of_folds(values: Mapping[int, float], table: pd.DataFrame, what: str) -> np.ndarray:
    """Each row's value (N,), by its fold."""
    folds = table["fold"] if "fold" in table else pd.Series(0, index=table.index)
    if missing := sorted(set(folds.tolist()) - set(values)):
        raise DataError(f"There is no {what} for fold {missing[0]}; there are {what}s for {sorted(values)}.")
    return folds.map(dict(values)).to_numpy(dtype=float)


def _refuse_several_classes(classes: int) -> None:
    if classes > 2:
        raise OptionError("A threshold is for two classes; with more the most probable class is called.")


def _refuse_missing(table: pd.DataFrame, keys: list[str]) -> None:
    """A row without a key would vanish when rows are joined."""
    for key in keys:
        rows = np.flatnonzero(table[key].isna())
        if len(rows):
            others = ", ".join(
                f"{name} {table[name].iloc[rows[0]]}" for name in (*keys, "slice") if name in table and name != key
            )
            raise DataError(
                f"The predictions have no {key} in row {rows[0]} ({others}; {len(rows)} of {len(table)} rows). Each"
                " slice needs one; an id such as NA must be read as text."
            )
