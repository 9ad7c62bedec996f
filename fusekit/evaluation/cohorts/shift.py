"""How another cohort differs from the one a model was trained on, as far as the model remembers that one.

A bundle keeps mean, spread, range, gaps and shares of its training values, and not one of the values: what compares
whole distributions (Kolmogorov and Smirnov's test, a classifier between the cohorts) needs the training data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import ClinicalEncoding
from fusekit.data.clinical.column import EncodedColumn

#: Means that lie further apart than so many training standard deviations are called shifted.
SHIFT = 0.5
#: A larger share of values outside the training range is remarked, and a larger difference of the shares of gaps.
OUTSIDE, GAPS = 0.05, 0.1
#: Chance of a false remark among all columns; what has a larger one is said with "perhaps", or not at all.
LEVEL = 0.05


def clinical_shift(
    encoding: ClinicalEncoding | None, values: pd.DataFrame, subjects: pd.Series, absent: Collection[str] = ()
) -> pd.DataFrame:
    """Compare every clinical column that a model reads with what it remembers of the training values.

    Args:
        encoding: of the model; None if it reads no table.
        values: of the other cohort, one row per scan, one column per encoded column.
        subjects: subject by scan.
        absent: columns that the other cohort does not have at all.

    Returns:
        One row per column, in the order of the model's input, as ``shift.csv`` (docs/reference/files.md) has them; NaN
        for what the model does not know. Of a category, ``difference`` is that of the ``category`` whose share differs
        most, seen as a column of 0 and 1.
    """
    columns = encoding.columns if encoding else ()
    level = LEVEL / max(1, len(columns))
    rows = []
    for column in columns:
        row = _column(column, values[column.name], subjects)
        rows.append(row | {"verdict": "absent" if column.name in absent else _verdict(row, level)})
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("column", "kind", "unit", "block", "category"), ""),
    **dict.fromkeys(("training_scans", "training_of", "training_mean", "training_sd"), np.nan),
    **dict.fromkeys(("scans", "of", "subjects"), 0),
    **dict.fromkeys(("mean", "sd", "median", "q25", "q75", "difference", "low", "high", "sd_ratio", "outside"), np.nan),
    **dict.fromkeys(("training_missing", "missing"), np.nan),
    **dict.fromkeys(("training_shares", "shares", "verdict"), ""),
}


def _column(column: EncodedColumn, values: pd.Series, subjects: pd.Series) -> dict[str, Any]:
    observed = values.dropna()
    trained, of = column.observed or (np.nan, np.nan)
    row = {
        **_COLUMNS,
        "column": column.name,
        "kind": column.column.kind,
        "unit": column.column.unit,
        "block": column.column.block,
        "training_scans": trained,
        "training_of": of,
        "scans": len(observed),
        "of": len(values),
        "subjects": subjects[observed.index].nunique(),
        # Without a mask there were no gaps in training, whether the bundle counts them or not.
        "training_missing": 1 - trained / of if column.masked else 0.0,
        "missing": 1 - len(observed) / len(values) if len(values) else np.nan,
    }
    return row | (_number if column.is_number else _category)(column, observed, row)


def _number(column: EncodedColumn, observed: pd.Series, row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    spread = column.scale if column.seen and column.seen[0] < column.seen[1] else 0.0
    if column.seen:
        found |= {"training_mean": column.fill, "training_sd": spread}
    if observed.empty:
        return found
    numbers = observed.to_numpy(dtype=float)
    mean, sd = float(numbers.mean()), float(numbers.std())
    found |= {"mean": mean, "sd": sd}
    found |= dict(zip(("q25", "median", "q75"), map(float, np.quantile(numbers, [0.25, 0.5, 0.75])), strict=True))
    if column.seen:
        found["outside"] = float(((numbers < column.seen[0]) | (numbers > column.seen[1])).mean())
    if spread:
        found |= _difference((mean - column.fill) / spread, sd / spread, row)
    return found


def _category(column: EncodedColumn, observed: pd.Series, row: Mapping[str, Any]) -> dict[str, Any]:
    own = observed.map(str).value_counts(normalize=True)
    trained = dict(zip(column.categories, column.shares, strict=True)) if column.shares else {}
    found: dict[str, Any] = {"training_shares": _shares(trained)}
    if observed.empty:
        return found
    named = {name: float(own.get(name, 0.0)) for name in [*column.categories, *sorted(set(own.index))]}
    found["shares"] = _shares(named)
    found["outside"] = sum(share for name, share in named.items() if name not in column.categories)
    spreads = {name: np.sqrt(p * (1 - p)) for name, p in trained.items()}
    deltas = {name: (named[name] - trained[name]) / spread for name, spread in spreads.items() if spread > 0}
    if deltas:
        name = max(deltas, key=lambda name: abs(deltas[name]))
        ratio = float(np.sqrt(named[name] * (1 - named[name])) / spreads[name])
        found |= {"category": name, **_difference(float(deltas[name]), ratio, row)}
    return found


def _difference(delta: float, ratio: float, row: Mapping[str, Any]) -> dict[str, float]:
    """Glass's delta and its limits: both means vary, and so does the training deviation that it is measured in."""
    trained, subjects = float(row["training_scans"]), float(row["subjects"])
    half = _normal(LEVEL) * float(np.sqrt(1 / trained + ratio * (ratio / subjects) + delta * (delta / (2 * trained))))
    return {"difference": delta, "low": delta - half, "high": delta + half, "sd_ratio": ratio}


