"""The shipped model: a folder with ``model.safetensors`` and ``bundle.json``, enough to predict for a new patient."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.bundle_format import DESCRIPTION, FORMAT, read_description
from fusekit.data import ClinicalEncoding, Pixels, SlicePolicy, Volume, cut, read, read_table
from fusekit.errors import DataError, UnknownName
from fusekit.models import FusionModel, build_from, channels_last, weights_channels_last
from fusekit.tensor_file import write_tensors
from fusekit.weights import rebuild

WEIGHTS = "model.safetensors"

#: Slices a forward pass of a prediction; the same everywhere, so that the same slice gets the same number.
BATCH = 32


@dataclass(frozen=True)
class Bundle:
    """A trained fusion model with everything it needs to read a new patient.

    Call it on tensors, or on files: ``bundle(image, clinical)``.

    Args:
        model: in evaluation mode.
        classes: ``classes[k]`` is what the k-th probability is of.
        encoding: clinical columns to model input; None if the model reads none.
        slices: which slices of a volume it was trained on.
        image_size: their height and width (and depth) in pixels.
        pixels: scale of their grey levels.
        task: the task's name, question, classes and metrics.
        metrics: the test scores it was shipped with, a row each.
        provenance: versions, seed, data fingerprint, whether the cohort was synthetic.
    """

    model: FusionModel
    classes: tuple[str, ...]
    encoding: ClinicalEncoding | None
    slices: SlicePolicy
    image_size: int
    pixels: Pixels
    task: Mapping[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, image: Any = None, clinical: Any = None, mask: str | Path | None = None) -> Any:
        """Predict, from tensors or from files; leave out what the model does not read.

        Args:
            image: (B, 1, H, W) float tensor, scaled by ``pixels``, or (B, 1, S, S, S) of whole volumes; or the path of
                a volume, series or picture.
            clinical: (B, F) float tensor of encoded columns; or the path of a table with one row, or a mapping of
                column -> value.
            mask: the path of the image's mask; looked at if slices are chosen by the largest masked area.

        Returns:
            Tensors give probabilities (B, K). Files give a table like ``predict``'s.
        """
        given = [value for value in (image, clinical) if value is not None]
        if given and all(isinstance(value, Tensor) for value in given):
            with torch.inference_mode():
                return self.model(image, clinical).softmax(dim=1)
        return self.predict(one_patient(image, clinical, mask))

    def predict(
        self, patients: pd.DataFrame, source: str = "the table", allow_out_of_range: bool = False
    ) -> pd.DataFrame:
        """Predict for patients that come as files and text.

        Args:
            patients: one row a scan; the clinical columns as text or values, ``image`` (a path) if the model reads
                images, ``mask`` (a path, or empty) if its slices are those of the largest masked area, and ``subject``
                if the patients have names (else they are numbered).
            source: what to call the table in messages.
            allow_out_of_range: take values outside the range that the training data make plausible.

        Returns:
            One row a slice: subject, scan, slice, p_0, p_1, ...; a model without images has one row a scan.

        Raises:
            DataError: a column is missing, a category unknown, a value out of range, an image unreadable.
        """
        if self.model.reads_image and "image" not in patients:
            raise DataError(
                f"{source} has no column 'image', the path of each patient's scan; this model reads images."
            )
        columns = np.zeros((len(patients), 0), dtype=np.float32)
        if self.encoding is not None:
            names = [column.name for column in self.encoding.columns]
            if not any(name in patients for name in names):
                raise DataError(
                    f"{source} has none of the {len(names)} clinical columns that this model reads: "
                    f"{', '.join(names[:5])}{', ...' if len(names) > 5 else '.'} Give a table of them (--clinical)."
                )
            values = self.encoding.parse(patients, source=source)
            self.encoding.check(values, source=source, allow_out_of_range=allow_out_of_range)
            columns = self.encode(values)
        tables = []
        for number, patient in enumerate(patients.to_dict("records")):
            images, positions = None, [0]
            if self.model.reads_image:
                mask = self.mask(patient)
                images, positions = cut(read(Path(patient["image"])), self.slices, self.image_size, mask)
            probabilities = self.probabilities(images, np.repeat(columns[[number]], len(positions), axis=0))
            subject, scan = str(patient.get("subject", number + 1)), str(patient.get("scan", number + 1))
            columns_p = {f"p_{k}": probabilities[:, k] for k in range(probabilities.shape[1])}
            tables.append(pd.DataFrame({"subject": subject, "scan": scan, "slice": positions, **columns_p}))
        return pd.concat(tables, ignore_index=True)

    def mask(self, patient: Mapping[Any, Any]) -> Volume | None:
        """The patient's mask, if the slices are chosen by one and the patient has one."""
        path = patient.get("mask")
        if not self.slices.largest or pd.isna(path) or not str(path).strip():
            return None
        return read(Path(path))

    def encode(self, values: pd.DataFrame) -> np.ndarray:
        """Clinical values of n scans -> (n, F) float32; (n, 0) if the model reads none."""
        if self.encoding is None:
            return np.zeros((len(values), 0), dtype=np.float32)
        return self.encoding.transform(values)

    def probabilities(
        self, images: np.ndarray | None, clinical: np.ndarray, device: str | torch.device = "cpu"
    ) -> np.ndarray:
        """Probabilities (N, K) float64 of stored slices (N, H, W) or volumes (N, S, S, S) with encoded columns (N, F).

        The forward pass is float32 whatever the precision of training, so that a run and its bundle agree.
        """
        model = weights_channels_last(self.model.to(device))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(clinical), BATCH):
                image = None
                if images is not None and model.reads_image:
                    image = channels_last(self.pixels.to_tensor(images[start : start + BATCH], device))
                columns = torch.from_numpy(clinical[start : start + BATCH]).to(device) if model.reads_clinical else None
                parts.append(model(image, columns).double().softmax(dim=1).cpu().numpy())
        return np.concatenate([np.empty((0, len(self.classes))), *parts])

    def save(self, folder: Path) -> None:
        """Write the two files into a new folder.

        Raises:
            OSError: they cannot be written, e.g. because the disk is full.
        """
        folder.mkdir(parents=True)
        write_tensors(folder / WEIGHTS, self.model.state_dict())
        description = {
            "format": FORMAT,
            "model": self.model.description,
            "classes": list(self.classes),
            "clinical": self.encoding.as_json() if self.encoding else None,
            "slices": self.slices.as_json(),
            "image_size": self.image_size,
            "pixels": self.pixels._asdict(),
            "task": dict(self.task),
            "metrics": self.metrics,
            "provenance": dict(self.provenance),
        }
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def one_patient(image: Any, clinical: Any, mask: str | Path | None = None) -> pd.DataFrame:
    """One patient's row, from the paths of an image and its mask, and a table or mapping of clinical values.

    Raises:
        DataError: the table does not have exactly one row.
    """
    row = pd.DataFrame([dict(clinical)]) if isinstance(clinical, Mapping) else pd.DataFrame(index=[0])
    if isinstance(clinical, str | Path):
        row = read_table(Path(clinical))
        if len(row) != 1:
            raise DataError(f"{clinical} has {len(row)} rows; one image goes with one row.")
    if mask is not None:
        row = row.assign(mask=str(mask))
    return row if image is None else row.assign(image=str(image))


