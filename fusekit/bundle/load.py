"""Opening a bundle, of whichever kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusekit.bundle.baseline import BaselineBundle
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.folds import FoldsBundle, folders_in
from fusekit.bundle.format import (
    BASELINE,
    DESCRIPTION,
    WEIGHTS,
    Average,
    Classical,
    Description,
    bundle_folder,
    read_description,
)
from fusekit.bundle.prior import load_baseline, load_prior
from fusekit.bundle.weights import rebuild
from fusekit.disk import checksum_of, refuse_changed
from fusekit.errors import DataError, UnknownName


def load(folder: str | Path) -> Bundle:
    """Open a bundle folder, which may come from anywhere: nothing in it is run, or trusted.

    A baseline is a ``BaselineBundle``, and the average of a run's folds a ``FoldsBundle``.

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
    same |= {"pixels": known.scale, "rule": known.calling_rule, "images": known.names}
    same |= {"metrics": [dict(row) for row in known.metrics]}
    try:
        if isinstance(known, Average):
            return FoldsBundle(models=_models(folder, known), **same)
        if isinstance(known, Classical):
            return BaselineBundle(baseline=load_baseline(known, known.baseline, folder / BASELINE), **same)
        model = rebuild(known.build, folder / WEIGHTS, folder / DESCRIPTION, known.weights)
    except UnknownName as error:
        plugins = known.provenance.get("plugins", [])
        made_with = ", ".join(sorted({f"{p['distribution']} {p['version']}" for p in plugins}))
        raise UnknownName(f"{folder}: {error}\nThe bundle was made with the plugins of {made_with}.") from error
    return Bundle(model, prior=load_prior(known, folder), **same)


def _models(folder: Path, known: Average) -> tuple[Bundle, ...]:
    """The models of an average, none of which is an average."""
    found = []
    for path, expected in zip(folders_in(folder, len(known.models)), known.models, strict=True):
        if not (path / DESCRIPTION).is_file() or checksum_of(path / DESCRIPTION) != expected:
            raise DataError(f"{path} is missing, or was changed or damaged after it was written. Get the bundle again.")
        described = read_description(path)
        if isinstance(described, Average):
            raise DataError(f"{path} is an average itself, and an average is of single models.")
        found.append(_load(path, described))
    return tuple(found)
