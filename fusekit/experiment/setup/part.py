"""The trainings that a run is made of: its folds, and with a learning curve each fold with fewer training subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.data.splits import POINTS, WHOLE
from fusekit.errors import DataError
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.settings import Settings

#: Training subjects of each class, or other group, that whatever is fitted can do with.
FEWEST = 2


class Part(NamedTuple):
    """One training of a run."""

    fold: int | None  # that is tested; None: none, and all subjects are trained on
    percent: int = WHOLE  # of the other subjects

    @property
    def name(self) -> str:
        """Of its folder: ``fold-0``, ``fold-0-25-percent``, ``all``."""
        part = "all" if self.fold is None else f"fold-{self.fold}"
        return part if self.percent == WHOLE else f"{part}-{self.percent}-percent"

    def label(self, folds: int) -> str:
        """For progress, as one of so many folds."""
        part = "all subjects" if self.fold is None else f"fold {self.fold + 1}/{folds}"
        return part if self.percent == WHOLE else f"{part}, {self.percent} % of its training subjects"


def parts_of(config: Settings) -> list[Part]:
    """Every training that tests a fold: the whole folds first, then those of the learning curve, if it is asked for."""
    percents = (WHOLE, *POINTS) if config.learning_curve else (WHOLE,)
    return [Part(fold, percent) for percent in percents for fold in config.tested]


def refuse_small(config: Settings, gathered: Gathered) -> None:
    """Raise DataError, before anything is trained, where the smallest part of a learning curve lacks a class."""
    if not config.learning_curve:
        return
    labels = gathered.cohort.scans.groupby("subject")["label"].first()
    group, names = gathered.cohort.target.groups(labels)
    groups = pd.Series(group, labels.index)
    # Where something is chosen by them, subjects set aside of every class are needed; temperatures do without.
    chooses = config.select != "none" or config.threshold != "argmax" or bool(config.search)
    for fold in config.tested:
        sides = gathered.sides(fold, config.validation, config.seed, POINTS[0])
        for what, rows, least in (("training", sides.train, FEWEST), ("validation", sides.validation, int(chooses))):
            counts = np.bincount(groups.loc[rows["subject"].unique()], minlength=len(names))
            if counts.min() < least:
                raise DataError(
                    f"--learning-curve: {POINTS[0]} % of the {what} subjects of fold {fold + 1} hold {counts.min()} "
                    f"of {names[counts.argmin()]!r}, and {least} are needed. Leave --learning-curve out, or add "
                    "subjects."
                )
