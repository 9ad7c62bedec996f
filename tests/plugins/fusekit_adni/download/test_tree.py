import os
from pathlib import Path

import pytest

from fusekit.errors import DataError
from fusekit_adni.download.tree import Tree


def test_hidden_entries_and_shadows_are_passed_over(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".c.csv", "d.ZIP", "e.tar.gz"):
        (tmp_path / name).touch()
    for name in ("y", "x", ".git", "__MACOSX"):
        (tmp_path / name).mkdir()
    tree = Tree(tmp_path)
    assert [path.name for path in tree.files(tmp_path)] == ["a.csv", "b.csv"]
    assert [path.name for path in tree.folders(tmp_path)] == ["x", "y"]
    assert [path.name for path in tree.archives] == ["d.ZIP", "e.tar.gz"]


@pytest.mark.parametrize(
    ("target", "inside"),
    [("here", True), ("deep/../here", True), ("..", False), ("../other", False), ("nowhere", False), ("link", False)],
)
def test_a_link_is_followed_if_it_stays_inside(tmp_path: Path, target: str, inside: bool) -> None:
    root = tmp_path / "data"
    for folder in (root / "here", root / "deep", tmp_path / "other"):
        folder.mkdir(parents=True)
    (root / "link").symlink_to(target)
    tree = Tree(root)
    assert [entry.name for entry in tree.entries(root)] == ["deep", "here", *(["link"] if inside else [])]
    tree.entries(root)
    assert list(tree.outside) == ([] if inside else [root / "link"])


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/file").touch()
    (tmp_path / "data").symlink_to("disk")
    (tmp_path / "disk/again").symlink_to("file")
    tree = Tree(tmp_path / "data")
    assert [path.name for path in tree.files(tmp_path / "data")] == ["again", "file"]
    assert not tree.outside


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="nowhere is not a folder"):
        Tree(tmp_path / "nowhere")
    tree = Tree(tmp_path)

    def refuse(path: Path) -> "os._ScandirIterator[str]":
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=f"{tmp_path}: the folder cannot be read: Permission denied"):
        tree.entries(tmp_path)
