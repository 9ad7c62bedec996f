"""The trainings of a run: what they are called, and when there are too few subjects for a learning curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fusekit.errors import DataError
from fusekit.experiment.setup.gathered import Gathered, gather
from fusekit.experiment.setup.part import Part, parts_of, refuse_small
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.testing import write_cohort


def gathered(toml: Path, **changes: Any) -> tuple[Settings, Gathered]:
    asked = {"task": str(toml), "backbone": "test_resnet", "image_size": 32, "learning_curve": True, **changes}
    plan = make_plan(Settings.of(asked))
    return plan.config, gather(plan.config, plan.task, plan.slices, Quiet())


@pytest.mark.parametrize(
    ("part", "name", "label"),
    [
        (Part(None), "all", "all subjects"),
        (Part(2), "fold-2", "fold 3/5"),
        (Part(2, 25), "fold-2-25-percent", "fold 3/5, 25 % of its training subjects"),
    ],
)
def test_a_training_has_a_folder_and_words(part: Part, name: str, label: str) -> None:
    assert (part.name, part.label(5)) == (name, label)


def test_whole_folds_come_first_and_points_only_where_asked_for() -> None:
    asked: dict[str, Any] = {"task": "adni-ad", "folds": 2}
    assert parts_of(Settings.of(asked)) == [(0, 100), (1, 100)]
    every = [(fold, percent) for percent in (100, 25, 50, 75) for fold in (0, 1)]
    assert parts_of(Settings.of({**asked, "learning_curve": True})) == every


def test_a_quarter_without_two_of_a_class_is_refused_before_training(tmp_path: Path) -> None:
    toml = write_cohort(tmp_path, 20)  # of ten to train on in a fold, three are a quarter
    with pytest.raises(DataError, match=r"25 % of the training subjects of fold 1 hold 1 of '(no|yes)', and 2 are"):
        refuse_small(*gathered(toml, folds=2))
    refuse_small(*gathered(toml, folds=5))  # four of sixteen, two of each
    refuse_small(*gathered(toml, folds=2, learning_curve=False))


def test_where_something_is_chosen_the_quarter_set_aside_has_both_classes(tmp_path: Path) -> None:
    toml = write_cohort(tmp_path, 40)
    refuse_small(*gathered(toml, folds=4, validation=0.15))  # one of four or five: temperatures do with it
    with pytest.raises(DataError, match=r"25 % of the validation subjects of fold 1 hold 0 of '(no|yes)', and 1 are"):
        refuse_small(*gathered(toml, folds=4, validation=0.13, threshold="youden"))
