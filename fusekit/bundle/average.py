"""Models of a run's folds, or members of one training, as one: the average of what they say and how it differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.baseline import WithoutNetwork
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.formats import DESCRIPTION, FORMATS
from fusekit.bundle.forward import Answer
from fusekit.data.absence import Modality
from fusekit.disk import checksum_of
from fusekit.errors import DataError
from fusekit.evaluation.rule import Rule


@dataclass(frozen=True, repr=False)
class AverageBundle(WithoutNetwork):
    """Several models of one kind, whose probabilities of each slice are averaged; then the calling rule is applied.

    Its other arguments are those of ``Bundle``. ``encoding`` reads patients; each model encodes them by its own. The
    temperature of one fold is not that of an average over folds, which has none; the members of one training have one
    for their average.
    """

    models: tuple[Bundle, ...] = field(kw_only=True)

    @classmethod
    def of(cls, models: Sequence[Bundle]) -> AverageBundle:
        """Average models that were fitted on the same subjects: they read and scale the same."""
        names = [one.name for one in fields(Bundle) if one.init and one.name not in ("model", "prior")]
        same = {name: getattr(models[0], name) for name in names}
        return cls(models=tuple(models), **{**same, "target": models[0].target.unfitted})

    def __post_init__(self) -> None:
        """DataError if the models do not read and distinguish the same."""
        for number, model in enumerate(self.models):
            if model.target.unfitted != self.target.unfitted:
                raise DataError(f"model {number} predicts something else than the average.")
            for name in ("slices", "image_size", "images", "reads_image", "pooled"):
                if getattr(model, name) != getattr(self, name):
                    raise DataError(f"model {number} has other {name} than the average.")
            known = {column.name: column.column.kind for column in self.encoding.columns} if self.encoding else {}
            for column in model.encoding.columns if model.encoding else ():
                if known.get(column.name) != column.column.kind:
                    raise DataError(f"model {number} reads a column {column.name!r} that is not described.")

    def __str__(self) -> str:
        return f"the average of {len(self.models)} models"

    @property
    def reads_image(self) -> bool:  # noqa: D102
        return self.models[0].reads_image

    @property
    def pooled(self) -> bool:  # noqa: D102
        return self.models[0].pooled

    @property
    def absent(self) -> tuple[Modality, ...]:
        """What a patient may lack: as of each model."""
        return self.models[0].absent

    @property
    def description(self) -> Mapping[str, Any] | None:
        """Of each network."""
        return self.models[0].description

    @property
    def each(self) -> tuple[Bundle, ...]:
        """The models whose probabilities are averaged."""
        return self.models

    def answering(
        self, values: pd.DataFrame, device: str | torch.device = "cpu", with_image: np.ndarray | None = None
    ) -> Answer:
        """The average of what the models answer."""
        answers = [model.answering(values, device, with_image) for model in self.models]
        return lambda images, scans: np.mean([answer(images, scans) for answer in answers], axis=0)

    def disagreement(self, rows: pd.DataFrame, each: np.ndarray, called: Sequence[str]) -> dict[str, Any]:
        """How far the models are apart about each subject.

        Returns:
            ``lowest_k`` and ``highest_k``, of the models' probabilities of class k; and ``agree``, how many of the
            models would call, each by its own rule, what is called. Of a number ``lowest_predicted`` and
            ``highest_predicted`` alone. The range is no confidence interval: the models share most of their training
            subjects.
        """
        said = [pd.concat([rows, self.target.predict(each[:, number])], axis=1) for number in range(len(self.models))]
        tables = [model.rule.subjects(table) for model, table in zip(self.models, said, strict=True)]
        names = list(self.target.columns)
        found = np.stack([table[names].to_numpy(dtype=float) for table in tables])  # (models, subjects, A)
        ranges = {f"{end}_{name.removeprefix('p_')}": by(found[..., k], axis=0) for k, name in enumerate(names)
                  for end, by in (("lowest", np.min), ("highest", np.max))}  # fmt: skip
        if not self.classes:
            return ranges
        calls = [[self.classes[k] for k in model.rule.called(table, "subject")]
                 for model, table in zip(self.models, tables, strict=True)]  # fmt: skip
        return {**ranges, "agree": (np.array(calls) == np.array(called)).sum(axis=0)}

    def _save_parts(self, folder: Path) -> dict[str, Any]:
        for model, path in zip(self.models, folders_in(folder, len(self.models)), strict=True):
            model.save(path)
        written = folders_in(folder, len(self.models))
        return {
            "format": FORMATS["average", self.target.kind],
            "models": [checksum_of(path / DESCRIPTION) for path in written],
        }


def folders_in(folder: Path, count: int) -> list[Path]:
    """Folders of an average's models, each a bundle by itself."""
    return [folder / f"fold-{number}" for number in range(count)]


def average_rule(rules: Sequence[Rule]) -> Rule:
    """The rule of an average: its models' aggregation, and the mean of their thresholds, where each has one.

    The mean of probabilities lies above the mean of thresholds where the models lie above their own on average.
    """
    levels = [rule.thresholds[0] for rule in rules if rule.thresholds]
    if len(levels) < len(rules):
        return Rule(rules[0].aggregate)
    return Rule(rules[0].aggregate, {0: {name: float(np.mean([at[name] for at in levels])) for name in levels[0]}})
