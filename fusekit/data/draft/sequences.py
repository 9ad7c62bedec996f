"""Several images of each row, such as T1 and FLAIR, which differ by words in their paths."""

import re
from pathlib import Path

import pandas as pd

from fusekit.data.draft.pattern import Guess, rows_with_one, templates_of
from fusekit.data.own.places import Pattern
from fusekit.errors import DataError

#: Of the rows that have the likeliest image, so many have each of the others.
MOST = 0.8
#: More than these are slices or frames rather than sequences.
MANY = 8


def sequences(table: pd.DataFrame, way: Guess, images: list[str], folder: Path) -> tuple[dict[str, Guess], int]:
    """The images of each row by name, the first a T1 if there is one, and how many rows have all of them.

    None, and 0, unless most rows have two or more whose paths differ in words: numbers are slices, repetitions or ids.
    """
    found = _columns(table, way, images) if way.is_column else _patterns(table, way, images, folder)
    named = dict(zip(_names(list(found)), found.items(), strict=True))
    if not 2 <= len(named) <= MANY or len(named) < len(found) or not all(map(_is_word, named)):
        return {}, 0
    order = sorted(named, key=lambda name: ("t1" not in name and "mprage" not in name, name))
    guesses = {
        name: Guess(text, way.columns if not way.is_column else (text,), way.is_column, len(rows))
        for name, (text, rows) in ((name, named[name]) for name in order)
    }
    return guesses, len(set.intersection(*(rows for _, rows in named.values())))


def _columns(table: pd.DataFrame, way: Guess, images: list[str]) -> dict[str, set[int]]:
    """Columns of paths -> rows whose path is that of an image."""
    known = set(images)
    found = {
        str(name): {k for k, cell in enumerate(table[name]) if cell.replace("\\", "/").strip("/") in known}
        for name in table.columns
    }
    return {name: rows for name, rows in found.items() if len(rows) >= max(2, MOST * way.rows)}


def _patterns(table: pd.DataFrame, way: Guess, images: list[str], folder: Path) -> dict[str, set[int]]:
    """Patterns of the same columns -> rows with exactly one image by each."""
    found = {}
    for text, count in templates_of(table, way.columns, images).items():
        if count >= MOST * way.rows:
            try:
                pattern = Pattern(text)
            except DataError:
                continue
            rows = rows_with_one(table, pattern, folder) if set(pattern.columns) == set(way.columns) else set[int]()
            if len(rows) >= max(2, MOST * way.rows):
                found[text] = rows
    return found


def _names(texts: list[str]) -> list[str]:
    """What differs in patterns or names of columns, in small letters: ``{id}_T1.nii`` and ``{id}_FLAIR.nii``."""
    words = [re.findall(r"[A-Za-z0-9]+", re.sub(r"\{[^{}]*\}|\.nii(\.gz)?$", " ", text).lower()) for text in texts]
    shared = set(words[0]).intersection(*words[1:]) if words else set()
    return ["-".join(dict.fromkeys(word for word in own if word not in shared)) for own in words]


def _is_word(name: str) -> bool:
    return any(sign.isalpha() for sign in name) and name != "mask"
