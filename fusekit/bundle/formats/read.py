"""A bundle's description, of whichever format: an old one keeps its reader."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.bundle.formats.current import (
    Format4,
    Format5,
    Format6,
    Format7,
    Format8,
    Format9,
    Format10,
    Format11,
    Format12,
    Format13,
    Format14,
    Format15,
    Format16,
)
from fusekit.bundle.formats.old import Format1, Format2, Format3
from fusekit.bundle.formats.parts import DESCRIPTION
from fusekit.disk import DIGEST, OPEN, read_json, signed
from fusekit.errors import DataError, OptionError

Network: TypeAlias = Format1 | Format2 | Format3 | Format4 | Format8 | Format11 | Format14
Classical: TypeAlias = Format5 | Format9 | Format12 | Format15
Average: TypeAlias = Format6 | Format10 | Format13 | Format16
Description: TypeAlias = Network | Classical | Average | Format7
#: Format -> what it holds. A newer format adds an entry and keeps those before.
READERS: dict[int, type[Description]] = {
    1: Format1,
    2: Format2,
    3: Format3,
    4: Format4,
    5: Format5,
    6: Format6,
    7: Format7,
    8: Format8,
    9: Format9,
    10: Format10,
    11: Format11,
    12: Format12,
    13: Format13,
    14: Format14,
    15: Format15,
    16: Format16,
}


@with_config(OPEN)
class _Head(TypedDict):
    format: int


def bundle_folder(folder: str | Path) -> Path:
    """Find the bundle where a run folder was given; anything else is itself. OptionError if it is no path."""
    if not isinstance(folder, str | Path):
        raise OptionError(f"a bundle is given by the path of its folder, or of its run's, not by {folder!r}.")
    folder = Path(folder)
    inside = folder / "bundle"
    return inside if not (folder / DESCRIPTION).is_file() and (inside / DESCRIPTION).is_file() else folder


def read_description(folder: Path) -> Description:
    """Read a bundle's description, of whichever format; DataError with the place if it is none, changed or damaged."""
    path = folder / DESCRIPTION
    if not path.exists():
        if (folder / "manifest.json").exists():
            raise DataError(
                f"{folder} is a run without a bundle. A comparison ships none, nor does a run with --ship none: run an "
                "arm by itself, and give its folder."
            )
        raise DataError(
            f"{folder} is not a bundle: it has no {DESCRIPTION}. Give the folder of a run or of its bundle."
        )
    content = read_json(path, _Head)
    if (number := content["format"]) not in READERS:
        raise DataError(
            f"{path} has format {number}; this FuseKit reads {', '.join(map(str, READERS))}. Install a newer FuseKit."
        )
    found = read_json(path, READERS[number])
    if not isinstance(found, Format1) and found.checksum != signed(content)[DIGEST]:
        raise DataError(f"{path} was changed or damaged after it was written. Get the bundle again.")
    return found
