"""What was begun in a folder, so that only the very same is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from fusekit.disk import read_json, write_json
from fusekit.errors import OptionError
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered
from fusekit.report.records import Begun
from fusekit.training import difference


def record_of(**asked: Any) -> dict[str, Any]:
    """What is begun, with versions and plugins, as it will be read again."""
    record = {"format": 1, **asked, "versions": manifest.versions(), "plugins": manifest.plugins()}
    return dict(json.loads(json.dumps(record)))


def begin(path: Path, record: Mapping[str, Any], what: str) -> None:
    """Write the record of a run or comparison (``what``); OptionError if another is there, with what differs."""
    if not path.exists():
        write_json(path, record)
        return
    known = dict(read_json(path, Begun))
    differing = [name for name in record if known.get(name) != record[name]]
    if differing:
        raise OptionError(
            f"{path.parent} holds a {what} that was begun with other {', '.join(differing)}: "
            f"{difference(known.get(differing[0]), record[differing[0]])}. Choose another --out."
        )


def identity_of(path: Path, keep: bool) -> str:
    """The id for trackers, the same in every process and after a resume; ``keep`` writes it into the record."""
    record = read_json(path, Begun)
    identity = record.setdefault("identity", uuid4().hex)
    if keep:
        write_json(path, record)
    return identity


def refuse_other_data(path: Path, gathered: Gathered) -> None:
    """Raise OptionError unless the data are those that the record's folder was begun with: the first to come."""
    record = read_json(path, Begun)
    known = record.setdefault("fingerprint", gathered.fingerprint)
    if known != gathered.fingerprint:
        changed = ", ".join(name for name, own in gathered.fingerprint.items() if known.get(name) != own)
        raise OptionError(
            f"the data are not those that {path.parent} was begun with: the {changed} differ. Choose another --out."
        )
    write_json(path, record)
