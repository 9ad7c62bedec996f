"""Optuna's journal of a search: a file that optuna-dashboard opens, and that a kill does not damage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fusekit.disk import write_bytes
from fusekit.errors import DataError

if TYPE_CHECKING:
    import optuna

#: Its name, in the folders of a run and of its folds.
JOURNAL = "search.journal"


def open_study(path: Path, name: str) -> optuna.Study:
    """The study of a journal, begun if there is none; DataError if it is damaged, or another Optuna began it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it greets every study
    content = path.read_bytes() if path.exists() else b""
    if content and not content.endswith(b"\n"):  # killed in the middle of a line
        write_bytes(path, content[: content.rfind(b"\n") + 1])
    try:
        study = optuna.create_study(study_name=name, storage=_storage(path), direction="maximize", load_if_exists=True)
        begun = study.user_attrs.get("optuna")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no journal of a search, or a damaged one ({error}). Delete it.") from error
    if begun is None:
        study.set_user_attr("optuna", optuna.__version__)
    elif begun != optuna.__version__:  # which may ask for other trials
        raise DataError(f"{path} was begun with Optuna {begun}, and this is {optuna.__version__}: install that one.")
    return study


def join(folders: Iterable[Path], target: Path) -> None:
    """Write the studies of several trainings, where they searched, into one new journal."""
    journals = [path for folder in folders if (path := folder / JOURNAL).exists()]
    if not journals:
        return
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it greets every study
    into = _storage(target)
    for path in journals:
        for name in optuna.get_all_study_names(_storage(path)):
            if name not in optuna.get_all_study_names(into):
                optuna.copy_study(from_study_name=name, from_storage=_storage(path), to_storage=into)


def _storage(path: Path) -> optuna.storages.JournalStorage:
    """A journal that no other process writes: it is a line a trial, appended, so that a kill damages no earlier one."""
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

    class Unlocked(JournalFileOpenLock):
        """The run's folder is locked already, and a lock that a kill left behind would be waited for."""

        def acquire(self) -> bool:
            return True

        def release(self) -> None:
            pass

    return JournalStorage(JournalFileBackend(str(path), lock_obj=Unlocked(str(path))))
