"""From a folder to rows: the cohort, its slices, and which subjects are held out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.audit import audit_images, audit_tables, refuse
from fusekit.data import Cohort, Finding, Pixels, SlicePolicy, SliceStore, Target, Task, build_store
from fusekit.data.splits import WHOLE, assign_folds, beginning, refuse_leakage, set_aside
from fusekit.data.store.blanks import Images, WithBlanks
from fusekit.data.store.cache import cache_folder
from fusekit.data.store.scan_rows import ScanRows
from fusekit.data.target.follow_up import label_columns
from fusekit.errors import DataError
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Progress, Quiet


@dataclass(frozen=True)
class Gathered:
    """A cohort, its folds (by subject) and slices, and the findings of task, audit and store."""

    cohort: Cohort
    folds: pd.Series
    store: SliceStore
    findings: tuple[Finding, ...]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One row per slice: index ``row`` (of ``images``); subject, scan, slice, fold, label, and entry if delayed.

        A scan without an image has blank ones, as many as most scans have slices, so that it counts as much.
        """
        rows, shown = self.store.rows, self.cohort.present["image"]
        blank = shown.index[~shown]
        if len(blank):
            each = int(rows.groupby("scan").size().median()) if len(rows) else 1
            added = pd.DataFrame({"scan": blank.repeat(each), "slice": list(range(each)) * len(blank)})
            rows = pd.concat([rows, added.set_axis(range(len(rows), len(rows) + len(added)))])
        known = label_columns(self.cohort.scans)
        rows = rows.join(self.cohort.scans[["subject", *known]], on="scan")
        rows["fold"] = rows["subject"].map(self.folds)
        return rows[["subject", "scan", "slice", "fold", *known]].rename_axis("row")

    @cached_property
    def scans(self) -> ScanRows:
        """Which rows are slices of one scan."""
        return ScanRows(self.rows["scan"].tolist())

    @cached_property
    def images(self) -> Images:
        """Grey levels of ``rows``."""
        blanks = len(self.rows) - len(self.store.images)
        return WithBlanks(self.store.images, blanks) if blanks else self.store.images

    def with_image(self, rows: pd.DataFrame) -> np.ndarray:
        """Which of some rows (n,) show an image."""
        return rows.index.to_numpy() < len(self.store.images)

    def complete(self, rows: pd.DataFrame) -> np.ndarray:
        """Which of some rows (n,) have an image and a table, as far as the cohort's scans may lack them."""
        asked = list(self.cohort.absent)
        return self.cohort.present.loc[rows["scan"], asked].all(axis=1).to_numpy()

    def pixels(self, rows: pd.DataFrame) -> Pixels:
        """Scale of the grey levels of some rows."""
        shown = rows.index[self.with_image(rows)].to_numpy()
        return Pixels.fit(self.store.images, shown, self.store.channels)

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of labels, clinical values and slices."""
        return manifest.fingerprint(self.cohort, self.store.images)

    def values(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Clinical values of some rows, one line per row."""
        return self.cohort.clinical.loc[rows["scan"]]

    def sides(self, fold: int | None, validation: float, seed: int, percent: int = WHOLE) -> Sides:
        """Hold a fold out (None: none), and set a share of the other subjects aside; every arm draws the same.

        With a smaller ``percent`` the rest of those who are trained on, and of those set aside, are on no side.
        """
        rows, drawn = self.rows, (seed, *([] if fold is None else [fold + 1]))
        tested = rows["fold"] == (-1 if fold is None else fold)
        strata = self.cohort.target.strata(rows[~tested])
        aside = set_aside(strata, validation, drawn)
        train = strata.index.difference(aside)
        if percent < WHOLE:
            train, aside = (beginning(strata.loc[own], percent, drawn) for own in (train, aside))
        sides = Sides(rows[rows["subject"].isin(train)], rows[rows["subject"].isin(aside)], rows[tested])
        for first, second in combinations(sides, 2):
            refuse_leakage(first["subject"], second["subject"])
        return sides


class Sides(NamedTuple):
    """Rows by what they are for; no subject is on two sides."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame

    def of_scans(self, scans: ScanRows) -> Sides:
        """One row per scan, the middle one: the samples of a network that joins a scan's slices."""
        return Sides(*(rows[rows.index.isin(scans.middle)] for rows in self))

    def counts(self, target: Target) -> dict[str, dict[str, dict[str, int]]]:
        """Subjects, scans and slices: side -> class, or other part of the target -> count."""
        counts: dict[str, dict[str, dict[str, int]]] = {side: {} for side in self._fields}
        for side, rows in self._asdict().items():
            for name, own in target.parts(rows["label"]).items():
                part = rows[own]
                subjects, scans = (int(part[column].nunique()) for column in ("subject", "scan"))
                counts[side][name] = {"subjects": subjects, "scans": scans, "slices": len(part)}
        return counts


def gather(config: Settings, task: Task, slices: SlicePolicy, progress: Progress, *, stop: bool = True) -> Gathered:
    """Read the cohort, deal its subjects into folds, cut its slices, and audit all of it, tables before images.

    Without ``stop``, what the audit refuses is returned and not raised (LeakageError).
    """
    cohort = read_cohort(config, task, progress)
    folds = assign_folds(cohort.strata, config.dealt, config.seed)
    findings = (*cohort.findings, *audit_tables(cohort, folds, task))
    if stop:
        refuse(findings, config.allow)
    store = store_of(cohort, slices, config.image_size, progress)
    findings += (*store.findings, *audit_images(cohort, task, store))
    if stop:
        refuse(findings, config.allow)
    return Gathered(cohort, folds, store, findings)


def gather_again(config: Settings, task: Task, slices: SlicePolicy) -> Gathered:
    """Gather for a process that trains what another has gathered: nothing is audited or checked twice."""
    cohort = read_cohort(config, task, Quiet())
    folds = assign_folds(cohort.strata, config.dealt, config.seed)
    store = store_of(cohort, slices, config.image_size, Quiet(), check=False)
    return Gathered(cohort, folds, store, ())


def store_of(cohort: Cohort, slices: SlicePolicy, size: int, progress: Progress, *, check: bool = True) -> SliceStore:
    """Cut a cohort's slices, or open the store that has them: ``build_store`` in the cache."""
    folder = cache_folder("slices")
    shown = cohort.scans[cohort.present["image"]]
    if shown.empty:
        raise DataError("no scan of this cohort has an image; leave images out: `--fusion clinical-only`.")
    return build_store(shown, slices, size, folder, progress, images=cohort.images, check=check)


def report(findings: Iterable[Finding], progress: Progress) -> None:
    """Say every finding in a line."""
    for one in findings:
        if one.severity == "note":
            progress.say(f"note: {one.message} ({one.count})")
            continue
        kind = "warning" if one.severity == "warning" else "refusal, allowed"
        items = "; ".join(one.items[:3]) + (f" and {one.count - 3} more" if one.count > 3 else "")
        progress.say(f"{kind}: {one.code} ({one.count}): {one.message} {items}. {one.advice}")
