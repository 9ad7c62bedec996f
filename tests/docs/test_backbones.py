"""The table of backbones in the documentation says what is."""

from __future__ import annotations

import warnings

import pytest

from benchmarks.backbones import NAMES, WORKS, Row, rows, tried

#: Quick ones, of each form of features; and others, refused ones among them.
QUICK = ("test_resnet", "test_mambaout", "test_vit")
SAMPLE = (
    "botnet26t_256",
    "coat_tiny",
    "efficientformerv2_s0",
    "hiera_tiny_224",
    "levit_128s",
    "mvitv2_tiny",
    "pit_ti_224",
)


def again(name: str) -> Row:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tried(name)


@pytest.fixture(scope="module")
def table() -> dict[str, Row]:
    return {row.name: row for row in rows()}


def test_it_has_every_name_that_is_tried_and_says_of_each_why_or_that_it_works(table: dict[str, Row]) -> None:
    assert list(table) == NAMES
    assert len(table) >= 110
    for row in table.values():
        assert row.result
        assert (row.result == WORKS) == bool(row.sites)
        assert "\n" not in row.result


@pytest.mark.parametrize("name", QUICK)
def test_what_works_still_does(name: str, table: dict[str, Row]) -> None:
    assert again(name) == table[name]
    assert table[name].result == WORKS


@pytest.mark.slow  # three quick ones are tried above
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_table(name: str, table: dict[str, Row]) -> None:
    assert again(name) == table[name]
