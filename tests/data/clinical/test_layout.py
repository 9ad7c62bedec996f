"""Where columns lie in the encoded input: against tables made by hand, and the encoding's own names."""

from __future__ import annotations

import json
from typing import Literal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data import ClinicalEncoding, Column, ColumnLayout
from fusekit.data.clinical.layout import Place
from fusekit.errors import DataError

COLUMNS = (Column("AGE"), Column("SEX", kind="category"), Column("CSF"), Column("NOTE", kind="category"))
VALUES = pd.DataFrame(
    {"AGE": [70.0, 80.0, 75.0], "SEX": ["F", "M", "F"], "CSF": [1.0, None, 3.0], "NOTE": [None] * 3},
    index=["a", "b", "c"],
)


def test_an_encoding_s_columns_lie_in_order_and_their_masks_at_the_end() -> None:
    encoding = ClinicalEncoding.fit(VALUES, COLUMNS)
    assert encoding.features == ("AGE", "SEX=F", "SEX=M", "CSF", "CSF observed", "NOTE observed")
    assert encoding.layout == ColumnLayout(
        (
            Place(0, 1, "number"),
            Place(1, 3, "category"),
            Place(3, 4, "number", mask=4),
            Place(4, 4, "category", mask=5),  # never observed: no category, and a mask that is always 0
        )
    )
    assert encoding.layout.inputs == 6
    assert encoding.layout.owners == (0, 1, 1, 2, 2, 3)


@given(
    st.lists(
        st.sampled_from(["number", "gap", "M", "MF", "none"]).map(
            lambda kind: {
                "number": ("number", [1.0, 2.0, 4.0]),
                "gap": ("number", [1.0, None, 2.0]),
                "M": ("category", ["M", None, "M"]),
                "MF": ("category", ["M", "F", "M"]),
                "none": ("category", [None, None, None]),
            }[kind]
        ),
        max_size=8,
    )
)
def test_every_layout_names_the_inputs_as_the_encoding_does(
    kinds: list[tuple[Literal["number", "category"], list[object]]],
) -> None:
    columns = [Column(f"c{i}", kind=kind) for i, (kind, _) in enumerate(kinds)]
    values = pd.DataFrame({f"c{i}": own for i, (_, own) in enumerate(kinds)}, index=["x", "y", "z"])
    encoding = ClinicalEncoding.fit(values, columns)
    layout = encoding.layout
    for column, place in zip(encoding.columns, layout.places, strict=True):
        assert encoding.features[place.first : place.stop] == column.features
        assert (None if place.mask is None else encoding.features[place.mask]) == (
            f"{column.name} observed" if column.masked else None
        )
    assert layout.inputs == len(encoding.features)
    assert ColumnLayout.from_json(json.loads(json.dumps(layout.as_json()))) == layout


def test_of_some_inputs_the_layout_is_theirs() -> None:
    layout = ClinicalEncoding.fit(VALUES, COLUMNS).layout  # AGE, SEX=F, SEX=M, CSF, CSF observed, NOTE observed
    assert layout.of([3, 1, 2, 4]) == ColumnLayout((Place(1, 3, "category"), Place(0, 1, mask=3)))
    assert layout.of([4, 0]) == ColumnLayout((Place(1, 2), Place(0, 0, "category", mask=0)))  # a number's mask alone
    assert layout.of(range(6)).places[:3] == layout.places[:3]
    for reads, message in (([2, 1], "column 1: its inputs"), ([0, 0], "belongs to none")):
        with pytest.raises(DataError, match=message):
            layout.of(reads)


def test_of_a_count_each_input_is_a_number_of_its_own() -> None:
    assert ColumnLayout.plain(2) == ColumnLayout((Place(0, 1), Place(1, 2)))
    assert ColumnLayout.plain(0).inputs == 0


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ((Place(0, 2),), "column 0: a number is one input; first is 0 and stop 2"),
        ((Place(0, 2, "category"), Place(1, 2)), "column 1: input 1 belongs to two columns"),
        ((Place(0, 1), Place(2, 3)), "column 1: input 1 belongs to none"),
        ((Place(0, 1, mask=0),), "column 0: input 0 belongs to two columns"),
        ((Place(0, 10**15, "category"), Place(5, 6)), "column 1: input 5 belongs to two columns"),
        ((Place(0, 1, mask=5),), "column 0: input 1 belongs to none"),
        ((Place(0, 1), Place(3, 1, "category")), "column 1: it stops before it begins; first is 3 and stop 1"),
    ],
)
def test_a_layout_that_is_none_is_refused_by_column(places: tuple[Place, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ColumnLayout(places)
