"""What a wrong split would have promised: one small model, trained on slices dealt in the wrong and in the right way.

Slices of one person look alike. If they are dealt to training and test one by one, the model can recognise the person
and recall the label, and it can do so with labels that mean nothing (Wen 2020, Yagis 2021).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data import Cohort, Pixels, SliceStore, Task, assign_folds
from fusekit.disk import new_folder, write_json, write_table
from fusekit.errors import OptionError
from fusekit.evaluation import Metric, prediction_table, score
from fusekit.evaluation.metrics.classes import Accuracy
from fusekit.evaluation.metrics.ranking import AreaUnderCurve
from fusekit.experiment.run.working_folder import folder_for
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.gathered import store_of
from fusekit.experiment.setup.given import merge
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.models import Fusion, build
from fusekit.progress import Progress
from fusekit.report.figures.inflation import inflation
from fusekit.training import SliceDataset, TrainingOptions, repeatable, train

#: Unless something else is given: small enough for a few minutes on two cores.
DEFAULTS: dict[str, Any] = {
    "preset": "paper",
    "backbone": "resnet10t",
    "image_size": 48,
    "epochs": 15,
    "batch_size": 16,
    "lr": 1e-3,
    "folds": 3,
}
#: At most so many subjects, and so many neighbouring slices of each, from the middle of the volume.
SUBJECTS, SLICES = 100, 6
#: The fold that is tested.
TESTED = 0
METRICS: Mapping[str, Metric] = {"accuracy": Accuracy(), "auc": AreaUnderCurve()}
#: The trainings: what the labels are, and what was dealt into folds.
SETTINGS = (("true", "slice"), ("true", "subject"), ("shuffled", "slice"), ("shuffled", "subject"))


@dataclass(frozen=True)
class Demonstration:
    """The scores of every training, and of how many subjects and slices.

    ``scores`` has a row per training, level and metric: labels, split, level, metric, value, low, high (95 % limits
    over subjects), rows, subjects.
    """

    folder: Path  # holds scores.csv, inflation.png and manifest.json
    scores: pd.DataFrame
    chance: float  # accuracy of always naming the commoner class
    subjects: int
    slices: int
    synthetic: bool


def demonstrate(given: Mapping[str, Any], progress: Progress) -> Demonstration:
    """Train the same small network on the image alone, four times, and compare what each split promises.

    ``given`` wins over ``DEFAULTS``. Slices come from the middle of the volume unless ``options`` sets them.
    OptionError if the task's items are whole volumes, of which a subject has one.
    """
    config = Settings.of(merge(DEFAULTS, given))
    task = open_task(config.task, config.options)
    if not task.classes:
        raise OptionError(
            f"the demonstration compares accuracies of classes, and this task predicts {task.target.words}."
        )
    policy = config.slice_policy(task)
    if policy.plane == "volume":
        raise OptionError(
            "the demonstration needs several slices of a subject, and this task takes whole volumes: "
            "choose a plane, e.g. -o slices.plane=coronal"
        )
    if not {"space", "start", "stop"} & set(given.get("options", {}).get("slices", {})):
        policy = replace(policy, space="fraction", start=0.4, stop=0.6)
    target = folder_for(config.out, "demonstration", config.task_name)
    with new_folder(target) as folder:
        cohort = _some(read_cohort(config, task, progress), config.seed)
        store = store_of(cohort, policy, config.image_size, progress)
        rows = _middle(store.rows).join(cohort.scans[["subject", "label"]], on="scan").rename_axis("row")
        subjects, found = rows.groupby("subject")["label"].first(), []
        shuffled = pd.Series(np.random.default_rng(config.seed).permutation(subjects.to_numpy()), subjects.index)
        for labels, split in SETTINGS:
            own = rows.assign(label=rows["subject"].map(subjects if labels == "true" else shuffled))
            own["fold"] = _deal(own, split, config)
            progress.say(f"{labels} labels, split by {split}:")
            with repeatable():
                predictions = _train(config, task, store, own, progress)
            found.append(score(predictions, METRICS).assign(labels=labels, split=split))
        scores = pd.concat(found, ignore_index=True)
        scores = scores[["labels", "split", *(name for name in scores if name not in ("labels", "split"))]]
        shares = rows["label"].value_counts(normalize=True)
        made = Demonstration(
            folder=target,
            scores=scores,
            chance=float(shares.max()),
            subjects=int(rows["subject"].nunique()),
            slices=len(rows),
            synthetic=config.data is None,
        )
        write_table(scores, folder / "scores.csv")
        title = " · ".join([config.task_name, config.backbone, *["SYNTHETIC cohort"] * made.synthetic])
        inflation(folder / "inflation.png", title=title, scores=scores, chance=made.chance)
        record = {name: value for name, value in asdict(made).items() if name not in ("folder", "scores")}
        record |= {"config": config.as_json(), "slices": store.policy.as_json(), "versions": manifest.versions()}
        write_json(folder / "manifest.json", record)
    return made


def _some(cohort: Cohort, seed: int) -> Cohort:
    """The first scan of at most ``SUBJECTS`` subjects, drawn with the cohort's shares of the classes."""
    scans = cohort.scans.drop_duplicates("subject")
    rng = np.random.default_rng(seed)
    share = min(1.0, SUBJECTS / len(scans))
    kept = [
        rng.permutation(part.index.to_numpy(dtype=object))[: max(2, round(share * len(part)))]
        for _, part in scans.groupby("label")
    ]
    scans = scans.loc[scans.index.isin(np.concatenate(kept))]
    return replace(cohort, scans=scans, clinical=cohort.clinical.loc[scans.index])


