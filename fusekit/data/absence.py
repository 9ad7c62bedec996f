"""Scans without an image, and scans without a table: which there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import pandas as pd

#: What a scan may lack.
Modality = Literal["image", "table"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)

#: Variable of ``cohort.csv`` by which scores are split where scans lack something, and column of predictions.
AVAILABLE = "available"
_WORDS = {(True, True): "image and table", (True, False): "image alone", (False, True): "table alone"}


def present_in(scans: pd.DataFrame, clinical: pd.DataFrame) -> pd.DataFrame:
    """Which scans have an image, and which any clinical value: columns image and table, bool."""
    return pd.DataFrame(
        {"image": scans["image"].notna().to_numpy(), "table": clinical.notna().any(axis=1).to_numpy()}, scans.index
    )


def available(present: pd.DataFrame) -> pd.Series:
    """What each has, in words: ``image and table``, ``image alone``, ``table alone``, ``nothing``."""
    said = [_WORDS.get((bool(image), bool(table)), "nothing") for image, table in present.to_numpy()]
    return pd.Series(said, present.index, dtype=object)


def united(*several: Iterable[str]) -> tuple[Modality, ...]:
    """All of them, in order, each once."""
    named = {name for one in several for name in one}
    return tuple(name for name in MODALITIES if name in named)
