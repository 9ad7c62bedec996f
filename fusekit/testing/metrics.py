"""Check a metric."""

import numpy as np

from fusekit.data import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.data.target.follow_up import labelled
from fusekit.evaluation import Metric

_SUBJECTS, _SCANS = 24, 2
_TARGETS: tuple[Target, ...] = (
    Classes(("no", "yes")),
    Ordered(("low", "middle", "high")),
    Number("score"),
    TimeToEvent("death", (10.0, 20.0)),
)


def check_metric(metric: Metric) -> dict[str, float]:
    """Check a metric on invented predictions of every kind of target that it scores; return its values by kind."""
    assert isinstance(metric, Metric), f"it is no Metric but {type(metric).__name__}"
    for name in ("title", "definition", "empty"):
        assert getattr(metric, name, ""), f"it has no {name}, which reports print"
    kinds = [target.kind for target in _TARGETS]
    for kind in metric.targets:
        assert kind in kinds, f"targets names {kind!r}; there are {', '.join(kinds)}"
    return {target.kind: _value(metric, target) for target in _TARGETS if target.kind in metric.targets}


def _value(metric: Metric, target: Target) -> float:
    metric = metric.reading(target.columns)
    labels, predicted = _invented(target)
    subjects = np.repeat([f"s{number:02d}" for number in range(_SUBJECTS)], _SCANS)
    before = labels.copy(), predicted.copy()
    value = metric.value(labels, predicted)
    assert isinstance(value, float), f"its value is a {type(value).__name__}; a float is needed"
    assert np.isfinite(value), f"of ordinary predictions ({target.kind}), its value is {value}"
    assert np.array_equal(labels, before[0]), "value() changes the labels that it is given"
    assert np.array_equal(predicted, before[1]), "value() changes the predictions that it is given"
    lowest, highest = metric.limits
    assert lowest <= value <= highest, f"its value {value:g} lies beyond limits, {lowest:g} to {highest:g}"
    order = np.random.default_rng(1).permutation(len(labels))
    again = metric.value(labels[order], predicted[order])
    assert np.isclose(again, value), f"the order of the rows changes its value: {value:g} and {again:g}"
    low, high = metric.interval(labels, predicted, subjects)
    assert np.isnan(low + high) or low <= high, f"its interval begins at {low:g} and ends at {high:g}"
    same = metric.interval(labels, predicted, subjects)
    assert np.array_equal(same, (low, high), equal_nan=True), "asked a second time, it gives another interval"
    for rows, what in ((labels == labels[0], "of one class or value alone"), (np.zeros(len(labels), bool), "of none")):
        _defined(metric, labels[rows], predicted[rows], what)
    if metric.of_calls and target.classes:
        called = np.eye(len(target.classes))[predicted.argmax(axis=1)]
        assert np.isclose(metric.value(labels, called), value), (
            "of_calls says that calls alone count, and probabilities with the same calls have another value"
        )
    return value


def _defined(metric: Metric, labels: np.ndarray, predicted: np.ndarray, what: str) -> None:
    try:
        found = metric.value(labels, predicted)
    except Exception as error:
        raise AssertionError(f"predictions {what} raise {type(error).__name__}: {error}; return NaN") from error
    assert isinstance(found, float), f"of predictions {what}, its value is a {type(found).__name__}, not a float"


def _invented(target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,), and predictions as the target's columns hold them, neither of which is constant."""
    draw, people = np.random.default_rng(0), np.repeat(np.arange(_SUBJECTS), _SCANS)
    if isinstance(target, TimeToEvent):
        survival = np.sort(draw.uniform(0.05, 0.95, (len(people), 3)), axis=1)[:, ::-1]
        return labelled(1.0 + people * 7 % 31, people % 3 > 0), np.column_stack([1 - survival[:, 2], survival[:, 1:]])
    if not target.classes:
        numbers = people / 4
        return numbers, numbers + draw.normal(0, 1, len(people))
    labels = people % len(target.classes)
    chances = draw.uniform(0.05, 0.5, (len(people), len(target.classes)))
    chances[np.arange(len(labels)), labels] += 0.2
    return labels, chances / chances.sum(axis=1, keepdims=True)
