"""A shipped network: a folder with weights and ``bundle.json``, enough to predict for a new patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.baselines.prior import TablePrior
from fusekit.bundle.formats import DESCRIPTION, FORMATS, PRIOR, WEIGHTS
from fusekit.bundle.forward import BATCH, Answer, in_batches, of_slices, of_tensors, tensor_of, together
from fusekit.bundle.patients import (
    Part,
    Predictions,
    available_of,
    cut_patient,
    names_of,
    one_patient,
    paths_in,
    present_of,
    slices_of,
    values_of,
)
from fusekit.bundle.prior import save_baseline
from fusekit.bundle.shown import Shown
from fusekit.data import ClinicalEncoding, Pixels, SlicePolicy, Target
from fusekit.data.absence import AVAILABLE, Modality
from fusekit.data.images.channels import IMAGE, Channel
from fusekit.data.store.blanks import Images
from fusekit.data.store.plan import item_shape
from fusekit.data.store.scan_rows import ScanRows
from fusekit.disk import checksum_of, signed, write_json, write_tensors
from fusekit.errors import DataError
from fusekit.evaluation.calibration.conformal import Conformal
from fusekit.evaluation.predictions import outputs_of
from fusekit.evaluation.rule import Level, Rule
from fusekit.models import FusionModel, weights_channels_last
from fusekit.models.memory_format import placed, torch_device


@dataclass(frozen=True, repr=False)
class Bundle(Shown):
    """A trained fusion model with everything it needs to read a new patient; ``load`` may give one of another kind.

    Call it on tensors, or on files: ``bundle(image, clinical)``. Several threads may use one bundle: no call writes to
    its model, whose weights are laid out for convolutions when the bundle is made.

    Args:
        model: predicts in evaluation mode, whichever it is in.
        target: what it predicts.
        encoding: clinical columns to model input; None if the model reads none.
        slices: which slices of a volume it was trained on.
        image_size: their height and width (and depth) in pixels.
        pixels: scale of their grey levels, by channel.
        rule: from slices to subjects to calls; that of the training, and the one it was tested with.
        task: the task's name, question, target and metrics.
        metrics: rows of the test scores that it was shipped with.
        provenance: versions, seed, data fingerprint, whether the cohort was synthetic.
        images: names of the images that it reads of a scan, in the order of its channels.
        prior: the baseline that its network starts from; None if it starts from nothing.
        conformal: the quantile by which it gives sets of classes, or intervals; None if it gives none.
    """

    model: FusionModel
    target: Target
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
    conformal: Conformal | None = None

    def __post_init__(self) -> None:
        weights_channels_last(self.model)

    @property
    def classes(self) -> tuple[str, ...]:
        """``classes[k]`` is what the k-th probability is of, if it predicts classes."""
        return self.target.classes

    @property
    def reads_image(self) -> bool:
        """Whether it needs a patient's images."""
        return self.model.reads_image

    @property
    def pooled(self) -> bool:
        """Whether it joins the slices of a scan, and predicts each scan once."""
        return self.model.pool is not None

    @property
    def absent(self) -> tuple[Modality, ...]:
        """What a patient may lack: "image", "table"."""
        return self.model.absent

    @property
    def description(self) -> Mapping[str, Any] | None:
        """Every part of the network with every option; None if there is none."""
        return self.model.description

    @property
    def each(self) -> tuple[Bundle, ...]:
        """The models whose probabilities are averaged: itself."""
        return (self,)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the channels are that its network reads."""
        return self.slices.channels(self.images)

    def __call__(self, image: Any = None, clinical: Any = None, mask: str | Path | None = None) -> Any:
        """Predict, from tensors or from files; leave out what the model does not read.

        Args:
            image: (B, C, H, W) float tensor, scaled by ``pixels``, or (B, C, S, S, S) of whole volumes, or
                (B, N, C, H, W) of scans of N slices, where a pool joins them; or the path of a volume, series or
                picture; of several images a mapping of names to paths.
            clinical: (B, F) float tensor of encoded columns; or the path of a table with one row, or a mapping of
                column -> value.
            mask: the path of the image's mask; looked at if the slices' policy does.

        Returns:
            Probabilities (B, K) of tensors, or the number (B, 1); of files, the table of slices of ``predict``.

        Raises:
            DataError: as ``predict``; tensors are of other shapes or types; or a probability is not a number.
        """
        if isinstance(image, Mapping) and (others := [name for name in image if name not in self.images]):
            raise DataError(f"this model reads the images {', '.join(self.images)}, and none called {others[0]!r}.")
        if isinstance(image, Tensor) or isinstance(clinical, Tensor):
            return of_tensors(self.model, self.target, self.image_size, image, clinical)
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
            Slices and subjects; a model without images has one slice per scan, and so has one with a pool: the middle.

        Raises:
            DataError: a column is missing, a category unknown, a value out of range, an image unreadable, two rows are
                one scan, or the model gives no number for a patient.
            OptionError: this machine has no such device.
        """
        names = names_of(patients, source)
        files = paths_in(patients, self.images, source, self.absent) if self.reads_image else {}
        values = values_of(patients, self.encoding, source, allow_out_of_range, self.absent)
        there = present_of(patients, files, values, self.absent, source)
        answers = [one.answering(values, device, there["image"].to_numpy()) for one in self.each]
        owners, positions, found = [], [], [np.empty((0, len(answers), len(self.target.columns)))]
        parts: Iterable[Part] = [Part(None, list(range(len(patients))), [0] * len(patients))]
        if self.reads_image:
            series = self.task.get("series", {})
            blank = np.zeros((1, *item_shape(self.images, self.slices, self.image_size)), dtype=self.slices.depth)
            cut = partial(cut_patient, columns=files, policy=self.slices, size=self.image_size, series=series)
            parts = slices_of(patients, cut, blank, there["image"].tolist(), together=4 * BATCH)
        for part in parts:
            found.append(np.stack([answer(part.images, part.owners) for answer in answers], axis=1))
            owners += part.owners
            positions += part.positions
        rows, each = names.iloc[owners].assign(slice=positions), np.concatenate(found)
        if self.pooled:
            kept = ScanRows(owners).middle
            rows, each = rows.iloc[kept], each[kept]
        rows = rows.reset_index(drop=True)
        slices = pd.concat([rows, self.target.predict(each.mean(axis=1))], axis=1)
        outputs_of(slices)  # refuses what is not a number, by the patient's name
        subjects, rule = self.rule.subjects(slices), self.rule
        further: dict[str, Any] = dict(self._called(subjects, "subject"))
        further |= self.conformal.columns(subjects, self.target) if self.conformal else {}
        further |= self.disagreement(rows, each, further.get("called", ()))
        if (threshold := rule.shown_threshold()) is not None:
            further["threshold"] = threshold
        if rule.calibrates:  # after the calls, which it does not change
            subjects = rule.calibrated(subjects)
            further["temperature"] = subjects.pop("temperature")
        if self.absent:
            further[AVAILABLE] = available_of(there, names).loc[subjects["subject"]].to_numpy()
        return Predictions(slices.assign(**self._called(slices, "slice")), subjects.assign(**further))

    def disagreement(self, rows: pd.DataFrame, each: np.ndarray, called: Sequence[str]) -> dict[str, Any]:
        """Further columns of the subjects where several models speak: ``each`` (slices, models, K) are theirs."""
        return {}

    def _called(self, table: pd.DataFrame, level: Level) -> dict[str, list[str]]:
        """The column ``called``; none where no classes are predicted."""
        return {"called": [self.classes[k] for k in self.rule.called(table, level)]} if self.classes else {}

    def answering(
        self, values: pd.DataFrame, device: str | torch.device = "cpu", with_image: np.ndarray | None = None
    ) -> Answer:
        """Typed clinical values of n scans -> a function of stored slices and of the scan (0 to n - 1) of each.

        All slices of a scan are given in one call, of one without image (``with_image`` (n,); None: all have one) blank
        ones; with a pool they have one answer. ``device`` is as for ``predict``.
        """
        columns = self.encode(values)
        model = placed(self.model, torch_device(device) if isinstance(device, str) else device)
        present = self.present(values, with_image)

        def answer(images: Images | None, scans: Sequence[int]) -> np.ndarray:
            own = np.asarray(scans, dtype=np.int64)
            return of_slices(model, self.target, self.pixels, self.image_size, images, own, columns, present)

        return answer

    def present(self, values: pd.DataFrame, with_image: np.ndarray | None = None) -> np.ndarray | None:
        """Which of n scans have an image, as is given, and which have any of the values that the model reads: (n, 2).

        Without ``with_image`` (n,) all have one. None of a model to which that makes no difference.
        """
        if not self.model.absent:
            return None
        with_table = np.ones(len(values), dtype=bool)
        with_image = np.ones(len(values), dtype=bool) if with_image is None else with_image
        if self.encoding is not None:
            with_table = values[[column.name for column in self.encoding.columns]].notna().any(axis=1).to_numpy()
        return np.stack([with_image, with_table], axis=1)

    def encode(self, values: pd.DataFrame) -> np.ndarray:
        """Clinical values of n scans -> what the model reads of them (n, F) float32, (n, F + K) with a prior.

        (n, 0) if the model reads none.
        """
        parts = [part.transform(values) for part in (self.encoding, self.prior) if part is not None]
        return np.concatenate([np.zeros((len(values), 0), dtype=np.float32), *parts], axis=1)

    def probabilities(
        self,
        images: np.ndarray | None,
        clinical: np.ndarray,
        device: str | torch.device = "cpu",
        present: np.ndarray | None = None,
        *,
        raw: bool = False,
    ) -> np.ndarray:
        """Probabilities (N, K) float64 of stored slices (N, C, H, W) or volumes (N, C, S, S, S) with columns (N, F).

        With a pool, images are N scans, each (n, C, H, W) of its own number of slices. ``present`` (N, 2) is as
        ``Bundle.present`` gives it; None: all have an image and a table. The forward pass is float32 whatever the
        precision of training, so that a run and its bundle agree. With ``raw``, the network's outputs (N, W).
        """
        model = placed(self.model, device)
        return in_batches(model, self.target, self.pixels, self.image_size, images, clinical, present, raw=raw)

    def tensor(self, images: np.ndarray, device: str | torch.device) -> Tensor:
        """Stored images of N samples as the network reads them: (N, C, *S), with a pool scans (N, n, C, H, W)."""
        return tensor_of(self.model, self.pixels, images, device)

    @property
    def together(self) -> int:
        """How many samples are predicted in one forward pass."""
        return together(self.model)

    def save(self, folder: str | Path) -> None:
        """Write its files into a new folder.

        OSError if they cannot be written, FusekitError if its prior or baseline cannot be shipped.
        """
        folder = Path(folder)
        folder.mkdir(parents=True)
        described = {
            **self._save_parts(folder),
            **self.target.as_json(),
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
        if self.conformal:
            described["conformal"] = self.conformal.as_json()
        write_json(folder / DESCRIPTION, signed(described))

    def _save_parts(self, folder: Path) -> dict[str, Any]:
        """Write what predicts, and return what the description says of it."""
        write_tensors(folder / WEIGHTS, self.model.state_dict())
        prior = save_baseline(self.prior.baseline, folder / PRIOR) if self.prior else None
        known = {"format": FORMATS["network", self.target.kind], "weights": checksum_of(folder / WEIGHTS)}
        return {**known, "prior": prior, "model": self.model.description}
