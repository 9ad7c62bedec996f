"""``columns.toml``: which columns of which tables are the clinical inputs, and how their cells are read."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from fusekit.data.own.keys import Keys, read_toml
from fusekit.data.own.problems import Problems, line_of
from fusekit.extension.registry import suggest

#: What the top-level entry ``people`` may list: columns that are more than one cell of a table.
PEOPLE = ("AGE", "PTGENDER", "PTEDUCAT", "APOE4")

#: Codes that mean "no value" unless a rule says otherwise; those of ``study.MISSING_TEXT`` mean it always.
MISSING_CODES = ("-1", "-4")


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


def read_column_rules(path: Path) -> ColumnRules:
    """Read a file; refuse everything in it that is not as it should be, with file, line and key."""
    text, entries = read_toml(path)
    problems = Problems(path)
    rules = _Reader(path, text, problems).read(entries)
    problems.refuse()
    return rules


class _Reader(Keys):
    def read(self, entries: dict[str, Any]) -> ColumnRules:
        self.known(entries, ("column", "people"))
        people = tuple(dict.fromkeys(self.texts(entries, "people")))
        for name in people:
            if name not in PEOPLE:
                self.wrong(("people",), f"takes some of {', '.join(PEOPLE)}, not {name!r}; {suggest(name, PEOPLE)}")
        rules = [self.rule(entry, number) for number, entry in enumerate(self.tables(entries, "column"), 1)]
        if not entries:
            self.problems.add(f"{self.path} names no column. Add an entry [[column]] with a table and a column.")
        taken = dict.fromkeys(people, f"{self.path}, entry 'people'")
        for rule in rules:
            if taken.setdefault(rule.name, rule.place) != rule.place:
                self.problems.add(f"{rule.place}: {rule.name!r} is a name already, of {taken[rule.name]}; give a name.")
        return ColumnRules(tuple(rules), people)

    def rule(self, entry: dict[str, Any], number: int) -> ColumnRule:
        at = (f"column[{number}]",)
        line = line_of(self.lines, *at)
        self.known(entry, [field.name for field in fields(ColumnRule)][:-1], at)
        kind = self.choice(entry, "kind", ("number", "category"), at)
        of_numbers = ("unit", "low", "high", "signed", "censored")
        for name in of_numbers if kind == "category" else ("categories",):
            if name in entry:
                self.wrong((*at, name), f"says nothing about a column of kind {kind!r}.")
        column = self.text(entry, "column", at, needed=True)
        rows: Any = entry.get("rows")
        if rows is not None:
            rows = {key: self.texts(rows, key, (*at, "rows")) for key in rows} if isinstance(rows, dict) else {"": ()}
            if not all(rows.values()):
                example = '{ BATCH = "MEDIAN" }'
                self.wrong((*at, "rows"), f"takes columns and texts, such as {example}, not {entry['rows']!r}.")
        return ColumnRule(
            self.text(entry, "table", at, needed=True),
            column,
            self.text(entry, "name", at) or column,
            cast("Literal['number', 'category']", kind),
            self.text(entry, "unit", at),
            **self.limits(entry, at),
            signed=bool(self.flag(entry, "signed", at)),
            categories=self.texts(entry, "categories", at),
            missing=self.texts(entry, "missing", at) if "missing" in entry else MISSING_CODES,
            rows=rows,
            censored=self.flag(entry, "censored", at),
            place=f"{self.path}{f', line {line}' if line else ''}, entry {number}",
        )
