"""``fusekit cache`` as a person runs it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fusekit.cli import program
from fusekit.data import SlicePolicy, SliceStore, Volume, build_store
from fusekit.data.images import volume as images
from fusekit.data.store.cache import cache_folder
from fusekit.disk import seal
from fusekit.errors import DataError
from fusekit.extension import catalog
from fusekit.progress import Quiet

runner = CliRunner()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SliceStore:
    """One store of two scans in a cache of its own, with a synthetic cohort beside it."""
    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in "ab":
        (tmp_path / f"{name}.nii").write_text("")

    def read(path: Path) -> Volume:
        return Volume(np.random.default_rng(0).random((5, 6, 7), dtype=np.float32), np.eye(4), path=path)

    monkeypatch.setattr(images, "read", read)
    (cache_folder("synthetic") / "hmi-0123456789ab").mkdir()
    scans = pd.DataFrame({"image": [tmp_path / "a.nii", tmp_path / "b.nii"]}, index=pd.Index(["a", "b"], name="scan"))
    return build_store(scans, SlicePolicy(start=1, stop=4), 8, cache_folder("slices"), Quiet(), 1)


def _damage(store: SliceStore) -> None:
    path = store.folder / "images.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_list_shows_each_with_what_it_is(store: SliceStore, command_line: Any) -> None:
    code, said = command_line("cache", "list")
    assert code == 0
    for words in (store.folder.name, "coronal, voxel 1 to 4, stretch to 8, uint8; 2 scans", "hmi", "complete"):
        assert words in said
    assert "2 entries" in said
    assert time.strftime("%Y-%m-%d") in said


def test_verify_says_what_is_whole_and_what_is_not_looked_at(store: SliceStore, command_line: Any) -> None:
    code, said = command_line("cache", "verify")
    assert code == 0
    assert f"{store.folder.name}: whole" in said
    assert "hmi-0123456789ab: not verified, it has no checksums" in said
    cohort = cache_folder("synthetic") / "hmi-0123456789ab"
    (cohort / "clinical.csv").write_text("id,age")
    seal(cohort, cohort.name)
    assert f"{cohort.name}: whole" in command_line("cache", "verify")[1]
    (cohort / "clinical.csv").write_text("id,agf")
    code, said = command_line("cache", "verify")
    assert (code, f"{cohort.name}: damaged: {cohort / 'clinical.csv'} was changed" in said) == (2, True)


def test_verify_ends_with_2_and_names_the_damage(store: SliceStore, command_line: Any) -> None:
    _damage(store)
    name = store.folder.name
    code, said = command_line("cache", "verify", name)
    assert code == 2
    assert f"{name}: damaged: the images of scan b were changed" in said
    assert f"Delete with `fusekit cache clear {name}`" in said
    (store.folder / "rows.csv").unlink()
    code, said = command_line("cache", "verify")
    assert code == 2
    assert "is no slice store, or a damaged one" in said


def test_what_cannot_be_deleted_is_said_in_one_line(
    store: SliceStore, command_line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(entry: Any) -> int:
        raise DataError(f"{entry.folder}\n\x1b[31m is in use.")

    monkeypatch.setattr("fusekit.data.store.entries.remove", busy)
    code, said = command_line("cache", "clear", "--yes", store.folder.name)
    assert code == 0
    assert rf"{store.folder}\n\x1b[31m is in use." in said
    assert "Deleted 0 of 1; 0 B are free again." in said


def test_an_unknown_name_is_answered_with_the_nearest(store: SliceStore, command_line: Any) -> None:
    code, said = command_line("cache", "verify", "hmi-0123456789aa")
    assert code == 2
    assert "did you mean 'hmi-0123456789ab'" in said


def test_clear_asks_first(store: SliceStore) -> None:
    app = program(catalog())
    refused = runner.invoke(app, ["cache", "clear"], input="n\n")
    assert refused.exit_code == 1
    assert store.folder.exists()
    agreed = runner.invoke(app, ["cache", "clear"], input="y\n")
    assert agreed.exit_code == 0
    assert "Deleted 2 of 2" in agreed.stdout
    assert not store.folder.exists()
    assert "Nothing to delete" in runner.invoke(app, ["cache", "clear"]).stdout


def test_clear_takes_names_kinds_and_ages(store: SliceStore, command_line: Any) -> None:
    assert command_line("cache", "clear", "--kind", "slices", "--older-than", "2", "--yes") == (0, "Nothing to delete.")
    os.utime(store.folder, (time.time() - 3 * 86400,) * 2)
    code, said = command_line("cache", "clear", "--kind", "slices", "--older-than", "2", "--yes")
    assert code == 0
    assert "Deleted 1 of 1" in said
    code, said = command_line("cache", "clear", "hmi-0123456789ab", "--yes")
    assert "Deleted 1 of 1" in said
    code, said = command_line("cache", "clear", "--kind", "runs")
    assert (code, "slices, synthetic" in said) == (2, True)


def test_a_store_that_was_cleared_is_built_again(store: SliceStore, tmp_path: Path, command_line: Any) -> None:
    before = np.array(store.images)
    command_line("cache", "clear", "--yes")
    scans = pd.DataFrame({"image": [tmp_path / "a.nii", tmp_path / "b.nii"]}, index=pd.Index(["a", "b"], name="scan"))
    again = build_store(scans, SlicePolicy(start=1, stop=4), 8, cache_folder("slices"), Quiet(), 1)
    np.testing.assert_array_equal(again.images, before)
