"""What is fitted on a fold's training subjects: a network, the best of several, or a classical model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import BATCH, Bundle
from fusekit.data import ClinicalEncoding, Finding, Pixels
from fusekit.errors import FusekitError, first_ten
from fusekit.evaluation import Rule, prediction_table, probabilities_of
from fusekit.evaluation.metrics.ranking import MacroAreaUnderCurve
from fusekit.experiment.run.history import HISTORY, History
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.explain import Fold, ablate, explain_fold
from fusekit.progress import Progress
from fusekit.report.run import Run
from fusekit.training import Checkpoint, NonFiniteError, SliceDataset, train

#: Folder of a fold's explanations, in the fold's own.
EXPLANATIONS = "explanations"
#: Gets a sentence on what could not be made.
Failed = Callable[[str], None]
#: Notified of every epoch: the part that is trained (``fold-0``), the run where it is being written, epoch, scores.
Follow = Callable[[str, Run, int, dict[str, float]], None]


@dataclass(frozen=True)
class Fitted:
    """What a fold's training subjects gave."""

    predict: Callable[[pd.DataFrame], np.ndarray]  # rows (n slices) -> probabilities (n, K)
    #: Rows, their predictions, seconds that predicting one took, the fold's rule, what failed -> ablations
    explain: Callable[[pd.DataFrame, pd.DataFrame, float, Rule, Failed], pd.DataFrame | None]
    findings: tuple[Finding, ...] = ()  # about the training subjects' values
    epochs: int = 0  # of training; 0 of a baseline
    choice: dict[str, Any] = field(default_factory=dict)  # what the search chose
    search: list[dict[str, Any]] = field(default_factory=list)  # every candidate with its score
    bundle: Bundle | None = None  # None of a baseline


def fit_network(
    plan: Plan, gathered: Gathered, sides: Sides, fold: int | None, folder: Path, progress: Progress, follow: Follow
) -> Fitted:
    """Train every candidate, and keep the one that scores best on the subjects set aside; usually there is one."""
    candidates = plan.config.candidates()
    kept = folder / CHECKPOINTS
    part = "all" if fold is None else f"fold-{fold}"  # as the files of a run count folds
    if len(candidates) == 1 and not candidates[0][0]:
        return _fit(plan, gathered, sides, fold, folder, kept / "training.safetensors", progress, partial(follow, part))
    tried: list[dict[str, Any]] = []
    best: Fitted | None = None
    for number, (choice, config) in enumerate(candidates):
        progress.say(f"candidate {', '.join(f'{name}={value}' for name, value in choice.items())}")
        path = kept / f"candidate-{number}.safetensors"
        notify = partial(follow, f"{part}/candidate-{number}")
        candidate = replace(make_plan(config), fabric=plan.fabric, processes=plan.processes)
        fitted = _fit(candidate, gathered, sides, fold, folder, path, progress, notify)
        reached = validation_score(fitted.predict, sides.validation, Rule(plan.config.aggregate))
        if best is None or reached > max(row["validation_auc"] for row in tried):
            best = replace(fitted, choice=choice, search=tried)
            history = (folder / HISTORY).read_bytes() if plan.processes.first else b""
        tried.append({"choice": choice, "validation_auc": reached})
    assert best is not None
    if plan.processes.first:
        (folder / HISTORY).write_bytes(history)
    return best


def validation_score(predict: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame, rule: Rule) -> float:
    """AUC (of several classes: the mean over them) of the subjects set aside."""
    subjects = rule.subjects(prediction_table(rows, predict(rows)))
    return MacroAreaUnderCurve().value(subjects["label"].to_numpy(), probabilities_of(subjects))


