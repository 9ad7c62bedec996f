"""Digests of scans: what changes them, what does not, and that they are HMACs as anyone can compute them."""

from __future__ import annotations

import hashlib
import hmac
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data import Cohort, Column, read
from fusekit.data.recipe.digests import digest_scans, digest_voxels, keyed, keyed_values, plain, table_of
from fusekit.progress import Quiet
from tests.tiny import Tiny, write_image

VOXELS = np.random.default_rng(0).integers(-50, 900, (5, 6, 7))


def by_hand(data: np.ndarray, tag: bytes) -> bytes:
    """SHA-256 of tag, shape and voxels, packed one by one."""
    x, y, z = data.shape
    packed = b"".join(struct.pack("<f", value) for value in data.flatten().tolist())
    return hashlib.sha256(tag + f"{x},{y},{z};".encode() + packed).digest()


def cohort(folder: Path) -> Cohort:
    Tiny().synthesize(folder, Quiet())
    return Tiny().scan(folder, Quiet())


def test_digest_and_key_are_what_the_documentation_says() -> None:
    digest, key = digest_voxels(VOXELS.astype(np.float32))
    assert digest == by_hand(VOXELS, b"").hex()
    assert key == by_hand(VOXELS, b"fusekit-recipe-key")
    assert key.hex() != digest


def test_neither_container_nor_stored_orientation_matters(tmp_path: Path) -> None:
    digests = set()
    for axes in ("RAS", "LPS", "PIR", "SAL"):
        for suffix in (".nii", ".nii.gz"):
            write_image(tmp_path / f"{axes}{suffix}", VOXELS, axes)
            digests.add(digest_voxels(read(tmp_path / f"{axes}{suffix}").data))
    assert digests == {(by_hand(VOXELS, b"").hex(), by_hand(VOXELS, b"fusekit-recipe-key"))}


def test_one_voxel_or_another_shape_changes_both() -> None:
    base = VOXELS.astype(np.float32)
    changed = base.copy()
    changed[4, 5, 6] = np.nextafter(changed[4, 5, 6], np.float32(np.inf))
    flat = base.reshape(5, 7, 6)
    results = [digest_voxels(data) for data in (base, changed, flat, np.asfortranarray(base))]
    assert len({digest for digest, _ in results}) == len({key for _, key in results}) == 3
    assert results[0] == results[3]  # how an array lies in memory is no matter
    assert digest_voxels(np.zeros((1, 1, 2), np.float32)) == digest_voxels(np.full((1, 1, 2), -0.0, np.float32))


def test_rows_are_hmacs_as_anyone_with_the_image_can_compute_them(tmp_path: Path) -> None:
    made = cohort(tmp_path)
    rows = digest_scans(made, made.columns, Quiet())
    raw = pd.read_csv(tmp_path / "scans.csv", dtype=str).merge(pd.read_csv(tmp_path / "lab.csv", dtype=str))
    assert len(rows) == len(raw) == 12
    assert list(rows.index) == list(made.scans.index)
    for row in raw.fillna("").to_dict("records"):
        got = rows.loc[f"{row['subject']}_{row['visit']}_{row['image_id']}"]
        voxels = read(tmp_path / "images" / f"{row['image_id']}.nii").data
        key = by_hand(voxels, b"fusekit-recipe-key")

        def mac(text: str, key: bytes = key) -> str:
            return hmac.new(key, text.encode(), "sha256").hexdigest()

        label = ("hearty", "dementia")[int(row["label"])]
        assert got["image_sha256"] == by_hand(voxels, b"").hex()
        assert got["label_hmac"] == mac(f'["label","{row["subject"]}","{label}"]')
        values = f'[["plasma",{row["plasma"] or "null"}],["tau",{row["tau"]}]]'
        assert got["values_hmac:lab"] == mac(f'["values","{row["subject"]}","lab",{values}]')
    assert list(rows) == [
        "subject", "visit", "image_id", "image_sha256", "label_hmac",
        "values_hmac:scans", "values_hmac:lab", "values_hmac:genes",
    ]  # fmt: skip


