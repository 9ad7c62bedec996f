"""What a report says of trainings whose probabilities are of another prevalence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from fusekit.report.evidence import Evidence
from fusekit.report.page.weighed import weighed


def evidence(**configs: dict[str, Any]) -> Evidence:
    """Arms with a run each, of such settings."""
    arms = [
        SimpleNamespace(name=name, runs=[SimpleNamespace(manifest={"config": config})])
        for name, config in configs.items()
    ]
    return cast(Evidence, SimpleNamespace(arms=arms))


def test_arms_are_named_by_what_let_their_classes_count_alike() -> None:
    drawn, weights = {"training": {"sampler": "balanced"}}, {"objective": {"class_weights": "balanced"}}
    said = weighed(
        evidence(
            plain={},
            rbca={"options": drawn},
            concat={"options": drawn | {"objective": {"gamma": 2.0}}},
            searched={"search": {"objective.class_weights": ["none", "balanced"]}},
        )
    )
    assert said.startswith(
        "training.sampler=balanced draws every class alike in rbca and concat; objective.class_weights=balanced gives "
        "every class the same weight in searched: these probabilities are of a cohort"
    )
    assert "not calibrated to the prevalence" in said
    assert weighed(evidence(a={"options": weights})).startswith("objective.class_weights=balanced")


def test_nothing_is_said_where_classes_count_as_they_come() -> None:
    shuffled = {"training": {"sampler": "shuffled"}, "objective": {"class_weights": "none", "smoothing": 0.1}}
    assert weighed(evidence(a={}, b={"options": shuffled}, c={"search": {"training.ema": "0..1"}})) == ""
