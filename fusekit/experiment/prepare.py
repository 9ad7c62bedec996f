"""From a folder to rows: the cohort, its slices, and which subjects are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.markup import escape

from fusekit.data import (
    ClinicalEncoding,
    Cohort,
    Finding,
    SlicePolicy,
    SliceStore,
    Task,
    assign_folds,
    build_store,
    refuse_leakage,
)
from fusekit.data.audit import audit_images, audit_tables, refuse
from fusekit.data.cache import cache_folder
from fusekit.experiment.cohort import read_cohort
from fusekit.experiment.config import Config
from fusekit.experiment.plan import Plan
from fusekit.progress import Progress

#: The fold that a run tests.
TESTED = 0


@dataclass(frozen=True)
class Prepared:
    """A cohort ready for training.

    Args:
        cohort: as the task read it.
        store: its slices.
        rows: one row a slice: index ``row`` (of the store); subject, scan, slice, fold, label.
        encoding: of the clinical values, fitted on the training subjects alone.
        findings: of the task, the audit, the store and the columns.
    """

    cohort: Cohort
    store: SliceStore
    rows: pd.DataFrame
    encoding: ClinicalEncoding
    findings: tuple[Finding, ...]

    @property
    def training_rows(self) -> pd.DataFrame:
        """Slices of the subjects that are trained on."""
        return self.rows[self.rows["fold"] != TESTED]

    @property
    def test_rows(self) -> pd.DataFrame:
        """Slices of the subjects that are held out."""
        return self.rows[self.rows["fold"] == TESTED]

    def images(self, rows: pd.DataFrame) -> np.ndarray:
        """Grey levels (n, H, W) uint8 of some rows."""
        images: np.ndarray = self.store.images[rows.index.to_numpy()]
        return images

    def values(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Clinical values of some rows, one line a row."""
        return self.cohort.clinical.loc[rows["scan"]]

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Subjects, scans and slices: side of the split -> class -> count."""
        return {
            side: {
                name: {
                    "subjects": int(part["subject"].nunique()),
                    "scans": int(part["scan"].nunique()),
                    "slices": len(part),
                }
                for label, name in enumerate(self.cohort.classes)
                for part in [rows[rows["label"] == label]]
            }
            for side, rows in (("train", self.training_rows), ("test", self.test_rows))
        }


@dataclass(frozen=True)
class Gathered:
    """A cohort, split and cut, and everything that was found on the way.

    Args:
        cohort: as the task read it.
        folds: fold by subject.
        store: the cohort's slices.
        findings: of the task, the audit and the store.
    """

    cohort: Cohort
    folds: pd.Series
    store: SliceStore
    findings: tuple[Finding, ...]


def gather(config: Config, task: Task, slices: SlicePolicy, progress: Progress, *, stop: bool = True) -> Gathered:
    """Read the cohort, check it, deal its subjects into folds, cut its slices, and audit all of it.

    Args:
        config: data, seed, folds, image size, and which refusals are allowed.
        task: reads the cohort.
        slices: which slices are cut.
        progress: shows scans.
        stop: raise at what the audit refuses; tables are audited before the images are read, which may take hours.

    Raises:
        DataError: with file, row and column, and what to do.
        LeakageError: the audit refuses the cohort.
        OptionError: ``config.allow`` names no refusal.
    """
    cohort = read_cohort(config, task, progress)
    folds = assign_folds(cohort.subjects, config.folds, config.seed)
    findings = (*cohort.findings, *audit_tables(cohort, folds, task))
    if stop:
        refuse(findings, config.allow)
    store = build_store(cohort.scans, slices, config.image_size, cache_folder("slices"), progress)
    findings = (*findings, *store.findings, *audit_images(cohort, task, store))
    if stop:
        refuse(findings, config.allow)
    return Gathered(cohort, folds, store, findings)


def prepare(plan: Plan, progress: Progress) -> Prepared:
    """Gather the cohort, hold subjects out, and fit the encoding of the clinical columns on the others.

    Raises:
        DataError: with file, row and column, and what to do.
        LeakageError: a subject would be on both sides, or the audit refuses the cohort.
        OptionError: ``--allow`` names no refusal.
    """
    gathered = gather(plan.config, plan.task, plan.slices, progress)
    cohort, store = gathered.cohort, gathered.store
    rows = store.rows.join(cohort.scans[["subject", "label"]], on="scan")
    rows["fold"] = rows["subject"].map(gathered.folds)
    tested = rows["fold"] == TESTED
    refuse_leakage(rows.loc[~tested, "subject"], rows.loc[tested, "subject"])
    encoding = ClinicalEncoding.fit(cohort.clinical.loc[rows.loc[~tested, "scan"].unique()], cohort.columns)
    prepared = Prepared(
        cohort=cohort,
        store=store,
        rows=rows[["subject", "scan", "slice", "fold", "label"]].rename_axis("row"),
        encoding=encoding,
        findings=(*gathered.findings, *encoding.findings, *encoding.unseen(cohort.clinical)),
    )
    for finding in prepared.findings:
        progress.say(_line(finding))
    return prepared


def _line(finding: Finding) -> str:
    """A note in a line; what may fool you with its first items, and what to do."""
    if finding.severity == "note":
        return f"note: {finding.message} ({finding.count})"
    more = f" and {finding.count - 3} more" if finding.count > 3 else ""
    kind = "[bold yellow]warning:[/]" if finding.severity == "warning" else "[bold red]refusal, allowed:[/]"
    text = f"{finding.code} ({finding.count}): {finding.message} {'; '.join(finding.items[:3])}{more}. {finding.advice}"
    return f"{kind} {escape(text)}"