def _middle(rows: pd.DataFrame) -> pd.DataFrame:
    """The middle ``SLICES`` of each scan's neighbouring slices."""
    order = rows.groupby("scan").cumcount()
    first = (rows.groupby("scan")["slice"].transform("size") - SLICES).clip(lower=0) // 2
    return rows[(order >= first) & (order < first + SLICES)]


def _deal(rows: pd.DataFrame, split: str, config: Settings) -> pd.Series:
    """Fold of each row: the right way deals subjects, the wrong way slices, with equal shares of the classes."""
    if split == "subject":
        return rows["subject"].map(assign_folds(rows.groupby("subject")["label"].first(), config.folds, config.seed))
    return assign_folds(rows["label"], config.folds, config.seed)


def _train(config: Settings, task: Task, store: SliceStore, rows: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Train on all folds but the tested one; the predictions of that one."""
    trained, tested = rows[rows["fold"] != TESTED], rows[rows["fold"] == TESTED]
    chosen = trained.index.to_numpy()
    pixels = Pixels.fit(store.images, chosen, store.channels)
    none = np.zeros((len(rows), 0), dtype=np.float32)  # no clinical columns
    labels = trained["label"].to_numpy()
    dataset = SliceDataset(store.images, chosen, none[: len(chosen)], labels, pixels, store.channels)
    from fusekit.training.machines.fabric import fabric_for

    fabric = fabric_for(config.device, config.precision)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = build(
            Fusion(head="image"),
            backbone=config.backbone,
            columns=0,
            classes=task.target.outputs,
            in_channels=len(store.channels),
            image_size=config.image_size,
            options={part: own for part, own in config.options.items() if part == "backbone"},
        )
        train(
            fabric,
            model,
            dataset,
            epochs=config.epochs or DEFAULTS["epochs"],
            batch_size=config.batch_size,
            lr=config.lr,
            seed=config.seed,
            options=TrainingOptions(),
            progress=progress,
            epoch_ended=lambda epoch, scores: None,
        )
    bundle = Bundle(model, task.target, None, store.policy, config.image_size, pixels, images=store.names)
    images = store.images[tested.index.to_numpy()]
    columns = ["subject", "scan", "slice", "fold", "label"]
    answers = bundle.probabilities(images, none[: len(tested)], fabric.device)
    return prediction_table(tested[columns], task.target.predict(answers))
