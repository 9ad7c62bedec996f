"""Which slices of a scan count: the weights of a model that joins them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.explain.fold import Fold
from fusekit.explain.model import Predictor
from fusekit.models import Output
from fusekit.progress import Progress, Quiet


def weights_of(predictor: Predictor, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
    """Weights (n,) of the slices of one scan, a line of values and an item of images; they sum to 1."""
    with torch.inference_mode():
        found: Output = predictor.model.output(*predictor.inputs(images, values))
    assert found.weights is not None
    weights: np.ndarray = found.weights[0].double().cpu().numpy()
    return weights


def weight_table(predictor: Predictor, fold: Fold, progress: Progress | None = None) -> pd.DataFrame:
    """Weights of every slice of a fold's scans.

    Returns:
        The fold's rows (index ``row``: subject, scan, slice, group), a line per slice, with ``weight``; those of a scan
        sum to 1.
    """
    table = fold.grouped[["subject", "scan", "slice", "group"]]
    places = table.reset_index(drop=True).groupby("scan", sort=False).indices.values()
    weights = np.zeros(len(table))
    for own in (progress or Quiet()).track(places, "weights of slices", len(places), "scans"):
        images, values = fold.of(table.index[own[:1]])
        assert images is not None
        weights[own] = weights_of(predictor, images, values)
    return table.assign(weight=weights)


def heaviest(table: pd.DataFrame) -> pd.DataFrame:
    """Row and slice of each scan's heaviest slice, by scan; of equal ones the one in the middle."""
    within = table.groupby("scan", sort=False)["slice"]
    apart = (within.cumcount() - (within.transform("size") - 1) // 2).abs()
    ordered = table.assign(weight=table["weight"].round(6), apart=apart).rename_axis("row").reset_index()
    ordered = ordered.sort_values(["weight", "apart"], ascending=[False, True], kind="stable")
    return ordered.drop_duplicates("scan").set_index("scan")[["row", "slice"]]


def weights_of_patient(bundle: Bundle, scan: np.ndarray, values: pd.DataFrame, positions: list[int]) -> pd.DataFrame:
    """Weights of the slices (n, C, H, W) of a patient, a line each: slice (where it lies in the volume), weight."""
    return pd.DataFrame({"slice": positions, "weight": weights_of(Predictor(bundle), scan[None], values)})
