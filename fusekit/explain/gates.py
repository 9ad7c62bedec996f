"""What a fusion weighs: the gates of an injector, site by site, and what its head gives image, table and columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.bundle.bundle import Bundle
from fusekit.models import FusionModel

#: The head's gates of this name are one for each table column that is read.
COLUMNS = "columns"
#: A site, an index into the backbone's; or a name that the head gives.
Place = int | str


def gates_of(model: FusionModel, image: Tensor | None, columns: Tensor | None) -> dict[Place, Tensor]:
    """Gates of a batch, image (B, C, *S) and columns (B, F): site or name -> (B, G).

    Empty if nothing is gated.
    """
    found: dict[Place, Tensor] = {}

    def look(site: int, features: Tensor, prepared: Any) -> None:
        if site in model.injected and model.injector is not None:
            gates = model.injector.gate_values(model.injected[site], features, prepared)
            if gates is not None:
                found[site] = gates

    with torch.no_grad():
        output = model.output(image, columns, look=look if model.injector is not None else None)
    of_head: dict[Place, Tensor] = {name: gates for name, gates in output.gates.items()}  # noqa: C416 (wider keys)
    return found | of_head


def gate_table(bundle: Bundle, gates: dict[Place, np.ndarray], rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise gates by place and group of subjects: their class, or what ``Fold.groups`` has.

    Args:
        bundle: whose model they are of.
        gates: as from ``gates_of``, (N, G), a line per slice.
        rows: N lines: subject, group.

    Returns:
        One row per place and group: part (injector or head), site (its name, or what the head gives: image, table, the
        name of a column), stage (0 of a head), channels (G), group, subjects; low, median, high: 5 %, 50 % and 95 %
        quantiles over channels of the group's mean gate (slices averaged within subjects); spread: the median over
        channels of the standard deviation between the group's subjects.
    """
    lines = []
    for part, site, stage, values in _places(bundle, gates):
        by_subject = pd.DataFrame(values).groupby([rows["group"].to_numpy(), rows["subject"].to_numpy()]).mean()
        for group, subjects in by_subject.groupby(level=0):
            quantiles = np.quantile(subjects.mean().to_numpy(), [0.05, 0.5, 0.95])
            spread = float(np.median(subjects.std(ddof=0).to_numpy()))
            lines.append((part, site, stage, values.shape[1], group, len(subjects), *quantiles, spread))
    columns = ["part", "site", "stage", "channels", "group", "subjects", "low", "median", "high", "spread"]
    return pd.DataFrame(lines, columns=columns)


def gates_of_patient(bundle: Bundle, image: Tensor | None, columns: Tensor | None) -> pd.DataFrame | None:
    """Gates of one slice or scan: the same table without group and subjects; None if nothing is gated."""
    found = {place: gates.cpu().numpy() for place, gates in gates_of(bundle.model, image, columns).items()}
    if not found:
        return None
    table = pd.concat(  # an injector's are of each slice, a head's of the scan
        gate_table(bundle, {place: values}, pd.DataFrame({"subject": "", "group": 0}, index=range(len(values))))
        for place, values in found.items()
    )
    return table.drop(columns=["group", "subjects", "spread"]).reset_index(drop=True)


def _places(bundle: Bundle, gates: dict[Place, np.ndarray]) -> list[tuple[str, str, int, np.ndarray]]:
    """Part, name, stage and gates (N, G) of each place; a head's columns one by one."""
    sites = () if bundle.model.backbone is None else bundle.model.backbone.sites
    found = []
    for place, values in gates.items():
        if isinstance(place, int):
            found.append(("injector", sites[place].name, sites[place].stage, values))
        elif place == COLUMNS:
            named = zip(_read(bundle, values.shape[1]), values.T, strict=True)
            found += [("head", name, 0, own[:, None]) for name, own in named]
        else:
            found.append(("head", place, 0, values))
    return found


def _read(bundle: Bundle, tokens: int) -> list[str]:
    """The table columns that the encoder reads, in its order; numbers where it makes another number of tokens."""
    names, reads = [], bundle.model.reads
    if bundle.encoding is not None:
        pairs = zip(bundle.encoding.columns, bundle.encoding.layout.places, strict=True)
        read = None if reads is None else set(reads.tolist())
        names = [column.name for column, place in pairs if read is None or read & set(place.inputs)]
    return names if len(names) == tokens else [f"token {number}" for number in range(1, tokens + 1)]
