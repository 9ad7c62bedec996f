"""All that is wrong, said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.data.own.problems import Problems, line_of
from fusekit.errors import DataError, OptionError

TEXT = """\
# label = "no"
title = "x"
"label" = 1
[columns]
age = {kind = "number"}

[columns.sex]
kind = "category"
[ columns . "a b" ]
unit = "mg"
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("title",), 2),
        (("label",), 3),
        (("columns",), 4),
        (("columns", "age"), 5),
        (("columns", "sex"), 7),
        (("columns", "sex", "kind"), 8),
        (("columns", "a b", "unit"), 10),
        (("kind",), None),
        (("classes",), None),
    ],
)
def test_keys_are_found_by_line(keys: tuple[str, ...], line: int | None) -> None:
    assert line_of(TEXT, *keys) == line


def test_problems_come_all_together_and_one_alone_as_it_is() -> None:
    problems = Problems(Path("my.toml"))
    problems.refuse()
    with problems.gather():
        raise DataError("first.")
    with pytest.raises(DataError, match=r"^first\.$"):
        problems.refuse()
    with problems.gather():
        raise OptionError("second.")
    with pytest.raises(DataError) as caught:
        problems.refuse()
    assert str(caught.value) == "my.toml: 2 things to put right:\n  1. first.\n  2. second."
    with pytest.raises(ZeroDivisionError), problems.gather():
        _ = 1 / 0  # a mistake of ours is none of theirs
