"""What a model must put out to say something, the way back from ``answers``, and what answers miss labels by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from fusekit.data import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.errors import DataError
from fusekit.training.objectives import Corn, CrossEntropy, Hazards, WithParts

DRAW = np.random.default_rng(0)
TIMES = TimeToEvent("death", (12.0, 36.0), "months", 3, (6.0, 20.0, 36.0)).of_prior
TARGETS: list[Target] = [
    Classes(("a", "b", "c")),
    Ordered(("low", "middle", "high", "highest")),
    Number("age", mean=70.0, deviation=8.0),
    TIMES,
]
OBJECTIVES: dict[str, WithParts] = {"classes": CrossEntropy(), "ordered": Corn(), "time_to_event": Hazards()}


def kind(target: Target) -> str:
    return target.kind


@pytest.mark.parametrize("target", TARGETS, ids=kind)
def test_it_is_the_way_back(target: Target) -> None:
    outputs = torch.from_numpy(DRAW.normal(0, 2, (40, target.outputs)))
    said = target.answers(outputs).numpy()
    again = target.answers(torch.from_numpy(target.outputs_of(said))).numpy()
    np.testing.assert_allclose(again, said, atol=3e-4)  # no probability is below 1e-4


@pytest.mark.parametrize("target", [target for target in TARGETS if target.kind in OBJECTIVES], ids=kind)
def test_a_surprise_is_the_loss_that_a_training_makes_small(target: Target) -> None:
    outputs = torch.from_numpy(DRAW.normal(size=(30, target.outputs)))
    labels = DRAW.integers(0, 3, 30) if target.classes else DRAW.uniform(-40, 40, 30)
    found = target.surprise(labels, target.answers(outputs).numpy())
    term = OBJECTIVES[target.kind]
    if isinstance(target, Ordered):  # whose loss is over cuts
        expected = -target.logits(outputs)[torch.arange(30), torch.from_numpy(labels)].numpy()
    else:
        given = torch.from_numpy(target.scaled(labels))
        expected = np.array([float(term.term(outputs[[n]], given[[n]])) for n in range(30)])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_that_of_a_number_is_of_a_normal_distribution_as_wide_as_training() -> None:
    age = Number("age", mean=70.0, deviation=8.0)
    labels, said = np.array([60.0, 75.0, 71.0]), np.array([[61.0], [70.0], [90.0]])
    expected = -norm.logpdf(labels, said[:, 0], 8.0)
    found = age.surprise(labels, said)
    np.testing.assert_allclose(found - found[0], expected - expected[0])


def test_hazards_need_survival_at_the_ends_of_all_intervals() -> None:
    with pytest.raises(DataError, match=r"hazards follow from survival at \[6\.0, 20\.0, 36\.0\]"):
        TimeToEvent("death", (12.0, 36.0), "", 3, (6.0, 20.0, 36.0)).outputs_of(np.zeros((1, 3)))


def test_a_baseline_is_asked_for_the_ends_of_intervals_that_training_gave() -> None:
    people = pd.DataFrame({"subject": list("abcd"), "label": [3.0, 9.0, -20.0, 30.0]})
    asked = TimeToEvent("death", (12.0, 36.0), "months", 3).fit(people).of_prior
    assert asked.horizons == (3.0, 9.0, 36.0)
    assert asked.of_prior == asked
    assert Classes(("a", "b")).of_prior == Classes(("a", "b"))


def test_outputs_that_say_the_same_of_all_are_zeros_unless_zeros_say_something() -> None:
    outputs = DRAW.normal(size=(5, 3))
    assert TARGETS[0].uninformed(outputs).tolist() == [0, 0, 0]
    np.testing.assert_allclose(TIMES.uninformed(outputs), outputs.mean(axis=0))
