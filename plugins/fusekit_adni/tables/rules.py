"""``columns.toml``: which columns of which tables are the clinical inputs, and how their cells are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fusekit.disk import regular
from fusekit.errors import DataError
from fusekit.extension.registry import suggest

#: What the top-level entry ``people`` may list: columns that are more than one cell of a table.
PEOPLE = ("AGE", "PTGENDER", "PTEDUCAT", "APOE4")

#: Codes that mean "no value" unless a rule says otherwise; those of ``study.MISSING_TEXT`` mean it always.
MISSING_CODES = ("-1", "-4")

#: Keys of an entry that say something about numbers only.
_OF_NUMBERS = ("unit", "low", "high", "signed", "censored")


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """An entry ``[[column]]``; the rest is as in ``fusekit.data.Column``."""

    table: str  # its name without dates
    column: str
    name: str = ""  # in the cohort; the column's own name if not given
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    signed: bool = False
    categories: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING_CODES  # for "no value", beside empty cells, NA, n/a, . and Unknown
    rows: Mapping[str, tuple[str, ...]] | None = None  # column -> texts; only rows with one of the texts count
    censored: bool | None = None  # whether a column of values beyond the assay's range is added; None: if there are any
    place: str = ""  # file and line of the entry, for messages


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What a ``columns.toml`` asks for."""

    columns: tuple[ColumnRule, ...]  # in the order of the file
    people: tuple[str, ...] = ()  # of ``PEOPLE``: read as in the default set, before the columns


def _words(value: Any) -> tuple[str, ...] | None:
    texts = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
    return tuple(value) if texts else None


def _codes(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, str | int | float) for v in value):
        return None
    return tuple(v.strip() if isinstance(v, str) else f"{v:g}" for v in value)


def _text(value: Any) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _rows(value: Any) -> dict[str, tuple[str, ...] | None] | None:
    if not isinstance(value, dict):
        return None
    listed = {k: _codes(v if isinstance(v, list) else [v]) for k, v in value.items()}
    return listed if all(listed.values()) else None


#: Key -> what it takes, for messages, and how that is read; None where it is something else.
_KEYS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "table": ("text", _text),
    "column": ("text", _text),
    "name": ("text", _text),
    "kind": ('"number" or "category"', lambda value: value if value in ("number", "category") else None),
    "unit": ("text", lambda value: value.strip() if isinstance(value, str) else None),
    "low": ("a number", _number),
    "high": ("a number", _number),
    "signed": ("true or false", _flag),
    "categories": ("a list of texts", _words),
    "missing": ("a list of texts or numbers", _codes),
    "rows": ('columns and texts, such as { BATCH = "MEDIAN" }', _rows),
    "censored": ("true or false", _flag),
}


def read_column_rules(path: Path) -> ColumnRules:
    """Read a file; refuse one with an entry that is not as it should be, with file, line and key."""
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
    if _words(named) is None:
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
        # Lines are not known if the entries are written in another of TOML's forms.
        line = f", line {lines[position]}" if len(lines) == len(entries) else ""
        rules.append(_rule(entry, f"{path}{line}, entry {position + 1}"))
    taken = dict.fromkeys(named, f"{path}, entry 'people'")
    for rule in rules:
        if rule.name in taken:
            raise DataError(f"{rule.place}: {rule.name!r} is a name already, of {taken[rule.name]}; give a name.")
        taken[rule.name] = rule.place
    return ColumnRules(tuple(rules), tuple(dict.fromkeys(named)))


def _rule(entry: Mapping[str, Any], place: str) -> ColumnRule:
    for key in entry:
        if key not in _KEYS:
            raise DataError(f"{place}: no key is called {key!r}; {suggest(key, _KEYS)}")
    for key in ("table", "column"):
        if key not in entry:
            raise DataError(f"{place}: the key {key!r} is missing.")
    values = {key: _KEYS[key][1](value) for key, value in entry.items()}
    for key, value in values.items():
        if value is None:
            raise DataError(f"{place}, key {key!r}: {_KEYS[key][0]} is expected, not {entry[key]!r}.")
    kind = values.get("kind", "number")
    for key in _OF_NUMBERS if kind == "category" else ("categories",):
        if key in values:
            raise DataError(f"{place}, key {key!r}: it says nothing about a column of kind {kind!r}.")
    low, high = values.get("low"), values.get("high")
    if low is not None and high is not None and low > high:
        raise DataError(f"{place}: low is {low:g}, above high, which is {high:g}.")
    return ColumnRule(**{"name": values["column"], **values}, place=place)
