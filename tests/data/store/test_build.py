"""A build that is killed, at any point, goes on where it stopped and ends in the same bytes."""

from __future__ import annotations

import gc
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import SlicePolicy, SliceStore, Volume, build_store
from fusekit.data.images import volume as images
from fusekit.data.store import build as store_build
from fusekit.data.store.journal import JOURNAL, Journal
from fusekit.data.store.plan import THUMBNAIL, Plan
from fusekit.disk import PARTIAL
from fusekit.errors import DataError
from fusekit.progress import Quiet

POLICY = SlicePolicy(start=2, stop=5)
COUNT = 8

#: Starts builds in processes of their own, which are forked so that the imports are paid for once. A line "start FOLDER
#: CACHE HOW" is answered with the process's id, a line "wait ID" with its exit code. A build writes down what it
#: reads, and dies as HOW says.
NURSERY = """
import os, signal, sys, time
from pathlib import Path
from fusekit.data.images import volume as images
from fusekit.data.store import journal
from fusekit.data.store import store
from fusekit.data.store import build as store_build
from fusekit.extension import catalog
from tests.data.store.test_build import build
catalog()

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def run(folder, cache, how):
    usual = images.read
    def read(path):
        with (folder / "read.txt").open("a") as file:
            file.write(path.name + "\\n")
        time.sleep(0.05 if how == "slowly" else 0)
        return usual(path)
    images.read = read
    write, append, put = journal.Journal._write, journal._Items.append, store_build.write_table
    def write_(self, entry):
        if how == "pixels" and entry.get("scan") == "s2":  # the third scan's bytes are there, its line is not
            die()
        if how == "line" and entry.get("scan") == "s5":  # half of the sixth scan's line
            self._lines.write(b"0123 {")
            self._lines.flush()
            die()
        write(self, entry)
    def append_(self, items):
        if how == "half" and self.shape == (1, 8, 8) and self.count == 12:  # half of the fifth scan's bytes
            self.file.write(items.tobytes()[:70])
            self.file.flush()
            die()
        return append(self, items)
    def put_(table, path):
        put(table, path)
        if how == "tables":  # everything is cut, the first table is written
            die()
    journal.Journal._write, journal._Items.append, store_build.write_table = write_, append_, put_
    if how == "rename":  # all is done but the last renaming
        store.onto_disk = lambda folder: die()
    build(folder, cache)

for line in sys.stdin:
    order, *words = line.split()
    if order == "start":
        child = os.fork()
        if not child:
            try:
                run(Path(words[0]), Path(words[1]), words[2])
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(int(words[0]), 0)[1]), flush=True)
"""

Order = Callable[..., int]


