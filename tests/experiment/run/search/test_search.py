"""A search in a fold: what is chosen, by whom, and how it ends after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

import fusekit
from fusekit import Run
from fusekit.errors import FusekitError, OptionError
from fusekit.experiment.run.fit.table import TableFit, fit_table
from fusekit.experiment.run.fold import train_fold
from fusekit.experiment.run.search.search import Best, Watch, checkpoint_of, search
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup.gathered import Gathered, gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from fusekit.training import Checkpoint, NonFiniteError, Processes

SMALL: dict[str, Any] = {
    "fusion": "clinical-only",
    "preset": "paper",
    "epochs": 3,
    "batch_size": 8,
    "image_size": 32,
    "folds": 2,
    "validation": 0.4,
    "explain": "none",
}
RANGE: dict[str, Any] = {"search": {"lr": "1e-6..1e-1:log", "epochs": "2..4"}, "trials": 8}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Forty people with a small table."""
    return str(write_cohort(tmp_path_factory.mktemp("own"), 40))


class Heard(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def searched(
    folder: Path, fit: Callable[[int, Mapping[str, Any], Watch | None], tuple[float, int]], **given: Any
) -> tuple[Best, list[str]]:
    """A search whose trainings are invented: each leaves a checkpoint."""

    def trained(number: int, choice: Mapping[str, Any], watch: Watch | None) -> tuple[float, int]:
        checkpoint_of(folder, number).touch()
        return fit(number, choice, watch)

    (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    heard = Heard()
    return search(make_plan(Settings.of({"task": "adni-ad", **SMALL, **given})), 0, folder, trained, heard), heard.lines


def test_of_equals_the_first_is_kept_and_with_it_its_checkpoint_alone(tmp_path: Path) -> None:
    scores = [0.5, 0.8, 0.7, 0.8]
    best, said = searched(tmp_path, lambda number, *_: (scores[number], 3), search={"lr": [4e-3, 3e-3, 2e-3, 1e-3]})
    assert (best.number, best.choice) == (1, {"lr": 3e-3})
    assert [trial["validation_auc"] for trial in best.trials] == scores
    assert said == [f"trial {number + 1} of 4: lr={lr}" for number, lr in enumerate((0.004, 0.003, 0.002, 0.001))]
    assert list((tmp_path / CHECKPOINTS).iterdir()) == [checkpoint_of(tmp_path, 1)]


def test_a_trial_that_is_clearly_worse_is_stopped_and_recorded(tmp_path: Path) -> None:
    reached: list[int] = []

    def fit(number: int, choice: Mapping[str, Any], watch: Watch | None) -> tuple[float, int]:
        assert watch is not None
        level, seen = (0.9, 0.6)[number >= 5], dict[int, float]()
        for epoch in range(1, 9):
            seen[epoch] = level + epoch / 100
            reached[number:] = [epoch]
            watch(seen, 8)
        return seen[8], 8

    best, said = searched(tmp_path, fit, search={"lr": "1e-4..1e-1:log"}, trials=7)
    assert reached == [8, 8, 8, 8, 8, 2, 2]
    assert [trial["state"] for trial in best.trials] == ["complete"] * 5 + ["pruned"] * 2
    assert [(trial["validation_auc"], trial["epoch"]) for trial in best.trials[5:]] == [(0.62, 2)] * 2
    assert best.number == 0
    assert said[-1] == "trial 7 is stopped: those before it were better after as many epochs"


def test_lists_are_not_pruned(tmp_path: Path) -> None:
    watched: list[Watch | None] = []

    def fit(number: int, choice: Mapping[str, Any], watch: Watch | None) -> tuple[float, int]:
        watched.append(watch)
        return 0.5, 3

    searched(tmp_path, fit, search={"lr": [1e-3, 1e-4]})
    assert watched == [None, None]


class Second(Processes):
    """The second of two processes, which hears these answers of the first."""

    def __init__(self, *answers: Any):
        super().__init__(rank=1, size=2)
        self.answers = list(answers)

    def from_first(self, make: Callable[[], Any]) -> Any:
        return self.answers.pop(0)


def test_another_process_trains_and_stops_what_the_first_says_and_writes_nothing(tmp_path: Path) -> None:
    heard: list[tuple[int, Mapping[str, Any]]] = []

    def fit(number: int, choice: Mapping[str, Any], watch: Watch | None) -> tuple[float, int]:
        heard.append((number, choice))
        assert watch is not None
        watch({}, 3)  # it keeps no history
        assert number == 0
        return 0.5, 3

    answers = [(0, {"lr": 1e-3}), False, (6, {"lr": 1e-2}), True, None, (0, {"lr": 1e-3}, [{"number": 0}])]
    processes = Second(*answers)
    config = Settings.of({"task": "adni-ad", **SMALL, "search": {"lr": "1e-4..1e-1:log"}})
    best = search(replace(make_plan(config), processes=processes), 0, tmp_path, fit, Quiet())
    assert (best.number, best.choice, best.trials) == (0, {"lr": 1e-3}, [{"number": 0}])
    assert heard == [(0, {"lr": 1e-3}), (6, {"lr": 1e-2})]
    assert not processes.answers
    assert not list(tmp_path.iterdir())


def test_a_trial_that_fails_has_no_score_and_the_others_are_tried(tmp_path: Path) -> None:
    def fit(number: int, *_: Any) -> tuple[float, int]:
        if number == 0:
            raise FusekitError("with the batch's scans") from NonFiniteError("the training loss is not finite.")
        if number == 1:
            raise OptionError("64 is not divisible by 7.")
        return (float("nan"), 0.6)[number == 3], 3

    lists = {"lr": [4e-3, 3e-3, 2e-3, 1e-3]}
    best, said = searched(tmp_path, fit, search=lists)
    assert [trial["state"] for trial in best.trials] == ["failed"] * 3 + ["complete"]
    assert best.trials[1]["failed"] == "64 is not divisible by 7."
    assert best.number == 3
    assert said[1].startswith("trial 1 failed: the training loss is not finite. Lower the learning rate")
    with pytest.raises(FusekitError, match=r"no trial of the search has a score; the last failed: 64 is not"):
        searched(tmp_path / "none", lambda *_: fit(1), search=lists)

    def broken(*_: Any) -> tuple[float, int]:
        raise FusekitError("memory is too short")

    with pytest.raises(FusekitError, match="memory is too short"):  # it is no trial's fault
        searched(tmp_path / "broken", broken, search=lists)


@pytest.fixture(scope="module")
def known(task: str) -> Gathered:
    plan = make_plan(Settings.of({"task": task, **SMALL}))
    return gather(plan.config, plan.task, plan.slices, Quiet())


def fold_of(folder: Path, task: str, data: Gathered, **given: Any) -> dict[str, Any]:
    folder.mkdir()
    train_fold(make_plan(Settings.of({"task": task, **SMALL, **given})), data, 0, folder, Quiet())
    record: dict[str, Any] = json.loads((folder / "fold.json").read_text())
    return record


def test_trials_share_what_is_fitted_on_the_table_unless_it_is_what_they_search(
    task: str, known: Gathered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[object] = []

    def counted(*given: Any) -> TableFit:
        fits.append(given)
        return fit_table(*given)

    monkeypatch.setattr("fusekit.experiment.run.fit.network.fit_table", counted)
    prior = {"fusion": "clinical-only+logistic", "epochs": 1}
    fold_of(tmp_path / "rates", task, known, **prior, search={"lr": [1e-3, 1e-4]})
    assert len(fits) == 1
    fold_of(tmp_path / "priors", task, known, **prior, search={"prior.strength": [0.1, 1.0], "lr": [1e-3, 1e-4]})
    assert len(fits) == 1 + 2


@pytest.mark.parametrize("select", ["none", "auc"])
def test_the_chosen_trial_predicts_as_if_it_had_been_trained_by_itself(
    task: str, known: Gathered, tmp_path: Path, select: str
) -> None:
    record = fold_of(tmp_path / "search", task, known, **RANGE, select=select)
    assert len(record["search"]) == 8
    complete = [trial for trial in record["search"] if trial["state"] == "complete"]
    best = max(complete, key=lambda trial: (trial["validation_auc"], -trial["number"]))
    assert record["choice"] == best["choice"]
    assert record["epochs"] == best["epoch"]
    straight = fold_of(tmp_path / "straight", task, known, **record["choice"], select=select)
    assert straight["epochs"] == record["epochs"]
    for name in ("predictions.csv", "validation.csv"):
        assert (tmp_path / "search" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    history = pd.read_csv(tmp_path / "search" / "history.csv")
    assert history["epoch"].tolist() == list(range(1, record["choice"]["epochs"] + 1))
    assert history["validation_auc"].between(0, 1).all()


def test_tested_subjects_have_no_part_in_the_choice(task: str, known: Gathered, tmp_path: Path) -> None:
    before = fold_of(tmp_path / "before", task, known, **RANGE)
    tested = known.cohort.scans["subject"].isin(known.folds.index[known.folds == 0])
    scans, clinical = known.cohort.scans.copy(), known.cohort.clinical.copy()
    scans.loc[tested, "label"] = 1 - scans.loc[tested, "label"]
    clinical.loc[tested, "age"] += 30
    changed = replace(known, cohort=replace(known.cohort, scans=scans, clinical=clinical))
    after = fold_of(tmp_path / "after", task, changed, **RANGE)
    assert after["search"] == before["search"]
    assert after["choice"] == before["choice"]
    tables = [(tmp_path / name / "predictions.csv").read_bytes() for name in ("before", "after")]
    assert tables[0] != tables[1]


class KilledError(BaseException):
    """What a test kills a run with."""


@pytest.fixture(scope="module")
def undisturbed(task: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fusekit.run(task, out=tmp_path_factory.mktemp("runs") / "run", progress=Quiet(), **SMALL, **RANGE)


@pytest.mark.parametrize("after", [17, 44])
def test_a_run_that_is_killed_and_resumed_ends_as_if_nothing_had_happened(
    task: str, undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    real, saved = Checkpoint.save, list[Path]()

    def killed(self: Checkpoint, place: Any) -> None:
        assert self.path is not None
        saved.append(self.path)
        if len(saved) == after:
            raise KilledError
        real(self, place)

    out = tmp_path / "run"
    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KilledError):
        fusekit.run(task, out=out, progress=Quiet(), **SMALL, **RANGE)
    with (saved[-1].parent.parent / "search.journal").open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"')  # and in the middle of a line
    done = fusekit.run(out=out, resume=True, progress=Quiet())
    for name in ("predictions.csv", "validation.csv", "metrics.json", "bundle/model.safetensors"):
        assert (out / name).read_bytes() == (undisturbed.folder / name).read_bytes(), name
    for entry in ("search", "choice", "epochs"):
        assert done.manifest["evaluation"][entry] == undisturbed.manifest["evaluation"][entry]
    found = studies(undisturbed)
    assert studies(done) == found
    trials = [trial for part in found.values() for trial in part]
    pruned = sum(state == TrialState.PRUNED for _, _, state, _ in trials)  # whose last epoch is not saved
    assert pruned > 0
    # The epoch under way alone was trained twice.
    assert len(saved) == sum(len(epochs) for *_, epochs in trials) - pruned + 1


def studies(run: Run) -> dict[str, list[Any]]:
    """What Optuna itself reads from a run's journal."""
    storage = JournalStorage(JournalFileBackend(str(run.folder / "search.journal")))
    return {
        name: [
            (trial.params, trial.value, trial.state, trial.intermediate_values)
            for trial in optuna.load_study(study_name=name, storage=storage).trials
        ]
        for name in optuna.get_all_study_names(storage)
    }


def test_a_run_has_a_journal_of_every_training(undisturbed: Run) -> None:
    found = studies(undisturbed)
    assert list(found) == ["fold-0", "fold-1", "all"]
    recorded = undisturbed.manifest["evaluation"]["search"]
    for fold in ("0", "1"):
        trials = found[f"fold-{fold}"]
        assert [trial["choice"] for trial in recorded[fold]] == [params for params, *_ in trials]
        assert [trial["validation_auc"] for trial in recorded[fold]] == [value for _, value, *_ in trials]
    assert not list(undisturbed.folder.rglob("*.lock"))
    lrs = [params["lr"] for params, *_ in found["fold-0"] + found["fold-1"]]
    assert len(set(lrs)) == 16
    assert 1e-6 <= min(lrs) < np.median(lrs) < max(lrs) <= 1e-1