def test_neither_equal_labels_nor_equal_values_can_be_seen(tmp_path: Path) -> None:
    made = cohort(tmp_path)
    rows = digest_scans(made, made.columns, Quiet())
    assert made.clinical["gene"].nunique() == 2
    assert rows["label_hmac"].is_unique
    assert rows["values_hmac:genes"].is_unique
    # Not even where one image stands for two subjects.
    key = bytes(32)
    assert keyed(key, ["label", "p1", "dementia"]) != keyed(key, ["label", "p2", "dementia"])
    assert keyed_values(key, "p1", "t", {"a": 1.0}) != keyed_values(key, "p2", "t", {"a": 1.0})


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    made = cohort(tmp_path)
    alone = digest_scans(made, made.columns, Quiet(), workers=1)
    pd.testing.assert_frame_equal(alone, digest_scans(made, made.columns, Quiet(), workers=5))


def test_masks_are_digested_where_there_are_any(tmp_path: Path) -> None:
    made = cohort(tmp_path)
    write_image(tmp_path / "mask.nii.gz", VOXELS > 400)
    masks = pd.Series(None, index=made.scans.index, dtype=object)
    masks.iloc[0] = tmp_path / "mask.nii.gz"
    masked = replace(made, scans=made.scans.assign(mask=masks))
    rows = digest_scans(masked, made.columns, Quiet())
    key = by_hand(read(made.scans["image"].iloc[0]).data, b"fusekit-recipe-key")
    message = f'["mask","{by_hand((VOXELS > 400).astype(int), b"").hex()}"]'.encode()
    assert rows["mask_hmac"].iloc[0] == hmac.new(key, message, "sha256").hexdigest()
    assert (rows["mask_hmac"].iloc[1:] == "").all()


@pytest.mark.parametrize(
    ("source", "table"),
    [
        ("LABDATA.AXT117", "LABDATA"),
        ("all.v2.csv: a.b", "all.v2.csv"),
        ("patients.csv.age", "patients.csv"),
        ("lab", "lab"),
        ("", ""),
    ],
)
def test_the_table_is_the_source_without_the_column(source: str, table: str) -> None:
    assert table_of(Column("x", source=source)) == table


#: Text that would run together if cells were joined by a separator, and numbers that a printed table would confuse.
TEXT = st.one_of(
    st.sampled_from(
        ["", ",", '"', '","', "null", "nan", "1.0", "a,b", 'a","b', "[", "]]", "\\", "\n", "\ud800", "a\x00"]
    ),
    st.text(max_size=4),
)
NUMBER = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 0.1, 0.1 + 2**-56, 1 / 3, 1e308, 5e-324, math.inf, -math.inf, math.nan]),
    st.floats(),
)
VALUE = st.one_of(
    st.tuples(st.just("number"), st.one_of(NUMBER, st.none())),
    st.tuples(st.just("category"), st.one_of(TEXT, st.none())),
)


def same(one: object, other: object) -> bool:
    """Whether two cells hold the same value: missing is missing, minus nought is nought, a number is no text."""
    missing = [value is None or value != value for value in (one, other)]
    return all(missing) or (not any(missing) and type(one) is type(other) and one == other)


@given(st.dictionaries(TEXT, VALUE, max_size=4), TEXT, VALUE)
def test_a_digest_changes_if_and_only_if_a_value_does(
    row: dict[str, tuple[str, object]], name: str, new: tuple[str, object]
) -> None:
    def digest(cells: dict[str, tuple[str, object]]) -> str:
        return keyed_values(
            b"k" * 32, "s", "t", {column: plain(value, kind) for column, (kind, value) in cells.items()}
        )

    row = {name: ("number", 1.0), **row}
    changed = {**row, name: new}
    assert (digest(row) == digest(changed)) == same(row[name][1], new[1])
    assert digest(dict(reversed(row.items()))) == digest(row)  # the order of columns is no value


@given(
    st.lists(st.tuples(TEXT, TEXT), unique_by=lambda cell: cell[0], max_size=3),
    st.lists(st.tuples(TEXT, TEXT), unique_by=lambda cell: cell[0], max_size=3),
)
def test_different_rows_have_different_digests(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    first, second = (keyed_values(b"k" * 32, "s", "t", dict(cells)) for cells in (one, other))
    assert (first == second) == (sorted(one) == sorted(other))


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (np.float64(2.5), "number", 2.5),
        (3, "number", 3.0),
        (np.nan, "category", None),
        (pd.NA, "number", None),
        (7, "category", "7"),
    ],
)
def test_values_as_tables_hold_them(value: object, kind: str, result: object) -> None:
    assert plain(value, kind) == result
    assert type(plain(value, kind)) is type(result)
