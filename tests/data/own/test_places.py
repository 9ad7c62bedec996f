"""Patterns with column names in braces: what they find, and that nothing leads out of the folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data.own.places import (
    Candidates,
    Pattern,
    confined,
    refuse_leaving,
    spelt_otherwise,
)
from fusekit.errors import DataError


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("pattern", "values", "expected"),
    [
        ("scans/{id}.nii.gz", ("7",), ["scans/7.nii.gz"]),
        ("scans/{id}.nii.gz", ("*",), []),  # a wildcard in a cell is none
        ("scans/{id}.nii.gz", ("a[1]",), ["scans/a[1].nii.gz"]),
        ("scans/{id}*", ("1",), ["scans/1_t1.nii"]),  # not 10_t1.nii
        ("scans/*{id}.nii", ("t1",), ["scans/10_t1.nii", "scans/1_t1.nii"]),
        ("scans/*{id}.nii", ("1",), []),  # not the 1 of t1
        ("**/{id}.dcm", ("x",), ["deep/er/x.dcm", "x.dcm"]),
        ("sub-{s}/ses-{v}/*_T?w.nii", ("01", "M00"), ["sub-01/ses-M00/sub-01_T1w.nii"]),
        ("{s}_{v}.png", ("a_b", "c"), ["a_b_c.png"]),
        ("{s}_{v}.png", ("a", "b_c"), ["a_b_c.png"]),
        ("scans/{id}.nii.gz", ("8",), []),
    ],
)
def test_a_row_finds_the_files_that_fit_its_values(
    tmp_path: Path, pattern: str, values: tuple[str, ...], expected: list[str]
) -> None:
    write(
        tmp_path, "scans/7.nii.gz", "scans/a[1].nii.gz", "scans/1_t1.nii", "scans/10_t1.nii", "x.dcm", "deep/er/x.dcm",
        "sub-01/ses-M00/sub-01_T1w.nii", "sub-01/ses-M00/sub-01_T1w.json", "a_b_c.png", ".hidden/7.nii.gz",
    )  # fmt: skip
    made = Pattern(pattern)
    assert made.find(values, made.candidates(tmp_path)) == expected


@given(st.lists(st.text("ab01_-.[]", min_size=1, max_size=5), min_size=1, max_size=12, unique=True), st.data())
def test_without_wildcards_a_row_finds_exactly_the_path_it_spells(names: list[str], data: st.DataObject) -> None:
    candidates = Candidates(f"scans/{name}.nii" for name in names)
    wanted = data.draw(st.sampled_from([*names, "other"]))
    found = Pattern("scans/{id}.nii").find((wanted,), candidates)
    assert found == [path for path in candidates if path == f"scans/{wanted}.nii"]


@given(st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True), st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True))
def test_ids_of_a_path_are_those_it_was_made_of(subject: str, visit: str) -> None:
    pattern = Pattern("sub-{s}/{v}/x_{s}.nii")
    assert pattern.ids(f"sub-{subject}/{visit}/x_{subject}.nii") == (subject, visit, subject)
    assert pattern.ids(f"sub-{subject}/{visit}/y_{subject}.nii") is None


@given(st.lists(st.text("ab1-_/", min_size=1, max_size=6), max_size=12), st.text("ab1-", min_size=1, max_size=2))
def test_what_is_looked_at_is_all_that_can_fit(paths: list[str], value: str) -> None:
    """Against every path, one by one."""
    candidates = Candidates(set(paths))
    for text in ("{v}", "*{v}", "{v}*", "*{v}*", "**/{v}", "a/**/{v}*", "*/{v}_?", "**/*{v}*", "?{v}?"):
        pattern = Pattern(text)
        expected = [path for path in candidates if pattern.find((value,), Candidates([path]))]
        whole = pattern._expression([re.escape(value)])
        assert pattern.find((value,), candidates) == expected == [path for path in candidates if whole.fullmatch(path)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scans/all.nii", "names one file for all rows"),
        ("scans/{id.nii", "brace without its partner"),
        ("scans/{}.nii", "no column name between braces"),
        ("../{id}.nii", r"leads out of the data folder \('\.\.'\)"),
        ("a/../../{id}.nii", "leads out of the data folder"),
        ("/data/{id}.nii", "absolute path"),
        ("C:\\data\\{id}.nii", "absolute path"),
        ("~/{id}.nii", "absolute path"),
        ("scans/{id}.zip", "is an archive, and archives are never unpacked"),
        ("scans/{id}.tar.gz", "is an archive"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Pattern(text)


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "a\\..\\..\\x", "/etc/passwd", "\\\\server\\x", "C:x", "~root/x", "a\0b", "\\x"]
)
def test_paths_that_leave_are_refused_whatever_their_dialect(path: str) -> None:
    with pytest.raises(DataError, match=r"out of the data folder|absolute|no path"):
        refuse_leaving(path)


@given(st.text(st.sampled_from("./\\~:aC\0"), max_size=12))
def test_no_text_reaches_outside(text: str) -> None:
    folder = Path("/data/cohort")
    try:
        refuse_leaving(text)
    except DataError:
        return
    parts = re.split(r"[/\\]", text)
    assert ".." not in parts
    assert (folder / text).is_relative_to(folder)


def test_links_are_followed_to_see_where_they_end(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home, "in.nii", "series/1.dcm")
    write(tmp_path, "out.nii", "homes/x.nii")
    (home / "link.nii").symlink_to(tmp_path / "out.nii")
    (home / "inner.nii").symlink_to(home / "in.nii")
    (home / "folder").symlink_to(tmp_path)
    (home / "beside").symlink_to(tmp_path / "homes")  # begins like the folder
    assert confined(home, "in.nii") == home / "in.nii"
    assert confined(home, "inner.nii") == home / "inner.nii"
    assert confined(home, "series") == home / "series"
    for path in ("link.nii", "folder/out.nii", "beside/x.nii"):
        with pytest.raises(DataError, match="link that leads out of the data folder"):
            confined(home, path)
    (home / "series" / "2.dcm").symlink_to(tmp_path / "out.nii")
    with pytest.raises(DataError, match=r"'series/2\.dcm' is a link that leads out"):
        confined(home, "series")
    with pytest.raises(DataError, match=r"no such file or folder"):
        confined(home, "series\\3.dcm")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.TGZ", "a.7z", "a.csv.gz", "a.dcm.xz"])
def test_archives_are_refused_by_name_and_compressed_nifti_are_not(name: str) -> None:
    with pytest.raises(DataError, match="never unpacked"):
        refuse_leaving(name)
    refuse_leaving("a.nii.gz")
    refuse_leaving("a.nii")


def test_ids_that_only_their_spelling_tells_apart_are_found() -> None:
    assert spelt_otherwise(["007", "p2", "x"], ["7", "P-2", "y"]) == {"007": "7", "p2": "P-2"}
    assert spelt_otherwise(["7"], ["7"]) == {}
