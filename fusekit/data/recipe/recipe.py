"""A recipe: which scans a cohort holds and by which rules, to be shared where images and values may not be."""

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import JsonValue, with_config
from typing_extensions import TypedDict

from fusekit.data.clinical.tables import require_columns
from fusekit.data.cohort import Cohort, Column
from fusekit.data.recipe.digests import IMAGE, LABEL, digest_scans
from fusekit.disk import read_written, regular, table_bytes, write_bytes, write_json
from fusekit.disk.schema import CLOSED, OPEN, parse_json
from fusekit.errors import DataError, OptionError
from fusekit.progress import Progress

FORMAT = 1
RECIPE, SCANS = "recipe.json", "scans.csv"

#: Parts of the command line that decide which cohort it is.
PARTS = ("task", "synthetic")
#: Part -> option -> value.
Given = Mapping[str, Mapping[str, Any]]

# Where an absolute path begins, up to its last separator: what comes after is a file's own name.
_FOLDERS = re.compile(r"""(^|(?<=[\s'"(=]))(~[^/\\]*|[A-Za-z]:|file:)?[/\\]([^/\\]*[/\\])*""")
_DATE = re.compile(r"(?<!\d)(19|20)\d\d([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True)
class Recipe:
    """A cohort without its data."""

    task: str
    synthetic: bool
    options: Given  # of a file, its path on this machine
    classes: tuple[str, ...]
    columns: tuple[Column, ...]  # their sources name no folder
    scans: pd.DataFrame  # as digest_scans returns them
    findings: Mapping[str, int]  # code -> count
    versions: Mapping[str, str]  # package -> version
    written: str  # day, as YYYY-MM-DD
    sha256: str = ""  # of the written recipe; "" before

    @classmethod
    def of(
        cls, cohort: Cohort, *, task: str, synthetic: bool, options: Given, versions: dict[str, str], progress: Progress
    ) -> Self:
        """Make the recipe of a cohort: reads every image once."""
        columns = tuple(replace(column, source=_FOLDERS.sub("", column.source)) for column in cohort.columns)
        findings = Counter[str]()
        for finding in cohort.findings:  # not their messages and items, which may hold paths, dates and values
            findings[finding.code] += finding.count
        # In the order of ids: a task may list its scans class by class, and that order would give the labels away.
        scans = digest_scans(cohort, columns, progress).sort_index(kind="stable")
        day = datetime.now(UTC).date().isoformat()
        return cls(Path(task).name, synthetic, options, cohort.classes, columns, scans, findings, versions, day)

    @property
    def images(self) -> frozenset[str] | None:
        """Image ids; None where the task has none."""
        return frozenset(self.scans["image_id"]) if "image_id" in self.scans else None

    def overlaid(self, task: str, given: Given) -> dict[str, dict[str, Any]]:
        """Return the recipe's options, overruled by those that were given; refuse a recipe of another task."""
        own = {Path(task).suffix, Path(self.task).suffix} == {".toml"}  # people name their own files as they like
        if Path(task).name != self.task and not own:
            raise OptionError(f"the recipe is one of the task {self.task!r}, not of {Path(task).name!r}.")
        parts = dict.fromkeys((*self.options, *given))
        return {part: {**self.options.get(part, {}), **given.get(part, {})} for part in parts}

    def overruled(self, options: Given) -> list[str]:
        """List which of the recipe's options have another value in ``options``."""
        return [
            f"{part}.{name} is {_as_text(options[part][name])}, not the recipe's {_as_text(value)}"
            for part in self.options
            for name, value in self.options[part].items()
            if name in options.get(part, {}) and _as_text(options[part][name]) != _as_text(value)
        ]

    def telling_ids(self) -> list[str]:
        """Ids that hold what looks like a date, or the name of a class: a recipe passes ids on as they are."""
        names = {name.casefold() for name in self.classes if len(name) > 1 and not name.isdigit()}
        ids = self.scans.reset_index()[["scan", *(n for n in ("subject", "visit", "image_id") if n in self.scans)]]
        texts = dict.fromkeys(ids.astype(str).to_numpy().ravel())
        return [text for text in texts if _DATE.search(text) or names & set(re.split(r"[\W_]+", text.casefold()))]

    def write(self, folder: Path) -> tuple[Self, list[str]]:
        """Write ``recipe.json``, ``scans.csv`` and the TOML files that options name into a folder.

        Returns the recipe as written, and the options that could not go in: paths of this machine.
        """
        options: dict[str, dict[str, Any]] = {}
        files: dict[str, str] = {}
        left_out = []
        for part in PARTS:
            for name, value in self.options.get(part, {}).items():
                kept: Any = list(value) if isinstance(value, tuple) else value
                if _is_of_this_machine(value):
                    source = Path(value).expanduser() if isinstance(value, str | Path) else None
                    # Only rules are copied: another kind of file might be a table of patients.
                    if source is None or source.suffix.lower() != ".toml" or not source.is_file():
                        left_out.append(f"{part}.{name}")
                        continue
                    file = f"{part}.{name}.toml"
                    shutil.copyfile(source, folder / file)
                    files[file], kept = _sha256((folder / file).read_bytes()), {"file": file}
                options.setdefault(part, {})[name] = kept
        table = table_bytes(self.scans.reset_index())
        write_bytes(folder / SCANS, table)
        content = {
            "format": FORMAT,
            "task": self.task,
            "synthetic": self.synthetic,
            "written": self.written,
            "counts": {"scans": len(self.scans), "subjects": int(self.scans["subject"].nunique())},
            "classes": list(self.classes),
            "options": options,
            "columns": [asdict(column) for column in self.columns],
            "findings": dict(self.findings),
            "versions": dict(self.versions),
            "files": {SCANS: _sha256(table), **files},
        }
        write_json(folder / RECIPE, content)
        return replace(self, sha256=_sha256((folder / RECIPE).read_bytes())), left_out


@with_config(OPEN)
class _Head(TypedDict):
    format: int
    versions: dict[str, str]


class File(TypedDict):
    """An option's value that is a file of the recipe."""

    file: str


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class RecipeJson:
    """The content of a ``recipe.json`` of format 1."""

    format: int
    task: str
    synthetic: bool
    written: str
    counts: dict[str, int]
    classes: tuple[str, ...]
    options: dict[str, dict[str, File | JsonValue]]
    columns: tuple[Column, ...]
    findings: dict[str, int]
    versions: dict[str, str]
    files: dict[str, str]


def read_recipe(folder: Path) -> Recipe:
    """Read a recipe; refuse one that is damaged, or of which a file was changed afterwards."""
    path = folder / RECIPE
    if not path.exists():
        raise DataError(
            f"{folder} is no recipe: there is no {path}. `fusekit cohort TASK --data DIR --out FOLDER` writes one."
        )
    try:
        text = regular(path).read_bytes()
        head = parse_json(text, _Head, str(path))
        if head["format"] != FORMAT:
            raise DataError(
                f"{path} has the format {head['format']}; this FuseKit reads {FORMAT}. Use the FuseKit that wrote "
                f"it: {head['versions'].get('fusekit', 'unknown')}."
            )
        content = parse_json(text, RecipeJson, str(path))
        for name, digest in {SCANS: "", **content.files}.items():
            if Path(name).name != name or _sha256(regular(folder / name).read_bytes()) != digest:
                raise DataError(f"{folder / name} is not as the recipe was written. Get the recipe again, unchanged.")
        scans = read_written(folder / SCANS, {}).fillna("").set_index("scan")
        require_columns(scans, ("subject", IMAGE, LABEL), str(folder / SCANS))
        if scans.index.has_duplicates:
            raise DataError(
                f"{folder / SCANS}, column 'scan': {scans.index[scans.index.duplicated()][0]!r} is listed twice."
            )
        options = _read_options(content.options, content.files, folder)
        kept = ("task", "synthetic", "classes", "columns", "findings", "versions", "written")
        made = {name: getattr(content, name) for name in kept}
        return Recipe(**made, options=options, scans=scans, sha256=_sha256(text))
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}. Get the recipe again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is no recipe, or a damaged one ({type(error).__name__}: {error}).") from error


def _read_options(written: Mapping[str, Any], files: Mapping[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """Options as they were given; what names a file can only name one of the recipe's own."""
    options: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        for name, value in written.get(part, {}).items():
            if isinstance(value, dict):
                if value.get("file") not in files:
                    raise DataError(f"{folder / RECIPE}: the option {part}.{name} names no file of the recipe.")
                value = str((folder / value["file"]).absolute())
            elif _is_of_this_machine(value):
                raise DataError(f"{folder / RECIPE}: the option {part}.{name} is a path of another machine: {value}.")
            options.setdefault(part, {})[name] = value
    return options


def _is_of_this_machine(value: Any) -> bool:
    """Whether an option's value is a path that means nothing, or says too much, elsewhere."""
    if isinstance(value, Path):
        return True
    if isinstance(value, list | tuple):
        return any(map(_is_of_this_machine, value))
    return isinstance(value, str) and _FOLDERS.search(value) is not None


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_as_text, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
