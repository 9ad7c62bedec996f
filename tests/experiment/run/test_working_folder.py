"""A run works alone in its folder; what is worth keeping stays, all else goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusekit.errors import DataError, OptionError
from fusekit.experiment.run.working_folder import record_of, unfinished, working_folder
from fusekit.progress import Progress, Quiet

NOBODY = Quiet()


class Heard(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def end(
    out: Path,
    how: BaseException | None,
    made: str = "",
    *,
    lr: float = 0.1,
    resume: bool = False,
    progress: Progress = NOBODY,
) -> list[str]:
    """Work for a while, make something, and end; what was there at the beginning, but for the lock."""
    with unfinished(out, record_of(config={"lr": lr}), resume=resume, progress=progress) as work:
        there = sorted(str(path.relative_to(work)) for path in work.rglob("*") if ".locks" not in path.parts)
        if made:
            (work / made).parent.mkdir(parents=True, exist_ok=True)
            (work / made).write_text("1")
        if how:
            raise how
    return there


CHECKPOINT, FOLD = ".fold-0.partial/checkpoints/training.safetensors", "fold-0/fold.json"


@pytest.mark.parametrize("made", ["", ".fold-0.partial/history.csv", ".fold-0.partial/checkpoints/.x.safetensors.new"])
def test_what_is_not_worth_keeping_leaves_nothing_at_all(tmp_path: Path, made: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        end(tmp_path / "runs" / "a", KeyboardInterrupt(), made)
    assert list(tmp_path.iterdir()) == []
    assert end(tmp_path / "runs" / "a", None, CHECKPOINT) == ["run.json"]
    assert list(tmp_path.iterdir()) == []  # when all is done, too


@pytest.mark.parametrize("made", [CHECKPOINT, FOLD])
def test_what_is_worth_keeping_is_gone_on_with_and_not_begun_again(tmp_path: Path, made: str) -> None:
    out = tmp_path / "a"
    heard, work = Heard(), working_folder(out)
    with pytest.raises(ZeroDivisionError):
        end(out, ZeroDivisionError(), made, resume=True, progress=heard)
    assert heard.lines == [f"What is done is kept in {work}; to resume: fusekit run --out {out} --resume"]
    with pytest.raises(OptionError, match=r"was begun and not finished\. Add --resume .* or delete .*\.a\.unfinished"):
        end(out, None)
    with pytest.raises(OptionError, match=r"begun with other config: lr was 0\.1 and is 0\.2"):
        end(out, None, lr=0.2, resume=True)
    assert (work / made).read_text() == "1"
    assert {made, "run.json"} <= set(end(out, None, resume=True))
    assert list(tmp_path.iterdir()) == []


def test_what_died_before_anything_was_done_is_simply_begun_again(tmp_path: Path) -> None:
    work = working_folder(tmp_path / "a")
    (work / ".fold-0.partial").mkdir(parents=True)
    (work / "run.json").write_text("half a recor")
    assert end(tmp_path / "a", None, lr=0.3) == [".fold-0.partial", "run.json"]


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the disk is full \(x\.safetensors\)"):
        end(tmp_path / "a", OSError(28, "No space left on device", "x.safetensors"), CHECKPOINT)
    assert end(tmp_path / "a", None, resume=True)


def test_a_folder_that_cannot_be_made_or_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out, message in ((tmp_path / "file" / "a", "cannot be written"), (tmp_path, "is not empty")):
        with pytest.raises(OptionError, match=message):
            end(out, None)


def forked(work: Callable[[], str]) -> int:
    """Do something in a process of its own; it ends with 0 if that gives "", and its text goes to standard error."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() == "" else 3
        finally:
            os._exit(code)
    return child


def test_of_many_processes_at_once_one_wins_and_the_others_are_told(tmp_path: Path) -> None:
    out, tries = tmp_path / "a", tmp_path / "tries"
    tries.mkdir()
    ready, go = os.pipe()

    def attempt() -> str:
        os.read(ready, 1)
        own = tries / str(os.getpid())
        try:
            with unfinished(out, record_of(config={}), resume=True, progress=Quiet()) as work:
                (work / "fold-0").mkdir()  # it would fail a second time
                own.write_text("won")
                while len(list(tries.iterdir())) < 4:
                    os.sched_yield()
        except OptionError as error:
            own.write_text(str(error))
        return ""

    children = [forked(attempt) for _ in range(4)]
    os.write(go, b"1234")
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    told: Any = sorted(path.read_text() for path in tries.iterdir())
    assert codes == [0, 0, 0, 0]
    assert told == [f"another process is at work on a run into {out}; choose another --out, or wait for it."] * 3 + [
        "won"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["tries"]
