"""The cohort: one row per scan, one set of clinical values per scan, and what was found while it was put together."""

import math
import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

import pandas as pd

from fusekit.data.absence import Modality, present_in
from fusekit.data.images.channels import IMAGE, check_names, columns_of
from fusekit.data.target import Target
from fusekit.data.target.follow_up import ENTRY
from fusekit.errors import DataError, first_ten

#: Columns of FuseKit's own tables, in any case: a group or an input with such a name would be lost among them.
OURS = frozenset({"scan", "subject", "image", "mask", "label", ENTRY, "fold", "slice", "row"})
#: Words in the name of a column whose numbers are names: a band of sites is no group.
_CODES = {"batch", "center", "centre", "clinic", "device", "hospital", "manufacturer", "operator", "phase", "reader"}
_CODES |= {"scanner", "site", "siteid", "station", "vendor", "ward"}


def words_of(name: str) -> set[str]:
    """The words in a column's name, in lower case."""
    return set(re.findall(r"[^\W_]+", name.lower()))


def holds_codes(name: str) -> bool:
    """Whether a column's numbers are names, as its own name says."""
    return not _CODES.isdisjoint(words_of(name))


@dataclass(frozen=True, slots=True)
class Column:
    """A clinical column as the cohort holds it.

    Args:
        name: unique within the cohort, e.g. ``ABETA``.
        kind: ``number`` (float values, NaN where missing) or ``category`` (text, None where missing).
        unit: of the numbers, e.g. ``pg/mL``.
        low, high: values outside are taken for a wrong unit or a typing error, and refused by name.
        signed: numbers may be zero or negative even where training has positive ones only: changes, z-scores.
        categories: the known ones, in order; empty means those seen in training.
        source: table and column it was read from.
        missing: cells of its table that mean "no value" besides the usual ones; codes, as text or as numbers.
    """

    name: str
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    signed: bool = False
    categories: tuple[str, ...] = ()
    source: str = ""
    missing: tuple[str, ...] = ()

    @property
    def block(self) -> str:
        """The table it was read from, without folder and ending: what is missing, or left out, together."""
        table, colon, _ = self.source.partition(": ")
        if not colon:  # TABLE.COLUMN or FILE.tsv.COLUMN; columns may have dots in their names
            found = re.match(r"(.*?)(\.[ct]sv)?\.", self.source)
            table = found[1] if found else ""
        return PurePath(re.sub(r"\.(tsv|csv|xlsx|xlsm|ods)$", "", table)).name or self.name


