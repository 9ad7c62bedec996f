"""Which slices are shown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.data import Classes, Number, TimeToEvent
from fusekit.evaluation import Rule
from fusekit.explain.examples import choose_close, choose_examples, evenly_spread


def test_surest_right_and_wrong_of_each_class_of_distinct_subjects() -> None:
    p = [0.9, 0.95, 0.2, 0.4, 0.1, 0.3, 0.8, 0.05]
    labels = [1, 1, 1, 1, 0, 0, 0, 0]
    subjects = ["a", "a", "b", "c", "d", "e", "f", "d"]
    table = pd.DataFrame(
        {"row": range(8), "subject": subjects, "scan": subjects, "label": labels, "p_0": 1 - np.array(p), "p_1": p}
    )
    found = choose_examples(table, Classes(("no", "yes")), count=8)
    assert found["row"].tolist() == [1, 2, 3, 7, 5, 6]  # class 1 right, wrong, wrong; class 0 right, right, wrong
    assert found["kind"].tolist() == ["right", "wrong", "wrong", "right", "right", "wrong"]
    assert len(choose_examples(table, Classes(("no", "yes")), count=4)) == 4


def test_smallest_and_largest_errors_in_each_third() -> None:
    labels = [10.0, 11.0, 12.0, 20.0, 21.0, 22.0, 30.0, 31.0, 32.0]
    errors = [0.5, -4.0, 2.0, 1.0, -0.1, 3.0, 6.0, 0.0, -1.0]
    names = list("abcdefghi")
    said = np.add(labels, errors)
    table = pd.DataFrame({"row": range(9), "subject": names, "scan": names, "label": labels, "predicted": said})
    found = choose_examples(table, Number("mmse"), count=6)
    assert list(zip(found["subject"], found["kind"], strict=True)) == [
        ("h", "near"), ("g", "far"), ("e", "near"), ("f", "far"), ("a", "near"), ("b", "far")
    ]  # fmt: skip
    assert "called" not in found


def test_highest_and_lowest_risks_of_those_whose_outcome_at_the_last_horizon_is_known() -> None:
    labels = [5.0, 9.0, 11.0, -3.0, -12.0, 30.0, -40.0, -50.0, -12.5]  # events by 12; censored before; beyond it
    risks = [0.2, 0.9, 0.5, 0.99, 0.98, 0.1, 0.7, 0.4, 0.3]
    names = list("abcdefghi")
    table = pd.DataFrame({"row": range(9), "subject": names, "scan": names, "label": labels, "risk": risks})
    found = choose_examples(table.assign(survival_12=0.5), TimeToEvent("death", (12.0,)), count=4)
    assert list(zip(found["subject"], found["kind"], strict=True)) == [
        ("b", "near"), ("a", "far"), ("f", "near"), ("g", "far")
    ]  # fmt: skip


def test_close_are_the_calls_nearest_to_the_threshold_of_distinct_subjects() -> None:
    p = np.array([0.9, 0.52, 0.45, 0.2, 0.47])
    names = ["a", "b", "c", "d", "b"]
    table = pd.DataFrame({"row": range(5), "subject": names, "scan": names, "label": [1, 0, 1, 0, 0], "fold": 0})
    table = table.assign(p_0=1 - p, p_1=p)
    found = choose_close(table, Classes(("no", "yes")))
    assert found[["row", "kind"]].to_numpy().tolist() == [[1, "close"], [2, "close"]]
    moved = Rule(thresholds={0: {"slice": 0.85, "subject": 0.5}})
    assert choose_close(table, Classes(("no", "yes")), moved, 1)["row"].tolist() == [0]
    three = table.assign(p_0=[0.5, 0.4, 0.9, 0.8, 0.3], p_1=[0.45, 0.3, 0.1, 0.1, 0.6], p_2=[0.05, 0.3, 0.0, 0.1, 0.1])
    assert choose_close(three, Classes(("no", "yes", "dead")), count=1)["row"].tolist() == [0]  # not the least sure one


def test_close_numbers_and_times_are_those_in_the_middle_of_what_is_predicted() -> None:
    names = list("abcde")
    table = pd.DataFrame({"row": range(5), "subject": names, "scan": names, "label": [10.0, 11, -3, 40, -50]})
    numbers = table.assign(predicted=[1.0, 9, 4, 30, 5])  # median 5
    assert choose_close(numbers, Number("mmse"))["subject"].tolist() == ["e", "c"]
    risks = table.assign(risk=[0.1, 0.45, 0.35, 0.2, 0.9], survival_12=0.5)  # not censored before: median 0.325
    assert choose_close(risks, TimeToEvent("death", (12.0,)))["subject"].tolist() == ["b", "d"]


def test_middles_of_equal_parts() -> None:
    rows = pd.DataFrame({"scan": ["a"] * 10 + ["b"] * 2, "slice": [*range(130, 140), 5, 6]}).rename_axis("row")
    three = evenly_spread(rows)
    assert three[three["scan"] == "a"]["slice"].tolist() == [131, 135, 138]
    assert three[three["scan"] == "a"]["position"].tolist() == [0, 1, 2]
    assert three[three["scan"] == "b"]["slice"].tolist() == [5, 6]
    assert evenly_spread(rows, most=1)["slice"].tolist() == [134, 5]
