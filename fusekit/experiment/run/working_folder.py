"""A run or comparison that is not finished: where it works, alone; what was begun, so that only that is resumed."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from fusekit.data.store.cache import alone
from fusekit.disk import in_words, read_json, refuse_damaged, write_json
from fusekit.disk.folders import make_folder, refuse_full, remove_empty
from fusekit.errors import DataError, OptionError
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered
from fusekit.progress import Progress
from fusekit.report.records import Begun
from fusekit.training import difference

#: In the working folder: what is run; and in that of a fold: the states of its trainings.
RECORD, CHECKPOINTS = "run.json", "checkpoints"


def folder_for(out: str | Path | None, *names: str) -> Path:
    """The folder that was asked for, or one in ``runs`` that is called by names and the user's own time."""
    return Path(out or Path("runs", "-".join((*names, datetime.now().strftime("%Y%m%d-%H%M%S"))))).absolute()


def working_folder(out: Path) -> Path:
    """Where a run works until its folder is written, beside it."""
    return out.with_name(f".{out.name}.unfinished")


def take_over(folder: Path) -> None:
    """Refuse, by a DataError with what to do, a training that is finished and was damaged since."""
    refuse_damaged(folder, f"Put it back, or delete {folder}: then this training is done again. Is the disk sound?")


@contextmanager
def unfinished(out: Path, record: Mapping[str, Any], *, resume: bool, progress: Progress) -> Iterator[Path]:
    """Give the working folder of a run, with what an interrupted one left there if it is resumed.

    It is removed when all is done, and when nothing was done that is worth keeping. OptionError if ``out`` cannot be
    written, another process works on it, or another or unresumed run is there.
    """
    refuse_full(out)
    work = working_folder(out)
    with _alone(work, out) as made:
        refuse_full(out)  # another process may have finished it meanwhile
        if not worth_keeping(work):
            (work / RECORD).unlink(missing_ok=True)  # it was begun, and no more
        elif not resume:
            raise OptionError(
                f"a run into {out} was begun and not finished. Add --resume to resume it, or delete {work} to begin "
                "again."
            )
        begin(work / RECORD, record, "run")
        try:
            with in_words(out):
                yield work
        except BaseException:
            if worth_keeping(work):
                progress.say(f"What is done is kept in {work}; to resume: fusekit run --out {out} --resume")
            else:
                shutil.rmtree(work, ignore_errors=True)
            raise
        else:
            shutil.rmtree(work, ignore_errors=True)
        finally:
            remove_empty(made)


def worth_keeping(work: Path) -> bool:
    """Whether a fold is finished, or has a checkpoint."""
    finished = [path for path in work.glob("*") if path.is_dir() and not path.name.startswith(".")]
    return bool(finished or list(work.glob(f".*/{CHECKPOINTS}/*.safetensors")))


@contextmanager
def _alone(work: Path, out: Path) -> Iterator[list[Path]]:
    """Make the working folder and keep others out of it; yield the parents that had to be made."""

    def busy() -> None:
        raise OptionError(f"another process is at work on a run into {out}; choose another --out, or wait for it.")

    while True:
        made = make_folder(work, out)
        before = work.stat().st_ino
        # The lock lies in the folder, and goes with it: nothing is left beside the user's results.
        with ExitStack() as locked:
            try:
                locked.enter_context(in_words(out))
                locked.enter_context(alone(work / "run", busy))
            except DataError:  # nothing can be locked here, so no other process works here either
                if not worth_keeping(work):
                    shutil.rmtree(work, ignore_errors=True)
                remove_empty(made)
                raise
            if work.exists() and work.stat().st_ino == before:  # and not removed by the process that held the lock
                yield made
                return


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
