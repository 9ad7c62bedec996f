"""Another cohort, read by its task and held against what a frozen model was made for; nothing is fitted on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from fusekit.audit import audit_images, audit_tables, refuse
from fusekit.bundle.bundle import Bundle
from fusekit.data import ClinicalEncoding, Cohort, Finding, SliceStore, Target, Task
from fusekit.data.clinical.censoring import flagged
from fusekit.data.clinical.column import EncodedColumn
from fusekit.data.images.channels import columns_of
from fusekit.errors import DataError
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.gathered import Gathered, store_of
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Progress

#: All subjects are in one fold: none is trained on.
FOLD = 0
_WORDS = ("this cohort is not what the frozen model was made for", "Nothing was written.")


@dataclass(frozen=True)
class ExternalCohort(Gathered):
    """A cohort that a frozen model can be tested on, its slices cut by the model's policy; all subjects in one fold."""

    clinical: pd.DataFrame  # the model's columns in the model's order, one row per scan; absent columns are empty
    absent: tuple[str, ...]  # columns that the cohort lacks


def read_external(
    bundle: Bundle, config: Settings, task: Task, known: Iterable[str], progress: Progress
) -> ExternalCohort:
    """Read a cohort as its task does, and refuse what the model was not made for: tables first, then images.

    ``known`` are ids of subjects of the training cohort. LeakageError lists everything that is refused.
    """
    cohort = read_cohort(config, task, progress)
    refuse_other_target(bundle, cohort.target, config.task_name)
    reads = {"image": bundle.reads_image, "table": bundle.encoding is not None}
    if missed := [name for name in cohort.absent if reads[name] and name not in bundle.absent]:
        raise DataError(
            f"this cohort has scans without {' and without '.join(missed)}, and the model was trained with every one: "
            "it has nothing to take in place. Leave them out of the cohort, or train a model on such scans."
        )
    if bundle.reads_image:
        cohort = with_images(cohort, bundle.images)
    values, absent, found = match_columns(bundle.encoding, cohort)
    findings = [*cohort.findings, *found, *_known_subjects(cohort, known)]
    if cohort.columns:
        tables = manifest.fingerprint(cohort, np.empty((0, 1, 1, 1)))  # before hours of reading images
        findings += _same_cohort(bundle, {"clinical": "clinical values"}, tables)
    here = {column.name: column for column in cohort.columns}
    present = values.drop(columns=list(absent))
    wanted = {column.name: column.column for column in (bundle.encoding.columns if bundle.encoding else ())}
    read = replace(cohort, clinical=present, columns=tuple(here.get(str(name), wanted[str(name)]) for name in present))
    findings += audit_tables(read, None, task)
    refuse(findings, config.allow, *_WORDS)
    if "image" in bundle.absent and not cohort.present["image"].any():
        store = SliceStore.empty(bundle.slices, bundle.image_size, bundle.images)
    else:
        store = store_of(cohort, bundle.slices, bundle.image_size, progress)
        findings += _same_cohort(bundle, {"slices": "slices"}, manifest.fingerprint(cohort, store.images))
        findings += (*store.findings, *audit_images(read, task, store))
    refuse(findings, config.allow, *_WORDS)
    folds = pd.Series(FOLD, index=cohort.subjects.index, name="fold")
    return ExternalCohort(cohort, folds, store, tuple(findings), values, absent)


def refuse_other_target(bundle: Bundle, target: Target, task: str) -> None:
    """Raise DataError where the classes' names or their order differ, or the number that is predicted."""
    classes = target.classes
    if target.kind != bundle.target.kind or not (classes or target.unfitted == bundle.target.unfitted):
        ours, theirs = (one.unfitted.as_json() for one in (bundle.target, target))
        raise DataError(f"the model predicts {ours}, and the task {task} {theirs}. Evaluate it on a task that asks the "
                        "same: --task, or a TOML.")  # fmt: skip
    if classes != bundle.classes:
        order = " in another order" if set(classes) == set(bundle.classes) else ""
        raise DataError(
            f"the model distinguishes {', '.join(bundle.classes)} (in this order), and the task {task} has the classes "
            f"{', '.join(classes)}{order}. Evaluate it on a task with its classes: --task, or a TOML that names them."
        )


