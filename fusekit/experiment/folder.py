"""Where each file of a run lies, and a run as Python sees it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.bundle import Bundle, load
from fusekit.data.own_task import name_of
from fusekit.disk import FULL, all_onto_disk, onto_disk
from fusekit.errors import DataError, OptionError
from fusekit.experiment.records import Manifest, Metrics
from fusekit.json_file import read_json, regular

#: File of every run folder -> what it holds.
FILES = {
    "metrics.json": "every score at slice and subject level, with 95 % intervals",
    "predictions.csv": "probabilities of every tested slice",
    "cohort.csv": "every scan's fold, label and subgroups",
    "manifest.json": "configuration, versions, seed, data fingerprint, findings",
}

#: What a run may hold besides -> what it is.
FURTHER = {
    "report.html": "all of it to look at",
    "bundle": "the model to ship: weights and description",
    "overview.png": "training curve, ROC and example slices",
    "history.csv": "loss and accuracy of every epoch",
    "validation.csv": "probabilities of every slice of subjects set aside",
    "ablations.csv": "probabilities when something is taken away",
    "explanations": "where and at what the model looks",
    "figures": "every figure as SVG, PNG and CSV",
}


@dataclass(frozen=True)
class Run:
    """A run folder, its tables as DataFrames.

    Args:
        folder: where the files lie.
    """

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Configuration, versions, seed, data fingerprint, device, findings."""
        return dict(read_json(self._file("manifest.json"), Manifest))

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One row a level (slice, subject) and metric: value, low, high, rows, subjects."""
        return pd.DataFrame(read_json(self._file("metrics.json"), Metrics)["scores"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row a test slice: row, subject, scan, slice, fold, label, p_0, p_1, ..."""
        return read_table(self._file("predictions.csv"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a fold and epoch: fold, epoch, loss, accuracy, lr, seconds, images_per_second; none of a baseline."""
        table = self.table("history.csv")
        return pd.DataFrame(columns=["fold", "epoch", "loss", "accuracy"]) if table is None else table

    @cached_property
    def cohort(self) -> pd.DataFrame:
        """One row a scan: scan, subject, label, fold, and what subgroups are made by."""
        return read_table(self._file("cohort.csv"))

    @cached_property
    def validation(self) -> pd.DataFrame | None:
        """As ``predictions``, of the subjects set aside in training; None where there were none."""
        return self.table("validation.csv")

    @cached_property
    def ablations(self) -> pd.DataFrame | None:
        """One row a tested subject and condition: fold, condition, subject, label, p_0, p_1, ...; None if not made."""
        return self.table("ablations.csv")

    @cached_property
    def bundle(self) -> Bundle:
        """The shipped model."""
        return load(self._file("bundle"))

    @property
    def synthetic(self) -> bool:
        """Whether the numbers come from a synthetic cohort and say nothing about patients."""
        return bool(self.manifest["synthetic"])

    def _repr_html_(self) -> str:
        kind = "SYNTHETIC cohort" if self.synthetic else "cohort"
        config = self.manifest["config"]
        title = f"{name_of(config['task'])}, {self.manifest['arm']}, {kind}"
        return f"<p><b>{title}</b> in <code>{self.folder}</code></p>{self.metrics.to_html(index=False)}"

    def table(self, name: str) -> pd.DataFrame | None:
        """A table by its file name; None if the run has none."""
        path = self.folder / name
        return read_table(path) if path.exists() else None

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise DataError(f"{self.folder} is not a finished run: it has no {name} ({({**FILES, **FURTHER})[name]}).")
        return path


#: Where a fold that is being trained keeps the states of its trainings.
CHECKPOINTS = "checkpoints"


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a temporary sibling of ``out`` to write into; it becomes ``out`` if all goes well, and goes away if not.

    Raises:
        OptionError: ``out`` exists and is not empty, or cannot be written.
        DataError: the disk is full, or refuses a file.
    """
    refuse_full(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    made = make_folder(partial, out)
    try:
        with told(out):
            yield partial
            all_onto_disk(partial)
            if out.is_dir():
                out.rmdir()
            partial.replace(out)
            onto_disk(out.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        remove_empty(made)


@contextmanager
def growing(out: Path) -> Iterator[Path]:
    """Give a folder to train in; it becomes ``out`` if all goes well, and stays for the next attempt if not.

    Nobody else may grow the same ``out`` meanwhile: the caller sees to that.

    Raises:
        DataError: the disk is full, or refuses a file.
    """
    partial = growing_at(out)
    with told(out):
        partial.mkdir(parents=True, exist_ok=True)
        yield partial
        all_onto_disk(partial)
        partial.replace(out)
        onto_disk(out.parent)
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def growing_at(out: Path) -> Path:
    """Where ``out`` grows."""
    return out.with_name(f".{out.name}.partial")


def refuse_full(out: Path) -> None:
    """A folder that is written must be new or empty.

    Raises:
        OptionError: it is not.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"--out {out} exists and is not empty; choose another folder or remove it.")


def make_folder(folder: Path, out: Path) -> list[Path]:
    """Make a folder on the way to ``out``, and say which of its parents had to be made, the nearest first.

    Raises:
        OptionError: it cannot be made.
    """
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--out {out} cannot be written: {error.strerror} ({error.filename}).") from error
    return made


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that hold nothing; others hold a result, or something of somebody else's."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def told(out: Path) -> Iterator[None]:
    """Say in words what the disk refuses.

    Raises:
        DataError: instead of the system's own error.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise  # a program's own error, or nobody reads what is printed: not the disk's
        if error.errno in FULL:
            raise DataError(
                f"the disk is full ({error.filename or out}). Make room there, or choose another place: --out for "
                "runs, FUSEKIT_CACHE for what can be made again."
            ) from error
        raise DataError(f"{error.filename or out}: {error.strerror}.") from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON that a person can read."""
    path.write_text(json.dumps(content, indent=2, allow_nan=True) + "\n", encoding="utf-8")


def read_table(path: Path) -> pd.DataFrame:
    """Read what ``write_table`` wrote.

    Raises:
        DataError: it is no table.
    """
    try:
        return pd.read_csv(regular(path), dtype={"subject": str, "scan": str})
    except ValueError as error:
        raise DataError(f"{path} is no table that FuseKit wrote: {error}.") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as every CSV of a run is written."""
    table.to_csv(path, index=False, lineterminator="\n")
