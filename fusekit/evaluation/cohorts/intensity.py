"""Grey levels and geometry of another cohort beside the scale that a model was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import Pixels
from fusekit.data.images.channels import MASK, ONE, Channel

_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
_UNITS = {"shape": "voxels", "spacing": "mm", "foreground": "share"}
#: Grey levels run from 0 to 255; a histogram has so many bins.
_BINS = 64
_LOOKED_AT = 1000  # items of a store, evenly spread


def intensity_shift(
    pixels: Pixels,
    images: np.ndarray,
    rows: pd.DataFrame,
    volumes: pd.DataFrame,
    channels: Sequence[Channel] = ONE,
) -> pd.DataFrame:
    """Compare grey levels with the scale of the model, and list what was measured of each volume.

    Args:
        pixels: mean and standard deviation of the training items' grey levels.
        images: (N, C, H, W) or (N, C, S, S, S) of the other cohort's store, 0 to 255.
        rows: those that were predicted: index ``row`` of the store, column ``scan``.
        volumes: index ``scan``, column ``image``: shape, spacing, orientation and grey levels of each volume before it
            was cut.
        channels: what the C are; a mask's grey levels are not compared.

    Returns:
        One row per quantity, as ``intensity.csv`` (docs/reference/files.md): mean, spread and quantiles over scans (of
        ``grey level``: over pixels). Of an orientation, ``mean`` is the share of scans. Of several channels or images,
        each has its rows, named after it.
    """
    columns = ["quantity", "unit", "training_mean", "training_sd", "scans", "mean", "sd", *_QUANTILES]
    columns += ["difference", "sd_ratio"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    own, scans = Pixels.fit(images, rows.index.to_numpy()), rows["scan"].nunique()
    table: list[dict[str, Any]] = []
    for number, channel in enumerate(channels):
        if channel.image == MASK:
            continue
        of = f" of {channel.name}" if len(channels) > 1 else ""
        mean, sd, before, spread = own.mean[number], own.std[number], pixels.mean[number], pixels.std[number]
        levels = grey_levels(images, rows.index.to_numpy(), number)
        upto = levels["share"].cumsum()
        table.append(
            {"quantity": f"grey level{of}", "unit": "0 to 255", "scans": scans, "mean": mean, "sd": sd}
            | {"training_mean": before, "training_sd": spread, "sd_ratio": sd / spread}
            | {"difference": (mean - before) / spread}
            | {name: float(levels["high"][int((upto >= share).argmax())]) for name, share in _QUANTILES.items()}
        )
        means = [float(images[row][number].mean(dtype=np.float64)) for row in rows.index]
        by_scan = pd.Series(means, index=rows["scan"]).groupby(level=0).mean()
        table.append(_quantity(f"mean grey level of a scan{of}", "0 to 255", by_scan))
    chosen = volumes.loc[rows["scan"].unique()]
    names = chosen["image"].unique()
    for image, own_volumes in chosen.groupby("image", sort=False):
        of = f" of {image}" if len(names) > 1 else ""
        table += [
            _quantity(f"{name}{of}", _UNITS.get(name.split("_")[0], "as in the file"), own_volumes[name])
            for name in map(str, own_volumes.select_dtypes("number"))
        ]
        codes = own_volumes["orientation"].replace("", "not recorded")
        shares = codes.value_counts(normalize=True).sort_index()
        table += [
            {"quantity": f"orientation {code}{of}", "unit": "share", "scans": scans, "mean": share}
            for code, share in shares.items()
        ]
    return pd.DataFrame(table, columns=columns)


def _quantity(name: str, unit: str, values: pd.Series) -> dict[str, Any]:
    found = {word: float(values.quantile(share)) for word, share in _QUANTILES.items()}
    mean, sd = float(values.mean()), float(values.std(ddof=0))
    return {"quantity": name, "unit": unit, "scans": len(values), "mean": mean, "sd": sd, **found}


def grey_levels(images: np.ndarray, rows: np.ndarray, channel: int = 0) -> pd.DataFrame:
    """Histogram of a channel's levels in at most a thousand evenly spread rows (n,): low, high (of a bin), share."""
    edges = np.linspace(0, 256, _BINS + 1)
    counts = np.zeros(_BINS, dtype=np.int64)
    for row in rows[:: max(1, len(rows) // _LOOKED_AT)]:
        counts += np.histogram(np.asarray(images[row][channel], dtype=np.float32), edges)[0]
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": counts / max(1, counts.sum())})
