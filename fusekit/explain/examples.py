"""Which tested slices are shown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.evaluation import Rule, probabilities_of

#: Slices of a fold at most.
EXAMPLES = 8


def choose_examples(
    predictions: pd.DataFrame,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    count: int = EXAMPLES,
) -> pd.DataFrame:
    """The surest right and the surest wrong slice of each class, then the next, each of another subject.

    Args:
        predictions: one row per tested slice: row, subject, scan, slice, label, p_0, ...
        rule: what is called.

    Returns:
        Those rows, the last class first, right before wrong, the surest first; with ``called`` and ``kind``:
        right or wrong. The surest call is the farthest from its threshold.
    """
    labels = predictions["label"].to_numpy()
    probabilities = probabilities_of(rule.centred(predictions, "slice"))
    table = predictions.assign(called=rule.called(predictions, "slice"), certainty=probabilities.max(axis=1))
    table["kind"] = np.where(table["called"] == labels, "right", "wrong")
    table = table.sort_values("certainty", ascending=False, kind="stable").drop_duplicates(["subject", "kind"])
    each = max(1, count // (2 * probabilities.shape[1]))
    taken: set[str] = set()
    parts = []
    for label in sorted(set(labels.tolist()), reverse=True):
        for kind in ("right", "wrong"):
            part = table[(table["label"] == label) & (table["kind"] == kind) & ~table["subject"].isin(list(taken))]
            parts.append(part.head(each))
            taken |= set(parts[-1]["subject"])
    chosen: pd.DataFrame = pd.concat(parts).drop(columns="certainty").head(count)
    return chosen.reset_index(drop=True)


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
