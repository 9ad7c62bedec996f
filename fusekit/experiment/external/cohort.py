"""Another cohort, read by its task and held against what a frozen model was made for; nothing is fitted on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from fusekit.audit import audit_images, audit_tables, refuse
from fusekit.bundle.bundle import Bundle
from fusekit.data import ClinicalEncoding, Cohort, Column, Finding, SliceStore, Task, build_store
from fusekit.data.clinical.column import EncodedColumn
from fusekit.data.store.cache import cache_folder
from fusekit.errors import DataError
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Progress

#: All subjects are in one fold: none is trained on.
FOLD = 0

_WORDS = ("this cohort is not what the frozen model was made for", "Nothing was written.")


@dataclass(frozen=True)
class ExternalCohort:
    """A cohort that a frozen model can be tested on.

    Args:
        cohort: as its task read it.
        clinical: values of the model's columns in the model's order, one row per scan; absent columns are empty.
        absent: the columns that the cohort lacks.
        store: its slices, cut by the model's policy.
        rows: one row per slice: index ``row`` (of the store); subject, scan, slice, fold, label.
        fingerprint: SHA-256 of the cohort's labels, clinical values and slices.
        findings: of the task, the columns, the audit and the store.
    """

    cohort: Cohort
    clinical: pd.DataFrame
    absent: tuple[str, ...]
    store: SliceStore
    rows: pd.DataFrame
    fingerprint: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def folds(self) -> pd.Series:
        """Fold by subject: one for all."""
        return pd.Series(FOLD, index=self.cohort.subjects.index, name="fold")


def read_external(
    bundle: Bundle, config: Settings, task: Task, known: Iterable[str], progress: Progress
) -> ExternalCohort:
    """Read a cohort as its task does, and refuse what the model was not made for: tables first, then images.

    ``known`` are ids of the subjects of the training cohort, as far as they are known.

    Raises:
        DataError: the classes differ, or a column is of another kind; the cohort cannot be read.
        LeakageError: something is refused; the message lists all of it and the way out.
    """
    cohort = read_cohort(config, task, progress)
    refuse_other_classes(bundle, cohort.classes, config.task_name)
    values, absent, found = match_columns(bundle.encoding, cohort)
    findings = [*cohort.findings, *found, *_known_subjects(cohort, known)]
    if cohort.columns:
        tables = manifest.fingerprint(cohort, np.empty((0, 1, 1)))  # before hours of reading images
        findings += _same_cohort(bundle, {"clinical": "clinical values"}, tables)
    read = replace(cohort, clinical=values.drop(columns=list(absent)), columns=_described(bundle.encoding, cohort))
    findings += audit_tables(read, None, task)
    refuse(findings, config.allow, *_WORDS)
    store = build_store(cohort.scans, bundle.slices, bundle.image_size, cache_folder("slices"), progress)
    fingerprint = manifest.fingerprint(cohort, store.images)
    findings += _same_cohort(bundle, {"slices": "slices"}, fingerprint)
    findings += (*store.findings, *audit_images(read, task, store))
    refuse(findings, config.allow, *_WORDS)
    rows = store.rows.join(cohort.scans[["subject", "label"]], on="scan").assign(fold=FOLD)
    rows = rows[["subject", "scan", "slice", "fold", "label"]].rename_axis("row")
    return ExternalCohort(cohort, values, absent, store, rows, fingerprint, tuple(findings))


def refuse_other_classes(bundle: Bundle, classes: tuple[str, ...], task: str) -> None:
    """Raise DataError where the classes' names or their order differ."""
    if classes != bundle.classes:
        order = " in another order" if set(classes) == set(bundle.classes) else ""
        raise DataError(
            f"the model distinguishes {', '.join(bundle.classes)} (in this order), and the task {task} has the classes "
            f"{', '.join(classes)}{order}. Evaluate it on a task with its classes: --task, or a TOML that names them."
        )


def match_columns(
    encoding: ClinicalEncoding | None, cohort: Cohort
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[Finding, ...]]:
    """Pick the model's columns out of a cohort, by name.

    Returns:
        Their values, one row per scan, empty where a column is absent; the absent names; and what does not fit: absent
        columns, other units, values that the model was not made for.

    Raises:
        DataError: a column holds numbers where the model knows categories, or the reverse.
    """
    columns = encoding.columns if encoding else ()
    here = {column.name: column for column in cohort.columns}
    values, absent, units = pd.DataFrame(index=cohort.clinical.index), list[EncodedColumn](), list[str]()
    for column in columns:
        own = here.get(column.name)
        if own is None:
            absent.append(column)
            continue
        if own.kind != column.column.kind:
            raise DataError(
                f"{own.source or 'the cohort'}, column {column.name!r}: the model reads a {column.column.kind} there, "
                f"and this cohort holds a {own.kind}. Declare it as the model does."
            )
        if own.unit and column.column.unit and own.unit != column.column.unit:
            units.append(f"{column.name}: {own.unit} here, {column.column.unit} in training")
    parts = {
        column.name: cohort.clinical[column.name]
        if column.name in here
        else pd.Series(np.nan if column.is_number else None, values.index, dtype=float if column.is_number else object)
        for column in columns
    }
    values = pd.DataFrame(parts, index=values.index, columns=[column.name for column in columns])
    found = (_absent(absent, list(here)), _units(units), _out_of_range(columns, values))
    unseen = encoding.unseen(values) if encoding else ()
    names = tuple(column.name for column in absent)
    return values, names, (*(finding for finding in found if finding.items), *unseen)


