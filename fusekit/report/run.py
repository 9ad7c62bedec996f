"""Where each file of a run lies, and a run as Python sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.bundle.load import load
from fusekit.data.own.task import name_of
from fusekit.data.target import Classes, Target, target_of
from fusekit.disk import SEAL, Schema, read_json, read_written
from fusekit.errors import DataError, OptionError
from fusekit.evaluation import Rule
from fusekit.evaluation.shown import in_a_line, scores_html
from fusekit.extension.above import above
from fusekit.report.drawing.picture import Picture
from fusekit.report.records import Manifest, Metrics

#: Whether conformal sets and intervals hold the truth.
COVERAGE = "coverage.csv"
#: Scores with fewer training subjects, and what was predicted then.
CURVE, CURVE_SUBJECTS = "learning_curve.csv", "learning_curve_subjects.csv"
#: What the subjects are like.
TABLE_ONE = "table_one.csv"
BY_FOLD = "table_one_by_fold.csv"

#: File of every run folder -> what it holds.
FILES = {
    "metrics.json": "every score at slice and subject level, with 95 % intervals",
    "predictions.csv": "probabilities of every tested slice",
    "cohort.csv": "every scan's fold, label and subgroups",
    "manifest.json": "configuration, versions, seed, data fingerprint, findings",
}

#: What a run may hold besides -> what it is.
FURTHER = {
    "report.html": "all of it to look at",
    "bundle": "the model to ship: weights and description",
    "overview.png": "training curve, ROC and example slices",
    "search.journal": "every trial of a search, for optuna-dashboard",
    "history.csv": "loss and accuracy of every epoch",
    "validation.csv": "probabilities of every slice of subjects set aside",
    "ablations.csv": "probabilities when something is taken away",
    COVERAGE: "how often prediction sets or intervals hold the truth, by group",
    CURVE: "scores with 25, 50, 75 and 100 % of the training subjects",
    CURVE_SUBJECTS: "probabilities of every tested subject with fewer training subjects",
    TABLE_ONE: "Table 1: the clinical columns by class, with gaps and standardised differences",
    BY_FOLD: "the same by fold",
    "explanations": "where and at what the model looks",
    "figures": "every figure as SVG, PNG and CSV",
    SEAL: "checksums, by which damage is noticed",
}


_SLICES: Schema = {"row": int, "slice": int, "fold": int}
_SHIFT = ("column", "kind", "unit", "block", "category", "training_shares", "shares", "verdict")

#: Table of a run folder, or of an external validation's -> the types of its columns, besides ``Target.schema``.
SCHEMAS: Mapping[str, Schema] = {
    "predictions.csv": _SLICES,
    "validation.csv": _SLICES,
    "cohort.csv": {"fold": int},  # and those that the manifest calls numbers
    "history.csv": {"fold": int, "epoch": int, "*": float},
    "ablations.csv": {"fold": int},
    COVERAGE: {**dict.fromkeys(("variable", "group", "reason"), str), "subjects": int, "covered": int, "*": float},
    CURVE: {"percent": int, "fold": str, "metric": str, "subjects": int, "*": float},
    CURVE_SUBJECTS: {"percent": int, "fold": int, "called": int},
    "shift.csv": {**dict.fromkeys(_SHIFT, str), "*": float},
    "intensity.csv": {"quantity": str, "unit": str, "*": float},
    "prevalence.csv": {"class": str, "*": float},
    "calibration.csv": {"measure": str, "*": float},
    "reliability.csv": {"*": float},
    "recalibration.csv": {"method": str, "measured": str, "*": float},
}


@dataclass(frozen=True, init=False, repr=False)
class Run:
    """A run folder, its tables as DataFrames.

    Args:
        folder: its path, as text or ``Path``; what lies in it is read when it is asked for.

    Raises:
        OptionError: ``folder`` is no path.
    """

    folder: Path

    def __init__(self, folder: str | Path):
        if not isinstance(folder, str | Path):
            raise OptionError(f"Run takes the path of a run folder, not {folder!r}.")
        object.__setattr__(self, "folder", Path(folder))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Configuration, versions, seed, data fingerprint, device, findings."""
        return dict(read_json(self._file("manifest.json"), Manifest))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per level (slice, subject) and metric: value, low, high, rows, subjects."""
        return pd.DataFrame(read_json(self._file("metrics.json"), Metrics)["scores"])

    @property
    def metrics(self) -> pd.DataFrame:
        """As ``scores``, by the name that they had in version 0.1."""
        return self.scores

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test slice: row, subject, scan, slice, fold, label, p_0, p_1, ..."""
        return self._read("predictions.csv")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per fold and epoch: fold, epoch, loss, accuracy, terms, lr, seconds, images_per_second; or none."""
        table = self.table("history.csv")
        return pd.DataFrame(columns=["fold", "epoch", "loss", "accuracy"]) if table is None else table

    @cached_property
    def cohort(self) -> pd.DataFrame:
        """One row per scan: scan, subject, label, fold, and what subgroups are made by."""
        return self._read("cohort.csv")

    @cached_property
    def validation(self) -> pd.DataFrame | None:
        """As ``predictions``, of the subjects set aside in training; None where there were none."""
        return self.table("validation.csv")

    @cached_property
    def ablations(self) -> pd.DataFrame | None:
        """One row per tested subject and condition: fold, condition, subject, label, p_0, p_1, ...; or None."""
        return self.table("ablations.csv")

    @cached_property
    def learning_curve(self) -> pd.DataFrame | None:
        """One row per percent of the training subjects, fold (``all`` of them first) and metric; or None."""
        return self.table(CURVE)

    @cached_property
    def learning_curve_subjects(self) -> pd.DataFrame | None:
        """One row per percent below 100 and tested subject: percent, subject, fold, label, p_0, p_1, ...; or None."""
        return self.table(CURVE_SUBJECTS)

    @cached_property
    def bundle(self) -> Bundle:
        """The shipped model."""
        return load(self._file("bundle"))

    @property
    def target(self) -> Target:
        """What was predicted; of a folder whose manifest does not say, classes."""
        try:
            return target_of(self.manifest.get("task") or {})
        except DataError:
            return Classes(())

    @property
    def explanations(self) -> Path | None:
        """Folder of the first fold's explanations; None where there is none."""
        folder = self.folder / "explanations" / "fold-0"
        return folder if folder.is_dir() else None

    @property
    def seed(self) -> int:
        """Of split, initialisation and data order."""
        return int(self.manifest.get("config", {}).get("seed", 0))

    @property
    def rule(self) -> Rule:
        """How slices become subjects, and what is called."""
        rule = Rule.of_manifest(self.manifest)
        if rule.thresholds and (without := {*self.predictions["fold"]} - {*rule.thresholds}):
            path = self.folder / "manifest.json"
            raise DataError(f"{path}: evaluation.thresholds has none for fold {min(without)}, which was tested.")
        return rule

    @property
    def subjects(self) -> pd.DataFrame:
        """One row per tested subject: subject, fold, label, p_0, p_1, ..."""
        return self.rule.subjects(self.predictions)

    @property
    def synthetic(self) -> bool:
        """Whether the numbers come from a synthetic cohort and say nothing about patients."""
        return bool(self.manifest["synthetic"])

    def plot_roc(self) -> Picture:
        """Draw the report's ROC curves, which a notebook shows.

        Raises:
            OptionError: no classes are predicted.
            DataError: the run is not finished.
        """
        drawn: Picture = above("Run.plot_roc")(self)
        return drawn

    def report(self) -> Path:
        """Write ``report.html`` into the run's folder, unless it is there and still true; return its path.

        Raises:
            DataError: the run is not finished, or the folder cannot be written.
        """
        page: Path = above("Run.report")(self)
        return page

    def __repr__(self) -> str:
        try:
            return in_a_line("Run", [str(self.folder), *self._names()], self.scores, self.synthetic)
        except DataError:
            return f"Run({self.folder}: not a finished run)"

    def _repr_html_(self) -> str:
        return scores_html(f"{' · '.join(self._names())} · {self.folder}", self.scores, self.synthetic)

    def _names(self) -> list[str]:
        """Of task and arm."""
        config = self.manifest.get("config", {})
        return [name_of(str(config.get("task", ""))), str(self.manifest.get("arm") or config.get("fusion", ""))]

    def table(self, name: str) -> pd.DataFrame | None:
        """A table by its file name; None if the run has none."""
        return self._read(name) if (self.folder / name).exists() else None

    def _read(self, name: str) -> pd.DataFrame:
        schema = {**self.target.schema, **SCHEMAS.get(name, {})}
        if name == "cohort.csv":
            schema = {**schema, **{escape(own): float for own in self.manifest.get("data", {}).get("numbers", ())}}
        return read_written(self._file(name), schema)

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file() and not path.is_dir():
            raise DataError(f"{self.folder} is not a finished run: it has no {name} ({({**FILES, **FURTHER})[name]}).")
        return path
