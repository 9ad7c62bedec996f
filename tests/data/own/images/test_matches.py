"""Images for rows, by id: what is missing, ambiguous, shared, outside or left over, each with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from fusekit.data.clinical.tables import read_table
from fusekit.data.own.images.matches import Matches, match_images
from fusekit.data.own.join import Joined, Part
from fusekit.data.own.places import Pattern


def match(folder: Path, table: str, place: Pattern | str, *images: str) -> Matches:
    home = folder / "home"
    for name in ("t.csv", *images):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(table if name == "t.csv" else "x", "utf-8")
    cells = read_table(home / "t.csv")
    part = Part(home / "t.csv", cells, pd.Series(cells.index, cells.index))
    return match_images(Joined((part,)), place, home, cells.index)


def paths(found: Matches) -> dict[int, Path]:
    return {line: image.path for line, (image,) in found.images.items()}


def test_rows_find_their_images_in_any_order(tmp_path: Path) -> None:
    found = match(tmp_path, "id\nb\na\n", Pattern("s/{id}.nii"), "s/a.nii", "s/b.nii", "s/c.nii")
    assert paths(found) == {2: tmp_path / "home/s/b.nii", 3: tmp_path / "home/s/a.nii"}
    assert (found.absent, found.wrong, found.unused) == ({}, [], ["s/c.nii"])


def test_spellings_are_suggested_and_never_taken(tmp_path: Path) -> None:
    found = match(tmp_path, "id\n007\nP_2\nq\n", Pattern("s/{id}.nii"), "s/7.nii", "s/p2.nii")
    assert found.images == {}
    assert found.absent == {
        2: "007 (line 2): '007' in the table, '7' among the images, the same?",
        3: "P_2 (line 3): 'P_2' in the table, 'p2' among the images, the same?",
        4: "q (line 4)",
    }


@pytest.mark.parametrize(
    ("table", "place", "images", "message"),
    [
        ("id\na\n", Pattern("s/{id}*"), ("s/a.nii", "s/a_2.nii"), r"'id': a matches 2 images: s/a.nii, s/a_2.nii"),
        ("id\n..\n", Pattern("s/{id}"), ("s/a.nii",), r"line 2, column 'id': '\.\.' names no image"),
        ("id,x\n,1\n", Pattern("s/{id}.nii"), ("s/a.nii",), r"line 2, column 'id': '' names no image"),
        ("id\n../a\n", Pattern("s/{id}.nii"), ("a.nii",), r"'\.\./a' is a path, and a brace holds a name"),
        ("id\na\na\n", Pattern("s/{id}.nii"), ("s/a.nii",), r"lines 2, 3 share the image s/a.nii"),
        ("p\n../t.nii\n", "p", (), r"t\.csv, line 2, column 'p': '\.\./t\.nii' leads out of the data folder"),
        ("p\n/etc/passwd\n", "p", (), r"line 2, column 'p': '/etc/passwd' is an absolute path"),
        ("p\nC:\\x\\a.nii\n", "p", (), r"is an absolute path"),
        ("p\na.zip\n", "p", ("a.zip",), r"'a\.zip' is an archive, and archives are never unpacked"),
        ("id\na\n", Pattern("{id}*"), ("a.tar.gz",), r"'a\.tar\.gz' is an archive"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_named(
    tmp_path: Path, table: str, place: Pattern | str, images: tuple[str, ...], message: str
) -> None:
    (tmp_path / "t.nii").write_text("x")
    found = match(tmp_path, table, place, *images)
    assert len(found.wrong) == 1
    assert re.search(message, found.wrong[0])


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "secret.nii").write_text("x")
    (tmp_path / "home" / "a.nii").symlink_to(tmp_path / "secret.nii")
    for place in (Pattern("{id}.nii"), "file"):
        found = match(tmp_path, "id,file\na,a.nii\n", place)
        assert found.images == {}
        assert "'a.nii' is a link that leads out of the data folder" in found.wrong[0]


def test_a_column_of_paths(tmp_path: Path) -> None:
    table = "id,path\n1,s/a.nii.gz\n2,\n3,s/B.nii.gz\n4,s\\d.nii.gz\n5,dicom/x\n"
    found = match(
        tmp_path, table, "path", "s/a.nii.gz", "s/b.nii.gz", "s/c.nii.gz", "s/d.nii.gz", "s/c.json", "dicom/x/1.dcm"
    )
    assert paths(found) == {
        2: tmp_path / "home/s/a.nii.gz",
        5: tmp_path / "home/s/d.nii.gz",
        6: tmp_path / "home/dicom/x",
    }
    assert found.absent == {3: "an empty cell (line 3)"}
    assert found.lost == {4: "'s/B.nii.gz' (line 4): 'b.nii.gz' lies there, the same?"}
    assert found.unused == ["s/b.nii.gz", "s/c.nii.gz"]


def test_a_path_that_no_system_takes_is_said_with_its_line(tmp_path: Path) -> None:
    found = match(tmp_path, f"path\na.nii\n{'n' * 300}.nii\n", "path", "a.nii")
    assert list(found.images) == [2]
    (wrong,) = found.wrong
    assert re.search(r"t\.csv, line 3, column 'path': 'n+\.nii' cannot be looked at: .*File name too long", wrong)


def test_only_rows_that_may_have_an_image_need_an_expression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Pattern] = []
    usual = Pattern._expression
    monkeypatch.setattr(Pattern, "_expression", lambda pattern, values: made.append(pattern) or usual(pattern, values))  # type: ignore[func-returns-value]
    rows = "".join(f"P{number:04}\n" for number in range(500))
    found = match(tmp_path, f"id\n{rows}", Pattern("s/*{id}*.nii"), "s/a_P0007_t1.nii", "s/a_P0009_t1.nii")
    assert (len(found.images), len(found.absent)) == (2, 498)
    assert len(made) < 10


def test_paths_are_hinted_at_with_one_look_at_each_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    usual = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: looks.append(path) or usual(path))  # type: ignore[func-returns-value]
    rows = "".join(f"s/P-{number}.nii\n" for number in range(50))
    found = match(tmp_path, f"path\ns/here.nii\n{rows}", "path", "s/here.nii", "s/p7.nii")
    assert found.lost[10] == "'s/P-7.nii' (line 10): 'p7.nii' lies there, the same?"
    assert len(found.lost) == 50
    assert len(looks) < 5
