"""Grey levels and geometry of another cohort beside the scale that a model was trained with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import Pixels

_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
_UNITS = {"shape": "voxels", "spacing": "mm", "foreground": "share"}
#: Grey levels run from 0 to 255; a histogram has so many bins.
_BINS = 64
_LOOKED_AT = 1000  # items of a store, evenly spread


def intensity_shift(pixels: Pixels, images: np.ndarray, rows: pd.DataFrame, volumes: pd.DataFrame) -> pd.DataFrame:
    """Compare grey levels with the scale of the model, and list what was measured of each volume.

    Args:
        pixels: mean and standard deviation of the training items' grey levels.
        images: (N, H, W) or (N, S, S, S) of the other cohort's store, 0 to 255.
        rows: those that were predicted: index ``row`` of the store, column ``scan``.
        volumes: index ``scan``: shape, spacing, orientation and grey levels of each volume before it was cut.

    Returns:
        One row per quantity: ``quantity``, ``unit``; ``training_mean``, ``training_sd`` (NaN where the model remembers
        neither); ``scans``; ``mean``, ``sd``, ``q05``, ``q25``, ``median``, ``q75``, ``q95`` over scans (of ``grey
        level``: over pixels); ``difference`` of the means in training standard deviations, ``sd_ratio``. Of an
        orientation, ``mean`` is the share of scans.
    """
    own, scans = Pixels.fit(images, rows.index.to_numpy()), rows["scan"].nunique()
    levels = grey_levels(images, rows.index.to_numpy())
    upto = levels["share"].cumsum()
    table: list[dict[str, Any]] = [
        {"quantity": "grey level", "unit": "0 to 255", "scans": scans, "mean": own.mean, "sd": own.std}
        | {"training_mean": pixels.mean, "training_sd": pixels.std, "sd_ratio": own.std / pixels.std}
        | {"difference": (own.mean - pixels.mean) / pixels.std}
        | {name: float(levels["high"][int((upto >= share).argmax())]) for name, share in _QUANTILES.items()}
    ]
    means = pd.Series([float(images[row].mean(dtype=np.float64)) for row in rows.index], index=rows["scan"])
    table.append(_quantity("mean grey level of a scan", "0 to 255", means.groupby(level=0).mean()))
    own_volumes = volumes.loc[rows["scan"].unique()]
    table += [
        _quantity(name, _UNITS.get(name.split("_")[0], "as in the file"), own_volumes[name])
        for name in map(str, own_volumes.select_dtypes("number"))
    ]
    shares = own_volumes["orientation"].replace("", "not recorded").value_counts(normalize=True).sort_index()
    table += [
        {"quantity": f"orientation {code}", "unit": "share", "scans": scans, "mean": share}
        for code, share in shares.items()
    ]
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
