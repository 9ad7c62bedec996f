"""The shipped model: a folder with weights and ``bundle.json``, enough to predict for a new patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.baselines.prior import TablePrior
from fusekit.bundle.format import DESCRIPTION, FORMAT, WEIGHTS, bundle_folder, read_description
from fusekit.bundle.forward import logits, of_tensors
from fusekit.bundle.patients import Part, names_of, one_patient, paths_in, slices_of
from fusekit.bundle.prior import load_prior, save_prior
from fusekit.bundle.weights import rebuild
from fusekit.data import ClinicalEncoding, Pixels, SlicePolicy
from fusekit.data.images.channels import IMAGE, Channel
from fusekit.disk import checksum_of, refuse_changed, signed, write_json, write_tensors
from fusekit.errors import DataError, UnknownName
from fusekit.evaluation.predictions import probabilities_of, with_probabilities
from fusekit.evaluation.rule import Level, Rule
from fusekit.models import FusionModel, channels_last, weights_channels_last
from fusekit.models.memory_format import placed, torch_device

#: Slices per forward pass of a prediction; the same everywhere, so that the same slice gets the same number.
BATCH = 32


class Predictions(NamedTuple):
    """What a bundle says of patients.

    Attributes:
        slices: one row per slice: subject, scan, slice, p_0, p_1, ... as the model gives them, called.
        subjects: one row per subject: subject, scans, slices, p_0, p_1, ..., called; where the run fitted them,
            ``threshold`` (class 1 is called above it) and ``temperature``, by which p_0, p_1, ... are calibrated.
    """

    slices: pd.DataFrame
    subjects: pd.DataFrame


@dataclass(frozen=True)
class Bundle:
    """A trained fusion model with everything it needs to read a new patient.

    Call it on tensors, or on files: ``bundle(image, clinical)``. Several threads may use one bundle: no call writes to
    its model, whose weights are laid out for convolutions when the bundle is made.

    Args:
        model: predicts in evaluation mode, whichever it is in.
        classes: ``classes[k]`` is what the k-th probability is of.
        encoding: clinical columns to model input; None if the model reads none.
        slices: which slices of a volume it was trained on.
        image_size: their height and width (and depth) in pixels.
        pixels: scale of their grey levels, by channel.
        rule: from slices to subjects to calls; that of the training, and the one it was tested with.
        task: the task's name, question, classes and metrics.
        metrics: rows of the test scores that it was shipped with.
        provenance: versions, seed, data fingerprint, whether the cohort was synthetic.
        images: names of the images that it reads of a scan, in the order of its channels.
        prior: the baseline that its network starts from; None if it starts from nothing.
    """

    model: FusionModel
    classes: tuple[str, ...]
    encoding: ClinicalEncoding | None
    slices: SlicePolicy
    image_size: int
    pixels: Pixels
    rule: Rule = field(default_factory=Rule)
    task: Mapping[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = (IMAGE,)
    prior: TablePrior | None = None

    def __post_init__(self) -> None:
        weights_channels_last(self.model)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the channels are that its network reads."""
        return self.slices.channels(self.images)

    def __call__(self, image: Any = None, clinical: Any = None, mask: str | Path | None = None) -> Any:
        """Predict, from tensors or from files; leave out what the model does not read.

        Args:
            image: (B, C, H, W) float tensor, scaled by ``pixels``, or (B, C, S, S, S) of whole volumes; or the path of
                a volume, series or picture; of several images a mapping of names to paths.
            clinical: (B, F) float tensor of encoded columns; or the path of a table with one row, or a mapping of
                column -> value.
            mask: the path of the image's mask; looked at if the slices' policy does.

        Returns:
            Probabilities (B, K) of tensors; of files, the table of slices of ``predict``.

        Raises:
            DataError: as ``predict``; tensors are of other shapes or types; or a probability is not a number.
        """
        if isinstance(image, Mapping) and (others := [name for name in image if name not in self.images]):
            raise DataError(f"this model reads the images {', '.join(self.images)}, and none called {others[0]!r}.")
        if isinstance(image, Tensor) or isinstance(clinical, Tensor):
            return of_tensors(self.model, self.image_size, image, clinical)
        return self.predict(one_patient(image, clinical, mask)).slices

    def predict(
        self,
        patients: pd.DataFrame,
        source: str = "the table",
        allow_out_of_range: bool = False,
        device: str | torch.device = "auto",
    ) -> Predictions:
        """Predict for patients that come as files and text.

        Args:
            patients: one row per scan; the clinical columns as text or values, ``image`` (a path) if the model reads
                images, of several ``image:NAME`` for each; ``mask`` (a path, or empty) if its slices' policy looks at
                masks; and ``subject`` if the patients have names (else they are numbered).
            source: what to call the table in messages.
            allow_out_of_range: take values outside the range that the training data make plausible.
            device: where it is computed, as for ``run``; the model itself stays where it is.

        Returns:
            Slices and subjects; a model without images has one slice per scan.

        Raises:
            DataError: a column is missing, a category unknown, a value out of range, an image unreadable, two rows are
                one scan, or the model gives no number for a patient.
            OptionError: this machine has no such device.
        """
        names = names_of(patients, source)
        files = paths_in(patients, self.images, source) if self.model.reads_image else {}
        columns = self._columns(patients, source, allow_out_of_range)
        model = placed(self.model, torch_device(device) if isinstance(device, str) else device)
        owners, positions, probabilities = [], [], [np.empty((0, len(self.classes)))]
        parts: Iterable[Part] = [Part(None, list(range(len(patients))), [0] * len(patients))]
        if self.model.reads_image:
            series = self.task.get("series", {})
            parts = slices_of(patients, files, self.slices, self.image_size, together=4 * BATCH, series=series)
        for part in parts:
            probabilities.append(self._forward(model, part.images, columns[part.owners]))
            owners += part.owners
            positions += part.positions
        slices = names.iloc[owners].reset_index(drop=True).assign(slice=positions)
        slices = with_probabilities(slices, np.concatenate(probabilities))
        probabilities_of(slices)  # refuses what is not a number, by the patient's name
        subjects, rule = self.rule.subjects(slices), self.rule
        further: dict[str, Any] = {"called": self._called(subjects, "subject")}
        if (threshold := rule.shown_threshold()) is not None:
            further["threshold"] = threshold
        if rule.calibrates:  # after the calls, which it does not change
            subjects = rule.calibrated(subjects)
            further["temperature"] = subjects.pop("temperature")
        return Predictions(slices.assign(called=self._called(slices, "slice")), subjects.assign(**further))

    def _called(self, table: pd.DataFrame, level: Level) -> list[str]:
        return [self.classes[k] for k in self.rule.called(table, level)]

    def _columns(self, patients: pd.DataFrame, source: str, allow_out_of_range: bool) -> np.ndarray:
        """Encoded clinical columns of the patients (N, F)."""
        if self.encoding is None:
            return self.encode(patients)
        names = [column.name for column in self.encoding.columns]
        if not any(name in patients for name in names):
            raise DataError(
                f"{source} has none of the {len(names)} clinical columns that this model reads: "
                f"{', '.join(names[:5])}{', ...' if len(names) > 5 else '.'} Give a table of them (--clinical)."
            )
        values = self.encoding.parse(patients, source=source)
        self.encoding.check(values, source=source, allow_out_of_range=allow_out_of_range)
        return self.encode(values)

    def encode(self, values: pd.DataFrame) -> np.ndarray:
        """Clinical values of n scans -> what the model reads of them (n, F) float32, (n, F + K) with a prior.

        (n, 0) if the model reads none.
        """
        parts = [part.transform(values) for part in (self.encoding, self.prior) if part is not None]
        return np.concatenate([np.zeros((len(values), 0), dtype=np.float32), *parts], axis=1)

    def probabilities(
        self, images: np.ndarray | None, clinical: np.ndarray, device: str | torch.device = "cpu"
    ) -> np.ndarray:
        """Probabilities (N, K) float64 of stored slices (N, C, H, W) or volumes (N, C, S, S, S) with columns (N, F).

        The forward pass is float32 whatever the precision of training, so that a run and its bundle agree.
        """
        return self._forward(placed(self.model, device), images, clinical)

    def _forward(self, model: FusionModel, images: np.ndarray | None, clinical: np.ndarray) -> np.ndarray:
        """In batches, on the device of this copy of the model."""
        device = next(model.parameters()).device
        parts = [np.empty((0, len(self.classes)))]
        with torch.inference_mode():
            for start in range(0, len(clinical), BATCH):
                image = columns = None
                if images is not None and model.reads_image:
                    image = channels_last(self.pixels.to_tensor(images[start : start + BATCH], device))
                if model.reads_clinical:
                    columns = torch.from_numpy(clinical[start : start + BATCH]).to(device)
                parts.append(logits(model, self.image_size, image, columns).cpu().double().softmax(dim=1).numpy())
        return np.concatenate(parts)

    def save(self, folder: Path) -> None:
        """Write its files into a new folder; OSError if they cannot be written, DataError if its prior cannot be."""
        folder.mkdir(parents=True)
        write_tensors(folder / WEIGHTS, self.model.state_dict())
        description = {
            "format": FORMAT,
            "weights": checksum_of(folder / WEIGHTS),
            "prior": save_prior(self.prior, folder),
            "model": self.model.description,
            "classes": list(self.classes),
            "clinical": self.encoding.as_json() if self.encoding else None,
            "images": list(self.images),
            "slices": self.slices.as_json(),
            "image_size": self.image_size,
            "pixels": self.pixels._asdict(),
            "rule": self.rule.as_json(),
            "task": dict(self.task),
            "metrics": self.metrics,
            "provenance": dict(self.provenance),
        }
        write_json(folder / DESCRIPTION, signed(description))


def load(folder: str | Path) -> Bundle:
    """Open a bundle folder, which may come from anywhere: nothing in it is run, or trusted.

    Raises:
        DataError: it is not a bundle, or one of a newer format; it was changed or damaged, or its weights do not fit.
        UnknownName: a plugin that its model needs is not installed.
    """
    folder = bundle_folder(folder)
    refuse_changed(folder.parent, folder.name)
    known = read_description(folder)
    try:
        model = rebuild(known.build, folder / WEIGHTS, folder / DESCRIPTION, known.weights)
    except UnknownName as error:
        plugins = known.provenance.get("plugins", [])
        made_with = ", ".join(sorted({f"{p['distribution']} {p['version']}" for p in plugins}))
        raise UnknownName(f"{folder}: {error}\nThe bundle was made with the plugins of {made_with}.") from error
    encoding = known.encoding
    same = {name: getattr(known, name) for name in ("classes", "slices", "image_size", "task", "provenance")}
    same |= {"pixels": known.scale, "rule": known.calling_rule, "images": known.names}
    return Bundle(
        model, encoding=encoding, prior=load_prior(known, folder), metrics=[dict(row) for row in known.metrics], **same
    )
