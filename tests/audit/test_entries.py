"""People who come under observation late: events at which few have, and a column that holds when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fusekit.audit.entries import entry_among_inputs, few_at_risk
from fusekit.data import TimeToEvent

TIMES = np.arange(60.0) + 20


def late(made: Callable[..., Any], entries: np.ndarray, labels: np.ndarray, clinical: dict[str, Any]) -> Any:
    one = made(clinical, labels=labels)
    scans = one.cohort.scans.assign(entry=entries)
    return replace(one, cohort=replace(one.cohort, scans=scans, target=TimeToEvent("death", (60.0,))))


def test_events_at_which_few_are_under_observation_are_named(case: Callable[..., Any]) -> None:
    """Five are there from the start; of the others, all enter at 23.5."""
    entries, labels = np.where(np.arange(60) < 5, 0.0, 23.5), TIMES.copy()
    entries[3:5] = 0.0
    labels[1] = -labels[1]
    labels = np.where(TIMES <= 23, np.sign(labels) * TIMES, labels)
    (found,) = few_at_risk(late(case, np.minimum(entries, TIMES - 0.5), labels, {}))
    assert (found.code, found.severity) == ("few-at-risk", "warning")
    assert found.items == ("s002: 22", "s003: 23")  # 3 and 2 are left; at 20 there were 5, and 21 is no event
    assert list(few_at_risk(late(case, np.zeros(60), labels, {}))) == []
    assert list(few_at_risk(case(labels=labels))) == []


def test_a_column_that_holds_the_entry_is_a_note(case: Callable[..., Any]) -> None:
    entries = np.linspace(0, 10, 60)
    values = {"age_in": np.where(np.arange(60) == 3, np.nan, entries), "other": entries[::-1]}
    (found,) = entry_among_inputs(late(case, entries, TIMES, values))
    assert (found.code, found.severity, found.items) == ("entry-is-column", "note", ("age_in",))
    assert list(entry_among_inputs(case(values, labels=TIMES))) == []
