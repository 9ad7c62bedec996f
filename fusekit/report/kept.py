"""What a report was made of, and what was computed for it: while that is the same, nothing is made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from fusekit.disk import read_json, regular, write_bytes
from fusekit.errors import DataError, first_ten
from fusekit.report.records import LATE, Compared, Manifest
from fusekit.report.run import CURVE, CURVE_SUBJECTS

if TYPE_CHECKING:
    import pandas as pd

#: Holds the fingerprint, the tables that were computed, and the digests of all that was written.
RECORD = Path("figures", ".made.json")

PAGE = "report.html"

#: What a report reads of a run folder.
_TABLES = ("predictions", "validation", "history", "ablations", "cohort", "coverage", "table_one", "table_one_by_fold")
_READ = ("manifest.json", "metrics.json", *(f"{name}.csv" for name in _TABLES), CURVE, CURVE_SUBJECTS)
_LIBRARIES = ("fusekit", "matplotlib", "numpy", "pandas", "scipy", "scikit-learn", "statsmodels")


class _Made(TypedDict):
    fingerprint: str
    tables: dict[str, list[tuple[str, str, list[Any]]]]
    remarks: dict[str, str]
    files: dict[str, str]


def run_folders(folder: Path) -> list[Path]:
    """The run folders in a folder: itself, or those of a comparison, arm by arm in its order, seed by seed.

    Late fusions come last, as in the comparison's own report.

    Raises:
        DataError: it is neither, or an arm of the comparison has no finished run yet.
    """
    if not (folder / "comparison.json").exists():
        if not (folder / "manifest.json").exists():
            raise DataError(f"{folder} is neither a finished run (manifest.json) nor a comparison (comparison.json).")
        return [folder]
    record = read_json(folder / "comparison.json", Compared)
    joined = [f"late-{way}" for way in record.get("late_fusion", ())]
    of_arm: dict[str, list[tuple[int, Path]]] = {arm: [] for arm in (*record["arms"], *joined)}
    for path in sorted((folder / "runs").glob("*/manifest.json")):
        manifest = read_json(path, Manifest)
        arm = manifest.get("arm", "")
        if manifest.get("kind") == LATE:
            arm = f"late-{arm.partition(' ')[0]}"  # of "mean of image-only and gbdt"
        of_arm.get(arm, []).append((manifest["config"].get("seed", 0), path.parent))
    if missing := [arm for arm, own in of_arm.items() if not own]:
        raise DataError(
            f"{folder} has no finished run of {first_ten(missing)} yet: run `fusekit compare` again, it resumes."
        )
    return [run for own in of_arm.values() for _, run in sorted(own)]


def fingerprint(folders: Sequence[Path]) -> str:
    """SHA-256 of all that a report of these runs depends on: their files, in order, and the code that draws."""
    seen = hashlib.sha256()
    for folder in folders:
        files = [folder / name for name in _READ if (folder / name).exists()]
        files += sorted(path for path in (folder / "explanations" / "fold-0").glob("*") if path.is_file())
        seen.update("".join(f"{path.relative_to(folder)} {_digest(path)}\n" for path in files).encode() + b"\n")
    code = Path(__file__).parents[1]
    for path in sorted(path for path in code.rglob("*") if path.suffix in (".py", ".html", ".css", ".js", ".toml")):
        seen.update(path.read_bytes())
    plugins = sorted(f"{one.name} {one.value}" for one in metadata.entry_points(group="fusekit"))
    seen.update(json.dumps([plugins, [metadata.version(name) for name in _LIBRARIES]]).encode())
    return seen.hexdigest()


def is_current(out: Path, of: str) -> bool:
    """Whether the report there is of this fingerprint, and all its files are as they were written."""
    record = _record(out, of)
    return record is not None and all(
        (out / name).is_file() and _digest(out / name) == digest for name, digest in record["files"].items()
    )


def computed(out: Path, of: str) -> dict[str, Any] | None:
    """The tables that were computed for a report there, if they are of this fingerprint."""
    import pandas as pd

    record = _record(out, of)
    if record is None:
        return None
    found = {"remarks": record["remarks"]}
    for name, columns in record["tables"].items():
        found[name] = pd.DataFrame({column: pd.Series(cells, dtype=kind) for column, kind, cells in columns})
    return found


def keep(
    out: Path, of: str, tables: Mapping[str, pd.DataFrame], remarks: Mapping[str, str], files: Iterable[Path]
) -> None:
    """Write the record of a report that is there."""
    record = {
        "fingerprint": of,
        "tables": {
            name: [(str(column), str(cells.dtype), cells.tolist()) for column, cells in table.items()]
            for name, table in tables.items()
        },
        "remarks": dict(remarks),
        "files": {path.relative_to(out).as_posix(): _digest(path) for path in files},
    }
    write_bytes(out / RECORD, json.dumps(record).encode())


def _record(out: Path, of: str) -> dict[str, Any] | None:
    try:
        record = dict(read_json(out / RECORD, _Made))
    except DataError:
        return None
    return record if record["fingerprint"] == of else None


def _digest(path: Path) -> str:
    return hashlib.sha256(regular(path).read_bytes()).hexdigest()
