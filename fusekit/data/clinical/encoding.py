"""Clinical values as a model's input: scaled, one-hot, with a record of what was observed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from fusekit.data.clinical.censoring import flagged, parse_flagged
from fusekit.data.clinical.column import EncodedColumn, as_text
from fusekit.data.clinical.layout import ColumnLayout, Place
from fusekit.data.clinical.numbers import Numerals
from fusekit.data.clinical.tables import require_columns
from fusekit.data.cohort import Column, Finding
from fusekit.errors import DataError, first_ten


@dataclass(frozen=True)
class ClinicalEncoding:
    """The encoding of a clinical table, fitted on training scans only.

    - A number is standardised with the mean and standard deviation of the observed training values. A missing one
      becomes 0, which is the training mean.
    - A category becomes one input for each known category. A missing one is 0 in all of them.
    - A column with gaps in training has one more input, after all columns: 1 where observed, 0 where missing. A column
      without gaps in training has none: a missing value of a new patient becomes the training mean without a mark,
      since the model never learnt what a gap means there.
    """

    columns: tuple[EncodedColumn, ...]

    def __post_init__(self) -> None:
        names = pd.Index([column.name for column in self.columns])
        if names.has_duplicates:
            raise DataError(f"clinical columns have one name: {first_ten(names[names.duplicated()])}.")

    @classmethod
    def fit(cls, values: pd.DataFrame, columns: Sequence[Column]) -> Self:
        """Fit on the training scans' values (index scan; see ``Cohort.clinical``), and on nothing else."""
        return cls(tuple(EncodedColumn.fit(values[column.name], column) for column in columns))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the F inputs: ``AGE``, ``SEX=Male``, and ``AGE observed`` at the end."""
        plain = [feature for column in self.columns for feature in column.features]
        return (*plain, *(f"{column.name} observed" for column in self.columns if column.masked))

    def places(self, names: Collection[str]) -> tuple[int, ...]:
        """Places among the F inputs of some columns, their masks included, ascending."""
        owners = [column.name for column in self.columns for _ in column.features]
        owners += [column.name for column in self.columns if column.masked]
        return tuple(place for place, name in enumerate(owners) if name in names)

    @property
    def layout(self) -> ColumnLayout:
        """Where each column lies in the F inputs: values in the order of the columns, then the masks."""
        places, first = [], 0
        mask = sum(len(column.features) for column in self.columns)
        for column in self.columns:
            stop = first + len(column.features)
            places.append(Place(first, stop, column.column.kind, mask if column.masked else None))
            first, mask = stop, mask + column.masked
        return ColumnLayout(tuple(places))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Columns that cannot inform the model, because training had one value of them, or none."""
        empty = [c.name for c in self.columns if (c.seen is None if c.is_number else not c.categories)]
        constant = [c.name for c in self.columns if c.seen and c.seen[0] == c.seen[1]]
        constant += [c.name for c in self.columns if len(c.categories) == 1]
        found = (
            Finding("empty-column", "clinical columns without any value in training.", tuple(empty)),
            Finding("constant-column", "clinical columns with one value only in training.", tuple(constant)),
        )
        return tuple(finding for finding in found if finding.items)

    def transform(self, values: pd.DataFrame) -> np.ndarray:
        """Encode typed values (N rows) as float32 (N, F); see ``unseen`` for categories that training did not have."""
        parts = [column.transform(values[column.name]) for column in self.columns]
        masks = values[[column.name for column in self.columns if column.masked]].notna().to_numpy(dtype=float)
        return np.concatenate([*parts, masks], axis=1).astype(np.float32)

    def reference(self) -> pd.DataFrame:
        """One line of values of whom nothing is known, as encoded zeros say it: what explanations start from.

        A number is missing where training had gaps, else the training mean; a category is missing.
        """
        cells: dict[str, list[Any]] = {}
        for column in self.columns:
            nothing = np.nan if column.masked else column.fill
            cells[column.name] = [nothing if column.is_number else None]
        return pd.DataFrame(cells)

    def unseen(self, values: pd.DataFrame) -> tuple[Finding, ...]:
        """Report categories that training did not have, which ``transform`` encodes like a missing value."""
        findings = []
        for column in self.columns:
            unknown = () if column.is_number else {*values[column.name].dropna().map(str)} - {*column.categories}
            if unknown:
                message = f"categories of {column.name!r} that training did not have count as missing."
                findings.append(Finding("unseen-category", message, tuple(sorted(unknown))))
        return tuple(findings)

    def parse(self, table: pd.DataFrame, source: str) -> pd.DataFrame:
        """Read new patients' columns, from text or values, into typed values: one column per encoded column.

        Missing are empty cells and NA, n/a, NaN and ``.``; ``to_number`` reads numbers. A column of bounds
        (``AFP censored``) need not be there: signs such as ``<`` in its own column say the same. Another missing
        column, or text in a number column, is refused with ``source``, line and column.
        """
        names = [column.name for column in self.columns]
        of = {flag: name for flag in names if (name := flagged(flag, names)) is not None}
        require_columns(table, [name for name in names if name in table or name not in of], source)
        numerals, parsed = Numerals(table), dict[str, pd.Series]()
        marked = {name: flag for flag, name in of.items()}
        for column in self.columns:
            if column.name in marked:
                flag = marked[column.name]
                flags = as_text(table[flag]) if flag in table else None
                values = parse_flagged(column.column, column.text(table[column.name]), flags, source, numerals)
                parsed[column.name], parsed[flag] = values
            elif column.name not in of:
                parsed[column.name] = column.parse(table[column.name], source, numerals)
        return pd.DataFrame(parsed, index=table.index, columns=names)

    def check(self, values: pd.DataFrame, source: str, allow_out_of_range: bool = False) -> None:
        """Refuse new patients' values that the model was not made for, with source, row, column, value, unit and range.

        ``values`` are typed, from ``parse``. ``allow_out_of_range`` takes numbers outside ``EncodedColumn.plausible``.
        """
        require_columns(values, [column.name for column in self.columns], source)
        for column in self.columns:
            column.check(values[column.name], source, allow_out_of_range)

    def as_json(self) -> dict[str, Any]:
        """Plain lists, text and numbers, with units and fill values in the columns' own units."""
        return {"columns": [column.as_json() for column in self.columns]}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The way back, exact."""
        return cls(tuple(EncodedColumn.from_json(column) for column in plain["columns"]))
