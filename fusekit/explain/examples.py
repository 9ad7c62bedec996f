"""Which tested slices are shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusekit.data import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.data.target.follow_up import events_of, labels_of, times_of
from fusekit.data.target.time_to_event import RISK
from fusekit.evaluation import Rule, probabilities_of
from fusekit.evaluation.predictions import horizons_of, outputs_of

#: Slices of a fold at most, and those besides that what-if answers are of.
EXAMPLES, ASKED = 8, 2

#: Kind of the latter.
CLOSE = "close"


def choose_examples(
    predictions: pd.DataFrame,
    target: Target,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    count: int = EXAMPLES,
) -> pd.DataFrame:
    """The best and the worst predictions of each group, then the next, each of another subject.

    Of classes these are the surest right and the surest wrong calls of each; a call is the surer, the farther it is
    from its threshold. Of numbers they are the smallest and the largest errors in each third of the true values. Of
    times, the highest and the lowest risks of those with the event up to the last horizon, and the lowest and the
    highest of those followed beyond it without; who was censored before has neither.

    Args:
        predictions: one row per tested slice: row, subject, scan, slice, label, and what is predicted.
        target: what that is.
        rule: what is called.

    Returns:
        Those rows, the last group first, good before bad, the clearest first; with ``kind``: right or wrong of classes,
        which also have ``called``; near or far of others.
    """
    judged = JUDGED[target.kind](predictions, target, rule)
    kinds = ("right", "wrong") if "called" in judged else ("near", "far")
    table = judged.sort_values("clear", ascending=False, kind="stable").drop_duplicates(["subject", "kind"])
    groups = sorted(set(table["group"]), reverse=True)
    each = max(1, count // (2 * max(1, len(target.classes), len(groups))))
    taken: set[str] = set()
    parts = [table.head(0)]
    for group in groups:
        for kind in kinds:
            part = table[(table["group"] == group) & (table["kind"] == kind) & ~table["subject"].isin(list(taken))]
            parts.append(part.head(each))
            taken |= set(parts[-1]["subject"])
    chosen: pd.DataFrame = pd.concat(parts).drop(columns=[*JUDGED_BY, "group"]).head(count)
    return chosen.reset_index(drop=True)


def choose_close(
    predictions: pd.DataFrame,
    target: Target,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    count: int = ASKED,
) -> pd.DataFrame:
    """The predictions that another value of a column may change most, each of another subject; arguments as above.

    Of classes they are the calls nearest to the next class's, which of two is the threshold. Where nothing is called,
    they are nearest to the median prediction (of times: risk), of the subjects of whom ``choose_examples`` chooses.
    """
    judged = JUDGED[target.kind](predictions, target, rule)
    nearest = judged.sort_values("off", kind="stable").drop_duplicates("subject").head(count)
    chosen: pd.DataFrame = nearest.assign(kind=CLOSE).drop(columns=[*JUDGED_BY, "group"])
    return chosen.reset_index(drop=True)


def _called(predictions: pd.DataFrame, target: Target, rule: Rule) -> pd.DataFrame:
    probabilities, called = probabilities_of(rule.centred(predictions, "slice")), rule.called(predictions, "slice")
    kinds = np.where(called == predictions["label"], "right", "wrong")
    first, second = np.sort(probabilities, axis=1).T[:-3:-1]
    clear = {"clear": first, "off": first - second}
    return predictions.assign(called=called, kind=kinds, group=predictions["label"], **clear)


def _measured(predictions: pd.DataFrame, target: Target, rule: Rule) -> pd.DataFrame:
    groups = target.groups(predictions["label"])[0]
    errors = (predictions["label"] - outputs_of(predictions)).abs()
    return _parted(predictions, groups, -errors, outputs_of(predictions))


def _followed(predictions: pd.DataFrame, target: Target, rule: Rule) -> pd.DataFrame:
    labels, last = labels_of(predictions), horizons_of(target.columns)[-1]
    cases = events_of(labels) & (times_of(labels) <= last)
    fits = np.where(cases, 1, -1) * predictions[RISK]
    known = cases | (times_of(labels) > last)
    return _parted(predictions[known], cases[known].astype(int), fits[known], predictions[RISK][known])


def _parted(predictions: pd.DataFrame, groups: np.ndarray, fits: pd.Series, said: ArrayLike) -> pd.DataFrame:
    """In each group, the half that fits better is near, and the other far; ``fits`` (N,) is the higher, the better.

    ``said`` (N,) is what was predicted.
    """
    clear = fits - fits.groupby(groups).transform("median")
    kinds = np.where(clear >= 0, "near", "far")
    values = np.asarray(said, dtype=float)
    off = np.abs(values - np.median(values)) if len(values) else values
    return predictions.assign(kind=kinds, clear=clear.abs(), off=off, group=groups)


JUDGED_BY = ("clear", "off")

#: Kind of target -> predictions with ``group``, ``kind``, how ``clear`` that is, how far ``off`` they lie.
JUDGED: dict[str, Callable[[pd.DataFrame, Target, Rule], pd.DataFrame]] = {
    Classes.kind: _called,
    Ordered.kind: _called,
    Number.kind: _measured,
    TimeToEvent.kind: _followed,
}


def evenly_spread(rows: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """A few slices of each scan, with their ``position``, counted from 0 along the volume's axis.

    Args:
        rows: index ``row``; scan, slice.
        most: slices per scan: the middle ones of so many equal parts, or all of them where there are fewer.
    """
    ordered = rows.sort_values(["scan", "slice"], kind="stable")
    rank = ordered.groupby("scan").cumcount()
    size = ordered.groupby("scan")["slice"].transform("size")
    parts = size.clip(upper=most)
    position = rank * parts // size
    first, last = -(-position * size // parts), -(-(position + 1) * size // parts) - 1  # ranks of each part's ends
    kept: pd.DataFrame = ordered.assign(position=position)[rank == (first + last) // 2]
    return kept.sort_index()