def with_images(cohort: Cohort, images: tuple[str, ...]) -> Cohort:
    """Give a cohort the model's images in the model's order, and no others; DataError where it lacks one.

    Where the model reads one image and the cohort has one, they need not be called alike.
    """
    if len(images) == len(cohort.images) == 1:
        return replace(cohort, images=images)
    if absent := [name for name in images if name not in cohort.images]:
        raise DataError(
            f"the model reads the images {', '.join(images)}, and this cohort has {', '.join(cohort.images)}: there is "
            f"no {' and no '.join(absent)}. Call its images as the model does."
        )
    before, after = columns_of(cohort.images), columns_of(images)
    paths = {after[name]: cohort.scans[before[name]] for name in images}
    kept = cohort.scans.drop(columns=list(before.values())).assign(**paths)
    other = tuple(name for name in cohort.images if name not in images)
    unread = Finding("image-not-read", "images that the model does not read.", other)
    return replace(cohort, scans=kept, images=images, findings=(*cohort.findings, *[unread] * bool(other)))


def match_columns(
    encoding: ClinicalEncoding | None, cohort: Cohort
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[Finding, ...]]:
    """Pick the model's columns out of a cohort, by name; DataError if one is of another kind.

    Returns their values, one row per scan, empty where a column is absent; the absent names; and what does not fit:
    absent columns, other units, values that the model was not made for.
    """
    columns = encoding.columns if encoding else ()
    here = {column.name: column for column in cohort.columns}
    parts, absent, units = dict[str, pd.Series](), list[EncodedColumn](), list[str]()
    for column in columns:
        own, of = here.get(column.name), flagged(column.name, here)
        if own is None and of is not None:  # this cohort has no value beyond the assay's range
            within = cohort.clinical[of].notna()
            parts[column.name] = pd.Series(0.0, within.index).where(within)
            continue
        if own is None:
            absent.append(column)
            empty, kind = (np.nan, float) if column.is_number else (None, object)
            parts[column.name] = pd.Series(empty, cohort.clinical.index, dtype=kind)
            continue
        parts[column.name] = cohort.clinical[column.name]
        if own.kind != column.column.kind:
            raise DataError(
                f"{own.source or 'the cohort'}, column {column.name!r}: the model reads a {column.column.kind} there, "
                f"and this cohort holds a {own.kind}. Declare it as the model does."
            )
        if own.unit and column.column.unit and own.unit != column.column.unit:
            units.append(f"{column.name}: {own.unit} here, {column.column.unit} in training")
    values = pd.DataFrame(parts, index=cohort.clinical.index, columns=list(parts))
    other_unit = Finding(
        "other-unit",
        "clinical columns in another unit than in training.",
        tuple(units),
        "refusal",
        "Convert them; allow it only where the two are two names of one unit.",
    )
    found = (_absent(absent, list(here)), other_unit, _out_of_range(columns, values))
    unseen = encoding.unseen(values) if encoding else ()
    names = tuple(column.name for column in absent)
    return values, names, (*(finding for finding in found if finding.items), *unseen)


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


def _out_of_range(columns: Iterable[EncodedColumn], values: pd.DataFrame) -> Finding:
    """Every number outside what training makes plausible, the columns in which most are outside first."""
    outside: dict[EncodedColumn, pd.Series] = {}
    for column in columns:
        if column.is_number:
            numbers, (low, high) = values[column.name], column.plausible
            outside[column] = numbers[(numbers < low) | (numbers > high)]
    shares = {one: len(own) / values[one.name].count() for one, own in outside.items() if len(own)}
    ordered = sorted(shares, key=lambda column: -shares[column])
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