def _fit(
    plan: Plan,
    gathered: Gathered,
    sides: Sides,
    fold: int | None,
    folder: Path,
    kept: Path,
    progress: Progress,
    notify: Callable[[Run, int, dict[str, float]], None],
) -> Fitted:
    """Train on the training subjects alone; a checkpoint ``kept`` of a finished training gives the model at once."""
    config, rows, images, rule = plan.config, sides.train, gathered.store.images, Rule(plan.config.aggregate)
    clinical = gathered.cohort.clinical.loc[rows["scan"].unique()]
    encoding = ClinicalEncoding.fit(clinical, gathered.cohort.columns)
    findings = (*encoding.findings, *encoding.unseen(gathered.cohort.clinical))
    channels = gathered.store.channels
    pixels = Pixels.fit(images, rows.index.to_numpy(), channels)
    values, labels = encoding.transform(gathered.values(rows)), rows["label"].to_numpy()
    dataset = SliceDataset(images, rows.index.to_numpy(), values, labels, pixels, channels)
    with torch.random.fork_rng():  # the caller's random numbers stay the caller's
        torch.manual_seed(config.seed)
        model = plan.build_model(encoding.layout, len(channels), people=rows["subject"].nunique())
        model.fit(torch.from_numpy(encoding.transform(clinical)))
        bundle = Bundle(
            model=model,
            classes=plan.task.classes,
            encoding=encoding if model.reads_clinical else None,
            images=gathered.cohort.images,
            slices=gathered.store.policy,
            image_size=config.image_size,
            pixels=pixels,
            task={"name": config.task_name, **plan.task.describe()},
        )

        def predict(rows: pd.DataFrame) -> np.ndarray:
            part = plan.processes.part(-(-len(rows) // BATCH))  # in whole batches, so that all is as in one process
            own = rows.iloc[part.start * BATCH : part.stop * BATCH]
            grey = images[own.index.to_numpy()] if model.reads_image else None
            probabilities = bundle.probabilities(grey, bundle.encode(gathered.values(own)), plan.fabric.device)
            return np.concatenate(plan.processes.gather(probabilities))

        identity = {  # what must be the same for a training to be resumed
            "config": config.identity("device", "explain"),  # another GPU of the same kind will do
            "fold": fold,
            "model": model.description,
            "data": gathered.fingerprint,
            "device": plan.fabric.device.type,
            "versions": manifest.versions(),
            "plugins": manifest.plugins(),
        }
        checkpoint = Checkpoint(kept, identity, plan.processes)
        history = History(folder, notify)
        if plan.processes.first:
            checkpoint.keep(history=history)
        try:
            epochs = train(
                plan.fabric,
                model,
                dataset,
                epochs=config.epochs,
                batch_size=config.batch_size,
                lr=config.lr,
                seed=config.seed,
                options=plan.training,
                augment=plan.augment,
                progress=progress,
                epoch_ended=history.add if plan.processes.first else lambda epoch, scores: None,
                validate=partial(validation_score, predict, sides.validation, rule) if config.select == "auc" else None,
                checkpoint=checkpoint,
                processes=plan.processes,
            )
        except NonFiniteError as error:
            batch = rows.loc[list(error.rows)].drop_duplicates(["subject", "scan"]).sort_values(["subject", "scan"])
            scans = first_ten(f"{row.subject} (scan {row.scan})" for row in batch.itertuples())
            last_good = ""
            if checkpoint.place is not None:
                epoch, number = checkpoint.place
                when = f"batch {number} of epoch {epoch}" if number else f"epoch {epoch - 1}"
                last_good = f" The last good state, after {when}, is kept in {checkpoint.path}."
            raise FusekitError(f"{error} The batch was of {scans}.{last_good}") from error

    quarter = len(dataset) * config.epochs * 3 / 4  # of the training, in forward passes; a step costs about three

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, seconds: float, rule: Rule, failed: Failed
    ) -> pd.DataFrame | None:
        values, columns, oriented = gathered.values(rows), gathered.cohort.columns, gathered.store.oriented
        return explain_fold(
            Fold(bundle, images, values, rows, columns, plan.fabric.device, oriented),
            predictions,
            folder / EXPLANATIONS,
            rule=rule,
            seed=config.seed,
            template=plan.task.template,
            slices=1,  # per scan, in ablations: some thirty passes over all of them would take longer than training
            work=None if config.explain == "full" else quarter,
            seconds=seconds,
            failed=failed,
            progress=progress,
        )

    return Fitted(predict, explain, findings, epochs, bundle=bundle)


def fit_baseline(plan: Plan, gathered: Gathered, sides: Sides, progress: Progress) -> Fitted:
    """Fit a classical model on the training scans' clinical values."""
    scans = gathered.cohort.scans.loc[sides.train["scan"].unique()]
    values = gathered.cohort.clinical.loc[scans.index]
    baseline = plan.build_baseline()
    baseline.fit(
        values, gathered.cohort.columns, scans["label"].to_numpy(), scans["subject"].to_numpy(), plan.config.seed
    )

    def predict(rows: pd.DataFrame) -> np.ndarray:
        scans = rows["scan"].unique()  # slices of a scan share their values
        probabilities = pd.DataFrame(baseline.probabilities(gathered.cohort.clinical.loc[scans]), index=scans)
        return np.asarray(probabilities.loc[rows["scan"]], dtype=float)

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, seconds: float, rule: Rule, failed: Failed
    ) -> pd.DataFrame:
        scans, columns = rows.drop_duplicates("scan"), gathered.cohort.columns  # slices of a scan share their values
        return ablate(
            lambda _, values: baseline.probabilities(values),
            None,
            gathered.values(scans),
            scans,
            columns,
            rule=rule,
            seed=plan.config.seed,
            reads_image=False,
            # More columns, left out one by one, take longer than a baseline's training.
            single=None if plan.config.explain == "full" or len(columns) <= 20 else (),
            progress=progress,
        )

    return Fitted(predict, explain)
