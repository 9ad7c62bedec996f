"""The trials of a fold: what is asked, what is stopped, and what outlives a kill."""

from __future__ import annotations

import shutil
from itertools import product
from math import log10
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage

from fusekit.errors import DataError
from fusekit.experiment.run.search.journal import JOURNAL, join, open_study
from fusekit.experiment.run.search.study import UNPRUNED, Study
from fusekit.experiment.setup.settings import Settings

LISTS = {"training.schedule": ["cosine", "constant"], "lr": [3e-4, 1e-4], "training.ema": [0, 0.99]}
BOTH = {"lr": "1e-5..1e-1:log", "epochs": "2..12", "training.schedule": ["constant", "cosine"]}


def study(folder: Path, search: Any, fold: int | None = 0, **more: Any) -> Study:
    folder.mkdir(exist_ok=True)
    return Study(folder, fold, Settings.of({"task": "adni-ad", "search": search, **more}))


def planted(choice: dict[str, Any]) -> float:
    """Best, and 1, at lr = 1e-3 after 9 epochs at a constant rate."""
    return float(
        1
        - 0.1 * abs(log10(choice["lr"]) + 3)
        - 0.03 * abs(choice["epochs"] - 9)
        - 0.1 * (choice["training.schedule"] == "cosine")
    )


def finish(one: Study) -> list[dict[str, Any]]:
    """Try all that it asks for, each with two epochs."""
    while asked := one.ask():
        score = planted(asked[1])
        one.add(asked[1], {1: score / 2, 2: score}, score, 2)
    return one.records()


def test_lists_are_tried_in_the_order_of_their_product(tmp_path: Path) -> None:
    grid = study(tmp_path, LISTS)
    asked = []
    while trial := grid.ask():
        asked.append(trial)
        grid.add(trial[1], {}, 0.5, 3)
    expected = list(product(["cosine", "constant"], [3e-4, 1e-4], [0.0, 0.99]))
    assert [tuple(choice.values()) for _, choice in asked] == expected
    assert [number for number, _ in asked] == list(range(8))
    assert grid.best == 0  # of equals the first


def test_the_sampler_finds_a_planted_optimum_better_than_chance(tmp_path: Path) -> None:
    found, drawn = [], []
    for seed in range(6):
        records = finish(study(tmp_path / str(seed), BOTH, seed=seed, trials=30))
        assert len(records) == 30
        found.append(max(record["validation_auc"] for record in records))
        rng = np.random.default_rng(seed)
        chance = [
            {
                "lr": 10 ** rng.uniform(-5, -1),
                "epochs": int(rng.integers(2, 13)),
                "training.schedule": rng.choice(["constant", "cosine"]),
            }
            for _ in range(30)
        ]
        drawn.append(max(map(planted, chance)))
    assert mean(found) > mean(drawn)
    assert min(found) > 0.9


def test_seed_and_fold_decide_what_is_asked(tmp_path: Path) -> None:
    def choices(name: str, fold: int | None, seed: int) -> list[Any]:
        return [record["choice"] for record in finish(study(tmp_path / name, BOTH, fold, seed=seed, trials=4))]

    assert choices("a", 0, 0) == choices("b", 0, 0)
    different = [choices("c", 1, 0), choices("d", None, 0), choices("e", 0, 1)]
    assert all(one != choices("f", 0, 0) for one in different)


def test_a_kill_at_any_byte_changes_nothing(tmp_path: Path) -> None:
    whole = finish(study(tmp_path / "whole", BOTH, trials=6))
    content = (tmp_path / "whole" / JOURNAL).read_bytes()
    lines = content.splitlines(keepends=True)
    assert len(lines) == 8  # the study, Optuna's version, and one line for each trial
    ends = np.cumsum([len(line) for line in lines])
    for cut in sorted({0, 1, *(int(end) + shift for end in ends for shift in (-30, -1, 0)), len(content) - 1}):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(content[:cut])
        assert finish(study(folder, BOTH, trials=6)) == whole, cut
    assert finish(study(tmp_path / "whole", BOTH, trials=6)) == whole  # nothing is left to do


def test_what_was_tried_before_is_not_trained_again(tmp_path: Path) -> None:
    small = study(tmp_path, {"epochs": "2..4", "training.schedule": ["constant"]}, trials=12)
    trained = []
    while asked := small.ask():
        trained.append(asked[1]["epochs"])
        small.add(asked[1], {}, 1 / asked[1]["epochs"], asked[1]["epochs"])
    assert sorted(trained) == sorted(set(trained))
    records = small.records()
    assert len(records) == 12
    assert all(record["validation_auc"] == 1 / record["choice"]["epochs"] for record in records)
    best = small.best
    assert best is not None
    assert records[best]["choice"]["epochs"] == min(trained)
    assert all(record["choice"]["epochs"] != min(trained) for record in records[:best])


