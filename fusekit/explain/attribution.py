"""Integrated gradients over the clinical columns: what each value adds to a prediction (Sundararajan et al. 2017)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.data import ClinicalEncoding
from fusekit.data.target.classes import log_odds
from fusekit.evaluation.predictions import POSITIVE
from fusekit.explain.target import Score
from fusekit.models import FusionModel, ImageFeatures
from fusekit.progress import Progress, Quiet

#: Points on the way from the baseline to the patient. A line of ReLUs bends a few times; the sum is then right to a
#: few percent, and the cost is so many forward and backward passes per slice.
STEPS = 32


def attribute(
    model: FusionModel,
    encoding: ClinicalEncoding,
    image: Tensor | None,
    columns: Tensor,
    *,
    target: int | np.ndarray = POSITIVE,
    score: Score = log_odds,
    prior: np.ndarray | None = None,
    steps: int = STEPS,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Share what is explained of a prediction between the clinical columns: of a class its log odds.

    The baseline is an encoded table of zeros: every number is the training mean, every category unknown, and every
    value of a column with gaps not observed. A column's attribution is the sum over its inputs (one-hot, observed
    mask), and a patient's attributions sum to f(x) - f(baseline), the image as it is, up to the error of ``steps``.
    Where the table does not enter the backbone, the image's features are computed once.

    Args:
        model: in evaluation mode: batch normalisation would mix patients.
        image: (B, C, *S), with a pool (B, N, C, *S), or None if the model reads none; ``columns`` are (B, F).
        target: the class, or that of each patient (B,).
        score: what is explained: ``Target.explained``.
        prior: of a model with a prior, ``prior_shares`` (B, columns, K); its last K inputs start from the others' sum.
        steps: points of the Gauss-Legendre rule.

    Returns:
        (B rows) one column per clinical column, in the encoding's order.
    """
    from captum.attr import IntegratedGradients

    assert not model.training
    fixed = None
    if model.backbone is not None and model.injector is None:  # the table has no say in what the backbone makes
        with torch.no_grad():
            fixed = model.output(image, columns).image
    start = torch.zeros_like(columns)
    if prior is not None:
        moved = torch.from_numpy(prior.sum(axis=1)).to(columns)
        start[:, -moved.shape[1] :] = columns[:, -moved.shape[1] :] - moved
    targets = np.broadcast_to(target, len(columns)).tolist()
    attributions = []
    each = 1 if fixed is None else len(fixed.vector) // len(columns)  # slices of a scan, where a pool joins them
    patients = (progress or Quiet()).track(range(len(columns)), "attributions", len(columns), "subjects")
    for number in patients:  # one at a time: all its steps are one batch
        one = slice(number, number + 1)
        own = None if fixed is None else ImageFeatures(*(part[number * each :][:each] for part in fixed))
        shown = None if image is None else image[one]
        of_tables = partial(_score, model, targets[number], score, own, shown)
        method = IntegratedGradients(of_tables, multiply_by_inputs=False)  # mean gradients on the way
        given = columns[one].detach()
        slopes: Tensor = method.attribute(given, baselines=start[one], n_steps=steps)
        slope, moved_by = slopes[0].detach().double().cpu().numpy(), (given - start[one])[0].double().cpu().numpy()
        features = len(encoding.features)
        shares = (slope * moved_by)[:features] @ _owners(encoding)
        if prior is not None:
            shares = shares + prior[number] @ slope[features:]
        attributions.append(shares)
    return pd.DataFrame(np.stack(attributions), columns=[c.name for c in encoding.columns])


def _score(
    model: FusionModel,
    target: int,
    score: Score,
    features: ImageFeatures | None,
    image: Tensor | None,
    columns: Tensor,
) -> Tensor:
    """The score of many tables (B, F) with one patient's image (1, ...), or the features of its slices -> (B,)."""
    count = len(columns)
    if features is None:
        outputs = model(None if image is None else image.expand(count, *image.shape[1:]), columns)
        return score(outputs, target)
    repeated = ImageFeatures(*(part.expand(count, *part.shape).flatten(0, 1) for part in features))
    slices = None if model.pool is None else columns.new_ones(count, len(features.vector), dtype=torch.bool)
    return score(model.output(columns=columns, slices=slices, features=repeated).outputs, target)


def _owners(encoding: ClinicalEncoding) -> np.ndarray:
    """(F, columns): 1 where an input belongs to a column."""
    owners = [number for number, column in enumerate(encoding.columns) for _ in column.features]
    owners += [number for number, column in enumerate(encoding.columns) if column.masked]
    return np.asarray(np.eye(len(encoding.columns))[owners])
