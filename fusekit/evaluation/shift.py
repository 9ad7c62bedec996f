"""How another cohort differs from the one a model was trained on, as far as the model remembers that one.

A bundle keeps mean, spread, range, gaps and shares of its training values, and mean and spread of the grey levels. No
single training value is there: what compares whole distributions (Kolmogorov and Smirnov's test, a classifier that
tells the cohorts apart) would need the training data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import ClinicalEncoding, Pixels
from fusekit.data.encoded_column import EncodedColumn

#: Means that lie further apart than so many training standard deviations are called shifted.
SHIFT = 0.5
#: A larger share of values outside the training range is remarked, and a larger difference of the shares of gaps.
OUTSIDE, GAPS = 0.05, 0.1

_NORMAL = 1.959964  # 97.5th percentile
_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
_UNITS = {"shape": "voxels", "spacing": "mm", "foreground": "share"}
#: Grey levels run from 0 to 255; a histogram has so many bins.
_BINS = 64
_LOOKED_AT = 1000  # items of a store, evenly spread


def clinical_shift(
    encoding: ClinicalEncoding | None,
    values: pd.DataFrame,
    subjects: pd.Series,
    absent: Collection[str] = (),
) -> pd.DataFrame:
    """Compare every clinical column that a model reads with what it remembers of the training values.

    Args:
        encoding: of the model; None if it reads no table.
        values: of the other cohort, one row a scan, one column an encoded column.
        subjects: subject by scan.
        absent: columns that the other cohort does not have at all.

    Returns:
        One row a column, in the order of the model's input, the numbers in the column's unit: ``column``, ``kind``,
        ``unit``, ``block`` (the table it came from); ``training_scans`` (with a value), ``training_mean``,
        ``training_sd``; ``scans`` and ``subjects`` with a value, ``mean``, ``sd``, ``median``, ``q25``, ``q75``;
        ``difference`` of the means in training standard deviations (Glass's delta), with ``low`` and ``high``, its 95 %
        limits over subjects; ``sd_ratio``; ``outside``, the share of values beyond the training values' range, or in
        categories that training did not have; ``training_missing`` and ``missing``, shares of scans;
        ``training_shares`` and ``shares`` of categories, as text; ``verdict``. Of a category, ``difference`` is that of
        the ``category`` whose share differs most, seen as a column of 0 and 1. What the model does not know is NaN.
    """
    rows = [
        _column(column, values[column.name], subjects, column.name in absent)
        for column in (encoding.columns if encoding else ())
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS: dict[str, Any] = {
    "column": "",
    "kind": "",
    "unit": "",
    "block": "",
    "category": "",
    "training_scans": np.nan,
    "training_mean": np.nan,
    "training_sd": np.nan,
    "scans": 0,
    "subjects": 0,
    "mean": np.nan,
    "sd": np.nan,
    "median": np.nan,
    "q25": np.nan,
    "q75": np.nan,
    "difference": np.nan,
    "low": np.nan,
    "high": np.nan,
    "sd_ratio": np.nan,
    "outside": np.nan,
    "training_missing": np.nan,
    "missing": 1.0,
    "training_shares": "",
    "shares": "",
    "verdict": "",
}


def _column(column: EncodedColumn, values: pd.Series, subjects: pd.Series, absent: bool) -> dict[str, Any]:
    observed = values.dropna()
    trained, of = column.observed or (np.nan, np.nan)
    row = {
        **_COLUMNS,
        "column": column.name,
        "kind": column.column.kind,
        "unit": column.column.unit,
        "block": column.column.block,
        "training_scans": trained,
        "scans": len(observed),
        "subjects": subjects[observed.index].nunique(),
        # Without a mask there were no gaps in training, whether the bundle counts them or not.
        "training_missing": 1 - trained / of if column.masked else 0.0,
        "missing": 1 - len(observed) / len(values) if len(values) else np.nan,
    }
    row |= _number(column, observed, row) if column.is_number else _category(column, observed, row)
    return row | {"verdict": "absent" if absent else _verdict(row)}


def _number(column: EncodedColumn, observed: pd.Series, row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    spread = column.scale if column.seen and column.seen[0] < column.seen[1] else 0.0
    if column.seen:
        found |= {"training_mean": column.fill, "training_sd": spread}
    if observed.empty:
        return found
    numbers = observed.to_numpy(dtype=float)
    q25, median, q75 = (float(value) for value in np.quantile(numbers, [0.25, 0.5, 0.75]))
    mean, sd = float(numbers.mean()), float(numbers.std())
    found |= {"mean": mean, "sd": sd, "median": median, "q25": q25, "q75": q75}
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
    found |= {
        "shares": _shares(named),
        "outside": sum(share for name, share in named.items() if name not in column.categories),
    }
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
    half = _NORMAL * float(np.sqrt(1 / trained + ratio**2 / subjects + delta**2 / (2 * trained)))
    return {"difference": delta, "low": delta - half, "high": delta + half, "sd_ratio": ratio}


def _shares(shares: Mapping[str, float]) -> str:
    return "; ".join(f"{name} {share:.3f}" for name, share in shares.items())


def _verdict(row: Mapping[str, Any]) -> str:
    """What there is to say of a column, in few words."""
    if not row["scans"]:
        return "no values"
    said = []
    delta, low, high = row["difference"], row["low"], row["high"]
    if abs(delta) > SHIFT:
        word = ("more " if delta > 0 else "less ") + row["category"] if row["category"] else ""
        word = word or ("higher" if delta > 0 else "lower")
        said.append(f"perhaps {word}" if low <= 0 <= high else word)
    if row["outside"] > OUTSIDE:
        said.append("unknown categories" if row["kind"] == "category" else "beyond the training range")
    gaps = row["missing"] - row["training_missing"]
    if abs(gaps) > GAPS:
        said.append(f"{'more' if gaps > 0 else 'less'} often missing")
    if np.isnan(delta):
        said.append("not comparable")
    return "; ".join(said) or "alike"


def summary(table: pd.DataFrame, largest: int = 5) -> tuple[str, ...]:
    """Say in a few sentences what ``clinical_shift`` found; none if the model reads no table."""
    if table.empty:
        return ()
    known = table[table["difference"].notna()]
    far = known[known["difference"].abs() > SHIFT]
    sure = far[~((far["low"] <= 0) & (far["high"] >= 0))]
    by_chance = f", {len(far) - len(sure)} of them within what chance gives" if len(far) > len(sure) else ""
    said = [
        f"{len(far)} of {len(known)} clinical columns that can be compared differ from training by more than "
        f"{SHIFT:g} standard deviations{by_chance}."
    ]
    ordered = far.loc[far["difference"].abs().sort_values(ascending=False, kind="stable").index]
    if len(ordered):
        each = [
            f"{row['column']}{' ' + row['category'] if row['category'] else ''} {row['difference']:+.2f}"
            for row in ordered.head(largest).to_dict("records")
        ]
        said.append(f"Most: {', '.join(each)}.")
    for word, sentence in (
        ("absent", "are absent from the other cohort and count as missing"),
        ("no values", "have no value in the other cohort"),
        ("more often missing", "are more often missing than in training"),
        ("beyond the training range", f"have more than {OUTSIDE:.0%} of their values beyond the training range"),
        ("unknown categories", "have categories that training did not have"),
    ):
        named = table.loc[table["verdict"].str.split("; ").map(set(word.split("; ")).issubset), "column"]
        if len(named):
            first = ", ".join(named.head(largest)) + (", ..." if len(named) > largest else "")
            said.append(f"{len(named)} columns {sentence}: {first}.")
    return tuple(said)


def intensity_shift(pixels: Pixels, images: np.ndarray, rows: pd.DataFrame, volumes: pd.DataFrame) -> pd.DataFrame:
    """Compare grey levels with the scale of the model, and list what was measured of each volume.

    Args:
        pixels: mean and standard deviation of the training items' grey levels.
        images: (N, H, W) or (N, S, S, S) of the other cohort's store, 0 to 255.
        rows: those that were predicted: index ``row`` of the store, column ``scan``.
        volumes: index ``scan``: shape, spacing, orientation and grey levels of each volume before it was cut.

    Returns:
        One row a quantity: ``quantity``, ``unit``; ``training_mean``, ``training_sd`` (NaN where the model remembers
        neither); ``scans``; ``mean``, ``sd``, ``q05``, ``q25``, ``median``, ``q75``, ``q95`` over scans (of ``grey
        level``: over pixels); ``difference`` of the means in training standard deviations, ``sd_ratio``. Of an
        orientation, ``mean`` is the share of scans.
    """
    own = Pixels.fit(images, rows.index.to_numpy())
    levels = grey_levels(images, rows.index.to_numpy())
    upto = levels["share"].cumsum()
    quantiles = {name: float(levels["high"][int((upto >= share).argmax())]) for name, share in _QUANTILES.items()}
    scans = rows["scan"].nunique()
    table = [
        {
            "quantity": "grey level",
            "unit": "0 to 255",
            "training_mean": pixels.mean,
            "training_sd": pixels.std,
            "scans": scans,
            "mean": own.mean,
            "sd": own.std,
            **quantiles,
            "difference": (own.mean - pixels.mean) / pixels.std,
            "sd_ratio": own.std / pixels.std,
        }
    ]
    means = pd.Series([float(images[row].mean(dtype=np.float64)) for row in rows.index], index=rows["scan"])
    table.append(_quantity("mean grey level of a scan", "0 to 255", means.groupby(level=0).mean()))
    own_volumes = volumes.loc[rows["scan"].unique()]
    for name in own_volumes.select_dtypes("number"):
        unit = _UNITS.get(name.split("_")[0], "as in the file")
        table.append(_quantity(name, unit, own_volumes[name]))
    for name, share in own_volumes["orientation"].value_counts(normalize=True).sort_index().items():
        table.append({"quantity": f"orientation {name}", "unit": "share", "scans": scans, "mean": float(share)})
    columns = ["quantity", "unit", "training_mean", "training_sd", "scans", "mean", "sd", *_QUANTILES]
    return pd.DataFrame(table, columns=[*columns, "difference", "sd_ratio"])


def _quantity(name: str, unit: str, values: pd.Series) -> dict[str, Any]:
    found = {word: float(values.quantile(share)) for word, share in _QUANTILES.items()}
    mean, sd = float(values.mean()), float(values.std(ddof=0))
    return {"quantity": name, "unit": unit, "scans": len(values), "mean": mean, "sd": sd, **found}


def grey_levels(images: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
    """Histogram of the grey levels of at most a thousand evenly spread rows (n,): low, high (of a bin), share."""
    edges = np.linspace(0, 256, _BINS + 1)
    counts = np.zeros(_BINS, dtype=np.int64)
    for row in rows[:: max(1, len(rows) // _LOOKED_AT)]:
        counts += np.histogram(np.asarray(images[row], dtype=np.float32), edges)[0]
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": counts / max(1, counts.sum())})
