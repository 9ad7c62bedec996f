"""From a task of rows and an estimator's parameters to a trained model, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.data import SliceStore
from fusekit.disk import read_json
from fusekit.errors import DataError, OptionError, first_ten
from fusekit.experiment.run.fold import RECORD, train_fold
from fusekit.experiment.run.ship import origin_of, with_origin
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.gathered import Gathered, report, store_of
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import catalog
from fusekit.extension.fusion import registered
from fusekit.progress import Progress
from fusekit.report.records import FoldRecord
from fusekit.sklearn.task import NAME, FrameTask


def train(task: FrameTask, given: Mapping[str, Any], progress: Progress) -> Bundle:
    """Fit on all rows, as a run fits what it ships; the audit and every test are left to ``fusekit.run``.

    ``given`` are settings of a run. Nothing stays on disk but slices in the cache.
    """
    with TemporaryDirectory(prefix="fusekit-") as name:
        folder = Path(name)
        own = {"task": NAME, "data": folder, "explain": "none", "devices": 1, "nodes": 1}
        config = Settings.of({**given, **own}, task)
        _refuse_absent(config, task)
        plan = make_plan(config, task)
        gathered = _gather(plan, progress)
        report(gathered.findings, progress)
        bundle = train_fold(plan, gathered, None, folder, progress)
        training = read_json(folder / RECORD, FoldRecord)
    record = {"synthetic": False, "versions": manifest.versions(), "plugins": manifest.plugins()}
    record |= {"config": config.as_json(), "data": {"fingerprint": gathered.fingerprint}}
    return with_origin(bundle, origin_of(record), training, gathered.fingerprint)


def _gather(plan: Plan, progress: Progress) -> Gathered:
    cohort = read_cohort(plan.config, plan.task, progress)
    folds = pd.Series(0, cohort.subjects.index, name="fold")  # none of which is held out
    size = plan.config.image_size
    if cohort.present["image"].any():
        store = store_of(cohort, plan.slices, size, progress)
    else:
        store = SliceStore.empty(plan.slices, size, cohort.images)
    plan.try_again(store.channels)
    return Gathered(cohort, folds, store, (*cohort.findings, *store.findings))


def _refuse_absent(config: Settings, task: FrameTask) -> None:
    """Refuse rows without an image where what is trained cannot do without; OptionError if no column names images."""
    if "image" not in task.absent:
        return
    arm, without = f"the {'baseline' if config.baseline else 'fusion'} {config.arm}", task.cohort.scans["image"].isna()
    if config.baseline:
        reads = catalog().baselines.make(config.baseline, **config.options.get("baseline", {})).reads_image
        can_do_without = False
    else:
        reads, can_do_without = registered(config.fusion).image, registered(config.fusion).absence
    if reads and without.all():
        raise OptionError(
            f"{arm} reads images, and no row has one: name their column with image=..., or train on the table alone, "
            "such as fusion='clinical-only' or baseline='logistic'."
        )
    if reads and not can_do_without:
        raise DataError(
            f"X: {without.sum()} rows have no image: row {first_ten(without.index[without])}. {arm} reads one of every "
            "row: leave them out, or take a fusion that learns what to take in place of one."
        )
