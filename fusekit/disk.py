"""What is written whole or not at all, outlives a power cut, and is known again by its checksum."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusekit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

#: What the system answers when there is no room.
FULL = (errno.ENOSPC, errno.EDQUOT)

#: File of a sealed folder: its name and the checksum of each of its files.
SEAL = "checksums.json"
#: Entry of a tensor file's head: the checksum of all else in the file.
DIGEST = "checksum"


def checksum(*parts: bytes | memoryview) -> str:
    """Blake2b of some bytes, 128 bits: as fast as the disk on any processor, and what ``b2sum -l 128`` prints."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def checksum_of(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()  # type: ignore[arg-type]


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """A description with a checksum of all else in it."""
    plain = {key: value for key, value in content.items() if key != DIGEST}
    return plain | {DIGEST: checksum(json.dumps(plain, sort_keys=True).encode())}


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give an empty file beside ``path`` to write to; it takes the place of ``path`` once all of it is on the disk.

    Its name cannot be foreseen, and a link that lies there is never followed.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    new = path.with_name(f".{path.name[:50]}.{secrets.token_hex(6)}.new")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(new, flags, 0o666)
    mode = os.fstat(handle).st_mode & 0o777  # as the umask would have it
    os.close(handle)
    try:
        yield new
        if new.stat().st_mode & 0o777 != mode:  # a writer that made a file of its own
            new.chmod(mode)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)  # half a file would take what room there is
    onto_disk(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    with whole(path) as new:
        new.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that a person can read."""
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=True) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read what ``write_json`` wrote.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: it is not JSON ({error}). Get it again, or delete it.") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as every CSV of a run is written."""
    write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file.

    Args:
        path: the file.
        tensors: by name, on any device; they may share memory.
        metadata: text by name, kept in the file's head, with a checksum of it and the tensors.

    Raises:
        OSError: it cannot be written, e.g. because the disk is full; the file before is as it was.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = _alone(tensors)
    head = {**metadata, DIGEST: _digest(plain, metadata)} if metadata else None
    try:
        with whole(path) as new:
            save_file(plain, new, head)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))  # which is all that it says of the system's answer
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what ``write_tensors`` wrote with metadata, and compare it with its checksum.

    Raises:
        OSError, ValueError: it cannot be read, or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if metadata.pop(DIGEST, "") != _digest(tensors, metadata):
        raise ValueError("its checksum is not that of its content")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    import torch

    parts: list[bytes | memoryview] = [json.dumps(sorted(metadata.items())).encode()]
    for name, value in sorted(tensors.items()):
        parts.append(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        parts.append(memoryview(value.contiguous().reshape(-1).view(torch.uint8).numpy()))
    return checksum(*parts)


def _alone(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU of whatever is not so, and of what shares its memory with another."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        place = value.untyped_storage().data_ptr()
        if value.numel() and (place in seen or value.untyped_storage().nbytes() != value.nbytes):
            value = value.clone()
        seen.add(place)
        plain[name] = value
    return plain


def seal(folder: Path, name: str, files: Iterable[Path] | None = None) -> None:
    """Keep the checksums of a folder's files in it, and the name that it will have.

    Args:
        folder: of finished files.
        name: of the folder, when it is in its place; empty if it may be renamed.
        files: that count; all if not given.
    """
    found = sorted(path for path in (files or folder.rglob("*")) if path.is_file() and path != folder / SEAL)
    sums = {path.relative_to(folder).as_posix(): checksum_of(path) for path in found}
    write_json(folder / SEAL, signed({"folder": name, "files": sums}))


def refuse_damaged(folder: Path, way_out: str) -> None:
    """Compare a sealed folder with its checksums.

    Args:
        folder: where it lies.
        way_out: what to do, as a sentence.

    Raises:
        DataError: a file was changed, or is missing; or the folder is another.
    """
    path = folder / SEAL
    try:
        known = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing. {way_out}") from error
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or signed(known) != known:
        raise DataError(f"{path} was changed or damaged after it was written. {way_out}")
    if known["folder"] not in ("", folder.name):
        raise DataError(f"{folder} is another folder's content: {known['folder']} was written there. {way_out}")
    for name, expected in known["files"].items():
        if not (folder / name).is_file():
            raise DataError(f"{folder / name} is missing. {way_out}")
        if checksum_of(folder / name) != expected:
            raise DataError(f"{folder / name} was changed or damaged after it was written. {way_out}")


def onto_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def all_onto_disk(folder: Path) -> None:
    """Wait until everything in a folder is on the disk, so that a renaming that follows never comes before it.

    Raises:
        OSError: the disk is full, for instance, which some file systems say only now.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        else:
            onto_disk(path)
    onto_disk(folder)
