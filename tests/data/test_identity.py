"""Ids that only their spelling tells apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data.identity import alike, shown, spellings

#: Case 22: twelve people, each spelt in two ways.
TWICE = [
    ("Jos\u00e9 1", unicodedata.normalize("NFD", "Jos\u00e9 1")),
    ("P1", "P\u200b1"),
    ("P-2", "P\u20132"),
    ("P-3", "P\u22123"),
    ("P4", "\uff30\uff14"),
    ("100", "100.0"),
    ("P6", "P6."),
    ("P7", "p7"),
    ("P 8", "P\u00a08"),
    ("009", "9"),
    ("P_10", "P10"),
    ("P11", "P\u0661\u0661"),
]


@pytest.mark.parametrize(("one", "other"), TWICE)
def test_one_person_in_two_spellings(one: str, other: str) -> None:
    assert one != other
    assert alike(one) == alike(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "10"), ("P1", "P12"), ("1-11", "11-1"), ("1 11", "11 1"), ("P1.1", "P1.10"), ("1.05", "1.5"), ("0", "")],
)
def test_two_people(one: str, other: str) -> None:
    assert alike(one) != alike(other)


def test_all_of_case_22_are_found_with_both_spellings() -> None:
    found = spellings(text for pair in TWICE for text in pair)
    assert [sorted(pair) for pair in TWICE] == sorted(found, key=lambda same: [set(p) for p in TWICE].index(set(same)))
    assert spellings(["P1", "P2", "P1"]) == []


def test_what_looks_the_same_is_shown_with_its_characters() -> None:
    assert shown("P1") == "'P1'"
    assert shown("P\u20131") == "'P\u20131' (written 'P\\u20131')"


@given(st.text(max_size=8))
def test_a_spelling_has_one_likeness_whatever_its_unicode_form(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert alike(unicodedata.normalize(form, text)) == alike(text)
    assert alike(f" {text}\u200b ") == alike(text)
