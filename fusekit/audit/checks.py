"""The audit: every check in the order in which it is read, and what a refusal stops."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pandas as pd

from fusekit.audit import columns, copies, entries, folds, groups, identity, missing, volumes
from fusekit.audit.case import Case
from fusekit.data.cohort import Cohort, Finding
from fusekit.data.store.store import SliceStore
from fusekit.data.task import Task
from fusekit.errors import LeakageError, OptionError
from fusekit.extension.registry import suggest

Check = Callable[[Case], Iterator[Finding]]

#: What can be seen from the tables.
TABLE_CHECKS: tuple[Check, ...] = (
    folds.subjects_in_two_folds,
    identity.similar_subjects,
    columns.leaky_columns,
    columns.columns_that_are_the_label,
    columns.strong_columns,
    columns.shortcut_columns,
    missing.telling_gaps,
    missing.telling_gaps_of_columns,
    missing.telling_absence,
    groups.confounded_groups,
    groups.scans_after_diagnosis,
    entries.few_at_risk,
    entries.entry_among_inputs,
    folds.unequal_folds,
)

#: What can be seen from what the slice store measured of each volume.
IMAGE_CHECKS: tuple[Check, ...] = (
    copies.same_images,
    copies.nearly_same_images,
    groups.confounded_geometry,
    volumes.unusual_volumes,
)

#: Refusals of an external validation, where a cohort is not what the frozen model was made for.
OF_ANOTHER_COHORT = ("missing-column", "other-unit", "out-of-range", "training-cohort")

#: Refusals of these checks, of a recipe and of another cohort: what ``--allow`` takes, beside those of the task itself.
REFUSALS = ("column-is-label", "leaky-column", "near-duplicate", "recipe-differs", "same-image", *OF_ANOTHER_COHORT)


def audit_tables(cohort: Cohort, folds: pd.Series | None, task: Task) -> tuple[Finding, ...]:
    """Audit columns, gaps, groups and folds (fold by subject, or None), before any image is read.

    A subject in two folds is a LeakageError, which nothing allows.
    """
    case = Case(cohort, folds, task, None)
    return tuple(finding for check in TABLE_CHECKS for finding in check(case))


def audit_images(cohort: Cohort, task: Task, store: SliceStore) -> tuple[Finding, ...]:
    """Audit the volumes by the store's ``volumes`` and ``thumbnails``; no image is opened."""
    shown = cohort.present["image"]
    cohort = replace(cohort, scans=cohort.scans[shown], clinical=cohort.clinical[shown])
    case = Case(cohort, None, task, store)
    return tuple(finding for check in IMAGE_CHECKS for finding in check(case))


def refusals(findings: Iterable[Finding], allow: Iterable[str] = ()) -> list[Finding]:
    """Return the refusals (of the task, the store and the audit) that are not allowed by code.

    An allowed code that is no refusal's is an OptionError, with the nearest that it could mean.
    """
    found = [finding for finding in findings if finding.severity == "refusal"]
    known, allowed = sorted({*REFUSALS, *(finding.code for finding in found)}), set(allow)
    for code in sorted(allowed - set(known)):
        raise OptionError(f"--allow takes the code of a refusal, and {code!r} is none; {suggest(code, known)}")
    return [finding for finding in found if finding.code not in allowed]


def refuse(
    findings: Iterable[Finding],
    allow: Iterable[str] = (),
    opening: str = "the audit refuses this cohort",
    closing: str = "`fusekit check` shows everything that it found.",
) -> None:
    """Stop at ``refusals`` with a LeakageError that lists every one with its code, first items and advice.

    ``opening`` and ``closing`` go around the list.
    """
    if stopped := refusals(findings, allow):
        raise LeakageError(
            f"{opening}, for {len(stopped)} reason{'s' if len(stopped) > 1 else ''}:\n"
            + "\n".join(_paragraph(finding) for finding in stopped)
            + f"\n{closing}"
        )


def _paragraph(finding: Finding) -> str:
    more = f" and {finding.count - 10} more" if finding.count > 10 else ""
    return (
        f"- {finding.code} ({finding.count}): {finding.message}\n  {'; '.join(finding.items[:10])}{more}.\n"
        f"  {finding.advice} To continue anyway: --allow {finding.code}"
    )
