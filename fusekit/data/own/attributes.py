"""Clinical attributes that are known by name: how they are called, in which units they come, and what is plausible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log10

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

# name | kind, or unit of a number | lowest and highest plausible number | other units = times | other names.
# "log" holds log10(1 + x), since values span powers of ten, and always has a column of what lies beyond the assay's
# range; "log?" may hold logarithms already where the column names no unit.
_TABLE = """
age             | years         | 10 110    | y=1, yr=1                                    | age at surgery, age at ct, age y
sex             | sex           |           |                                              | gender, male
BMI             | kg/m2         | 10 60     | kg/m^2=1                                     | body mass index
HBsAg           | yes-no        |           |                                              | hbs antigen, hepatitis b surface antigen, hbv, hbv infection
HBeAg           | yes-no        |           |                                              | hbe antigen, hepatitis b e antigen
HBV_DNA         | log? IU/mL    | 0 1e11    | copies/mL=1/5.6                              | hbv dna load, hbv viral load, hbv load, dna
HCV_Ab          | yes-no        |           |                                              | anti hcv, hcv, hcv antibody, hcvab
cirrhosis       | yes-no        |           |                                              | liver cirrhosis
Child_Pugh      | child-pugh    |           |                                              | child, child pugh class, child pugh grade, child pugh score
AFP             | log ng/mL     | 0 1e7     | ug/L=1, IU/mL=1.21                           | alpha fetoprotein, a fetoprotein, serum afp
CEA             | ng/mL         | 0.0 5000  | ug/L=1                                       | carcinoembryonic antigen
CA19_9          | U/mL          | 0.0 50000 | kU/L=1                                       | ca 199, carbohydrate antigen 19 9
ALT             | U/L           | 1 10000   | IU/L=1                                       | alanine aminotransferase, gpt, sgpt
AST             | U/L           | 1 10000   | IU/L=1                                       | aspartate aminotransferase, got, sgot
GGT             | U/L           | 1 10000   | IU/L=1                                       | ggtp, gamma gt, gamma glutamyl transferase
ALP             | U/L           | 5 5000    | IU/L=1                                       | alkaline phosphatase, akp
LDH             | U/L           | 20 10000  | IU/L=1                                       | lactate dehydrogenase
TBIL            | umol/L        | 1.5 1000  | mg/dL=17.1                                   | total bilirubin, bilirubin, tb, tbili
DBIL            | umol/L        | 0.1 800   | mg/dL=17.1                                   | direct bilirubin, conjugated bilirubin, db
ALB             | g/L           | 10 70     | g/dL=10                                      | albumin, serum albumin
total_protein   | g/L           | 25 130    | g/dL=10                                      | tp, protein
PT              | s             | 7 100     | sec=1, seconds=1                             | prothrombin time
INR             |               | 0.5 10    |                                              | pt inr, international normalized ratio
PLT             | 10^9/L        | 3 1500    | x10^9/L=1, 10^3/uL=1, K/uL=1, G/L=1          | platelet, platelets, platelet count
WBC             | 10^9/L        | 0.3 200   | x10^9/L=1, 10^3/uL=1, K/uL=1, G/L=1          | leukocytes, white blood cells, white blood cell count
Hb              | g/L           | 25 250    | g/dL=10                                      | hgb, haemoglobin, hemoglobin
creatinine      | umol/L        | 15 2000   | mg/dL=88.42                                  | cr, crea, scr, serum creatinine
glucose         | mmol/L        | 1 35      | mg/dL=1/18.016                               | glu, fasting glucose, fbg, blood glucose
tumour_diameter | cm            | 0.2 30    | mm=0.1                                       | tumor diameter, tumour size, tumor size, max diameter, maximum tumor diameter, diameter
"""  # noqa: E501 (a table)


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


ATTRIBUTES = tuple(map(_attribute, _TABLE.strip().splitlines()))
