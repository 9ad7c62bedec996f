"""The 29 pre-operative attributes: what they are called, in which units they come, and what is plausible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log10
from typing import Literal

from fusekit.data import Column

Kind = Literal["number", "yes-no", "sex", "child-pugh"]
CATEGORIES: dict[Kind, tuple[str, ...]] = {
    "yes-no": ("absent", "present"),
    "sex": ("Female", "Male"),
    "child-pugh": ("A", "B", "C"),
}


@dataclass(frozen=True)
class Attribute:
    """A clinical attribute that the task knows.

    Args:
        name: in the cohort.
        aliases: further names, compared without case, blanks and punctuation.
        kind: how its cells are read.
        unit: of the cohort's numbers, before any logarithm.
        low, high: plausible numbers in that unit.
        units: other units -> what to multiply by.
        log: whether the cohort holds log10(1 + x): values span powers of ten.
        logged: whether a column without a unit may hold logarithms already, which its numbers tell.
        flagged: whether there is always a column that says which values lie beyond the assay's range.
    """

    name: str
    aliases: tuple[str, ...] = ()
    kind: Kind = "number"
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    units: Mapping[str, float] = field(default_factory=dict)
    log: bool = False
    logged: bool = False
    flagged: bool = False

    def column(self, source: str) -> Column:
        """As the cohort describes it."""
        if self.kind != "number":
            return Column(self.name, kind="category", categories=CATEGORIES[self.kind], source=source)
        if self.log:
            return Column(
                self.name,
                unit=f"log10(1 + {self.unit})",
                low=0,
                high=round(log10(1 + self.high), 3),
                signed=True,
                source=source,
            )
        return Column(self.name, unit=self.unit, low=self.low, high=self.high, source=source)


_SAME = {"ug/L": 1.0}
_PER_DECILITRE = {"g/dL": 10.0}
_BILIRUBIN = {"mg/dL": 17.1}
_ENZYME = {"IU/L": 1.0}
_CELLS = {"x10^9/L": 1.0, "10^3/uL": 1.0, "K/uL": 1.0, "G/L": 1.0}

ATTRIBUTES = (
    Attribute("age", ("age at surgery", "age at ct", "age y"), unit="years", low=10, high=110, units={"y": 1, "yr": 1}),
    Attribute("sex", ("gender", "male"), kind="sex"),
    Attribute("BMI", ("body mass index",), unit="kg/m2", low=10, high=60, units={"kg/m^2": 1}),
    Attribute("HBsAg", ("hbs antigen", "hepatitis b surface antigen", "hbv", "hbv infection"), kind="yes-no"),
    Attribute("HBeAg", ("hbe antigen", "hepatitis b e antigen"), kind="yes-no"),
    Attribute(
        "HBV_DNA",
        ("hbv dna load", "hbv viral load", "hbv load", "dna"),
        unit="IU/mL",
        high=1e11,
        units={"copies/mL": 1 / 5.6},
        log=True,
        logged=True,
        flagged=True,
    ),
    Attribute("HCV_Ab", ("anti hcv", "hcv", "hcv antibody", "hcvab"), kind="yes-no"),
    Attribute("cirrhosis", ("liver cirrhosis",), kind="yes-no"),
    Attribute("Child_Pugh", ("child", "child pugh class", "child pugh grade", "child pugh score"), kind="child-pugh"),
    Attribute(
        "AFP",
        ("alpha fetoprotein", "a fetoprotein", "alphafetoprotein", "serum afp"),
        unit="ng/mL",
        high=1e7,
        units={**_SAME, "IU/mL": 1.21},
        log=True,
        flagged=True,
    ),
    Attribute("CEA", ("carcinoembryonic antigen",), unit="ng/mL", high=5000, units=_SAME),
    Attribute("CA19_9", ("ca 199", "carbohydrate antigen 19 9"), unit="U/mL", high=50000, units={"kU/L": 1}),
    Attribute("ALT", ("alanine aminotransferase", "gpt", "sgpt"), unit="U/L", low=1, high=10000, units=_ENZYME),
    Attribute("AST", ("aspartate aminotransferase", "got", "sgot"), unit="U/L", low=1, high=10000, units=_ENZYME),
    Attribute("GGT", ("ggtp", "gamma gt", "gamma glutamyl transferase"), unit="U/L", low=1, high=10000,
              units=_ENZYME),
    Attribute("ALP", ("alkaline phosphatase", "akp"), unit="U/L", low=5, high=5000, units=_ENZYME),
    Attribute("LDH", ("lactate dehydrogenase",), unit="U/L", low=20, high=10000, units=_ENZYME),
    Attribute("TBIL", ("total bilirubin", "bilirubin", "tb", "tbili"), unit="umol/L", low=1.5, high=1000,
              units=_BILIRUBIN),
    Attribute("DBIL", ("direct bilirubin", "conjugated bilirubin", "db"), unit="umol/L", low=0.1, high=800,
              units=_BILIRUBIN),
    Attribute("ALB", ("albumin", "serum albumin"), unit="g/L", low=10, high=70, units=_PER_DECILITRE),
    Attribute("total_protein", ("tp", "protein"), unit="g/L", low=25, high=130, units=_PER_DECILITRE),
    Attribute("PT", ("prothrombin time",), unit="s", low=7, high=100, units={"sec": 1, "seconds": 1}),
    Attribute("INR", ("pt inr", "international normalized ratio"), low=0.5, high=10),
    Attribute("PLT", ("platelet", "platelets", "platelet count"), unit="10^9/L", low=3, high=1500, units=_CELLS),
    Attribute("WBC", ("leukocytes", "white blood cells", "white blood cell count"), unit="10^9/L", low=0.3, high=200,
              units=_CELLS),
    Attribute("Hb", ("hgb", "haemoglobin", "hemoglobin"), unit="g/L", low=25, high=250, units=_PER_DECILITRE),
    Attribute("creatinine", ("cr", "crea", "scr", "serum creatinine"), unit="umol/L", low=15, high=2000,
              units={"mg/dL": 88.42}),
    Attribute("glucose", ("glu", "fasting glucose", "fbg", "blood glucose"), unit="mmol/L", low=1, high=35,
              units={"mg/dL": 1 / 18.016}),
    Attribute(
        "tumour_diameter",
        ("tumor diameter", "tumour size", "tumor size", "max diameter", "maximum tumor diameter", "diameter"),
        unit="cm",
        low=0.2,
        high=30,
        units={"mm": 0.1},
    ),
)  # fmt: skip

#: Marks of a column of logarithms, before or after its name.
LOGARITHM = ("log10", "log", "lg")


@dataclass(frozen=True)
class Known:
    """A column of a table that is one of the attributes.

    Args:
        attribute: which.
        unit: as the column's name says; empty if it does not.
        factor: from that unit to the attribute's.
        logged: whether the name says that the numbers are logarithms.
    """

    attribute: Attribute
    unit: str = ""
    factor: float = 1.0
    logged: bool = False


def recognise(name: str) -> Known | None:
    """Find the attribute that a column's name means; None if there is none.

    ``AFP``, ``afp (ng/mL)``, ``Alpha-fetoprotein`` and ``afp_ng_ml`` are the same; so is ``log10 AFP``, in logarithms.
    """
    key = plain(name)
    logged = False
    for mark in LOGARITHM:
        if key.startswith(mark):
            key, logged = key.removeprefix(mark), True
            break
    return next((known for attribute in ATTRIBUTES if (known := _as(attribute, key, logged))), None)


def _as(attribute: Attribute, key: str, logged: bool) -> Known | None:
    if logged and not attribute.log:
        return None
    names = {plain(text) for text in (attribute.name, *attribute.aliases)}
    if key in names:
        return Known(attribute, logged=logged)
    for unit, factor in {attribute.unit: 1.0, **attribute.units}.items():
        ending = plain(unit)
        if not ending or not key.endswith(ending):
            continue
        rest = key.removesuffix(ending)
        if rest in names:
            return Known(attribute, unit, factor, logged)
        for mark in LOGARITHM:
            if attribute.log and rest.removesuffix(mark) in names:
                return Known(attribute, unit, factor, logged=True)
    for mark in LOGARITHM:
        if attribute.log and key.removesuffix(mark) in names:
            return Known(attribute, logged=True)
    return None


def plain(text: str) -> str:
    """A name without case, blanks and punctuation; Greek letters are written out."""
    for sign, word in (("\u00b5", "u"), ("\u03bc", "u"), ("\u03b1", "alpha"), ("\u03b3", "gamma")):
        text = text.replace(sign, word)
    return re.sub(r"[^a-z0-9]+", "", text.lower())
