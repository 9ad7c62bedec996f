"""Clinical attributes that are known by name: how they are called, in which units they come, and what is plausible."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from pathlib import Path

from fusekit.data.cohort import Column
from fusekit.errors import DataError
from fusekit.extension.registry import suggest

#: Cells that mean "no value", in lower case; ``-`` too among numbers, but among yes and no it is a no.
NOTHING = frozenset({"", "na", "n/a", "nan", ".", "unknown", "null", "none", "missing", "not done", "not tested", "?"})
#: Codes of a missing value: no attribute is ever negative.
CODES = ("-1", "-9", "-99", "-999")
YES = frozenset({"1", "1.0", "yes", "y", "positive", "pos", "+", "(+)", "present", "true", "reactive"})
NO = frozenset({"0", "0.0", "no", "n", "negative", "neg", "-", "(-)", "absent", "false", "nonreactive", "non-reactive"})

_SEX = {"m": "Male", "male": "Male", "man": "Male", "f": "Female", "female": "Female", "woman": "Female"}
_CHILD = re.compile(r"(?:(?:class|grade|child-?pugh)\s*)?([abc])(?:\s*\(?\d{1,2}\)?)?")
_CATEGORIES = {
    "yes-no": (("absent", "present"), "Write 0 or 1, no or yes, negative or positive, - or +."),
    "sex": (("Female", "Male"), "Write Female or Male; a column of 0 and 1 is understood if it is called 'male'."),
    "child-pugh": (("A", "B", "C"), "Write A, B or C, or the points from 5 to 15."),
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """A clinical attribute."""

    name: str  # in the cohort
    names: frozenset[str]  # that and all others, without case, blanks and punctuation
    kind: str  # number, yes-no, sex or child-pugh
    unit: str  # of the cohort's numbers, before any logarithm
    low: float  # plausible numbers in that unit
    high: float
    units: Mapping[str, float]  # unit -> what to multiply by, its own among them
    log: bool  # whether the cohort holds log10(1 + x), and a column of what lies beyond the assay's range
    guessed: bool  # whether a column without a unit may hold logarithms already, which its numbers show

    @property
    def categories(self) -> tuple[str, ...]:
        """In order; none of a number."""
        return _CATEGORIES[self.kind][0] if self.kind in _CATEGORIES else ()

    @property
    def advice(self) -> str:
        """How to write its categories."""
        return _CATEGORIES[self.kind][1]

    def column(self, source: str) -> Column:
        """As the cohort describes it."""
        if self.categories:
            return Column(self.name, kind="category", categories=self.categories, source=source)
        if self.log:
            high = round(log10(1 + self.high), 3)
            return Column(self.name, unit=f"log10(1 + {self.unit})", low=0, high=high, signed=True, source=source)
        return Column(self.name, unit=self.unit, low=self.low, high=self.high, source=source)

    def category(self, cell: str, column: str) -> str | None:
        """What a cell of a column means; None if it is none of the categories."""
        text = cell.strip().lower()
        if self.kind == "yes-no" or (self.kind == "sex" and plain(column) == "male"):
            return self.categories[text in YES] if text in YES | NO else None
        if self.kind == "sex":
            return _SEX.get(text)
        if letter := _CHILD.fullmatch(text):
            return letter[1].upper()
        points = int(text) if text.isdigit() and text.isascii() else 0
        return "A" if points in (5, 6) else "B" if points in (7, 8, 9) else "C" if 10 <= points <= 15 else None


@dataclass(frozen=True, slots=True)
class Known:
    """A column of a table that is one of the attributes, and what its name says of unit and scale."""

    attribute: Attribute
    unit: str = ""
    factor: float = 1.0
    logged: bool = False


def plain(text: str) -> str:
    """A name without case, blanks and punctuation; Greek letters are written out."""
    for sign, word in (("\u00b5", "u"), ("\u03bc", "u"), ("\u03b1", "alpha"), ("\u03b3", "gamma")):
        text = text.replace(sign, word)
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def recognise(name: str) -> Known | None:
    """Find the attribute that a column's name means; None if there is none.

    ``AFP``, ``afp (ng/mL)``, ``Alpha-fetoprotein`` and ``afp_ng_ml`` are the same; so is ``log10 AFP``, in logarithms.
    """
    key = plain(name)
    for attribute in ATTRIBUTES:
        for unit, factor in {"": 1.0, **attribute.units}.items():
            rest = key.removesuffix(plain(unit))
            if rest == key and unit:
                continue
            marked = {rest.removeprefix(mark).removesuffix(mark) for mark in ("log10", "log", "lg")} - {rest}
            if rest in attribute.names or (attribute.log and marked & attribute.names):
                return Known(attribute, unit, factor, logged=rest not in attribute.names)
    return None


def named(name: str, column: str, unit: str) -> Known:
    """The attribute that a description names for a column, in the unit that it, or the column's name, says.

    An unknown attribute or unit is a DataError; its message is a clause.
    """
    found = recognise(name)
    if found is None:
        raise DataError(f"names no attribute: {name!r}; {suggest(name, [each.name for each in ATTRIBUTES])}")
    attribute, own = found.attribute, recognise(column)
    if not unit:
        return own if own is not None and own.attribute is attribute else Known(attribute)
    units = {plain(each): factor for each, factor in attribute.units.items()}
    logged = attribute.log and plain(unit).startswith("log")
    key = plain(unit).removeprefix("log10").removeprefix("log") if logged else plain(unit)
    if key not in units and not (logged and not key):
        raise DataError(f"has the unit {unit!r}; {attribute.name} is understood in {', '.join(attribute.units)}.")
    return Known(attribute, unit, units.get(key, 1.0), logged)


def _attribute(line: str) -> Attribute:
    name, unit, limits, units, names = (cell.strip() for cell in line.split("|"))
    kind = unit if unit in _CATEGORIES else "number"
    log, guessed = unit.startswith("log"), unit.startswith("log?")
    unit = "" if kind in _CATEGORIES else unit.split(" ")[-1]
    times = {unit: 1.0} if unit else {}
    for other in filter(None, units.split(", ")):
        key, _, factor = other.partition("=")
        times[key] = 1 / float(factor[2:]) if factor.startswith("1/") else float(factor)
    low, high = (float(limit) if "." in limit or "e" in limit else int(limit) for limit in (limits or "0 0").split())
    known = frozenset(map(plain, (name, *names.split(","))))
    return Attribute(name, known, kind, unit, low, high, times, log, guessed)


_LINES = Path(__file__).with_name("attributes.txt").read_text(encoding="utf-8").splitlines()
ATTRIBUTES = tuple(_attribute(line) for line in _LINES if not line.startswith("#"))
