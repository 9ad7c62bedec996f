"""How long people were followed until an event, and from when on: one number each, or two.

Labels are (N,), the time, with a minus sign where the subject was censored then. With delayed entry they are (N, 2):
the same, and the time from which on the subject is under observation. At a time t those are at risk who entered before
it and whose own time is t or later; who entered at 0 is at risk from the start.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.errors import DataError, OptionError, first_ten

#: Column of tables beside ``label`` with the times of entry, where entry is delayed.
ENTRY = "entry"


def labelled(times: np.ndarray, events: np.ndarray, entries: np.ndarray | None = None) -> np.ndarray:
    """Labels (N,) or (N, 2): the time, with a minus sign (0: minus zero) where the subject was censored then."""
    labels = np.asarray(np.copysign(times, np.where(events, 1.0, -1.0)))
    return labels if entries is None else np.column_stack([labels, entries])


def labels_of(table: pd.DataFrame) -> np.ndarray:
    """What is known of a table's rows: the column ``label`` (N,), or with delayed entry (N, 2)."""
    labels = table["label"].to_numpy()
    return np.column_stack([labels, table[ENTRY]]) if ENTRY in table else labels


def label_columns(table: pd.DataFrame) -> list[str]:
    """Names of the columns of a table that hold it."""
    return ["label", *[ENTRY] * (ENTRY in table)]


def labels_table(subjects: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """The way back: subjects (N,) and labels -> columns ``subject``, ``label`` and, with delayed entry, ``entry``."""
    entries = entries_of(labels) if np.ndim(labels) == 2 else None
    table = pd.DataFrame({"subject": subjects, "label": labels if entries is None else labels[:, 0]})
    return table if entries is None else table.assign(**{ENTRY: entries})


def times_of(labels: np.ndarray) -> np.ndarray:
    """Times (N,) of event or censoring."""
    return np.asarray(np.abs(_signed(labels)))


def events_of(labels: np.ndarray) -> np.ndarray:
    """Whether the event was seen (N,)."""
    return np.asarray(~np.signbit(_signed(labels)))


def entries_of(labels: np.ndarray) -> np.ndarray | None:
    """Times of entry (N,); None where everyone is followed from the start."""
    return np.asarray(labels[:, 1], dtype=float) if np.ndim(labels) == 2 else None


def _signed(labels: np.ndarray) -> np.ndarray:
    signed = np.asarray(labels, dtype=float)
    return signed[:, 0] if signed.ndim == 2 else signed


def check_entries(scans: pd.DataFrame) -> None:
    """DataError if an entry of scans (subject, label, entry) is no time before its own time, or a subject has two."""
    times, entries = np.abs(scans["label"].to_numpy(dtype=float)), scans[ENTRY].to_numpy(dtype=float)
    wrong = ~((entries >= 0) & (entries < times))  # a NaN is neither
    if wrong.any():
        listed = zip(scans.index[wrong], entries[wrong], times[wrong], strict=True)
        each = first_ten(f"{scan} ({entry:g}, and the time {time:g})" for scan, entry, time in listed)
        raise DataError(
            f"{wrong.sum()} scans have no time of entry from 0 to before their own time: {each}. Nothing is known of "
            "people after their time: correct the table, or leave them out."
        )
    several = scans.groupby("subject")[ENTRY].nunique()
    if (several > 1).any():
        raise DataError(
            f"{(several > 1).sum()} subjects have two times of entry: {first_ten(several.index[several > 1])}. A "
            "subject is under observation from one on: take the first."
        )


def refuse_late_entry(what: str, part: object) -> None:
    """Raise OptionError unless a metric, objective or baseline says that it takes labels with times of entry."""
    if not getattr(part, "late_entry", False):
        raise OptionError(
            f"{what} takes everyone as followed from the start, and these people entered later. Leave it out, or take "
            "another: what knows delayed entry sets late_entry."
        )


def waiting(labels: np.ndarray, times: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Summed weights (N,) of those who at each of times (T,) are not at risk yet: zeros without delayed entry."""
    entries = entries_of(labels)
    if entries is None:
        return np.zeros(len(times))
    order = np.argsort(-entries, kind="stable")  # the last first
    summed = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(summed[np.searchsorted(-entries[order], -times, side="right")])


def exposure(labels: np.ndarray, intervals: int) -> tuple[np.ndarray, np.ndarray]:
    """Scaled labels (N,) or (N, 2) -> shares of the intervals that count, and in which the event was: (N, W), bool.

    An interval with the event counts to its end: the event is that of the interval. Intervals before the entry do not
    count, and that of the entry counts from there on.
    """
    place, begins = times_of(labels)[:, None], np.arange(intervals)[None]
    passed = np.clip(place - begins, 0, 1)
    died = events_of(labels)[:, None] & (passed > 0) & (place <= begins + 1)
    entries = entries_of(labels)
    before = 0.0 if entries is None else np.clip(entries[:, None] - begins, 0, 1)
    return np.where(died, 1.0, passed) - before, died


def surprise(labels: np.ndarray, hazards: np.ndarray) -> np.ndarray:
    """Negative log likelihood (N,) of hazards (N, W) in intervals, in nats, for scaled labels (N,) or (N, 2).

    Of who enters within an interval the chance of the event in the rest of it is 1 - (1 - h) ** share.
    """
    share, died = exposure(labels, hazards.shape[1])
    late = died & (share < 1)
    event = np.where(late, -np.expm1(share * np.log1p(-np.where(late, hazards, 0.0))), hazards)
    chance = np.clip(np.where(died, event, 1 - hazards), 1e-12, 1.0)
    return np.asarray(np.sum(-np.where(died, 1.0, share) * np.log(chance), axis=1))


def summed_hazard(labels: np.ndarray, ratios: np.ndarray, weights: np.ndarray, intervals: int) -> np.ndarray:
    """Breslow's estimate (1974) of the hazard of a ratio of 1, summed over each interval (W,).

    Args:
        labels: scaled (N,) or (N, 2).
        ratios: of hazards (N,).
        weights: (N,), so that subjects count alike.
    """
    times, seen, own = times_of(labels), events_of(labels), weights * ratios
    order = np.argsort(-times, kind="stable")
    last = np.searchsorted(-times[order], -times, side="right") - 1  # of those who are followed for as long
    # A difference of sums may be rounded to nothing; a row is at risk at its own time.
    at_risk = np.maximum(np.cumsum(own[order])[last] - waiting(labels, times, own), own)
    place = np.ceil(times).astype(int) - 1
    return np.bincount(place[seen], (weights / at_risk)[seen], minlength=intervals)
