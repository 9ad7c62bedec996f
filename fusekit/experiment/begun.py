"""What was begun in a folder, so that only the very same is gone on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from fusekit.errors import OptionError
from fusekit.experiment import manifest
from fusekit.experiment.config import Config
from fusekit.experiment.folder import read_json, write_json
from fusekit.experiment.prepare import Gathered
from fusekit.training import difference

FORMAT = 1


def record_of(**asked: Any) -> dict[str, Any]:
    """What is begun, with the versions that it is begun with, as it will be read again."""
    record = {"format": FORMAT, **asked, "versions": manifest.versions(), "plugins": manifest.plugins()}
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return plain


def settings_of(config: Config, *without: str) -> dict[str, Any]:
    """What decides about a training: not the run folder, how much is explained afterwards, or what else is named."""
    return {name: value for name, value in config.as_json().items() if name not in ("out", "explain", *without)}


def begin(path: Path, record: Mapping[str, Any], what: str) -> None:
    """Write the record, or find that the same is there.

    Args:
        path: its file.
        record: of ``record_of``.
        what: is begun, for the message.

    Raises:
        OptionError: another one is there; the message names what differs.
    """
    if not path.exists():
        _write(path, record)
        return
    known = read_json(path)
    differing = [name for name in record if known.get(name) != record[name]]
    if differing:
        raise OptionError(
            f"{path.parent} holds a {what} that was begun with other {', '.join(differing)}: "
            f"{difference(known.get(differing[0]), record[differing[0]])}. Choose another --out."
        )


def identity_of(path: Path, keep: bool) -> str:
    """What trackers know it by, in every process and when it goes on: kept in the record where somebody tracks."""
    record = read_json(path)
    identity: str = record.setdefault("identity", uuid4().hex)
    if keep:
        _write(path, record)
    return identity


def refuse_other_data(path: Path, gathered: Gathered) -> None:
    """The data must be those that the record's folder was begun with; the first to come are those.

    Raises:
        OptionError: they are not; the message names what differs.
    """
    record = read_json(path)
    known = record.setdefault("fingerprint", gathered.fingerprint)
    if known != gathered.fingerprint:
        changed = ", ".join(name for name, own in gathered.fingerprint.items() if known.get(name) != own)
        raise OptionError(
            f"the data are not those that {path.parent} was begun with: the {changed} differ. Choose another --out."
        )
    _write(path, record)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    new = path.with_name(f".{path.name}.new")
    write_json(new, record)
    new.replace(path)
