"""People who came under observation after the start: what that leaves unknown, and whether a model is given it."""

from collections.abc import Iterator

import numpy as np

from fusekit.audit.case import Case, note
from fusekit.data.cohort import Finding
from fusekit.data.target.follow_up import ENTRY, events_of, labels_of, times_of
from fusekit.evaluation.survival.kaplan_meier import numbers_at_risk

#: With fewer at risk at an event, survival up to there is hardly known.
FEWEST = 5


def few_at_risk(case: Case) -> Iterator[Finding]:
    """Warn of events at which few have entered, while others are still to come."""
    if ENTRY not in case.first:
        return
    labels = labels_of(case.first)
    times = times_of(labels)
    early = events_of(labels) & (times < case.first[ENTRY].max())
    few = early & (numbers_at_risk(labels, times) < FEWEST)
    order = np.argsort(times, kind="stable")
    yield from note(
        "few-at-risk",
        f"events at which fewer than {FEWEST} subjects are under observation, while others enter later: survival falls "
        "far at each, to 0 where one is alone, and each counts for all who are not seen.",
        [f"{case.first['subject'].iloc[row]}: {times[row]:g}" for row in order if few[row]],
        "Count the time from a later start, or leave out who had left before most entered.",
    )


def entry_among_inputs(case: Case) -> Iterator[Finding]:
    """Note a clinical column that holds the times of entry."""
    if ENTRY not in case.first:
        return
    same = []
    for column in case.cohort.columns:
        known = case.clinical[column.name].notna().to_numpy()
        if column.kind == "number" and known.any():
            values, entries = (
                own.to_numpy(dtype=float)[known] for own in (case.clinical[column.name], case.first[ENTRY])
            )
            same += [column.name] * bool(np.allclose(values, entries))
    yield from note(
        "entry-is-column",
        "clinical columns that hold the time of entry: a model may read when people came under observation, which is "
        "known of a new patient and says nothing of the event by itself.",
        same,
        "Keep it if risk may differ by it; scores weighted for those who are not seen assume that it does not.",
        "note",
    )
