"""DATADIC, the archive's dictionary: units and codes of the tables' columns, compared with what is assumed here."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from fusekit.data import Column, Finding, read_table
from fusekit.data.own.problems import note
from fusekit.errors import DataError
from fusekit_adni.tables.archive import find_table, get, note_others
from fusekit_adni.tables.named import PEOPLE
from fusekit_adni.tables.study import UNKNOWN, Values

#: ``1=Male; 2=Female``, with any spaces, and commas or line ends for semicolons.
_CODE = re.compile(r"(?:^|[;,|\n])\s*(-?\d+)\s*=\s*(.*?)\s*(?=[;,|\n]\s*-?\d+\s*=|[;,|]?\s*$)", re.DOTALL)
#: Units that are the same number.
_SAME = {"ng/l": "pg/ml", "ug/l": "ng/ml", "mcg/l": "ng/ml", "mg/l": "ug/ml", "u/l": "iu/l", "year": "years"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What the dictionary says of a column."""

    unit: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)  # code -> text


@dataclass(frozen=True)
class Dictionary:
    """What ``read_dictionary`` found; table and column in upper case."""

    path: Path
    entries: Mapping[tuple[str, str], Entry]

    def applied(self, parts: list[Values], findings: list[Finding]) -> list[Values]:
        """Columns with units that only the dictionary has, and texts for codes.

        A unit that differs from the one assumed is a finding that refuses the cohort, unless allowed by name.
        """
        return [self._one(column, values, findings) for column, values in parts]

    def _one(self, column: Column, values: pd.Series, findings: list[Finding]) -> Values:
        table, _, name = column.source.partition(".")
        entry = self.entries.get((table.upper(), name.upper()))
        if entry is None or column.name in PEOPLE or column.name.endswith(" censored"):  # made of cells, not read
            return column, values
        if column.kind == "category":
            known = {value for value in values.dropna() if value in entry.codes}
            if not known or any(value not in entry.codes for value in values.dropna()):
                return column, values  # texts already, or codes that it does not have
            texts = values.map(entry.codes).astype(object)
            categories = tuple(dict.fromkeys(entry.codes.get(one, one) for one in column.categories))
            return replace(column, categories=categories), texts.where(texts.notna(), None)
        if not column.unit:
            return replace(column, unit=entry.unit), values
        if entry.unit and plain(entry.unit) != plain(column.unit):
            item = f"{column.source}: {column.unit} is assumed, {self.path.name} says {entry.unit}"
            advice = "Convert the column, or correct the unit in columns.toml; if the dictionary is wrong, allow it."
            message = "columns whose unit in DATADIC is not the one that is assumed"
            note(findings, "unit-differs", message, (item,), severity="refusal", advice=advice)
        return column, values


def plain(unit: str) -> str:
    """A unit without what stands in brackets, in one spelling of those that are the same number."""
    text = re.sub(r"\(.*?\)|\s", "", unit.lower().replace("µ", "u").replace("μ", "u")).replace("units/", "u/")
    return _SAME.get(text, text)


def read_dictionary(paths: list[Path], findings: list[Finding]) -> Dictionary:
    """Read DATADIC; refuse a folder that has none.

    It has a row per phase: a column with several units has none, and a code with several texts has the first; findings
    say so.
    """
    path, older = find_table("DATADIC", paths)
    if path is None:
        raise DataError(f"task.datadic=true, but the folder has no DATADIC. {get('dictionary')}")
    note_others("DATADIC", path, older, findings)
    rows = read_table(path, required=("TBLNAME", "FLDNAME"))
    rows = rows.rename(columns=str.upper)
    empty = pd.Series("", index=rows.index)
    units: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    codes: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    several = []
    cells = (rows["TBLNAME"], rows["FLDNAME"], rows.get("UNITS", empty), rows.get("CODE", empty))
    for table, name, unit, text in zip(*cells, strict=True):
        key = (table.upper(), name.upper())
        if unit.lower() not in UNKNOWN:
            units[key].append(unit)
        for code, said in _CODE.findall(text):
            if codes[key].setdefault(code, said) != said:
                several.append(f"{table}.{name}: {code} is {codes[key][code]!r} and {said!r}")
    for key, found in units.items():
        if len({plain(unit) for unit in found}) > 1:
            several.append(f"{'.'.join(key)}: {', '.join(dict.fromkeys(found))}")
            found.clear()
    message = "columns of which DATADIC says several things: of codes the first counts, of units none"
    note(findings, "dictionary-differs", message, several)
    keys = dict.fromkeys([*units, *codes])
    return Dictionary(path, {key: Entry(next(iter(units[key]), ""), codes[key]) for key in keys})
