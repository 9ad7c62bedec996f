"""What an injector's gates do to the channels of a network, site by site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.models import FusionModel


def gates_of(model: FusionModel, image: Tensor | None, columns: Tensor | None) -> dict[int, Tensor]:
    """Gates of a batch, image (B, C, *S) and columns (B, F): site (an index into the backbone's) -> (B, G).

    Empty if nothing is gated.
    """
    if model.injector is None:
        return {}
    found: dict[int, Tensor] = {}

    def look(site: int, features: Tensor, prepared: Any) -> None:
        if site in model.injected and model.injector is not None:
            gates = model.injector.gate_values(model.injected[site], features, prepared)
            if gates is not None:
                found[site] = gates

    with torch.no_grad():
        model.output(image, columns, look=look)
    return found


def gate_table(model: FusionModel, gates: dict[int, np.ndarray], rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise gates by site and group of subjects: their class, or what ``Fold.groups`` has.

    Args:
        gates: site -> (N, G), a line per slice.
        rows: N lines: subject, group.

    Returns:
        One row per site and group: site, stage, channels (G), group, subjects; low, median, high: 5 %, 50 % and 95 %
        quantiles over channels of the group's mean gate (slices averaged within subjects); spread: the median over
        channels of the standard deviation between the group's subjects.
    """
    assert model.backbone is not None
    lines = []
    for site, values in gates.items():
        by_subject = pd.DataFrame(values).groupby([rows["group"].to_numpy(), rows["subject"].to_numpy()]).mean()
        for group, subjects in by_subject.groupby(level=0):
            quantiles = np.quantile(subjects.mean().to_numpy(), [0.05, 0.5, 0.95])
            spread = float(np.median(subjects.std(ddof=0).to_numpy()))
            place = model.backbone.sites[site]
            lines.append((place.name, place.stage, values.shape[1], group, len(subjects), *quantiles, spread))
    columns = ["site", "stage", "channels", "group", "subjects", "low", "median", "high", "spread"]
    return pd.DataFrame(lines, columns=columns)
