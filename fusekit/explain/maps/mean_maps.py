"""Where a fold's maps lie on average, by class or another group, and roughly on a template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.disk import write_table
from fusekit.explain.maps.template import lay_on, load_template


def mean_maps(rows: pd.DataFrame, images: np.ndarray, maps: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Average by group and position.

    Every map counts alike, as each goes from 0 to 1 (or is 0 everywhere). Images are not registered to each other:
    the mean is as sharp as heads lie alike in their fields of view.

    Args:
        rows: N lines: subject, group, position.
        images, maps: (N, C, H, W) grey levels, and (N, H, W) 0 to 1.

    Returns:
        One row per group and position: group, position, slices, subjects; the mean images (g, C, H, W) and the mean
        maps (g, H, W).
    """
    groups = rows.reset_index(drop=True).groupby(["group", "position"])
    table = groups.agg(slices=("subject", "size"), subjects=("subject", "nunique")).reset_index()
    members = [groups.indices[key] for key in zip(table["group"], table["position"], strict=True)]
    return (
        table,
        np.stack([images[rows_].mean(axis=0, dtype=np.float64) for rows_ in members]),
        np.stack([maps[rows_].mean(axis=0, dtype=np.float64) for rows_ in members]),
    )


def write_mean_maps(
    folder: Path,
    rows: pd.DataFrame,
    images: np.ndarray,
    maps: np.ndarray,
    groups: Sequence[str],
    bundle: Bundle,
    template: str | None,
) -> None:
    """Write ``mean_map.csv``, ``mean_map.npy``, ``mean_image.npy``; with a template how the first lies on it."""
    table, image, map_ = mean_maps(rows, images, maps)
    table.insert(1, "name", [groups[group] for group in table["group"]])
    if template is not None and bundle.slices.plane != "volume":
        laid = lay_on(load_template(template, bundle.slices.plane), image[:, 0], map_)
        table["template_mm"] = [place.mm for place in laid]
        table["likeness"] = [round(place.likeness, 4) for place in laid]
        np.save(folder / "template_image.npy", np.stack([p.image for p in laid]).astype(np.uint8), allow_pickle=False)
        np.save(folder / "template_map.npy", np.stack([p.map for p in laid]).astype(np.float16), allow_pickle=False)
    np.save(folder / "mean_image.npy", np.rint(image).astype(np.uint8), allow_pickle=False)
    np.save(folder / "mean_map.npy", map_.astype(np.float16), allow_pickle=False)
    write_table(table, folder / "mean_map.csv")
