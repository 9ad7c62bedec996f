"""What is read is what was written: checksums of bytes, files, descriptions and folders."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from fusekit.disk.files import regular, write_json
from fusekit.errors import DataError

#: File of a sealed folder: its name and the checksum of each of its files.
SEAL = "checksums.json"
#: Entry of a description, or of the head of a file of tensors: the checksum of everything else in it.
DIGEST = "checksum"


def checksum(*parts: bytes | memoryview) -> str:
    """Blake2b of some bytes, 128 bits: as fast as the disk on any processor, and what ``b2sum -l 128`` prints."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def checksum_of(path: Path) -> str:
    """The checksum of a file."""
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """A description with a checksum of everything else in it."""
    plain = {key: value for key, value in content.items() if key != DIGEST}
    return plain | {DIGEST: checksum(json.dumps(plain, sort_keys=True).encode())}


def seal(folder: Path, name: str, files: Iterable[Path] | None = None) -> None:
    """Write into a folder the checksums of ``files`` (default: all), and its name to be; empty if it may change."""
    found = sorted(path for path in (files or folder.rglob("*")) if path.is_file() and path != folder / SEAL)
    sums = {path.relative_to(folder).as_posix(): checksum_of(path) for path in found}
    write_json(folder / SEAL, signed({"folder": name, "files": sums}))


def refuse_changed(run: Path, within: str = ".") -> None:
    """Refuse changed files right in ``within``, a part of a run, where it is sealed: older runs are not."""
    if (run / SEAL).exists():
        way_out = f"Put it back, or run again. If you mean it to be so, delete {run / SEAL}: then nothing is compared."
        refuse_damaged(run, way_out, within)


def refuse_damaged(folder: Path, way_out: str, within: str | None = None) -> None:
    """Refuse a sealed folder with a changed or missing file, or in another's place; ``way_out`` is a sentence.

    With ``within`` only the files right in that part of it are looked at.
    """
    path = folder / SEAL
    try:
        known = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing. {way_out}") from error
    except (ValueError, RecursionError):
        known = None
    changed = f"was changed or damaged after it was written. {way_out}"
    if not isinstance(known, dict) or signed(known) != known or not isinstance(known.get("files"), dict):
        raise DataError(f"{path} {changed}")
    if known.get("folder") not in ("", folder.name):
        raise DataError(f"{folder} is another folder's content: {known.get('folder')} was written there. {way_out}")
    for name, expected in known["files"].items():
        if within not in (None, PurePosixPath(name).parent.as_posix()):
            continue
        if not (folder / name).is_file():
            raise DataError(f"{folder / name} is missing. {way_out}")
        if checksum_of(folder / name) != expected:
            raise DataError(f"{folder / name} {changed}")
