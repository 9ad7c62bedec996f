"""Opening a bundle, of whichever kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.baselines.stack import beside
from fusekit.bundle.average import AverageBundle, folders_in
from fusekit.bundle.baseline import BaselineBundle
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.formats import (
    BASELINE,
    DESCRIPTION,
    NETWORK,
    WEIGHTS,
    Average,
    Classical,
    Description,
    Format7,
    bundle_folder,
    read_description,
)
from fusekit.bundle.prior import load_baseline, load_prior
from fusekit.bundle.stacked import StackedBundle
from fusekit.bundle.weights import rebuild
from fusekit.disk import checksum_of, refuse_changed
from fusekit.errors import DataError, UnknownName


def load(folder: str | Path) -> Bundle:
    """Open a bundle folder, which may come from anywhere: nothing in it is run, or trusted.

    A baseline is a ``BaselineBundle``, one on top of a network a ``StackedBundle``, and the average of a run's folds a
    ``AverageBundle``.

    Raises:
        DataError: it is not a bundle, or one of a newer format; it was changed or damaged, or its weights do not fit.
        UnknownName: a plugin that its model needs is not installed.
    """
    folder = bundle_folder(folder)
    refuse_changed(folder.parent, folder.name)
    return _load(folder, read_description(folder))


def _load(folder: Path, known: Description) -> Bundle:
    same: dict[str, Any] = {
        name: getattr(known, name) for name in ("target", "encoding", "slices", "image_size", "task", "provenance")
    }
    same |= {"pixels": known.scale, "rule": known.calling_rule, "conformal": known.regions}
    same |= {"images": known.names, "metrics": [dict(row) for row in known.metrics]}
    try:
        if isinstance(known, Average):
            return AverageBundle(models=_models(folder, known), **same)
        if isinstance(known, Classical):
            return BaselineBundle(baseline=load_baseline(known, known.baseline, folder / BASELINE), **same)
        if isinstance(known, Format7):
            return _stacked(folder, known, same)
        model = rebuild(known.build, folder / WEIGHTS, folder / DESCRIPTION, known.weights)
    except UnknownName as error:
        plugins = known.provenance.get("plugins", [])
        made_with = ", ".join(sorted({f"{p['distribution']} {p['version']}" for p in plugins}))
        raise UnknownName(f"{folder}: {error}\nThe bundle was made with the plugins of {made_with}.") from error
    return Bundle(model, prior=load_prior(known, folder), **same)


def _stacked(folder: Path, known: Format7, same: Mapping[str, Any]) -> StackedBundle:
    described = _part(folder / NETWORK, known.network)
    if isinstance(described, Classical | Average | Format7):
        raise DataError(f"{folder / NETWORK} holds no network, and the baseline is on top of one.")
    width = len(known.classes) if len(known.classes) > 2 else 1
    baseline = load_baseline(
        known, known.baseline, folder / BASELINE, lambda table: beside(table, np.zeros((len(table), width)))
    )
    if baseline.reads_image:
        raise DataError(
            f"{folder / BASELINE} holds a baseline that reads images, and one on top of a network does not."
        )
    return StackedBundle(network=_load(folder / NETWORK, described), baseline=baseline, **same)


def _models(folder: Path, known: Average) -> tuple[Bundle, ...]:
    """The models of an average, none of which is an average."""
    found = []
    for path, expected in zip(folders_in(folder, len(known.models)), known.models, strict=True):
        described = _part(path, expected)
        if isinstance(described, Average):
            raise DataError(f"{path} is an average itself, and an average is of single models.")
        found.append(_load(path, described))
    return tuple(found)


def _part(folder: Path, checksum: str) -> Description:
    """The description of a bundle inside a bundle, which has this checksum."""
    if not (folder / DESCRIPTION).is_file() or checksum_of(folder / DESCRIPTION) != checksum:
        raise DataError(f"{folder} is missing, or was changed or damaged after it was written. Get the bundle again.")
    return read_description(folder)
