"""What lies in the cache, and that nothing in use is deleted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fusekit.data import SlicePolicy
from fusekit.data.store.cache import alone
from fusekit.data.store.entries import CacheEntry, cache_entries, remove
from fusekit.data.store.journal import Journal
from fusekit.data.store.plan import THUMBNAIL, Plan
from fusekit.errors import DataError

HOLDER = """
import sys
from pathlib import Path
from fusekit.data.store.cache import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path))
    cohort = tmp_path / "synthetic" / "adni-ad-0123456789ab"
    (cohort / "images").mkdir(parents=True)
    (cohort / "images" / "one.nii").write_bytes(bytes(300))
    (cohort / "table.csv").write_bytes(bytes(50))
    partial = tmp_path / "slices" / "slices-abc.partial"
    partial.mkdir(parents=True)
    heading = Plan((), SlicePolicy(window=(400, 40), depth="float16"), 8).heading | {"scans": 5}
    with Journal(partial, heading, np.dtype(np.float16), (1, 8, 8), (1, *THUMBNAIL)) as journal:
        journal.resume([])
        entry = {"scan": "s", "stamp": "1", "slices": [3, 4], "notes": [], "facts": [{}]}
        journal.append(entry, np.ones((2, 8, 8), np.float16), np.ones(THUMBNAIL, np.uint8))
    (tmp_path / "slices" / "slices-def").mkdir()
    os.utime(cohort, (1000, 1000))
    return tmp_path


def _named(name: str) -> CacheEntry:
    return next(entry for entry in cache_entries() if entry.name == name)


def test_entries_tell_what_they_are(root: Path) -> None:
    assert [entry.name for entry in cache_entries()] == ["slices-abc.partial", "slices-def", "adni-ad-0123456789ab"]
    partial, empty, cohort = cache_entries()
    assert (cohort.kind, cohort.what, cohort.size, cohort.items) == ("synthetic", "adni-ad", 350, 2)
    assert (cohort.used, cohort.complete) == (1000, True)
    assert (partial.kind, partial.items, partial.complete) == ("slices", 2, False)
    assert partial.what == ("coronal, voxel 130 to 140, window 400,40, stretch to 8, float16; 1 of 5 scans")
    assert partial.size == sum(path.stat().st_size for path in partial.folder.iterdir())
    assert empty.what == "unreadable, or of an older FuseKit"


def test_an_empty_cache_has_no_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path / "nothing"))
    assert cache_entries() == []
    assert not (tmp_path / "nothing").exists()


def test_what_nobody_uses_is_deleted(root: Path) -> None:
    assert remove(_named("adni-ad-0123456789ab")) == 350
    assert [entry.name for entry in cache_entries()] == ["slices-abc.partial", "slices-def"]
    assert [path.name for path in (root / "synthetic").iterdir()] == [".locks"]


def test_what_is_being_written_stays(root: Path) -> None:
    entry = _named("slices-abc.partial")
    with alone(entry.folder, lambda: None), pytest.raises(DataError, match=r"slices-abc\.partial is being written"):
        remove(entry)
    assert entry.folder.exists()
    writing = root / "synthetic" / ".hmi-0123456789ab.77.partial"
    writing.mkdir()
    with alone(root / "synthetic" / "hmi-0123456789ab", lambda: None):
        assert _named(writing.name).what == "hmi"
        with pytest.raises(DataError, match="is being written"):
            remove(_named(writing.name))
    remove(_named(writing.name))
    assert not writing.exists()


def test_what_a_running_process_uses_stays_until_it_ends(root: Path) -> None:
    entry = _named("adni-ad-0123456789ab")
    top = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(entry.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(top), os.environ.get("PYTHONPATH", "")])},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataError, match=f"in use by process {holder.pid}; it stays"):
            remove(entry)
        assert (entry.folder / "table.csv").exists()
        holder.kill()
    remove(entry)
    assert not entry.folder.exists()
