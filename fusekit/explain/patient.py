"""What a model makes of one patient, slice by slice, values and what-if answers beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fusekit.bundle.baseline import BaselineBundle
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.patients import cut_patient, paths_in
from fusekit.data.absence import AVAILABLE
from fusekit.data.images.channels import Channel
from fusekit.data.target.target import Meaning
from fusekit.errors import DataError
from fusekit.evaluation.predictions import outputs_of
from fusekit.explain.attribution import attribute
from fusekit.explain.classical import BaselinePredictor
from fusekit.explain.fold import middle
from fusekit.explain.gates import gates_of_patient
from fusekit.explain.maps.grad_cam import deepest, grad_cam
from fusekit.explain.model import Predictor
from fusekit.explain.prior import shares_of
from fusekit.explain.slice_weights import heaviest, weights_of_patient
from fusekit.explain.target import class_number, explained
from fusekit.explain.what_if import answers, as_text, encoded_column, usual_levels
from fusekit.extension.registry import suggest


class Patient(NamedTuple):
    """One patient explained; None for what the model does not read."""

    #: The one that is shown: the middle one, or the one with the largest weight; None of a baseline, which has none.
    slice: int | None
    meaning: Meaning  # of what is explained
    predicted: dict[str, float]  # of that slice, or of the scan, by the columns of predictions
    plane: str  # of the image; empty where its file does not say how it lies in the body
    image: np.ndarray | None  # (C, H, W) grey levels
    channels: tuple[Channel, ...]  # what the C are
    map: np.ndarray | None  # (H, W), 0 to 1
    attributions: pd.DataFrame | None  # column, value, attribution, in the order of the table
    method: str  # what attributions are
    answers: pd.DataFrame | None
    answer_maps: np.ndarray | None  # (lines of answers, H, W)
    weights: pd.DataFrame | None = None  # slice, weight: of all slices, where the model joins them
    #: What injector and head weigh: part, site, stage, channels, low, median, high; None if they weigh nothing.
    gates: pd.DataFrame | None = None
    synthetic: bool = False  # whether the model knows a synthetic cohort only
    models: int = 1  # that are averaged, of which the first is explained


def explain_patient(
    bundle: Bundle,
    patient: pd.DataFrame,
    asked: Mapping[str, list[str]],
    *,
    asked_class: str | None = None,
    source: str = "the patient",
    allow_out_of_range: bool = False,
) -> Patient:
    """Explain the prediction of one patient that comes as files and text; of an average, that of its first model.

    Args:
        patient: one row, as for ``Bundle.predict``.
        asked: clinical column -> values to put there, as text; an empty list takes usual ones.
        asked_class: name of the class to explain; None: the positive of two, the called of more.
        source: what to call the patient's table in messages.

    Raises:
        DataError: as ``Bundle.predict``; a value that was asked for does not fit its column.
        OptionError: the model has no such class.
    """
    first = bundle.each[0]
    asked_number = None if asked_class is None else class_number(asked_class, bundle.target)
    predicted = bundle.predict(patient, source, allow_out_of_range)  # refuses what does not fit, in one place
    if len(bundle.absent) == 2 and (has := predicted.subjects[AVAILABLE].iloc[0]) != "image and table":
        raise DataError(
            f"{source}: this patient has the {has}, and explanations are of patients who have an image and a table. "
            "`fusekit predict` predicts for others."
        )
    target = int(explained(outputs_of(predicted.subjects), bundle.target, asked_number)[0])
    encoding = bundle.encoding
    values = pd.DataFrame(index=[0])
    if encoding is not None:
        values = encoding.parse(patient, source=source).reset_index(drop=True)
    levels = {name: _levels(bundle, name, texts, allow_out_of_range) for name, texts in asked.items()}
    scan, plane, shown = None, "", 0
    if bundle.reads_image:
        row, files = patient.iloc[0].to_dict(), paths_in(patient, bundle.images, source)
        series = bundle.task.get("series", {})
        scan, positions, oriented = cut_patient(row, files, bundle.slices, bundle.image_size, series)
        plane, shown = bundle.slices.plane if oriented else "", positions[len(positions) // 2]
    images = None if scan is None else scan[[len(scan) // 2]]
    weights, at = None, None
    if bundle.pooled and scan is not None and not isinstance(first, BaselineBundle):
        images, weights = scan[None], weights_of_patient(first, scan, values, positions)
        at = int(heaviest(weights.assign(scan=0)).iloc[0]["row"])
        shown = positions[at]
    predictor: Predictor | BaselinePredictor
    gates = None
    if isinstance(first, BaselineBundle):
        predictor, place, map_ = BaselinePredictor(first, scan), None, None
        shares, method = predictor.shares(values, target), "Shapley values"
    else:
        predictor, method = Predictor(first), "integrated gradients"
        place, map_, shares = _of_network(predictor, images, values, target, at)
        gates = gates_of_patient(first, *predictor.inputs(images, values))
    attributions = None
    if shares is not None:
        cells = [as_text(values[name].iloc[0]) for name in shares.columns]
        attributions = pd.DataFrame({"column": shares.columns, "value": cells, "attribution": shares.to_numpy()[0]})
    image, how = None if images is None else images[0], {"place": place, "target": target, "shown": at}
    said = bundle.target.predict(predictor(images, values))
    found = [answers(predictor, image, values, name, tried, **how) for name, tried in levels.items()]
    maps = [middle(of_column, 1) for _, of_column in found if of_column is not None]
    return Patient(
        slice=None if isinstance(first, BaselineBundle) else shown,
        meaning=bundle.target.meaning(target),
        predicted={str(name): float(value) for name, value in said.iloc[0].items()},
        plane=plane,
        image=None if image is None else middle(image if at is None else image[at], 1),
        channels=bundle.channels,
        map=map_,
        attributions=attributions,
        method=method,
        answers=pd.concat([table for table, _ in found], ignore_index=True) if found else None,
        answer_maps=np.concatenate(maps) if maps else None,
        weights=weights,
        gates=gates,
        synthetic=bool(bundle.provenance.get("synthetic")),
        models=len(bundle.each),
    )


def _of_network(
    predictor: Predictor, images: np.ndarray | None, values: pd.DataFrame, target: int, at: int | None
) -> tuple[str | None, np.ndarray | None, pd.DataFrame | None]:
    """Where its map is made, the map (H, W), and what the values add; None for what it does not read.

    ``at``: the slice of a scan that is shown, from 0.
    """
    (image, columns), place, map_, shares = predictor.inputs(images, values), None, None, None
    how: dict[str, Any] = {"target": target, "score": predictor.bundle.target.explained}
    if image is not None:
        place = deepest(predictor.model, image, columns).name
        maps = grad_cam(predictor.model, image, columns, place=place, **how).maps.cpu().numpy()[0]
        map_ = middle(maps if at is None else maps[at], 0)
    encoding = predictor.bundle.encoding
    if encoding is not None and columns is not None:
        prior = shares_of(predictor.bundle, values)
        shares = attribute(predictor.model, encoding, image, columns, prior=prior, **how)
    return place, map_, shares


def _levels(bundle: Bundle, name: str, texts: list[str], allow_out_of_range: bool) -> list[Any]:
    column = encoded_column(bundle, name)
    if not texts:
        return usual_levels(column)
    cells = pd.Series(texts, name=name, dtype=object)
    levels = column.parse(cells, "--what-if")
    column.check(levels, "--what-if", allow_out_of_range)
    return list(levels)


def parse_asked(pairs: list[str], bundle: Bundle) -> dict[str, list[str]]:
    """``COLUMN=VALUE`` (or ``COLUMN`` alone) several times -> column -> values, in the order given.

    Raises:
        DataError: the model reads no such column, with the nearest names.
    """
    known = [] if bundle.encoding is None else [column.name for column in bundle.encoding.columns]
    asked: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name.strip() not in known:
            near = suggest(name.strip(), known) if known else "it reads no clinical columns at all."
            raise DataError(f"--what-if {pair}: this model reads no column {name.strip()!r}; {near}")
        asked.setdefault(name.strip(), []).extend([value.strip()] if equals else [])
    return asked
