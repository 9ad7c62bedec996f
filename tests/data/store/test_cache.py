"""Who makes, uses and deletes what in the cache."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusekit.data.store import cache
from fusekit.data.store.cache import alone, cache_folder, hold, users
from fusekit.errors import DataError

#: Holds a folder until a line comes in.
HOLDER = """
import sys
from pathlib import Path
from fusekit.data.store.cache import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
"""


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path / "here"))
    assert cache_folder("slices") == tmp_path / "here" / "slices"
    assert (tmp_path / "here" / "slices").is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="set FUSEKIT_CACHE to a folder that can"):
        cache_folder("slices")


def test_only_one_is_alone_and_the_other_is_told(tmp_path: Path) -> None:
    told: list[str] = []

    def busy() -> None:
        told.append("busy")
        raise DataError("taken")

    def take_a() -> None:
        with alone(tmp_path / "a", busy):
            pass

    with alone(tmp_path / "a", busy), alone(tmp_path / "b", busy), pytest.raises(DataError, match="taken"):
        take_a()
    assert told == ["busy"]
    take_a()
    assert told == ["busy"]


def test_what_another_process_holds_is_in_use_until_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "thing"
    folder.mkdir()
    os.utime(folder, (1, 1))
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert users(folder) == [str(holder.pid)]
        assert folder.stat().st_mtime > 1  # used just now
        holder.kill()
    assert users(folder) == []
    assert not list((tmp_path / cache.LOCKS).glob("*.use"))


def test_what_this_process_holds_is_no_obstacle_to_itself(tmp_path: Path) -> None:
    folder = tmp_path / "thing"
    folder.mkdir()
    hold(folder)
    hold(folder)
    assert len(list((tmp_path / cache.LOCKS).glob("*.use"))) == 1
    assert users(folder) == []
    assert len(list((tmp_path / cache.LOCKS).glob("*.use"))) == 1


def test_where_nothing_can_be_written_nothing_is_marked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hold(tmp_path / "file" / "thing")
    assert users(tmp_path / "file" / "thing") == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_said_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(DataError, match=r"knows no file locks .* FUSEKIT_CACHE"), alone(tmp_path / "x", lambda: None):
        pass
