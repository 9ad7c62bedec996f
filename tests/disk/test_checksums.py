"""Damage to what was written is noticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from fusekit.disk import SEAL, checksum, checksum_of, refuse_damaged, seal
from fusekit.errors import DataError


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_checksum_is_what_b2sum_prints(tmp_path: Path) -> None:
    """The digest of nothing and of "abc" are those of ``b2sum -l 128``."""
    assert checksum(b"") == "cae66941d9efbd404e4d88758ea67670"
    (tmp_path / "x").write_bytes(b"abc")
    assert checksum(b"a", b"bc") == checksum_of(tmp_path / "x") == hashlib.blake2b(b"abc", digest_size=16).hexdigest()


def test_damage_to_a_sealed_folder_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "fold-0"
    (folder / "deep").mkdir(parents=True)
    (folder / "p.csv").write_text("a,b\n")
    (folder / "deep" / "q").write_text("")
    seal(folder, "fold-0")
    refuse_damaged(folder, "Do it again.")
    (folder / "further").write_text("of the user")
    refuse_damaged(folder, "Do it again.")
    for place in range(4):
        flip(folder / "p.csv", place)
        with pytest.raises(
            DataError, match=r"fold-0/p\.csv was changed or damaged after it was written\. Do it again\."
        ):
            refuse_damaged(folder, "Do it again.")
        flip(folder / "p.csv", place)
    for place in range((folder / SEAL).stat().st_size):
        flip(folder / SEAL, place)
        known = None
        try:
            known = json.loads((folder / SEAL).read_bytes())
            refuse_damaged(folder, "Do it again.")
        except (DataError, ValueError):
            pass
        else:
            flip(folder / SEAL, place)
            assert known == json.loads((folder / SEAL).read_bytes())  # white space
            flip(folder / SEAL, place)
        flip(folder / SEAL, place)
    (folder / "p.csv").rename(tmp_path / "p.csv")
    with pytest.raises(DataError, match=r"p\.csv is missing\. Do it again\."):
        refuse_damaged(folder, "Do it again.")
    (tmp_path / "p.csv").rename(folder / "p.csv")
    folder.rename(tmp_path / "fold-1")
    with pytest.raises(DataError, match=r"fold-1 is another folder's content: fold-0 was written there"):
        refuse_damaged(tmp_path / "fold-1", "Do it again.")
    (tmp_path / "fold-1" / SEAL).unlink()
    with pytest.raises(DataError, match=r"checksums\.json is missing"):
        refuse_damaged(tmp_path / "fold-1", "Do it again.")
