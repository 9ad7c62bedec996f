"""What the columns of a table seem to be: label, number, category, or something that must not be an input."""

import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fusekit.data.clinical.numbers import SEVERAL, Numerals, bound, is_number, seem_numbers, with_bounds
from fusekit.data.clinical.tables import is_missing
from fusekit.data.own.attributes import recognise
from fusekit.data.own.columns import MANY
from fusekit.errors import DataError

_NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
LABEL, _NUMBER, _EVENT, _TIME, _SUBJECT, _SCAN, _SHORTCUT = (
    re.compile("".join(pattern.split()), re.IGNORECASE) for pattern in _NAMES["patterns"].values()
)
_UNITS: dict[str, str] = _NAMES["units"]
_IDS = re.compile(r"(?i:(^|[^a-z])(id|uid|no|nr|number|code|key|mrn|name)[.\s]*$|^(id|rid)([^a-z]|$))|[a-z]ID$")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(19|20)\d{6}")
_UNKNOWN = frozenset({"unknown", "unk", "?", "-", "--", "nd", "n.d.", "missing", "none", "null", "#n/a"})
_UNKNOWN |= {"k.a.", "k. a.", "keine angabe", "unbekannt", "fehlt"}
_CODES = ("-1", "-4", "-8", "-9", "-99", "-999", "-9999")


@dataclass(frozen=True)
class Judged:
    """A column, and what it seems to be."""

    name: str
    kind: str  # number or category
    unit: str  # taken from the name
    missing: tuple[str, ...]  # texts that seem to mean "no value"
    seen: str  # a short description of the values
    reason: str  # why it is left out; empty if it may be an input
    categories: tuple[str, ...] = ()  # the different texts of a category, if they are few
    limits: tuple[str, ...] = ()  # lowest and highest plausible number of a known attribute, in the unit


