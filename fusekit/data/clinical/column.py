"""One clinical column as a model reads it: fitted on training values, and guarding what is read for new patients."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal, NotRequired, Self

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le
from typing_extensions import TypedDict

from fusekit.data.clinical.numbers import Numerals, bound, to_number
from fusekit.data.clinical.tables import is_missing, place
from fusekit.data.cohort import Column
from fusekit.errors import DataError
from fusekit.extension.registry import suggest

#: More values than these are represented by those nearest to the mean and ``DEVIATIONS`` standard deviations around it.
FEW_LEVELS, DEVIATIONS = 6, (-2, -1, 0, 1, 2)


class ColumnJson(TypedDict):
    """``EncodedColumn.as_json``."""

    name: str
    kind: Literal["number", "category"]
    unit: str
    low: float | None
    high: float | None
    signed: bool
    categories: list[str]
    source: str
    fill: float
    scale: Annotated[float, Gt(0)]
    seen: tuple[float, float] | None
    masked: bool
    # The next are not in older bundles.
    observed: NotRequired[tuple[Annotated[int, Ge(0)], Annotated[int, Ge(1), Le(10**8)]] | None]
    shares: NotRequired[list[Annotated[float, Ge(0), Le(1)]]]
    levels: NotRequired[list[float]]
    missing: NotRequired[list[str]]


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """How a column's values become numbers."""

    column: Column  # as declared; of a category, with the categories in the order of their inputs
    fill: float = 0.0  # mean of the training values, in the column's unit; a missing number is taken for it
    scale: float = 1.0  # their standard deviation (population); 1 where all are equal
    seen: tuple[float, float] | None = None  # lowest and highest; None where there was none, and for categories
    masked: bool = False  # whether a further input says if the value was observed; so for gaps in training
    observed: tuple[int, int] | None = None  # training scans that had a value, and all; None in older bundles
    shares: tuple[float, ...] = ()  # of each category in training; empty for numbers, and in older bundles
    levels: tuple[float, ...] = ()  # a few training values to try; empty for categories, and in older bundles

    def __post_init__(self) -> None:
        count, total = self.observed or (1, 1)
        for wrong, what in (
            (len(set(self.categories)) < len(self.categories), "has a category twice"),
            (self.shares and len(self.shares) != len(self.categories), "has not one of shares for each category"),
            (self.seen and self.seen[0] > self.seen[1], "has in seen a lowest value above the highest"),
            (count > total, "was observed in more scans than there were (observed)"),
            (not count and (self.seen or self.shares), "has seen or shares, and no value was observed"),
        ):
            if wrong:
                raise DataError(f"The column {self.name!r} {what}.")

    @classmethod
    def fit(cls, values: pd.Series, column: Column) -> Self:
        """Measure a column on training values; refuse text or infinity as a number, and undeclared categories."""
        masked = bool(values.isna().any())
        observed = values[values.notna()]
        counts = (len(observed), len(values))
        if column.kind == "category":
            categories = _categories(observed, column)
            shares = tuple(float((observed.map(str) == known).mean()) for known in categories) if len(observed) else ()
            return cls(replace(column, categories=categories), masked=masked, observed=counts, shares=shares)
        numbers = _numbers(observed, column)
        if not len(numbers):
            return cls(column, masked=masked, observed=counts)
        low, high = float(numbers.min()), float(numbers.max())
        # Equal values have no spread; their computed mean and deviation may differ from that by rounding.
        mean, deviation = (float(numbers.mean()), float(numbers.std())) if low < high else (low, 1.0)
        scale, levels = deviation or 1.0, _levels(numbers, mean, deviation)
        return cls(column, fill=mean, scale=scale, seen=(low, high), masked=masked, observed=counts, levels=levels)

    @property
    def name(self) -> str:  # noqa: D102
        return self.column.name

    @property
    def is_number(self) -> bool:  # noqa: D102
        return self.column.kind == "number"

    @property
    def categories(self) -> tuple[str, ...]:
        """In the order of their inputs; none for numbers."""
        return self.column.categories

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs it becomes, without the mask."""
        return (self.name,) if self.is_number else tuple(f"{self.name}={known}" for known in self.categories)

    @property
    def plausible(self) -> tuple[float, float]:
        """The range outside which a number is taken for one in another unit.

        A declared limit counts as it is. Else the training values decide: where all were positive, from their lowest
        divided to their highest multiplied by the ratio of the two (creatinine from 50 to 150 umol/L makes 16.7 to 450
        plausible, and 0.9, which is mg/dL, not); where not, or if the column is ``signed``, one width of their range to
        either side. One value alone limits nothing.
        """
        low, high = self.column.low, self.column.high
        least, most = self.seen or (0.0, 0.0)
        if least == most:
            usual = -np.inf, np.inf
        elif least > 0 and not self.column.signed:
            usual = least * (least / most), most * (most / least)
        else:
            usual = least - (most - least), most + (most - least)
        return usual[0] if low is None else low, usual[1] if high is None else high

    def transform(self, values: pd.Series) -> np.ndarray:
        """Encode values as float64 (N, len(features)): a missing one is 0, an unknown category 0 everywhere."""
        if self.is_number:
            with np.errstate(over="ignore"):
                scaled = (values.to_numpy(dtype=np.float64, na_value=np.nan) - self.fill) / self.scale
            limit = float(np.finfo(np.float32).max)  # a network turns infinity into NaN
            return np.where(np.isnan(scaled), 0.0, np.clip(scaled, -limit, limit))[:, None]
        text = values.map(str).where(values.notna(), None).to_numpy(dtype=object)
        return np.asarray(text[:, None] == np.array(self.categories, dtype=object), dtype=float)

    def text(self, cells: pd.Series) -> pd.Series:
        """Cells as text without surrounding blanks, empty where they are a code of a missing value."""
        text = as_text(cells)
        return text.mask(is_missing(text, self.column.missing) & ~is_missing(text) & ~text.isin(self.categories), "")

    def parse(self, cells: pd.Series, source: str, numerals: Numerals | None = None) -> pd.Series:
        """Turn text into values: numbers or NaN, categories or None; refuse a number column that holds text."""
        text = self.text(cells)
        if self.is_number:
            for row, cell in zip(text.index, text, strict=True):
                if bound(cell):
                    raise DataError(
                        f"{place(source, cells, row)}, column {self.name!r}: {cell!r} lies beyond an assay's range, "
                        "and the model knows no such values of this column. Write the bound itself to predict with it."
                    )
            return to_number(text, source, numerals)
        return text.where(~is_missing(text) | text.isin(self.categories), None)

    def check(self, values: pd.Series, source: str, allow_out_of_range: bool) -> None:
        """Refuse an unknown category, or a number out of the plausible range."""
        observed = values[values.notna()]
        if not self.is_number:
            for row, value in observed.items():
                if self.categories and str(value) not in self.categories:
                    raise DataError(
                        f"{place(source, values, row)}, column {self.name!r}: the model knows no category {value!r}; "
                        f"{suggest(str(value), self.categories)}"
                    )
            return
        low, high = self.plausible
        outside = observed[(observed < low) | (observed > high)]
        if len(outside) and not allow_out_of_range:
            unit = f" {self.column.unit}" if self.column.unit else ""
            seen = f" (in training: {self.seen[0]:g} to {self.seen[1]:g})" if self.seen else ""
            where = f"{place(source, values, outside.index[0])}, column {self.name!r}"
            raise DataError(
                f"{where}: {outside.iloc[0]:g}{unit} is outside {low:g} to {high:g}{unit}{seen}. Is it in another "
                "unit? Convert or correct it, or allow values out of range."
            )

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, text and lists, on one level."""
        own = asdict(self)
        plain = own.pop("column") | own
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The way back, exact."""
        exact: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
        column, own = (
            {field.name: exact[field.name] for field in fields(of) if field.name in exact}  # older bundles have fewer
            for of in (Column, cls)
        )
        return cls(Column(**column), **own)


def as_text(cells: pd.Series) -> pd.Series:
    """Cells as text without surrounding blanks, empty where missing."""
    return cells.map(lambda cell: "" if pd.isna(cell) else str(cell).strip()).astype(object)


def _levels(numbers: np.ndarray, mean: float, deviation: float) -> tuple[float, ...]:
    distinct = np.unique(numbers)
    if len(distinct) > FEW_LEVELS:
        wanted = mean + deviation * np.array(DEVIATIONS)
        distinct = distinct[np.unique(np.abs(distinct[:, None] - wanted).argmin(axis=0))]
    return tuple(distinct.tolist())


def _categories(observed: pd.Series, column: Column) -> tuple[str, ...]:
    categories = column.categories or tuple(sorted({str(value) for value in observed}))
    for scan, value in observed.items():
        if str(value) not in categories:
            raise DataError(
                f"{column.source or 'the cohort'}, scan {scan}, column {column.name!r}: {value!r} is none of the "
                f"declared categories {', '.join(categories)}."
            )
    return categories


def _numbers(observed: pd.Series, column: Column) -> np.ndarray:
    where = f"{column.source or 'the cohort'}, column {column.name!r}"
    try:
        numbers = observed.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: a number column holds something else: {error}.") from error
    if not np.isfinite(numbers).all():
        scan = observed.index[~np.isfinite(numbers)][0]
        raise DataError(f"{where}: the value of scan {scan} is infinite. Correct it or leave it empty.")
    return numbers
