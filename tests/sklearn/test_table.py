"""X as FuseKit reads it: what a column is, is said by its dtype or else by all its values, and never by one cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.errors import DataError, OptionError
from fusekit.sklearn.table import Table


def table(**columns: object) -> Table:
    return Table.of(pd.DataFrame(columns), "image" if "image" in columns else None, "who" if "who" in columns else None)


def test_the_dtype_decides_and_else_the_values() -> None:
    values, columns, findings = table(
        age=[70.125, np.nan, 60.0],
        count=pd.array([1, None, 3], dtype="Int64"),
        text=["0,5", "1,250", "NA"],
        site=pd.Categorical([1, 2, 1]),
        smoker=[True, False, True],
        sex=["F", None, " M "],
        tau=["<80", "93.5", ""],
        empty=[None, np.nan, None],
    ).clinical()
    kinds = {column.name: column.kind for column in columns}
    numbers, texts = ["age", "count", "text", "tau", "tau censored"], ["site", "smoker", "sex"]
    assert kinds == {**dict.fromkeys(numbers, "number"), **dict.fromkeys(texts, "category")}
    assert values["age"].tolist()[::2] == [70.125, 60.0]  # although another column has decimal commas
    assert values["count"].tolist()[::2] == [1, 3]
    assert values["text"].tolist()[:2] == [0.5, 1.25]
    assert values["tau"].tolist()[:2] == [80, 93.5]
    assert values["tau censored"].tolist()[:2] == [-1, 0]
    assert values["site"].tolist() == ["1", "2", "1"]
    assert values["smoker"].tolist() == ["True", "False", "True"]
    assert values["sex"].tolist() == ["F", None, "M"]
    assert values.isna().sum().to_dict() == {**dict.fromkeys(kinds, 0), **dict.fromkeys([*numbers, "sex"], 1)}
    assert [finding.items for finding in findings if finding.code == "column-without-values"] == [("empty",)]


def test_categories_of_the_dtype_are_known_without_being_there() -> None:
    _, (column,), _ = table(stage=pd.Categorical(["II", "I"], categories=["I", "II", "III"])).clinical()
    assert column.categories == ("I", "II", "III")


@pytest.mark.parametrize("number", [1.125, 1e-300, -0.1, 123456789.123, 1 / 3, 1e22, 5.0])
def test_numbers_are_exact(number: float) -> None:
    values, _, _ = table(a=[number, 1.0], comma=["0,5", "1,5"]).clinical()
    assert values["a"][0] == number


def test_rows_are_called_as_they_are_labelled() -> None:
    frame = pd.DataFrame({"a": ["x1"] * 20 + [str(n) for n in range(200)]}, index=range(500, 720))
    with pytest.raises(DataError, match=r"X, row 500, column 'a'.*astype\(float\)"):
        Table.of(frame, None, None).clinical()
    again = Table.of(pd.DataFrame({"a": [1, 2, 3]}, index=[7, 7, 8]), None, None)
    assert again.names == ["0", "1", "2"]  # no label is of one row alone
    assert Table.of(pd.DataFrame({"a": [1, 2]}, index=["p", "q"]), None, None).names == ["0", "1"]


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    images = table(image=["a.png", None, tmp_path / "a.png", "NA"]).images
    assert images.tolist() == [tmp_path / "a.png", None, tmp_path / "a.png", None]
    with pytest.raises(DataError, match=r"column 'image': 1 paths lead nowhere: row 1: .*b\.png"):
        _ = table(image=["a.png", "b.png"]).images


def test_subjects() -> None:
    assert table(who=[3, 4, 3], a=[1, 2, 3]).subjects.tolist() == ["3", "4", "3"]
    assert table(a=[1, 2, 3]).subjects.tolist() == ["0", "1", "2"]
    with pytest.raises(DataError, match=r"column 'who': 1 rows name no subject: row 1\."):
        _ = table(who=["p", None]).subjects


@pytest.mark.parametrize(
    ("image", "subject", "columns", "said"),
    [
        ("imag", None, {"image": ["a"]}, r"no column 'imag', which image names; did you mean 'image'.*set_output"),
        (3, None, {"image": ["a"]}, r"image takes the name of a column of X, or None, not 3"),
        (None, "who", {"a": [1]}, r"no column 'who', which subject names"),
        ("a", "a", {"a": ["p"]}, r"image and subject are both 'a'"),
    ],
)
def test_roles_that_no_column_has(image: object, subject: object, columns: dict[str, list[object]], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Table.of(pd.DataFrame(columns), image, subject)


def test_columns_that_clash() -> None:
    with pytest.raises(DataError, match="of one name: a"):
        Table.of(pd.DataFrame([[1, 2]], columns=["a", "a"]), None, None)
    with pytest.raises(DataError, match="FuseKit's own columns: Label"):
        table(Label=[1])


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([1.0, np.inf], r"column 'a': row 1 is infinity"),
        ([1j, 2j], "Complex data not supported"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "dates or durations"),
    ],
)
def test_what_is_no_number(cells: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        table(a=cells).clinical()
