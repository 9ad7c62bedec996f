"""The task ``planted``: one cohort for every kind of target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fusekit
from fusekit.data import Number, TimeToEvent
from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet
from fusekit_planted.task import PlantedTask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("planted")
    PlantedTask().synthesize(made, Quiet(), subjects=40, seed=3)
    return made


@pytest.mark.parametrize("target", ["classes", "number", "ordered", "time"])
def test_every_target_is_read_from_the_same_cohort(target: Any, folder: Path) -> None:
    task = PlantedTask(target=target)
    cohort = task.scan(folder, Quiet())
    assert len(cohort.scans) == 40
    task.target.check(cohort.scans)
    assert [column.name for column in cohort.columns][:2] == ["marker", "age"]
    assert "sign" not in cohort.clinical


def test_the_kinds_of_targets() -> None:
    assert isinstance(PlantedTask().target, Number)
    assert isinstance(PlantedTask(target="time").target, TimeToEvent)
    assert PlantedTask(target="classes").classes == ("no", "yes")


def test_other_folders_and_too_few_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"people\.csv"):
        PlantedTask().scan(tmp_path, Quiet())
    with pytest.raises(OptionError, match="subjects takes 10 or more, not 5"):
        PlantedTask().synthesize(tmp_path, Quiet(), subjects=5)


def test_what_is_planted_in_the_table_is_found_and_nothing_is_where_nothing_is(tmp_path: Path) -> None:
    values = {}
    for effect in (1.0, 0.0):
        run = fusekit.run(
            "planted",
            baseline="ridge",
            folds=3,
            explain="none",
            out=tmp_path / f"{effect}",
            progress=Quiet(),
            options={"synthetic": {"subjects": 150, "table_effect": effect, "image_effect": 0.0}},
        )
        scores = {row["metric"]: row for row in run.metrics.to_dict("records") if row["level"] == "subject"}
        values[effect] = scores["r2"]
    assert values[1.0]["low"] < 0.5 < values[1.0]["high"]  # 16 of 32 of the variance
    assert values[0.0]["value"] < 0.05
