"""What if one clinical value were another: how the answer and the map move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.data.clinical.column import EncodedColumn
from fusekit.errors import DataError
from fusekit.evaluation.predictions import POSITIVE
from fusekit.explain.classical import BaselinePredictor
from fusekit.explain.maps.grad_cam import grad_cam
from fusekit.explain.model import Predictor
from fusekit.extension.registry import suggest


class WhatIf(NamedTuple):
    """Answers, a line per level; the first is the patient as given."""

    levels: list[Any]
    answers: np.ndarray  # (L, A)
    maps: np.ndarray | None  # (L, *S) raw Grad-CAM maps of one scale; None of a baseline, and where no image is read
    changes: np.ndarray  # (L,) how much the map moved, 0 to 1; NaN without maps


def what_if(
    predictor: Predictor | BaselinePredictor | Bundle,
    image: np.ndarray | None,
    values: pd.DataFrame,
    column: str,
    levels: Sequence[Any],
    *,
    place: str | None = None,
    target: int = POSITIVE,
    shown: int | None = None,
) -> WhatIf:
    """Put other values into one column of one patient, everything else as it is.

    A map can only change its form where the table enters the backbone (an injector). With a head that adds image and
    table (``concat``) the map does not depend on the table at all: the figure of such a model shows the same map in
    every place, and only the answer moves. A new value is no treatment: the model says what it would predict of such a
    patient, not what would become of this one.

    Args:
        image: one slice (C, H, W) or volume (C, S, S, S), grey levels, or all slices of a scan (N, C, H, W) where a
            pool joins them; None if the model reads none.
        values: one line of typed clinical values.
        levels: values to put there; None or NaN for missing.
        target: the class that maps speak for.
        shown: of all slices of a scan the one whose maps are given, from 0.

    Raises:
        DataError: the model reads no such column.
    """
    predictor = Predictor(predictor) if isinstance(predictor, Bundle) else predictor
    encoded = encoded_column(predictor.bundle, column)
    tried = [values[column].iloc[0], *levels]
    table = pd.concat([values.iloc[[0]]] * len(tried), ignore_index=True)
    table[column] = pd.Series(tried, dtype=float if encoded.is_number else object)
    images = None if image is None else np.repeat(image[None], len(tried), axis=0)
    said = predictor(images, table)
    if isinstance(predictor, BaselinePredictor) or not predictor.model.reads_image:
        return WhatIf(tried, said, None, np.full(len(tried), np.nan))
    given, columns = predictor.inputs(images, table)
    assert given is not None
    score = predictor.bundle.target.explained
    made = grad_cam(predictor.model, given, columns, place=place, target=target, score=score)
    maps, maxima = (part.cpu().numpy() if shown is None else part[:, shown].cpu().numpy() for part in made[:2])
    raw = maps * maxima.reshape(-1, *[1] * (maps.ndim - 1))
    return WhatIf(tried, said, raw, np.array([moved(raw[0], other) for other in raw]))


def answers(
    predictor: Predictor | BaselinePredictor,
    image: np.ndarray | None,
    values: pd.DataFrame,
    column: str,
    levels: Sequence[Any],
    **how: Any,
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """One patient's answers in order of the values tried, maps on one scale; arguments as for ``what_if``.

    Returns:
        A line per level, the patient's own too: column, level, number, unit, original, is_original, what is predicted,
        maximum, change, explained (of classes the one that maps speak for). And the maps (L, *S), divided by the
        largest value of all of them.
    """
    encoded = encoded_column(predictor.bundle, column)
    original = as_text(values[column].iloc[0])
    others = [level for level in levels if as_text(level) != original]
    found = what_if(predictor, image, values, column, others, **how)
    texts = [as_text(level) for level in found.levels]
    table = pd.DataFrame(
        {
            "column": column,
            "level": texts,
            "number": [float(level) if encoded.is_number else np.nan for level in found.levels],
            "unit": encoded.column.unit,
            "original": original,
            "is_original": np.arange(len(texts)) == 0,
            **predictor.bundle.target.predict(found.answers),
            "maximum": np.nan if found.maps is None else found.maps.reshape(len(texts), -1).max(axis=1),
            "change": found.changes,
            "explained": how.get("target", POSITIVE),
        }
    )
    places = {name: place for place, name in enumerate(encoded.categories)}
    ranks = table["number"].to_numpy() if encoded.is_number else [places.get(text, -1) for text in texts]
    order = np.argsort(ranks, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    return table, None if found.maps is None else found.maps[order] / (float(found.maps.max()) or 1.0)


def as_text(value: Any) -> str:
    """A clinical value as people write it; empty if missing."""
    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def encoded_column(bundle: Bundle, column: str) -> EncodedColumn:
    """The column as the model reads it.

    Raises:
        DataError: it reads none of that name, with the nearest names.
    """
    known = {} if bundle.encoding is None else {encoded.name: encoded for encoded in bundle.encoding.columns}
    if not known:
        raise DataError("this model reads no clinical columns; there is nothing to change.")
    if column not in known:
        raise DataError(f"this model reads no column {column!r}; {suggest(column, known)}")
    return known[column]


def usual_levels(column: EncodedColumn) -> list[Any]:
    """Values to try, all of which occurred in training: numbers around the mean, or the first six categories.

    Of a bundle without them, the lowest and the highest number that occurred.
    """
    if not column.is_number:
        return list(column.categories[:6])
    return list(column.levels) or sorted(set(column.seen or (column.fill,)))


def moved(first: np.ndarray, second: np.ndarray) -> float:
    """How much of a map lies elsewhere in another, whatever their scales: 0 none, 1 all; NaN if one is empty.

    Half the sum of absolute differences of the two maps, each divided by its sum (total variation).
    """
    total, other = float(first.sum()), float(second.sum())
    if total <= 0 or other <= 0:
        return float("nan")
    return float(np.abs(first / total - second / other).sum() / 2)