def _described(encoding: ClinicalEncoding | None, cohort: Cohort) -> tuple[Column, ...]:
    here = {column.name: column for column in cohort.columns}
    return tuple(here[column.name] for column in (encoding.columns if encoding else ()) if column.name in here)


def _absent(columns: list[EncodedColumn], here: list[str]) -> Finding:
    lower = {name.lower(): name for name in here}
    items = []
    for column in columns:
        near = get_close_matches(column.name.lower(), lower, n=2, cutoff=0.7)
        known = [column.column.unit or column.column.kind, *[f"here perhaps {lower[match]!r}" for match in near]]
        items.append(f"{column.name} ({'; '.join(known)})")
    return Finding(
        "missing-column",
        "clinical columns that the model reads and this cohort does not have at all.",
        tuple(items),
        "refusal",
        "Bring the table that holds them, under the model's names. Where they are allowed to be missing, every subject "
        "has the training mean instead, and the scores are those of a model that misses them.",
    )


def _units(items: list[str]) -> Finding:
    return Finding(
        "other-unit",
        "clinical columns in another unit than in training.",
        tuple(items),
        "refusal",
        "Convert them; allow it only where the two are two names of one unit.",
    )


def _out_of_range(columns: Iterable[EncodedColumn], values: pd.DataFrame) -> Finding:
    """Every number outside what training makes plausible, the columns in which most are outside first."""
    outside = {column: _outside(column, values[column.name]) for column in columns if column.is_number}
    outside = {column: numbers for column, numbers in outside.items() if len(numbers)}
    shares = {column: len(numbers) / values[column.name].count() for column, numbers in outside.items()}
    ordered = sorted(outside, key=lambda column: -shares[column])
    items = [item for column in ordered for item in _listed(column, outside[column])]
    wrong = [_shifted(column, values[column.name]) for column in ordered if shares[column] > 0.5]
    most = f" Most values are outside in {'; '.join(wrong[:10])}: in another unit?" if wrong else ""
    return Finding(
        "out-of-range",
        f"clinical values outside what the training values make plausible.{most}",
        tuple(items),
        "refusal",
        "Convert or correct them, or leave them empty. Where they are right, the model is asked about people unlike "
        "any that it has seen, which is worth knowing and may be allowed.",
    )


def _outside(column: EncodedColumn, values: pd.Series) -> pd.Series:
    low, high = column.plausible
    return values[(values < low) | (values > high)]


def _listed(column: EncodedColumn, values: pd.Series) -> Iterator[str]:
    low, high = column.plausible
    unit = f" {column.column.unit}" if column.column.unit else ""
    seen = f", in training {column.seen[0]:g} to {column.seen[1]:g}" if column.seen else ""
    for scan, value in values.items():
        yield f"scan {scan}, {column.name}: {value:g}{unit} (plausible {low:g} to {high:g}{seen})"


def _shifted(column: EncodedColumn, values: pd.Series) -> str:
    """The column, and its median in training means."""
    ratio = float(values.median()) / column.fill if column.fill else np.nan
    return column.name + (f" (median {ratio:.3g} times the training mean)" if ratio > 0 else "")


def _known_subjects(cohort: Cohort, known: Iterable[str]) -> Iterator[Finding]:
    both = sorted(set(cohort.scans["subject"]) & set(known))
    if both:
        yield Finding(
            "known-subject",
            "subjects whose id is also one of the training cohort.",
            tuple(both),
            "warning",
            "If they are the same people, the model may have been trained on them: leave them out. If another hospital "
            "merely counts alike, nothing is wrong.",
        )


def _same_cohort(bundle: Bundle, compared: dict[str, str], fingerprint: dict[str, str]) -> Iterator[Finding]:
    """Whether values or slices are, to the last bit, those of the training."""
    before = bundle.provenance.get("data", {}).get("fingerprint", {})
    same = tuple(what for name, what in compared.items() if before.get(name) == fingerprint[name])
    if same:
        yield Finding(
            "training-cohort",
            "this is the cohort that the model was trained on; what is the same in both, to the last bit:",
            same,
            "refusal",
            "Evaluate on another cohort; -o synthetic.seed=1 makes another synthetic one.",
        )
