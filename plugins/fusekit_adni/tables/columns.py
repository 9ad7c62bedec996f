"""The clinical columns: a default set from whichever tables are there, or those that a TOML file names.

No default table is required. Columns that give the diagnosis away are never inputs: see ``fusekit_adni.labels.leaks``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.problems import note
from fusekit_adni.tables.measurements import Source, measurements
from fusekit_adni.tables.named import named_columns
from fusekit_adni.tables.people import genotype, people
from fusekit_adni.tables.rules import read_column_rules
from fusekit_adni.tables.study import StudyTable, Values, find_table, read_study_table


def _fluid(assay: str, **limits: tuple[float, float]) -> tuple[Column, ...]:
    return tuple(Column(name, unit=f"pg/mL ({assay})", low=low, high=high) for name, (low, high) in limits.items())


_ELECSYS = _fluid("Elecsys", ABETA=(50, 6000), TAU=(20, 3000), PTAU=(2, 400))
SOURCES = (
    Source("UPENNBIOMK_MASTER", _fluid("xMAP", ABETA=(20, 600), TAU=(5, 1500), PTAU=(1, 400)), median=True),
    Source("UPENNBIOMK9", _ELECSYS, unless="UPENNBIOMK_MASTER"),
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


def read_clinical(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding], rules: Path | None
) -> Clinical:
    """Read clinical columns for scans (index scan; columns rid, visit, acquired).

    A scan gets the row of its own visit, else the subject's nearest within 180 days where the table has dates.
    ADNIMERGE has age, sex and education. ``rules`` is a ``columns.toml`` that names the columns; None reads the default
    set. Findings get odd cells, other scales and empty columns.
    """
    parts: list[Values] = []
    named = None if rules is None else read_column_rules(rules)
    if named is None or named.people:
        parts = [*people(scans, adnimerge, findings), *genotype(scans, adnimerge, paths, findings)]
    if named is None:
        measured, seen = _default(scans, paths, findings)
    else:
        by_name = {column.name: (column, values) for column, values in parts}
        parts = [by_name[name] for name in named.people if name in by_name]
        measured, seen = named_columns(scans, paths, named, findings)
    parts += measured
    names = [column.name for column, _ in parts]
    qualified = [
        (f"{c.source.partition('.')[0]}.{c.name}" if names.count(c.name) > 1 else c.name, c, values)
        for c, values in parts
    ]
    empty = [name for name in (named.people if named else ()) if name not in names]  # whose table is not there
    empty += [name for name, _, values in qualified if values.notna().sum() == 0]
    note(findings, "column-without-values", "columns without a value for any scan, left out", empty)
    kept = [(name, column, values) for name, column, values in qualified if name not in empty]
    return Clinical(
        table=pd.DataFrame({name: values for name, _, values in kept}, index=scans.index),
        columns=tuple(replace(column, name=name) for name, column, _ in kept),
        seen=frozenset(seen),
    )


def _default(scans: pd.DataFrame, paths: list[Path], findings: list[Finding]) -> tuple[list[Values], set[int]]:
    parts: list[Values] = []
    seen: set[int] = set()
    for source in SOURCES:
        if source.unless and (there := find_table(source.table, paths)[0]):
            instead = find_table(source.unless, paths)[0] is not None
            what = f"read on its own scale, since {source.unless} is not there; never compare the two"
            what = f"another scale, not mixed in; {source.unless} is read" if instead else what
            note(findings, "other-scale", what, (there.name,))
            if instead:
                continue
        table = read_study_table(source.table, paths, tuple(c.name for c in source.columns), findings)
        if table is not None:
            seen.update(table.rows["rid"])
            parts += measurements(scans, table, source, findings)
    return parts, seen