@pytest.fixture(scope="module")
def order() -> Iterator[Order]:
    """Talk to the nursery: ``order("start", folder, cache, how)``, ``order("wait", process)``."""
    root = Path(__file__).parents[3]
    paths = os.pathsep.join([str(root), str(root / "plugins"), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        orders, answers = nursery.stdin, nursery.stdout

        def give(*words: object) -> int:
            orders.write(" ".join(map(str, words)) + "\n")
            orders.flush()
            return int(answers.readline())

        yield give
        orders.close()


def make(folder: Path) -> Path:
    """Eight small volumes that differ."""
    import nibabel

    untyped: Any = nibabel
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(COUNT):
        data = rng.integers(0, 900, (6, 9, 7)).astype(np.int16)
        untyped.save(untyped.Nifti1Image(data, np.diag([1.0, 1, 2, 1])), folder / f"scan{number}.nii")
    return folder


def scans_of(folder: Path) -> pd.DataFrame:
    paths = sorted(folder.glob("*.nii"))
    return pd.DataFrame({"image": paths}, index=pd.Index([f"s{n}" for n in range(len(paths))], name="scan"))


def build(folder: Path, cache: Path, workers: int = 2) -> SliceStore:
    return build_store(scans_of(folder), POLICY, 8, cache, Quiet(), workers)


def read_by(folder: Path) -> list[str]:
    log = folder / "read.txt"
    names = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return names


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def names(first: int) -> list[str]:
    return [f"scan{number}.nii" for number in range(first, COUNT)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that this process reads."""
    read: list[str] = []
    usual = images.read

    def count(path: Path) -> Volume:
        read.append(path.name)
        return usual(path)

    monkeypatch.setattr(images, "read", count)
    return read


def test_a_build_killed_again_and_again_reads_only_what_is_missing(
    tmp_path: Path, counted: list[str], order: Order
) -> None:
    folder, cache = make(tmp_path / "images"), tmp_path / "cache"
    for how, stored in (("pixels", 0), ("half", 2), ("line", 4), ("tables", 5), ("rename", COUNT)):
        assert order("wait", order("start", folder, cache, how)) == -signal.SIGKILL
        read = sorted(read_by(folder))
        assert len(read) == len(set(read))
        assert set(read) <= set(names(stored)), how  # nothing that was stored is read again
        assert read[:1] == names(stored)[:1], how
        assert all(path.name.endswith(PARTIAL) for path in cache.glob("slices-*"))  # nothing that passes for a store
    store = build(folder, cache)
    assert counted == []
    assert store.damage() == []
    undisturbed = build(folder, tmp_path / "other", workers=1)
    assert sorted(counted) == names(0)
    assert content_of(store.folder) == content_of(undisturbed.folder)


def test_a_build_killed_from_outside_goes_on(tmp_path: Path, counted: list[str], order: Order) -> None:
    folder, cache = make(tmp_path / "images"), tmp_path / "cache"
    killed = order("start", folder, cache, "slowly")
    deadline = time.monotonic() + 60
    lines = 0
    while lines < 3 and time.monotonic() < deadline:  # a heading and two scans
        found = list(cache.glob(f"*{PARTIAL}/{JOURNAL}"))
        lines = found[0].read_bytes().count(b"\n") if found else 0
    os.kill(killed, signal.SIGKILL)
    assert order("wait", killed) == -signal.SIGKILL
    stored = next(cache.glob(f"*{PARTIAL}/{JOURNAL}")).read_bytes().count(b"\n") - 1
    assert 2 <= stored < COUNT
    store = build(folder, cache)  # the dead process's lock is no obstacle
    assert sorted(counted) == names(stored)
    assert content_of(store.folder) == content_of(build(folder, tmp_path / "other").folder)


def test_of_two_processes_one_builds_and_the_other_waits(tmp_path: Path, order: Order) -> None:
    folder, cache = make(tmp_path / "images"), tmp_path / "cache"
    both = [order("start", folder, cache, "slowly") for _ in range(2)]
    assert [order("wait", process) for process in both] == [0, 0]
    assert sorted(read_by(folder)) == names(0)
    assert len(list(cache.glob("slices-*"))) == 1


def test_an_error_keeps_the_scans_before_it_even_if_the_file_is_replaced(tmp_path: Path, counted: list[str]) -> None:
    folder, cache = make(tmp_path / "images"), tmp_path / "cache"
    broken = folder / "scan5.nii"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"scan5\.nii"):
        build(folder, cache)
    counted.clear()
    broken.write_bytes(whole)
    store = build(folder, cache)
    assert sorted(counted) == names(5)
    assert content_of(store.folder) == content_of(build(folder, tmp_path / "other").folder)
    assert not list(cache.glob(f"*{PARTIAL}"))


def test_a_stored_scan_whose_file_changed_is_read_again(tmp_path: Path, counted: list[str]) -> None:
    folder, cache = make(tmp_path / "images"), tmp_path / "cache"
    (folder / "scan6.nii").write_bytes(b"")
    with pytest.raises(DataError, match=r"scan6\.nii"):
        build(folder, cache)
    counted.clear()
    (folder / "scan6.nii").write_bytes((folder / "scan0.nii").read_bytes())
    os.utime(folder / "scan3.nii", ns=(1, 1))
    build(folder, cache)
    assert sorted(counted) == names(3)


def interrupted(tmp_path: Path) -> tuple[Path, Path]:
    """Seven scans stored, the eighth damaged and then made whole; and the folder of the partial store."""
    folder, cache = make(tmp_path / "images"), tmp_path / "cache"
    whole = (folder / "scan7.nii").read_bytes()
    (folder / "scan7.nii").write_bytes(b"")
    with pytest.raises(DataError, match=r"scan7\.nii"):
        build(folder, cache)
    (folder / "scan7.nii").write_bytes(whole)
    return folder, next(cache.glob(f"*{PARTIAL}"))


def test_whatever_a_crash_leaves_of_the_files_the_result_is_the_same(tmp_path: Path) -> None:
    """A power cut may take any part of any file, or leave zeros in it."""
    folder, partial = interrupted(tmp_path)
    kept = tmp_path / "kept"
    shutil.copytree(partial, kept)
    expected = content_of(build(folder, tmp_path / "other").folder)
    rng = np.random.default_rng(5)
    for case in range(20):
        cache = tmp_path / f"cache{case}"
        shutil.copytree(kept, cache / partial.name)
        for name in ("images.npy", "thumbnails.npy", JOURNAL):
            path = cache / partial.name / name
            content = bytearray(path.read_bytes())
            harm = rng.integers(4)
            place = int(rng.integers(len(content)))
            if harm == 1:
                content = content[:place]
            elif harm == 2:
                content[place : place + 30] = bytes(len(content[place : place + 30]))
            elif harm == 3:
                content += rng.bytes(50)
            path.write_bytes(content)
        assert content_of(build(folder, cache).folder) == expected, case


def test_a_journal_of_something_else_counts_for_nothing(tmp_path: Path) -> None:
    def journal(size: int) -> Journal:
        heading = Plan((), POLICY, size).heading
        return Journal(tmp_path, heading, np.dtype(np.uint8), (1, 8, 8), (1, *THUMBNAIL))

    entry = {"scan": "s", "stamp": "1", "slices": [0], "notes": [], "facts": [{}]}
    with journal(8) as first:
        assert first.resume([("s", "1")]) == 0
        first.append(entry, np.ones((1, 8, 8), np.uint8), np.ones(THUMBNAIL, np.uint8))
    for size, scan, kept in ((8, "s", 1), (8, "other", 0), (9, "s", 0)):
        with journal(size) as again:
            assert again.resume([(scan, "1")]) == kept
            if not kept:
                again.append(entry, np.ones((1, 8, 8), np.uint8), np.ones(THUMBNAIL, np.uint8))


@pytest.mark.parametrize("count", [12, 60])
def test_memory_does_not_grow_with_the_cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Results of cutting that are alive at once: those of the workers and a few, however many scans there are."""
    workers = 3
    alive: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()
    made = itertools.count()
    most = 0

    def read(path: Path) -> Volume:
        data = np.arange(4 * 6 * 5, dtype=np.float32).reshape(4, 6, 5)
        return Volume(data, np.eye(4), path=path)

    def fake(volumes: Any, policy: SlicePolicy, size: int, mask: Any) -> tuple[np.ndarray, list[int]]:
        nonlocal most
        pixels = np.full((2, 1, size, size), 7, dtype=np.uint8)
        alive[next(made)] = pixels
        most = max(most, len(alive))
        return pixels, [0, 1]

    class Slow(Quiet):
        """Work that takes results slower than they come."""

        def track(self, items: Any, *about: Any, **more: Any) -> Any:
            for item in items:
                time.sleep(0.002)
                yield item

    monkeypatch.setattr(images, "read", read)
    monkeypatch.setattr(store_build, "cut_channels", fake)
    paths = []
    for number in range(count):
        paths.append(tmp_path / f"{number}.nii")
        paths[-1].write_bytes(b"")
    scans = pd.DataFrame({"image": paths}, index=pd.Index(map(str, range(count)), name="scan"))
    store = build_store(scans, POLICY, 8, tmp_path / "cache", Slow(), workers)
    gc.collect()
    assert len(store.images) == 2 * count
    assert 1 <= most <= workers + store_build._AHEAD + 2  # one being written, one being let go
    assert not alive


def test_the_progress_tells_what_was_cut_before(tmp_path: Path) -> None:
    folder, partial = interrupted(tmp_path)
    said: list[str] = []

    class Ear(Quiet):
        def say(self, line: str) -> None:
            said.append(line)

    build_store(scans_of(folder), POLICY, 8, partial.parent, Ear(), 2)
    assert said == ["7 of 8 scans were cut before; the others follow."]


def test_the_description_tells_what_is_in_the_store(tmp_path: Path) -> None:
    store = build(make(tmp_path / "images"), tmp_path / "cache")
    description = json.loads((store.folder / "store.json").read_text())
    assert (description["scans"], description["items"], description["size"]) == (COUNT, 3 * COUNT, 8)
    table = pd.read_csv(store.folder / "scans.csv")
    assert list(table["first"]) == [3 * number for number in range(COUNT)]
    assert set(table["items"]) == {3}
