"""Tables joined by key: against pandas, and with every way in which keys fail to match."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data.cohort import Finding
from fusekit.data.own.description import Further
from fusekit.data.own.join import Joined, join
from fusekit.data.own.problems import Problems
from fusekit.errors import DataError


def joined(folder: Path, main: str, labs: str, **options: object) -> tuple[Joined, list[str], list[Finding]]:
    (folder / "main.csv").write_text(main, "utf-8")
    (folder / "labs.csv").write_text(labs, "utf-8")
    further = {"file": "labs.csv", "key": ("id",), "to": ("id",), "columns": (), "optional": False, **options}
    problems, findings = Problems(folder / "my.toml"), list[Finding]()
    made = join(folder / "main.csv", [Further(**further)], problems, findings)  # type: ignore[arg-type]
    return made, problems.sentences, findings


IDS = st.lists(st.integers(0, 30), min_size=1, max_size=20, unique=True)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), IDS, st.booleans())
def test_the_join_is_that_of_pandas(main: list[int], labs: list[int], semicolons: bool) -> None:
    sign = ";" if semicolons else ","
    table = pd.DataFrame({"row": [f"r{k}" for k in range(len(main))], "id": [f"p{i:02}" for i in main]})
    values = pd.DataFrame({"id": [f"p{i:02}" for i in labs], "afp": [f"v{i}" for i in labs]})
    with TemporaryDirectory() as folder:
        made, problems, findings = joined(
            Path(folder), table.to_csv(index=False, sep=sign), values.to_csv(index=False, sep=sign), optional=True
        )
    expected = table.merge(values, on="id", how="left", validate="many_to_one").fillna("")
    assert made.cells("afp").tolist() == expected["afp"].tolist()
    assert made.cells("row").tolist() == expected["row"].tolist()
    assert problems == []
    codes = {finding.code: set(finding.items) for finding in findings}
    assert codes.get("row-without-match", set()) == set(table["id"]) - set(values["id"])
    assert codes.get("row-never-used", set()) == set(values["id"]) - set(table["id"])


def test_what_rows_need_of_a_table_is_found_once_for_all_columns(tmp_path: Path) -> None:
    made, _, _ = joined(tmp_path, "id\na\nb\nc\n", "id,afp,cea\nb,5,6\na,4,7\n", optional=True)
    part, rows = made.homes["afp"], made.lines[[0, 2]]
    needed = made.needed(part, rows)
    assert needed.to_dict("list") == {"afp": ["4"], "cea": ["7"]}
    assert made.needed(part, rows) is needed
    assert made.spread(needed["cea"], part, rows).fillna("").to_dict() == {2: "7", 4: ""}


def test_keys_of_several_columns_and_of_other_names(tmp_path: Path) -> None:
    made, problems, _ = joined(
        tmp_path, "id,visit\na,1\na,2\nb,1\n", "pid,when,afp\nb,1,5\na,2,4\na,1,3\n",
        key=("pid", "when"), to=("id", "visit"),
    )  # fmt: skip
    assert problems == []
    assert made.cells("afp").tolist() == ["3", "4", "5"]
    assert made.where(4, "afp") == f"{tmp_path / 'labs.csv'}, line 2, column 'afp'"
    assert made.where(4, "id") == f"{tmp_path / 'main.csv'}, line 4, column 'id'"


def test_keys_without_partner_and_keys_that_stand_twice_are_listed_with_their_lines(tmp_path: Path) -> None:
    main = "id\n" + "".join(f"q{k}\n" for k in range(12)) + "007\nP1\nb\n"
    _, problems, _ = joined(tmp_path, main, "id,afp\n7,1\np1,2\nb,3\nb,4\n")
    assert len(problems) == 2
    assert "id b is on lines 4, 5" in problems[0]
    assert "14 rows have no partner" in problems[1]
    assert "q0 (line 2), q1 (line 3)" in problems[1]
    assert "and 4 more" in problems[1]
    _, problems, _ = joined(tmp_path, "id\n007\nP1\nb\n", "id,afp\n7,1\np1,2\nb,3\n")
    assert "007 (line 2; '7' there: the same?), P1 (line 3; 'p1' there: the same?)" in problems[0]


@pytest.mark.parametrize(
    ("main", "labs", "options", "message"),
    [
        ("id,afp\na,1\n", "id,afp\na,1\n", {}, "has columns that .*main.csv has too: afp"),
        ("id\na\n", "pid,afp\na,1\n", {}, r"labs.csv: column missing: 'id' \(renamed to 'pid'\?\)"),
        ("ID\na\n", "id,afp\na,1\n", {}, r"main.csv: column missing: 'id' \(renamed to 'ID'\?\)"),
        ("id\na\n", "id,afp\na,1\n", {"columns": ("afpp",)}, r"column missing: 'afpp' \(renamed to 'afp'\?\)"),
        ("id\na\n", "id,afp\na,1\n", {"file": "lab.csv"}, r"lab.csv: there is no such file; did you mean 'labs.csv'"),
    ],
)
def test_tables_that_do_not_fit_are_problems(
    tmp_path: Path, main: str, labs: str, options: dict[str, object], message: str
) -> None:
    _, problems, _ = joined(tmp_path, main, labs, **options)
    assert len(problems) == 1
    assert re.search(message, problems[0])


def test_only_named_columns_are_taken_and_an_empty_table_is_refused(tmp_path: Path) -> None:
    made, _, _ = joined(tmp_path, "id\na\n", "id,afp,other\na,1,2\n", columns=("afp",))
    assert set(made.homes) == {"id", "afp"}
    with pytest.raises(DataError, match="a header and no rows"):
        joined(tmp_path, "id,x\n", "id,afp\na,1\n")
