"""Options against the signatures they come from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.errors import OptionError
from fusekit.extension import read_options
from fusekit.extension.options import describe_type, option_defaults, option_parameters


class Part:
    def __init__(
        self,
        columns: int,
        *,
        width: int = 8,
        rate: float = 0.5,
        on: bool = False,
        kind: Literal["relu", "none"] = "relu",
        stages: tuple[int, ...] = (),
        pair: tuple[int, str] = (1, "a"),
        limit: float | None = None,
        path: Path = Path(),
        name: str = "x",
        free: Any = None,
    ):
        pass


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("width", "12", 12),
        ("width", 12, 12),
        ("rate", "1e-3", 1e-3),
        ("rate", 1, 1.0),
        ("on", "true", True),
        ("on", False, False),
        ("kind", "none", "none"),
        ("stages", "2,3,4", (2, 3, 4)),
        ("stages", [2, 3], (2, 3)),
        ("stages", "", ()),
        ("pair", "3,b", (3, "b")),
        ("limit", "none", None),
        ("limit", "2.5", 2.5),
        ("path", "a/b", Path("a/b")),
        ("name", "y", "y"),
        ("free", {"any": "thing"}, {"any": "thing"}),
    ],
)
def test_text_and_values_become_the_annotated_type(option: str, value: object, expected: object) -> None:
    read = read_options("part", Part, {option: value})[option]
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("option", "value", "takes"),
    [
        ("width", "1.5", "a whole number"),
        ("width", 1.5, "a whole number"),
        ("width", True, "a whole number"),
        ("rate", "fast", "a number"),
        ("rate", True, "a number"),
        ("on", "yes", "true or false"),
        ("on", 1, "true or false"),
        ("kind", "gelu", "one of relu, none"),
        ("stages", "a,b", "whole numbers"),
        ("pair", "1", "commas"),
        ("limit", "low", "a number or none"),
        ("name", 3, "text"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(option: str, value: object, takes: str) -> None:
    with pytest.raises(OptionError, match=rf"part\.{option} takes .*{takes}.*, not "):
        read_options("part", Part, {option: value})


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"part has no option 'widht'; did you mean 'width'\?"):
        read_options("part", Part, {"widht": 1})
    with pytest.raises(OptionError, match="it has no options"):
        read_options("part", lambda columns: columns, {"width": 1})
    with pytest.raises(OptionError, match="part has no option 'columns'"):  # what the core gives is not the user's
        read_options("part", Part, {"columns": 1})
    with pytest.raises(OptionError, match="part has no option 'width'"):
        read_options("part", Part, {"width": 1}, withhold=("width",))


def test_only_keyword_only_parameters_that_are_not_bound_are_options() -> None:
    assert list(option_parameters(Part))[:2] == ["width", "rate"]
    bound: Callable[..., Any] = partial(Part, width=3)
    assert "width" not in option_parameters(bound)
    assert option_defaults(bound)["rate"] == 0.5


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_text_is_the_number(number: float) -> None:
    assert read_options("part", Part, {"rate": repr(number)}) == {"rate": float(number)}


def test_types_are_described_in_words() -> None:
    assert describe_type(Literal["a", "b"]) == "one of a, b"
    assert describe_type(float | None) == "a number or none"
    assert describe_type(tuple[int, ...]) == "whole numbers separated by commas"
