"""The clinical columns: a default set from whichever tables are there, or those that a TOML file names.

No default table is required. Columns that give the diagnosis away are never inputs: see ``fusekit_adni.labels.leaks``.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.problems import note
from fusekit_adni.tables.archive import find_table
from fusekit_adni.tables.dictionary import Dictionary
from fusekit_adni.tables.measurements import Source, measurements
from fusekit_adni.tables.named import PEOPLE, ColumnRules, named_columns
from fusekit_adni.tables.people import genotype, people
from fusekit_adni.tables.study import StudyTable, Values, read_study_table


def _fluid(assay: str, **limits: tuple[float, float]) -> tuple[Column, ...]:
    return tuple(Column(name, unit=f"pg/mL ({assay})", low=low, high=high) for name, (low, high) in limits.items())


_ELECSYS = _fluid("Elecsys", ABETA=(50, 6000), TAU=(20, 3000), PTAU=(2, 400))
_ROCHE = _fluid("Elecsys", ABETA42=(50, 6000), ABETA40=(500, 60000), TAU=(20, 3000), PTAU=(2, 400))
#: Limits of plasma assays are wide: they catch another unit, and nobody's illness.
_FUJIREBIO = (
    *_fluid("Lumipulse, plasma", pT217_F=(0, 50), AB42_F=(0, 500), AB40_F=(0, 5000)),
    Column("AB42_AB40_F", unit="ratio", low=0, high=1),
    Column("pT217_AB42_F", unit="ratio", low=0, high=5),
    *_fluid("Simoa, plasma", NfL_Q=(0, 3000), GFAP_Q=(0, 10000)),
)
_C2N = (
    *_fluid("C2N, plasma", pT217_C2N=(0, 100), npT217_C2N=(0, 1000), AB42_C2N=(0, 500), AB40_C2N=(0, 5000)),
    Column("APS2_C2N", unit="score", low=0, high=100),
)
SOURCES = (
    Source("UPENNBIOMK_ROCHE_ELECSYS", _ROCHE, partly=True),
    Source(
        "UPENNBIOMK_MASTER",
        _fluid("xMAP", ABETA=(20, 600), TAU=(5, 1500), PTAU=(1, 400)),
        median=True,
        unless=("UPENNBIOMK_ROCHE_ELECSYS",),
    ),
    Source(
        "UPENNBIOMK9",
        _ELECSYS,
        unless=("UPENNBIOMK_ROCHE_ELECSYS", "UPENNBIOMK_MASTER"),
        alone="read on its own scale, since UPENNBIOMK_MASTER is not there; never compare the two",
    ),
    Source("UPENN_PLASMA_FUJIREBIO_QUANTERIX", _FUJIREBIO, partly=True),
    Source("C2N_PRECIVITYAD2_PLASMA", _C2N, partly=True),
    Source("BLENNOWPLASMANFL", (Column("PLASMA_NFL", unit="ng/L", low=0.5, high=1000),)),
    Source("LABDATA"),
    Source("adni_plasma_qc_multiplex", log_scale=True),
)


@dataclass(frozen=True)
class Clinical:
    """Clinical values of scans."""

    table: pd.DataFrame  # index scan; its columns are ``columns``, in that order
    columns: tuple[Column, ...]
    seen: frozenset[int]  # roster ids that have a row in any table of measurements

    @property
    def read_from(self) -> str:
        """How many columns are from which table, in words; records of censoring are not counted."""
        shown = [column for column in self.columns if not column.name.endswith(" censored")]
        counts = Counter(column.source.partition(".")[0] for column in shown)
        return ", ".join(f"{count} from {name}" for name, count in counts.items())

    @property
    def instead(self) -> list[str]:
        """Columns that are from another table than today's, or from a second one where the first has a gap."""
        filled = [f"{column.name} from {column.source}" for column in self.columns if column.name in PEOPLE[:3]]
        filled = [text for text in filled if " and " in text]
        alleles = [column.name for column in self.columns if column.source == "ADNIMERGE.APOE4"]
        return [*filled, *(f"{name} from ADNIMERGE (no APOERES)" for name in alleles)]

    @classmethod
    def of(cls, parts: Sequence[Values], seen: Iterable[int], scans: pd.DataFrame, findings: list[Finding]) -> Self:
        """Keep the columns that have a value for any scan."""
        empty = [column.name for column, values in parts if values.isna().all()]
        note(findings, "column-without-values", "columns without a value for any scan, left out", empty)
        kept = {column: values for column, values in parts if column.name not in empty}
        table = pd.DataFrame({column.name: values for column, values in kept.items()}, index=scans.index)
        return cls(table, tuple(kept), frozenset(seen))


def read_clinical(
    scans: pd.DataFrame,
    adnimerge: StudyTable | None,
    paths: list[Path],
    findings: list[Finding],
    named: ColumnRules | None = None,
    dictionary: Dictionary | None = None,
) -> Clinical:
    """Read clinical columns for scans (index scan; columns rid, visit, acquired).

    A scan gets the row of its own visit, else the subject's nearest within 180 days where the table has dates.
    ADNIMERGE has age, sex and education. ``named`` is what a ``columns.toml`` names; None reads the default set. Units
    and texts for codes come from ``dictionary`` too. Findings get odd cells, other scales and empty columns.
    """
    parts: list[Values] = []
    if named is None or named.people:
        parts = [*people(scans, adnimerge, paths, findings), *genotype(scans, adnimerge, paths, findings)]
    if named is None:
        measured, seen = _default(scans, paths, findings)
    else:
        by_name = {column.name: (column, values) for column, values in parts}
        parts = [by_name[name] for name in named.people if name in by_name]
        measured, seen = named_columns(scans, paths, named, findings)
    parts += measured
    names = [column.name for column, _ in parts]
    absent = [name for name in (named.people if named else ()) if name not in names]  # whose table is not there
    note(findings, "column-without-values", "columns without a value for any scan, left out", absent)
    for place, (column, values) in enumerate(parts):
        if names.count(column.name) > 1:
            parts[place] = replace(column, name=f"{column.source.partition('.')[0]}.{column.name}"), values
    return Clinical.of(dictionary.applied(parts, findings) if dictionary else parts, seen, scans, findings)


def _default(scans: pd.DataFrame, paths: list[Path], findings: list[Finding]) -> tuple[list[Values], set[int]]:
    parts: list[Values] = []
    seen: set[int] = set()
    for source in SOURCES:
        if source.unless and (there := find_table(source.table, paths)[0]):
            instead = next((other for other in source.unless if find_table(other, paths)[0]), None)
            what = f"another scale, not mixed in; {instead} is read" if instead else source.alone
            note(findings, "other-scale", what, (there.name,) if what else ())
            if instead:
                continue
        needed = () if source.partly else tuple(column.name for column in source.columns)
        table = read_study_table(
            source.table, paths, needed, findings, columns=[column.name for column in source.columns]
        )
        if table is not None:
            seen.update(table.rows["rid"])
            parts += measurements(scans, table, source, findings)
    return parts, seen