def bundle_folder(folder: str | Path) -> Path:
    """Find the bundle where a run folder was given; anything else is itself."""
    folder = Path(folder)
    inside = folder / "bundle"
    return inside if not (folder / DESCRIPTION).is_file() and (inside / DESCRIPTION).is_file() else folder


def load(folder: str | Path) -> Bundle:
    """Open a bundle folder, which may come from anywhere: nothing in it is run, or trusted.

    Raises:
        DataError: it is not a bundle, or one of a newer format; it is damaged, or its weights do not fit it.
        UnknownName: a plugin that its model needs is not installed.
    """
    folder = bundle_folder(folder)
    known = read_description(folder)
    try:
        model = rebuild(lambda: build_from(known.model), folder / WEIGHTS, folder / DESCRIPTION)
    except UnknownName as error:
        plugins = known.provenance.get("plugins", [])
        made_with = ", ".join(sorted({f"{p['distribution']} {p['version']}" for p in plugins}))
        raise UnknownName(f"{folder}: {error}\nThe bundle was made with the plugins of {made_with}.") from error
    encoding = ClinicalEncoding.from_json(known.clinical) if known.clinical else None
    if encoding and len(encoding.features) != model.description["columns"]:
        raise DataError(
            f"{folder / DESCRIPTION}: clinical has {len(encoding.features)} inputs, and model.columns is "
            f"{model.description['columns']}."
        )
    return Bundle(
        model=model,
        classes=known.classes,
        encoding=encoding,
        slices=known.slices,
        image_size=known.image_size,
        pixels=known.pixels,
        task=known.task,
        metrics=[dict(row) for row in known.metrics],
        provenance=known.provenance,
    )
