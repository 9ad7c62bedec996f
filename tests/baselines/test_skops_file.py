"""A file that is none, swells, or promises more than it holds is refused before skops opens it."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from fusekit.baselines.shipping import load
from fusekit.errors import DataError


def zipped(parts: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return made.getvalue()


def array(name: str) -> dict[str, str]:
    return {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy", "file": name}


def listed(*nodes: object, protocol: object = 2) -> bytes:
    """A schema of a list of nodes."""
    plain = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": nodes}
    return json.dumps({**plain, "protocol": protocol}).encode()


def npy(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


HUGE = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n", bytes(8))
DEEP = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no file of skops"),
        (b"PK\x03\x04", "no file of skops"),
        (pickle.dumps({"model": 1}), "no file of skops"),
        (zipped({"a": b""}), "no schema.json"),
        (zipped({"schema.json": listed(), "a": bytes(2**20)}, zipfile.ZIP_DEFLATED), "is compressed"),
        (zipped({"schema.json": b"{"}), "no file of skops"),
        (zipped({"schema.json": b"[" * 100_000}), "no file of skops"),
        (zipped({"schema.json": b"[]"}), "of no version of skops"),
        (zipped({"schema.json": listed(protocol=1)}), "of no version of skops"),
        (zipped({"schema.json": listed(protocol=True)}), "of no version of skops"),
        (zipped({"schema.json": listed(array("a.npy"))}), "is not in it"),
        (zipped({"schema.json": listed(*[array("a.npy")] * 2), "a.npy": npy("{}")}), "used 2 times"),
        (zipped({"schema.json": listed(array("a.npy")), "a.npy": b"not"}), "no file of skops"),
        (zipped({"schema.json": listed(array("a.npy")), "a.npy": HUGE}), "another length than its header"),
        (zipped({"schema.json": listed({**array("a.npy"), "type": "json"})}), "array of objects"),
        (zipped({"schema.json": listed({**DEEP, "__loader__": ["ListNode"]})}), "the type builtins.list"),
        (zipped({"schema.json": listed(DEEP)}), "no baseline, or a damaged one"),
        (zipped({"schema.json": listed({"content": 1})}), "no baseline, or a damaged one"),
    ],
    ids=lambda given: None if isinstance(given, str) else "",  # bytes hold the time; ids are alike in all processes
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "hostile.skops"
    path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        load(path)


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    """One part's bytes under many names: the way a small file becomes a large one without compression."""
    whole = zipped({"schema.json": listed(), "a": bytes(100_000)})
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry = whole[whole.index(b"PK\x01\x02", start + 4) : end]  # of the part "a", in the directory
    directory = whole[start:end] + entry * 50
    tail = bytearray(whole[end:])
    tail[8:12] = (52).to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    path = tmp_path / "overlap.skops"
    path.write_bytes(whole[:start] + directory + bytes(tail))
    with pytest.raises(DataError, match=r"longer than the file|no file of skops"):
        load(path)
