"""From a folder to rows: the cohort, its slices, and which subjects are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusekit.data import ClinicalEncoding, Cohort, Finding, SliceStore, assign_folds, build_store, refuse_leakage
from fusekit.data.cache import cache_folder
from fusekit.experiment.cohort import read_cohort
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
        findings: warnings, of the cohort, its images and its columns.
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


def prepare(plan: Plan, progress: Progress) -> Prepared:
    """Read the cohort, check it, hold subjects out, and cut its slices.

    Raises:
        DataError: with file, row and column, and what to do.
        LeakageError: a subject would be on both sides.
    """
    config = plan.config
    cohort = read_cohort(config, plan.task, progress)
    folds = assign_folds(cohort.subjects, config.folds, config.seed)
    store = build_store(cohort.scans, plan.slices, config.image_size, cache_folder("slices"), progress)
    rows = store.rows.join(cohort.scans[["subject", "label"]], on="scan")
    rows["fold"] = rows["subject"].map(folds)
    tested = rows["fold"] == TESTED
    refuse_leakage(rows.loc[~tested, "subject"], rows.loc[tested, "subject"])
    encoding = ClinicalEncoding.fit(cohort.clinical.loc[rows.loc[~tested, "scan"].unique()], cohort.columns)
    prepared = Prepared(
        cohort=cohort,
        store=store,
        rows=rows[["subject", "scan", "slice", "fold", "label"]].rename_axis("row"),
        encoding=encoding,
        findings=(*cohort.findings, *store.findings, *encoding.findings, *encoding.unseen(cohort.clinical)),
    )
    for finding in prepared.findings:
        progress.say(f"note: {finding.message} ({finding.count})")
    return prepared