def label_candidates(table: pd.DataFrame, taken: set[str]) -> list[str]:
    """Columns that may be what is predicted, the likeliest first: few values, and a name that says so."""
    found = []
    for position, name in enumerate(table.columns):
        cells = table[name]
        values = set(cells[~is_missing(cells)])
        few = 2 <= len(values) <= 6 and len(values) <= max(2, len(cells) // 3)
        if name not in taken and few and not _SHORTCUT.search(name) and not _is_sex(values):
            found.append((not LABEL.search(name), len(values), -position, str(name)))
    return [name for *_, name in sorted(found)]


def number_candidates(table: pd.DataFrame, taken: set[str]) -> list[str]:
    """Columns of many numbers whose name says that they may be predicted, in the order of the table."""
    found = []
    for name in map(str, table.columns):
        cells = table[name][~is_missing(table[name])]
        if name not in taken and _NUMBER.search(name) and cells.nunique() > 6 and seem_numbers(cells):
            found.append(name)
    return found


def times(table: pd.DataFrame, events: Iterable[str], taken: set[str]) -> tuple[str, str] | None:
    """An event of two values among some columns, and the column of the time to it, as far as names and cells say so."""
    for event in events:
        if _EVENT.search(event) and len(set(table[event][~is_missing(table[event])])) == 2:
            for name in map(str, table.columns):
                cells = table[name][~is_missing(table[name])]
                many = name not in {*taken, event} and _TIME.search(name) and cells.nunique() > 6
                if many and cells.map(is_number).all() and not cells.str.startswith("-").any():
                    return event, name
    return None


def subject_and_scan(table: pd.DataFrame, used: tuple[str, ...], within: tuple[str, ...] = ()) -> tuple[str, str]:
    """Which columns name the person and the scan; the scan is empty where each person has one row.

    The images are named by the columns ``used``; values of the columns ``within`` are parts of those names.
    """
    full = [str(name) for name in table.columns if not is_missing(table[name]).any()]
    named = [name for name in full if _SUBJECT.search(name) and len(set(table[name])) > 1]
    likely = [name for name in used if name in named] + [name for name in named if _IDS.search(name)] + named
    whole = [name for name in (*within, *used) if not _SCAN.search(name)] + list(used)
    subject = (likely or whole or full or [""])[0]
    if not subject or table[subject].is_unique:
        return subject, ""
    others = [name for name in (*used, *full) if name != subject]
    scans = [name for name in others if table[name].is_unique and (name in used or _SCAN.search(name))]
    return subject, scans[0] if scans else ""


def judge(table: pd.DataFrame, name: str, label: str, ids: set[str], numerals: Numerals | None = None) -> Judged:
    """Say what a column seems to be, and why it should not be an input, if so; ``numerals`` are the table's."""
    cells = table[name]
    text = cells[~is_missing(cells)]
    odd = {cell for cell in text if cell.lower() in _UNKNOWN}
    numbers, strange = None, list[str]()
    if seem_numbers(text[~text.isin(odd)]):
        meant = text[~text.isin(odd)]
        wrong = [not is_number((bound(cell) or (cell,))[0]) for cell in meant]
        strange = list(dict.fromkeys(meant[wrong]))
        with suppress(DataError):
            numbers, _ = with_bounds(meant[[not each for each in wrong]], "", numerals)
    codes: set[str] = set()
    if numbers is not None and (numbers >= 0).mean() > 0.5:
        codes = {cell for cell in _CODES if (text == cell).any() and not (numbers[~text.isin(_CODES)] < 0).any()}
        numbers = numbers[~text[numbers.index].isin(codes)]
    kind = "category" if numbers is None or numbers.empty else "number"
    observed = numbers if kind == "number" and numbers is not None else text[~text.isin(odd)]
    unit, limits = _unit(name) or "%" * bool(text.str.endswith("%").any()), tuple[str, ...]()
    if kind == "number":
        unit, limits, usual = _attribute(name, observed, unit)
        values = f"{observed.nunique()} values, {observed.min():g} to {observed.max():g}" if len(observed) else "none"
    else:
        values = f"{observed.nunique()} values: " + ", ".join(map(str, list(observed.value_counts().index)[:5]))
    gaps = len(cells) - len(observed) - sum(text.isin(strange))
    values += f"; {gaps} of {len(cells)} missing" if gaps else ""
    if kind == "number":
        values += usual + (f"; correct what is no number: {', '.join(map(repr, strange[:5]))}" if strange else "")
    few = tuple(sorted(set(observed))) if kind == "category" and observed.nunique() <= 12 else ()
    reason = _reason(name, observed, kind, table[label] if label else None, len(cells), ids)
    return Judged(name, kind, unit, tuple(sorted(odd | codes)), values.replace("\n", " "), reason, few, limits)


def is_group(table: pd.DataFrame, name: str) -> bool:
    """Whether a column describes scans (site, scanner, sex) and has few values: worth a look by the audit."""
    values = set(table[name][~is_missing(table[name])])
    return 2 <= len(values) <= 20 and (bool(_SHORTCUT.search(name)) or _is_sex(values))


def _reason(name: str, values: pd.Series, kind: str, labels: pd.Series | None, rows: int, ids: set[str]) -> str:
    texts = values.map("{:.0f}".format) if kind == "number" else values.map(str)
    dates = kind == "category" or values.between(19000101, 21001231).all()
    alone = values.nunique() > 0.9 * len(values) > 0
    if name in ids or (alone and (_IDS.search(name) or _counts_rows(values, kind))):
        return "an identifier"
    if len(values) and dates and texts.map(lambda text: bool(_DATE.fullmatch(text))).mean() > 0.8:
        return "a date"
    if _SHORTCUT.search(name):
        return "a shortcut: says where or how the data were taken, not what the patient has"
    if values.nunique() < 2:
        return "constant or empty"
    if len(values) < 0.2 * rows:
        return "nearly empty"
    many = len(values) > SEVERAL and values.nunique() > len(values) / 2
    if kind == "category" and (many or values.nunique() > MANY):
        return "free text, or too many categories"
    if labels is not None and _tells_the_label(values, labels.loc[values.index], kind):
        return "predicts the label almost perfectly: is it made from it, or known only afterwards?"
    if LABEL.search(name):
        return "named like an outcome: known before the image was read?"
    return ""


def _counts_rows(values: pd.Series, kind: str) -> bool:
    if kind != "number" or not (values % 1 == 0).all():
        return False
    return bool(values.nunique() >= 10 and values.max() - values.min() == values.nunique() - 1)


def _tells_the_label(values: pd.Series, labels: pd.Series, kind: str) -> bool:
    if len(values) < 10 or labels.nunique() < 2:
        return False
    if kind == "number":
        from sklearn.metrics import roc_auc_score

        sides = [labels == label for label in labels.unique()]
        areas = [roc_auc_score(own, values) for own in sides if 2 < own.sum() < len(own) - 2]
        return any(max(area, 1 - area) > 0.98 for area in areas)
    right = pd.crosstab(values, labels).max(axis=1).sum() / len(values)
    return bool(right > 0.98 and values.nunique() <= len(values) / 3)


def _attribute(name: str, numbers: pd.Series, unit: str) -> tuple[str, tuple[str, ...], str]:
    """Unit and limits of an attribute that is known by the column's name, as far as its numbers fit; and what is odd.

    The unit is the one that the name says, else the first of the attribute's in which all numbers are plausible.
    """
    known = recognise(name)
    if known is None or known.attribute.categories or known.logged or numbers.empty:
        return unit, (), ""
    attribute = known.attribute
    if attribute.guessed and not known.unit:  # its numbers may be logarithms
        return unit, (), ""
    factors = {known.unit: known.factor} if known.unit else dict(attribute.units) or {"": 1.0}
    for likely, factor in factors.items():
        limits = tuple(f"{limit / factor:.4g}" for limit in (attribute.low, attribute.high))
        if numbers.between(float(limits[0]), float(limits[1])).all():
            return likely, limits, ""
    usual = f"{attribute.low / known.factor:.4g} to {attribute.high / known.factor:.4g}"
    return unit, (), f"; {attribute.name} is usually {usual} {known.unit or attribute.unit}".rstrip()


def _is_sex(values: set[str]) -> bool:
    return bool(values) and {value.lower() for value in values} <= {"m", "f", "male", "female", "w", "man", "woman"}


def _unit(name: str) -> str:
    bracket = re.search(r"[\[(]([^\])]{1,12})[\])]\s*$", name)
    if bracket:
        return bracket[1].strip()
    lower = name.lower()
    ending = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if lower.endswith(f"_{unit}")), "")
    return _UNITS[ending] if ending else "years" if lower in ("age", "alter") else ""
