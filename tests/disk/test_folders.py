"""Folders appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fusekit.disk import new_folder
from fusekit.errors import DataError, OptionError


def test_a_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "a" / "run"
    with new_folder(out) as partial:
        (partial / "x").write_text("1")
        assert not out.exists()
    assert (out / "x").read_text() == "1"
    assert [path.name for path in out.parent.iterdir()] == ["run"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "run") as partial:
            (partial / "x").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"the disk is full \(.*run\)\. Make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "x.csv"), r"the disk is full \(x\.csv\)"),
        (OSError(errno.EIO, "Input/output error", "x.csv"), r"^x\.csv: Input/output error\.$"),
    ],
)
def test_what_the_disk_refuses_is_said_and_leaves_nothing(tmp_path: Path, error: OSError, message: str) -> None:
    def write() -> None:
        with new_folder(tmp_path / "run") as partial:
            (partial / "x").touch()
            raise error

    with pytest.raises(DataError, match=message):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("a bug"), BrokenPipeError(errno.EPIPE, "Broken pipe")])
def test_an_os_error_that_is_not_the_disks_passes_as_it_is(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(OSError) as caught, new_folder(tmp_path / "run"):  # noqa: PT011  (its identity is checked)
        raise error
    assert caught.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("1")
    with pytest.raises(OptionError, match="not empty"), new_folder(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / "precious").read_text() == "1"


def test_an_empty_folder_is_used_and_an_impossible_one_named(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with new_folder(tmp_path / "run") as partial:
        (partial / "x").touch()
    assert (tmp_path / "run" / "x").exists()
    (tmp_path / "file").touch()
    with (
        pytest.raises(OptionError, match=r"run cannot be written: Not a directory"),
        new_folder(tmp_path / "file" / "run"),
    ):
        pass


@pytest.mark.parametrize("name", ["n" * 300, "ä" * 120, "n" * 230, "nul\0"])
def test_a_name_that_no_system_takes_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=r"--out.*(takes \d+ bytes\. Choose one|null)"), new_folder(tmp_path / name):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / f".run.{os.getpid()}.partial").symlink_to(tmp_path / "mine")
    with new_folder(tmp_path / "run") as partial:
        (partial / "x").touch()
    assert list((tmp_path / "mine").iterdir()) == []
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["x"]
