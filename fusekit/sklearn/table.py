"""X as FuseKit reads tables: every input column as text, whose kind its dtype says, or else its values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from fusekit.data.clinical.column import as_text
from fusekit.data.clinical.tables import is_missing
from fusekit.data.cohort import OURS, Column, Finding
from fusekit.data.own.columns import typed
from fusekit.data.own.description import OwnColumn
from fusekit.data.own.join import Joined, Part
from fusekit.errors import DataError, OptionError, first_ten
from fusekit.extension.registry import suggest

#: What messages call the table.
X = "X"


@dataclass(frozen=True)
class Table:
    """A DataFrame, and which of its columns is what.

    Args:
        frame: index: the number of each row, by which messages name it: the label where all are whole numbers, else
            the position.
        image: the column of paths; None: there is none.
        subject: the column that names the subject; None: each row is one.
    """

    frame: pd.DataFrame
    image: str | None
    subject: str | None

    @classmethod
    def of(cls, frame: pd.DataFrame, image: Any, subject: Any) -> Table:
        """Check the names of the columns; OptionError for a role that none has, DataError for a name that clashes."""
        names = [str(name) for name in frame.columns]
        for role, name in (("image", image), ("subject", subject)):
            if name is None:
                continue
            if not isinstance(name, str):
                raise OptionError(f"{role} takes the name of a column of X, or None, not {name!r}.")
            if name not in names:
                alone = " image=None trains on the table alone." if role == "image" else ""
                raise OptionError(
                    f"X has no column {name!r}, which {role} names; {suggest(name, names)}{alone} Arrays have no "
                    "names: give a DataFrame, and let transformers before this estimator return one: "
                    'set_output(transform="pandas"), and of a ColumnTransformer verbose_feature_names_out=False.'
                )
        if image is not None and image == subject:
            raise OptionError(f"image and subject are both {image!r}; each takes a column of its own.")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"X has columns of one name: {first_ten(twice)}. Rename one of each.")
        ours = [name for name in names if name not in (image, subject) and name.lower() in OURS]
        if ours:
            roles = [f"{name.lower()}={name!r}" for name in ours if name.lower() in ("image", "subject")]
            meant = f" Or name what they hold: {', '.join(roles)}." if roles else ""
            raise DataError(f"X has columns named as FuseKit's own columns: {first_ten(ours)}. Rename them.{meant}")
        labels = pd.Index(frame.index, name=None)
        whole = types.is_integer_dtype(labels.dtype) and labels.is_unique and (labels >= 0).all()
        rows = labels if whole else pd.RangeIndex(len(frame))
        return cls(frame.set_axis(names, axis=1).set_axis(rows), image, subject)

    @property
    def inputs(self) -> list[str]:
        """Names of the clinical columns."""
        return [str(name) for name in self.frame if name not in (self.image, self.subject)]

    @property
    def names(self) -> list[str]:
        """The name of each row: its number."""
        return [str(row) for row in self.frame.index]

    @property
    def subjects(self) -> pd.Series:
        """The subject of each row, as text; DataError where there is none."""
        if self.subject is None:
            return pd.Series(self.names, self.frame.index, dtype=object)
        subjects = as_text(self.frame[self.subject])
        if len(empty := subjects.index[subjects == ""]):
            raise DataError(f"X, column {self.subject!r}: {len(empty)} rows name no subject: row {first_ten(empty)}.")
        return subjects

    @property
    def images(self) -> pd.Series:
        """The path of each row's image, None where there is none; DataError for a path at which nothing lies."""
        if self.image is None:
            return pd.Series([None] * len(self.frame), self.frame.index, dtype=object)
        cells = as_text(self.frame[self.image])
        missing = is_missing(cells)
        paths = [None if gone else Path(cell).absolute() for cell, gone in zip(cells, missing, strict=True)]
        lost = [
            f"row {row}: {path}" for row, path in zip(cells.index, paths, strict=True) if path and not path.exists()
        ]
        if lost:
            raise DataError(
                f"X, column {self.image!r}: {len(lost)} paths lead nowhere: {first_ten(lost)}. Correct them; relative "
                "paths start from the working directory."
            )
        return pd.Series(paths, cells.index, dtype=object)

    def clinical(self) -> tuple[pd.DataFrame, tuple[Column, ...], tuple[Finding, ...]]:
        """Typed values of the inputs, a column each; one without any value is left out, and found."""
        cells = pd.DataFrame({name: written(self.frame[name]) for name in self.inputs}, self.frame.index, dtype=object)
        joined = Joined((Part(Path(X), cells, pd.Series(cells.index, cells.index)),))
        columns, values, empty, findings = list[Column](), dict[str, pd.Series](), list[str](), list[Finding]()
        for name in self.inputs:
            for column, read in self._typed(joined, name, findings):
                if column.name in values:
                    raise DataError(f"X has a column {column.name!r}, which marks bounds in another. Rename it.")
                if read.isna().all():
                    empty.append(name)
                    break
                columns.append(column)
                values[column.name] = read
        if empty:
            message = "clinical columns left out: no row has a value"
            findings.append(Finding("column-without-values", message, tuple(empty)))
        return pd.DataFrame(values, cells.index), tuple(columns), tuple(findings)

    def _typed(self, joined: Joined, name: str, findings: list[Finding]) -> list[tuple[Column, pd.Series]]:
        dtype = self.frame[name].dtype
        categories: tuple[str, ...] = ()
        kind = "number" if types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) else ""
        if isinstance(dtype, pd.CategoricalDtype):
            categories = tuple(str(one).strip() for one in dtype.categories)
        if categories or types.is_bool_dtype(dtype):
            kind = "category"
        try:
            return typed(joined, OwnColumn(name, kind, categories=categories), self.frame.index, findings)
        except DataError as error:
            advice = "" if kind else " The dtype of a column can say what it is: astype(float), astype('category')."
            advice += f" If it names the subjects: subject={name!r}." if not kind and self.subject is None else ""
            raise DataError(f"{error}{advice}") from error

    def cells(self, categories: Collection[str]) -> pd.DataFrame:
        """The inputs as text; numbers in columns of ``categories`` are their names."""
        return pd.DataFrame(
            {name: written(self.frame[name], category=name in categories) for name in self.inputs}, self.frame.index
        )


def written(cells: pd.Series, *, category: bool = False) -> pd.Series:
    """Cells as text, empty where missing; numbers so that a point can be nothing but the decimal sign.

    DataError for infinite and complex numbers and for dates.
    """
    dtype, where = cells.dtype, f"X, column {cells.name!r}"
    if types.is_complex_dtype(dtype):
        raise DataError(f"{where}: Complex data not supported. Give its parts as columns of their own.")
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        raise DataError(f"{where} holds dates or durations. Make a number of them, such as an age in years.")
    if category or types.is_bool_dtype(dtype) or not types.is_numeric_dtype(dtype):
        return as_text(cells)
    numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    if len(infinite := cells.index[np.isinf(numbers)]):
        raise DataError(f"{where}: row {infinite[0]} is infinity. Correct it or leave it empty.")
    texts = ["" if np.isnan(number) else _exact(number) for number in numbers.tolist()]
    return pd.Series(texts, cells.index, dtype=object, name=cells.name)


def _exact(number: float) -> str:
    text = repr(number)
    return text if "e" in text else f"{text}e0"  # 1.250 may be 1250 where other columns have decimal commas