#: note: how the cohort came about. warning: it may fool you. refusal: nothing is trained, unless allowed by name.
Severity = Literal["note", "warning", "refusal"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about a cohort that its user should know: listed with its count, and kept in the manifest."""

    code: str  # short and stable, e.g. "scan-without-row"
    message: str  # a sentence
    items: tuple[str, ...] = ()  # the subjects, files or columns concerned
    severity: Severity = "note"
    advice: str = ""  # what to do about it
    dropped: Literal["", "scans", "subjects"] = ""  # what its items are, if they are left out of the cohort for it
    along: int | None = None  # then: subjects left without a scan, or scans that went with the subjects, if known

    @property
    def count(self) -> int:
        """How many items are concerned."""
        return len(self.items)

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        kept = ("code", "severity", "message", "advice", "dropped", "count")
        return {name: getattr(self, name) for name in kept} | {"items": list(self.items)}


@dataclass(frozen=True)
class Cohort:
    """Scans with labels, joined by id to clinical values.

    Args:
        scans: index ``scan`` (unique text); columns ``subject`` (text), ``image`` (Path), ``label`` (of classes a
            0-based int), every column named in ``groups``, and, where images have masks, ``mask`` (Path, or None). A
            scan of several images has the first in ``image`` and each other in ``image:NAME``, e.g. ``image:flair``.
            Times to an event with delayed entry have it in ``entry``.
        clinical: the same index, in the same order; one column per ``Column``.
        columns: describes ``clinical``.
        target: what the labels are.
        groups: columns of ``scans`` that describe rather than predict (site, scanner, visit ...).
        findings: gathered on the way.
        images: names of a scan's images, in order, e.g. ``("t1", "flair")``.
        absent: what scans may lack: "image", whose paths are then None, all of them; "table", of which no clinical
            column has a value then. Each has one of the two.
        found: scans and subjects before any was left out, of which findings with ``dropped`` say where they went; None
            for what the task does not know.
    """

    scans: pd.DataFrame
    clinical: pd.DataFrame
    columns: tuple[Column, ...]
    target: Target
    groups: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    found: tuple[int, int | None] | None = None
    images: tuple[str, ...] = (IMAGE,)
    absent: tuple[Modality, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, if the labels are classes."""
        return self.target.classes

    @property
    def strata(self) -> pd.Series:
        """What folds are balanced by: a value per subject, sorted by subject."""
        return self.target.strata(self.scans)

    @property
    def subjects(self) -> pd.Series:
        """Label by subject, sorted by subject."""
        return self.scans.groupby("subject")["label"].first().sort_index()

    @property
    def counts(self) -> pd.DataFrame:
        """Subjects and scans of each class, or of each other part of the target, and last of ``all``."""
        parts = {name: self.scans[own] for name, own in self.target.parts(self.scans["label"]).items()}
        rows = [(own["subject"].nunique(), len(own)) for own in (*parts.values(), self.scans)]
        return pd.DataFrame(rows, index=[*parts, "all"], columns=["subjects", "scans"])

    @property
    def present(self) -> pd.DataFrame:
        """Which scans have an image, and which a table: columns image and table, bool."""
        return present_in(self.scans, self.clinical)

    def check(self) -> None:
        """Refuse a cohort that cannot be trained on honestly; the message names what is wrong, and where."""
        if self.scans.empty:
            raise DataError("the cohort has no scans; nothing can be trained or tested.")
        repeated = self.scans.index[self.scans.index.duplicated()].unique()
        if len(repeated):
            raise DataError(f"{len(repeated)} scan ids are repeated: {first_ten(repeated)}.")
        if not self.scans.index.equals(self.clinical.index):
            raise DataError("the cohort's scans and its clinical values are not the same rows in the same order.")
        if list(self.clinical.columns) != [column.name for column in self.columns]:
            raise DataError("the cohort's clinical values do not have the columns that describe them.")
        if taken := [name for name in self.groups if name.lower() in OURS or name.startswith(f"{IMAGE}:")]:
            raise DataError(f"the cohort has groups named as FuseKit's own columns: {first_ten(taken)}. Rename them.")
        self._check_images()
        self.target.check(self.scans)
        for column in self.columns:
            if column.kind != "number" or (column.low is None and column.high is None):
                continue
            low = -math.inf if column.low is None else column.low
            high = math.inf if column.high is None else column.high
            values = self.clinical[column.name]
            outside = values[(values < low) | (values > high)]
            if not outside.empty:
                unit = f" {column.unit}" if column.unit else ""
                where = f"{column.source or 'the clinical table'}, column {column.name!r}"
                raise DataError(
                    f"{where}: {len(outside)} values are outside {low:g} to {high:g}{unit}; scan {outside.index[0]} "
                    f"has {outside.iloc[0]:g}. Is it in another unit? Convert or correct it, or leave it empty."
                )

    def _check_images(self) -> None:
        columns = columns_of(self.images)
        check_names(self.images)
        if absent := [name for name, column in columns.items() if column not in self.scans]:
            raise DataError(f"the cohort's scans have no column {columns[absent[0]]!r}, the paths of {absent[0]}.")
        paths = [pd.Series(self.scans[column].to_numpy(), self.scans.index) for column in columns.values()]
        together = pd.concat(paths)
        without = together.index[together.isna()].unique()
        if "image" in self.absent:
            counts = together.isna().groupby(together.index).sum()
            without = counts.index[(counts > 0) & (counts < len(columns))]
            present = self.present
            if len(nothing := present.index[~(present["image"] | (present["table"]))]):
                raise DataError(f"{len(nothing)} scans have neither image nor table: {first_ten(nothing)}.")
        if len(without):
            raise DataError(f"{len(without)} scans lack an image: {first_ten(without)}. Leave them out, or add it.")
        together = together.dropna()
        shared = together[together.duplicated(keep=False)]
        if not shared.empty:
            what = "several scans have one image" if len(columns) == 1 else "scans share an image, or have one twice"
            raise DataError(f"{what}: {first_ten(shared.map(str).unique())}.")
