"""Notations of numbers: what a comma, a point or a blank in a text may mean, and which of them a column shows.

A cell fits a *notation* (decimal point or decimal comma) or not. ``1.250`` fits both, as 1.25 and as 1250; ``0.5`` and
``1,250.5`` fit the point alone, and so show what the column means by it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

#: Blanks and apostrophes between thousands, in any notation.
_GROUPS = " \u00a0\u2009\u202f'\u2019"
#: Lines that show no notation.
_OPEN = re.compile(r"(?:(?:[^.,\n]*|[+\-\u2212]?[1-9]\d{0,2}[.,]\d{3})\n)*", re.ASCII)
_READ = re.compile(r"-?\d+\.\d*[1-9]", re.ASCII)  # as numbers of a workbook are written


@dataclass(frozen=True)
class Notation:
    """What the signs in a number mean."""

    decimal: str
    thousands: str  # empty: blanks and apostrophes alone

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """A number; its group is what separates thousands."""
        decimal, groups = re.escape(self.decimal), re.escape(self.thousands + _GROUPS)
        plain = rf"(?:\d+(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
        grouped = rf"[1-9]\d{{0,2}}([{groups}])\d{{3}}(?:\1\d{{3}})*(?:{decimal}\d*)?"
        return re.compile(rf"[+\-\u2212]?(?:{plain}|{grouped})", re.ASCII)

    @cached_property
    def plain(self) -> re.Pattern[str]:
        """Lines of numbers without any separator of thousands: of thousands of columns, most are nothing else."""
        return re.compile(
            rf"(?:[+-]?(?:\d+(?:[{self.decimal}]\d*)?|[{self.decimal}]\d+)(?:[eE][+-]?\d+)?\n)*", re.ASCII
        )


POINT, COMMA, BARE_COMMA = Notation(".", ","), Notation(",", "."), Notation(",", "")
#: Of two signs each may be either.
ANY = (POINT, COMMA)
#: Where a comma separates cells, and in what a program holds, no point separates thousands unless a column shows it.
POINTED = (POINT, BARE_COMMA)


def read(text: str, notation: Notation) -> float | None:
    """The finite number that a text is; None if it is none."""
    found = notation.pattern.fullmatch(text)
    if not found:
        return None
    if found[1]:
        text = text.replace(found[1], "")
    if notation.decimal == ",":
        text = text.replace(",", ".")
    number = float(text.replace("\u2212", "-"))
    return number if isfinite(number) else None


def readings(text: str, notations: Sequence[Notation]) -> int:
    """How many different numbers a text may be."""
    if "." not in text and "," not in text:
        return 1
    return len({value for notation in notations if (value := read(text, notation)) is not None})


def several_readings(texts: Sequence[str], notations: tuple[Notation, ...]) -> bool:
    """Whether one of the texts may be several numbers."""
    if len(notations) < 2 or (notations == POINTED and not any("," in text for text in texts)):
        return False  # a point alone is no separator there
    return any(readings(text, notations) > 1 for text in texts)


def shown_by(texts: Sequence[str], *, typed: bool = False) -> tuple[tuple[Notation, ...], list[float] | None]:
    """The notation that a column shows, by the cells that fit one alone (most of them, where cells differ), else all.

    Also the numbers, where one fits every cell. ``typed``: numbers do not show what a comma means in a text.
    """
    commas = [text for text in texts if "," in text] if typed else []
    if commas and _open(commas) == len(commas):
        return ANY, None
    comma = BARE_COMMA if commas and any(_READ.fullmatch(text) for text in texts) else COMMA
    counts = dict.fromkeys((POINT, comma), 0)
    for text in texts[_open(texts) :]:
        if "." in text or "," in text:
            fitting = [notation for notation in counts if read(text, notation) is not None]
            if len(fitting) == 1:
                counts[fitting[0]] += 1
                if sum(counts.values()) == 1 and (values := read_all(texts, fitting[0])):
                    return (fitting[0],), values
    return ((max(counts, key=lambda notation: counts[notation]),) if any(counts.values()) else ANY), None


def _open(texts: Sequence[str]) -> int:
    """How many texts at the beginning show no notation, such as 12 and 1.250: in some columns, all."""
    found = _OPEN.match(lines := "\n".join((*texts, "")))
    return lines.count("\n", 0, found.end()) if found and lines.count("\n") == len(texts) else 0


def read_all(texts: Sequence[str], notation: Notation) -> list[float] | None:
    """The finite numbers that texts are; None if one is none."""
    lines = "\n".join((*texts, ""))
    if lines.count("\n") == len(texts) and notation.plain.fullmatch(lines):
        values = list(map(float, lines.replace(notation.decimal, ".").split()))
        return values if all(map(isfinite, values)) else None
    found = list[float]()
    for text in texts:
        if (value := read(text, notation)) is None:
            return None
        found.append(value)
    return found