def _shares(shares: Mapping[str, float]) -> str:
    return "; ".join(f"{name} {share:.3f}" for name, share in shares.items())


def _normal(level: float) -> float:
    """Number of standard errors that are exceeded, to either side, with this chance."""
    from scipy.stats import norm

    return float(norm.isf(level / 2))


def _verdict(row: Mapping[str, Any], level: float) -> str:
    """What to say of a column, in few words; ``level`` is the chance of a false word that it may have."""
    if not row["scans"]:
        return "no values"
    said = []
    delta = row["difference"]
    if abs(delta) > SHIFT:
        word = ("more " if delta > 0 else "less ") + row["category"] if row["category"] else ""
        word = word or ("higher" if delta > 0 else "lower")
        error = (row["high"] - row["low"]) / (2 * _normal(LEVEL))
        # Where the bundle holds no numbers the error is NaN, and the difference counts.
        said.append(f"perhaps {word}" if abs(delta) <= _normal(level) * error else word)
    if row["outside"] > OUTSIDE and _chance_outside(row) < level:
        said.append("unknown categories" if row["kind"] == "category" else "beyond the training range")
    gaps = row["missing"] - row["training_missing"]
    if abs(gaps) > GAPS and _chance_missing(row) < level:
        said.append(f"{'more' if gaps > 0 else 'less'} often missing")
    if np.isnan(delta):
        said.append("not comparable")
    return "; ".join(said) or "alike"


def _chance_outside(row: Mapping[str, Any]) -> float:
    """Chance that so many new values of the same population lie beyond the range of the training's.

    Exact for continuous values: of m new ones, as many as a beta-binomial with 2 and n - 1. 0 for categories, and
    where the number of training values is not known.
    """
    from scipy.stats import betabinom

    trained, count = row["training_scans"], row["scans"]
    if row["kind"] == "category" or not trained > 1:
        return 0.0
    return float(betabinom.sf(round(row["outside"] * count) - 1, count, 2, trained - 1))


def _chance_missing(row: Mapping[str, Any]) -> float:
    """Fisher's exact test of the gaps; 0 where the number of training values is not known."""
    from scipy.stats import fisher_exact

    trained, here = row["training_scans"], row["scans"]
    if np.isnan(trained):
        return 0.0
    return float(fisher_exact([[trained, row["training_of"] - trained], [here, row["of"] - here]]).pvalue)


def summary(table: pd.DataFrame, largest: int = 5) -> tuple[str, ...]:
    """Say in a few sentences what ``clinical_shift`` found; none if the model reads no table."""
    from scipy.stats import norm

    if table.empty:
        return ()
    known = table[table["difference"].notna()]
    far = known[known["difference"].abs() > SHIFT]
    perhaps = far["verdict"].str.startswith("perhaps ").sum()
    said = [
        f"{len(far)} of {len(known)} clinical columns that can be compared differ from training by more than "
        f"{SHIFT:g} standard deviations" + (f"; {len(far) - perhaps} of them beyond chance" if len(far) else "") + "."
    ]
    if len(known) and known["training_scans"].notna().all():
        error = np.sqrt(1 / known["training_scans"] + 1 / known["subjects"])
        by_chance = float(2 * norm.sf(SHIFT / error).sum())
        said.append(f"Samples of these sizes from one population would give about {by_chance:.1f} such columns.")
    ordered = far.loc[far["difference"].abs().sort_values(ascending=False, kind="stable").index]
    if len(ordered):
        each = [
            f"{row['column']}{' ' + row['category'] if row['category'] else ''} {row['difference']:+.2f}"
            for row in ordered.head(largest).to_dict("records")
        ]
        said.append(f"Most: {', '.join(each)}.")
    for word, sentence in _SENTENCES.items():
        named = table.loc[table["verdict"].str.split("; ").map(lambda words, word=word: word in words), "column"]
        if len(named):
            first = ", ".join(named.head(largest)) + (", ..." if len(named) > largest else "")
            said.append(f"{sentence}: {len(named)} ({first}).")
    return tuple(said)


_SENTENCES = {
    "absent": "Columns that this cohort does not have and that count as missing",
    "no values": "Columns without a value in this cohort",
    "more often missing": "Columns that are more often missing than in training",
    "less often missing": "Columns that are less often missing than in training",
    "beyond the training range": f"Columns with more than {OUTSIDE:.0%} of their values beyond the training range",
    "unknown categories": "Columns with categories that training did not have",
}
