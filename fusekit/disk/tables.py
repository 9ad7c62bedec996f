"""Tables that FuseKit writes and reads back: a schema says which columns are numbers, and no cell is guessed.

People's own tables are read elsewhere: ``fusekit.data.read_table``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from fusekit.disk.files import regular, write_bytes
from fusekit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: Column, or pattern of columns (``p_*``) -> its type; the first that fits. What none fits is text.
Schema: TypeAlias = Mapping[str, type[int] | type[float] | type[bool] | type[str]]
#: What a cell holds -> its spelling, and its name in messages. Python's own ``float`` would take ``1_0`` for 10.
_CELLS: Mapping[type, tuple[re.Pattern[str], str]] = {
    int: (re.compile(r"[-+]?[0-9]{1,19}"), "a whole number below 2^63"),
    float: (re.compile(r"[-+]?([0-9]+\.?[0-9]*(e[-+]?[0-9]+)?|inf)|nan|", re.IGNORECASE), "a number"),
    bool: (re.compile("True|False"), "True or False"),
}

#: What to do about a changed table.
AGAIN = "The file is not as FuseKit wrote it: get it again, or run again."


def table_bytes(table: pd.DataFrame) -> bytes:
    """CSV as every table of FuseKit is written: UTF-8, numbers with all their digits, missing cells empty."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # the csv module before Python 3.13 does not quote it, and it would end the line
        text = table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode()


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole, or not at all."""
    write_bytes(path, table_bytes(table))


def read_written(source: Path | bytes, schema: Schema, where: str = "") -> pd.DataFrame:
    """Read what ``write_table`` wrote (a file, or its content): numbers to the last digit, all else as text.

    An empty cell is NaN in text and numbers; ``int`` and ``bool`` have none. ``where`` names the content in messages:
    DataError if it is no table, or a cell is not of its column's type. OSError if the file cannot be read.
    """
    import pandas as pd

    where = where or str(source)
    content = regular(source).read_bytes() if isinstance(source, Path) else source
    try:
        file = io.BytesIO(codecs.BOM_UTF8 + content)  # pandas drops one mark, which may be the first name's own
        cells = pd.read_csv(file, header=None, dtype=str, keep_default_na=False, na_values=[""], skip_blank_lines=False)
    except ValueError as error:  # not UTF-8, empty, or with more cells in a row than there are columns
        raise DataError(f"{where} is no table that FuseKit wrote: {error}.") from error
    names = cells.iloc[0].fillna("").tolist()
    if twice := [name for k, name in enumerate(names) if name in names[:k]]:
        raise DataError(f"{where}, line 1: the column {twice[0]!r} is there twice. {AGAIN}")
    cells = cells.iloc[1:].reset_index(drop=True).set_axis(names, axis=1)
    return pd.concat([_typed(cells.iloc[:, k], schema, where) for k in range(len(names))], axis=1)


def _typed(cells: pd.Series, schema: Schema, where: str) -> pd.Series:
    name = str(cells.name)
    kind = next((kind for pattern, kind in schema.items() if fnmatchcase(name, pattern)), str)
    if kind is str:
        return cells
    spelling, what = _CELLS[kind]
    wrong = ~cells.fillna("").str.fullmatch(spelling)
    if kind is int:
        wrong |= ~cells.mask(wrong, "0").map(int).between(-(2**63), 2**63 - 1)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        held = "is empty" if cells.isna()[row] else f"is {cells[row]!r}"
        raise DataError(f"{where}, line {row + 2}, column {name!r}: the cell {held}, and {what} is expected. {AGAIN}")
    return cells == "True" if kind is bool else cells.astype(kind)
