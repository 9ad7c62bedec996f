"""``columns.toml``: which columns of which tables are the clinical inputs, and how their cells are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NoReturn

import pandas as pd

from fusekit.data import Column
from fusekit.disk import regular
from fusekit.errors import DataError
from fusekit.extension.registry import suggest

#: What the top-level entry ``people`` may list: columns that are more than one cell of a table.
PEOPLE = ("AGE", "PTGENDER", "PTEDUCAT", "APOE4")

#: Codes that mean "no value" unless a rule says otherwise; what ``tables.MISSING_TEXT`` holds means it always.
MISSING_CODES = ("-1", "-4")

#: Keys of an entry that say something about numbers only.
_OF_NUMBERS = ("unit", "low", "high", "signed", "censored")


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """An entry ``[[column]]``.

    Args:
        table: name of the table, without dates.
        column: its column.
        name: what the cohort calls it; the column's own name if not given.
        kind: ``number`` or ``category``.
        unit, low, high, signed: see ``fusekit.data.Column``.
        categories: the known ones, in order; empty means those seen in training.
        missing: codes for "no value", beside empty cells, ``NA``, ``n/a``, ``.`` and ``Unknown``.
        rows: column -> texts; only rows that hold one of the texts count, such as ``BATCH = "MEDIAN"``.
        censored: whether a second column says which values lie beyond the assay's range; None: if there are any.
        place: file and line of the entry, for messages.
    """

    table: str
    column: str
    name: str = ""
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    signed: bool = False
    categories: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING_CODES
    rows: Mapping[str, tuple[str, ...]] | None = None
    censored: bool | None = None
    place: str = ""

    def described(self, table: str) -> Column:
        """As the cohort describes it.

        Args:
            table: the table's name as it was found.
        """
        source = f"{table}.{self.column}"
        return Column(self.name, self.kind, self.unit, self.low, self.high, self.signed, self.categories, source)


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What a ``columns.toml`` asks for.

    Args:
        columns: in the order of the file.
        people: of ``PEOPLE``, what is read as in the default set, ahead of the columns.
    """

    columns: tuple[ColumnRule, ...]
    people: tuple[str, ...] = ()

    def chosen(self, known: Sequence[tuple[Column, pd.Series]]) -> list[tuple[Column, pd.Series]]:
        """Those of the columns about people that were asked for, in the order of the file."""
        by_name = {column.name: (column, values) for column, values in known}
        return [by_name[name] for name in self.people if name in by_name]


#: Key -> what it takes, for messages.
_TAKES = {
    "table": "text",
    "column": "text",
    "name": "text",
    "kind": '"number" or "category"',
    "unit": "text",
    "low": "a number",
    "high": "a number",
    "signed": "true or false",
    "categories": "a list of texts",
    "missing": "a list of texts or numbers",
    "rows": 'columns and texts, such as { BATCH = "MEDIAN" }',
    "censored": "true or false",
}


def read_column_rules(path: Path) -> ColumnRules:
    """Read a file.

    Raises:
        DataError: it cannot be read, or an entry is not as it should be; the message names file, line and key.
    """
    try:
        text = regular(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"--clinical {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"--clinical {path} is not UTF-8 text. Save it as UTF-8.") from error
    try:
        plain = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no TOML: {error}.") from error
    for key in plain:
        if key not in ("column", "people"):
            raise DataError(f"{path}: no entry is called {key!r}; {suggest(key, ('column', 'people'))}")
    named = plain.get("people", [])
    if not _are_texts(named):
        raise DataError(f"{path}, entry 'people': a list of {', '.join(PEOPLE)} is expected.")
    for name in named:
        if name not in PEOPLE:
            raise DataError(f"{path}, entry 'people': nothing is called {name!r}; {suggest(name, PEOPLE)}")
    entries = plain.get("column", [])
    if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
        raise DataError(f"{path}: columns are entries [[column]], in double brackets, each with a table and a column.")
    if not entries and not named:
        raise DataError(f"{path} names no column. Add an entry [[column]] with a table and a column.")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*column\s*\]\]", line)]
    rules: list[ColumnRule] = []
    for position, entry in enumerate(entries):
        # Lines are known unless somebody wrote the entries in another of TOML's forms.
        line = f", line {lines[position]}" if len(lines) == len(entries) else ""
        rules.append(_rule(entry, f"{path}{line}, entry {position + 1}"))
    taken = dict.fromkeys(named, f"{path}, entry 'people'")
    for rule in rules:
        if rule.name in taken:
            raise DataError(f"{rule.place}: {rule.name!r} is a name already, of {taken[rule.name]}; give a name.")
        taken[rule.name] = rule.place
    return ColumnRules(tuple(rules), tuple(dict.fromkeys(named)))


def _rule(entry: Mapping[str, Any], place: str) -> ColumnRule:
    """Check one entry.

    Raises:
        DataError: with the key.
    """

    def refuse(key: str) -> NoReturn:
        raise DataError(f"{place}, key {key!r}: {_TAKES[key]} is expected, not {entry[key]!r}.")

    for key in entry:
        if key not in _TAKES:
            raise DataError(f"{place}: no key is called {key!r}; {suggest(key, _TAKES)}")
    for key in ("table", "column"):
        if key not in entry:
            raise DataError(f"{place}: the key {key!r} is missing.")
    values: dict[str, Any] = dict(entry)
    for key in values.keys() & {"table", "column", "name", "unit"}:
        if not isinstance(values[key], str) or (key != "unit" and not values[key].strip()):
            refuse(key)
        values[key] = values[key].strip()
    for key in values.keys() & {"low", "high"}:
        if isinstance(values[key], bool) or not isinstance(values[key], int | float):
            refuse(key)
    for key in values.keys() & {"signed", "censored"}:
        if not isinstance(values[key], bool):
            refuse(key)
    if values.setdefault("kind", "number") not in ("number", "category"):
        refuse("kind")
    if "categories" in values and not _are_texts(values["categories"]):
        refuse("categories")
    if "missing" in values:
        values["missing"] = _texts(values["missing"]) or (refuse("missing") if values["missing"] != [] else ())
    if "rows" in values:
        if not isinstance(values["rows"], dict):
            refuse("rows")
        listed = {k: _texts(v if isinstance(v, list) else [v]) for k, v in values["rows"].items()}
        if not all(listed.values()):
            refuse("rows")
        values["rows"] = listed
    for key in _OF_NUMBERS if values["kind"] == "category" else ("categories",):
        if key in values:
            raise DataError(f"{place}, key {key!r}: it says nothing about a column of kind {values['kind']!r}.")
    if values.get("low") is not None and values.get("high") is not None and values["low"] > values["high"]:
        raise DataError(f"{place}: low is {values['low']:g}, above high, which is {values['high']:g}.")
    values["categories"] = tuple(values.get("categories", ()))
    values.setdefault("name", values["column"])
    assert values.keys() <= {field.name for field in fields(ColumnRule)}
    return ColumnRule(**values, place=place)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def _texts(values: Any) -> tuple[str, ...]:
    """Texts or numbers as text; empty if they are anything else."""
    if not isinstance(values, list) or any(isinstance(v, bool) or not isinstance(v, str | int | float) for v in values):
        return ()
    return tuple(v.strip() if isinstance(v, str) else f"{v:g}" for v in values)
