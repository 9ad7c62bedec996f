"""What baselines of times to an event promise, and the training subjects' curve."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.baselines import Cox, GradientBoostingHazards, KaplanMeier, SurvivalBaseline
from fusekit.baselines.shipping import load, save
from fusekit.baselines.survival.baseline import at_horizons
from fusekit.data import TimeToEvent
from fusekit.errors import DataError, FusekitError
from fusekit.evaluation.survival.kaplan_meier import survival
from fusekit.testing import check_baseline
from tests.baselines.survival.people import COLUMNS, DEATH, LABELS, LATE, SUBJECTS, VALUES, fitted

BUILDS: dict[str, Callable[[], SurvivalBaseline]] = {
    "kaplan-meier": KaplanMeier,
    "cox": partial(Cox, penalty=2.0),
    "gbdt-hazards": partial(GradientBoostingHazards, trees=12),
}


@pytest.mark.parametrize(
    "build", [KaplanMeier, partial(Cox, folds=3), partial(GradientBoostingHazards, most=15, folds=2, rows=3)]
)
def test_they_keep_what_baselines_promise(build: Callable[[], SurvivalBaseline]) -> None:
    assert check_baseline(build).shape[1] == 3


@pytest.mark.parametrize("name", list(BUILDS))
def test_one_that_was_shipped_predicts_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    made = fitted(BUILDS[name]())
    save(made, tmp_path / "baseline.skops")
    again = load(tmp_path / "baseline.skops")
    np.testing.assert_array_equal(again.answers(VALUES), made.answers(VALUES))
    assert again.target == made.target


@pytest.mark.parametrize("labels", [LABELS, LATE], ids=["from the start", "late"])
def test_the_curve_is_that_of_subjects_each_counted_once(labels: np.ndarray) -> None:
    _, first = np.unique(SUBJECTS, return_index=True)
    curve = survival(labels[first])
    risk, *at = fitted(KaplanMeier(), labels).survival(VALUES[:1])[0]
    assert at == pytest.approx(curve.at(np.array(DEATH.horizons)).tolist())
    assert risk == pytest.approx(1 - curve.area(DEATH.last) / DEATH.last)


def test_steps_are_read_at_the_horizons_and_averaged_up_to_the_last() -> None:
    target = TimeToEvent("death", (2.0, 4.0))
    found = at_horizons(target, np.array([1.0, 2.0, 9.0]), np.array([[0.8, 0.5, 0.1]]))
    assert found[0].tolist() == pytest.approx([1 - (1 + 0.8 + 2 * 0.5) / 4, 0.5, 0.5])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="Cox predicts the time to an event: set its target"):
        Cox().fit(VALUES, COLUMNS, LABELS, SUBJECTS, 0)
    with pytest.raises(FusekitError, match="predicts survival, and no probabilities of classes"):
        fitted(KaplanMeier()).probabilities(VALUES)
    late = KaplanMeier()
    late.target = DEATH
    with pytest.raises(DataError, match="no training subject has death up to 40"):
        late.fit(VALUES, COLUMNS, -np.abs(LABELS), SUBJECTS, 0)
    state = fitted(KaplanMeier()).shipped()
    for wrong in ({"times": state["times"][::-1]}, {"survival": state["survival"][::-1]}, {"survival": [0.5]}):
        with pytest.raises(DataError, match="its curve is none"):
            KaplanMeier.restored({**state, **wrong})


def test_columns_of_other_people_are_read_row_by_row() -> None:
    made = fitted(BUILDS["cox"]())
    pd.testing.assert_frame_equal(
        pd.DataFrame(made.survival(VALUES)),
        pd.DataFrame(np.concatenate([made.survival(VALUES.iloc[[row]]) for row in range(len(VALUES))])),
    )


def test_a_curve_that_is_0_before_others_enter_is_refused() -> None:
    labels = np.array([[1.0, 0.0], [5.0, 2.0], [-6.0, 3.0]])
    made = KaplanMeier()
    made.target = DEATH
    with pytest.raises(DataError, match="all who are under observation at 1 have the event then, and others enter"):
        made.fit(VALUES[:3], COLUMNS, labels, np.array(["a", "b", "c"], dtype=object), 0)