def test_a_trial_below_the_median_of_those_before_it_is_stopped(tmp_path: Path) -> None:
    one, choice = study(tmp_path, {"lr": "1e-5..1e-1:log"}), {"lr": 1e-3}
    curves = [[0.5, 0.6, 0.7, 0.9], [0.5, 0.5, 0.6, 0.6], [0.7, 0.8, 0.7, 0.7], [0.4, 0.9, 0.9, 0.9], [0.5] * 4]
    for number, curve in enumerate(curves):
        assert not one.prunes(choice, {1: 0.0, 2: 0.0}, 4)  # too few are there to compare with
        one.add({"lr": 0.05 / 2**number}, dict(enumerate(curve, 1)), curve[-1], 4)
    assert len(curves) == UNPRUNED
    middle = median(curve[1] for curve in curves)
    for best, expected in ((middle - 0.01, True), (middle, False), (middle + 0.01, False)):
        assert one.prunes(choice, {1: 0.1, 2: best}, 4) is expected
    assert not one.prunes(choice, {1: 0.9, 2: 0.1}, 4)  # it was better once
    assert not one.prunes(choice, {1: 0.0}, 4)  # too early
    assert not one.prunes(choice, dict.fromkeys((1, 2), 0.0), 12)  # not yet a quarter
    assert not one.prunes(choice, dict.fromkeys((1, 2, 3, 4), 0.0), 4)  # nothing would be saved


def test_every_trial_is_recorded_with_its_end(tmp_path: Path) -> None:
    one = study(tmp_path, {"lr": "1e-5..1e-1:log"}, trials=3)
    one.add({"lr": 1e-4}, {1: 0.6, 2: 0.8}, 0.8, 1)
    one.add({"lr": 1e-5}, {1: 0.6, 2: 0.4}, None, None)
    one.add({"lr": 1e-1}, {1: 0.6}, None, None, "the training loss is not finite.")
    assert one.records() == [
        {"number": 0, "choice": {"lr": 1e-4}, "state": "complete", "validation_auc": 0.8, "epoch": 1},
        {"number": 1, "choice": {"lr": 1e-5}, "state": "pruned", "validation_auc": 0.4, "epoch": 2},
        {"number": 2, "choice": {"lr": 1e-1}, "state": "failed", "validation_auc": None, "epoch": None,
         "failed": "the training loss is not finite."},
    ]  # fmt: skip
    assert (one.best, one.choice(0), one.ask()) == (0, {"lr": 1e-4}, None)


def test_optuna_opens_the_journal_by_itself(tmp_path: Path) -> None:
    expected = {f"fold-{fold}": finish(study(tmp_path / str(fold), BOTH, fold, trials=3)) for fold in range(2)}
    expected["all"] = finish(study(tmp_path / "all", BOTH, None, trials=3))
    before = [(tmp_path / name / JOURNAL).read_bytes() for name in ("0", "1", "all")]
    join([tmp_path / "0", tmp_path / "1", tmp_path / "all", tmp_path / "0", tmp_path / "none"], tmp_path / JOURNAL)
    assert [(tmp_path / name / JOURNAL).read_bytes() for name in ("0", "1", "all")] == before
    storage = JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL)))
    assert optuna.get_all_study_names(storage) == ["fold-0", "fold-1", "all"]
    for name, records in expected.items():
        loaded = optuna.load_study(study_name=name, storage=storage)
        assert [trial.value for trial in loaded.trials] == [record["validation_auc"] for record in records]
        assert [trial.params for trial in loaded.trials] == [record["choice"] for record in records]
        assert loaded.best_value == max(record["validation_auc"] for record in records)
        assert all(trial.intermediate_values[2] == trial.value for trial in loaded.trials)
    join([tmp_path / "none"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_damaged_journal_or_one_of_another_optuna_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(study(tmp_path / "one", BOTH, trials=3))
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    path = tmp_path / "one" / JOURNAL
    path.write_bytes(path.read_bytes().replace(b'"op_code":4', b'"op_code":', 1))
    with pytest.raises(DataError, match=r"search\.journal is no journal of a search, or a damaged one"):
        open_study(path, "fold-0")
    monkeypatch.setattr(optuna, "__version__", "4.0.0")
    with pytest.raises(DataError, match=r"was begun with Optuna .*, and this is 4\.0\.0: install that one"):
        open_study(tmp_path / "other" / JOURNAL, "fold-0")
