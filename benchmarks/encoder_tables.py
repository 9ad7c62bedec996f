"""The tables that clinical encoders are compared on: SYNTHETIC cohorts without their images, and their folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from fusekit.data import Cohort, assign_folds
from fusekit.extension import catalog
from fusekit.progress import Quiet

FOLDS = 5


class Side(NamedTuple):
    """Scans that are trained or tested on."""

    values: pd.DataFrame
    labels: np.ndarray
    subjects: np.ndarray


def read_table(seed: int, subjects: int) -> Cohort:
    """The cohort of ``fusekit run adni-ad -o synthetic.seed=... -o synthetic.subjects=...``, its images empty files."""
    with TemporaryDirectory() as folder, patch("fusekit_adni.synthetic.download.write_scans", _touch):
        task: Any = catalog().tasks.make("adni-ad")
        task.synthesize(Path(folder), Quiet(), seed=seed, subjects=subjects)
        cohort: Cohort = task.scan(Path(folder), Quiet())
    return cohort


def _touch(write: Any, scans: Sequence[Any], progress: Any, unit: str) -> None:
    for scan in scans:
        scan.path.parent.mkdir(parents=True, exist_ok=True)
        scan.path.touch()


def folds_of(cohort: Cohort) -> Iterator[tuple[Side, Side]]:
    """The training and the test side of each fold; no subject is on both."""
    fold = cohort.scans["subject"].map(assign_folds(cohort.subjects, FOLDS, seed=0))
    for held in range(FOLDS):
        yield _side(cohort, fold != held), _side(cohort, fold == held)


def _side(cohort: Cohort, chosen: pd.Series) -> Side:
    scans = cohort.scans[chosen]
    return Side(cohort.clinical.loc[scans.index], scans["label"].to_numpy(), scans["subject"].to_numpy(dtype=object))


def subject_auc(side: Side, scores: np.ndarray) -> float:
    """AUC of the mean score of each subject's scans."""
    table = pd.DataFrame({"subject": side.subjects, "label": side.labels, "score": scores})
    people = table.groupby("subject").mean()
    return float(roc_auc_score(people["label"], people["score"]))
