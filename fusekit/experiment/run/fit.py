"""What is fitted on a fold's training subjects: a network, the best of several, or a classical model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from fusekit.experiment.folder import CHECKPOINTS, Run
from fusekit.experiment.run.history import HISTORY, History
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.explain import Fold, ablate, explain_fold
from fusekit.progress import Progress
from fusekit.training import Checkpoint, NonFiniteError, SliceDataset, train

#: Slices of a scan that stand for it in ablations: some thirty passes over all of them would take longer than training.
ABLATED = 1

#: Columns that a baseline is asked without one by one; more take longer than its training, and ``full`` waits for them.
FEW_COLUMNS = 20


#: Gets a sentence on what could not be made.
Failed = Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """What a fold's training subjects gave.

    Args:
        predict: rows (n slices) -> probabilities (n, K).
        explain: tested rows, their predictions, the calling rule -> the rows of ablations.csv, if they can be made; the
            rest goes to a folder, and what fails is reported.
        findings: about the training subjects' values.
        epochs: how many the model was trained for; 0 of a baseline.
        choice: what the search chose.
        search: every candidate with its score.
        bundle: the model; None of a baseline.
    """

    predict: Callable[[pd.DataFrame], np.ndarray]
    explain: Callable[[pd.DataFrame, pd.DataFrame, Rule, Path, Progress, Failed], pd.DataFrame | None]
    findings: tuple[Finding, ...] = ()
    epochs: int = 0
    choice: dict[str, Any] = field(default_factory=dict)
    search: list[dict[str, Any]] = field(default_factory=list)
    bundle: Bundle | None = None


#: Told of every epoch: the part that is trained (``fold-0``), the run where it is being written, epoch, scores.
Follow = Callable[[str, Run, int, dict[str, float]], None]


def fit_network(
    plan: Plan,
    gathered: Gathered,
    sides: Sides,
    fold: int | None,
    folder: Path,
    progress: Progress,
    follow: Follow,
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
        told = partial(follow, f"{part}/candidate-{number}")
        candidate = replace(make_plan(config), fabric=plan.fabric, processes=plan.processes)
        fitted = _fit(candidate, gathered, sides, fold, folder, path, progress, told)
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
    told: Callable[[Run, int, dict[str, float]], None],
) -> Fitted:
    """Train on the training subjects; everything that is fitted is fitted on them alone.

    ``kept`` is the checkpoint's file: of a training that is done, it gives the model at once.
    """
    config, rows, images = plan.config, sides.train, gathered.store.images
    encoding = ClinicalEncoding.fit(gathered.cohort.clinical.loc[rows["scan"].unique()], gathered.cohort.columns)
    findings = (*encoding.findings, *encoding.unseen(gathered.cohort.clinical))
    pixels = Pixels.fit(images, rows.index.to_numpy())
    dataset = SliceDataset(
        images=images,
        rows=rows.index.to_numpy(),
        clinical=encoding.transform(gathered.values(rows)),
        labels=rows["label"].to_numpy(),
        pixels=pixels,
    )
    with torch.random.fork_rng():  # the caller's random numbers stay the caller's
        torch.manual_seed(config.seed)
        model = plan.build_model(columns=len(encoding.features))
        bundle = Bundle(
            model=model,
            classes=plan.task.classes,
            encoding=encoding if model.reads_clinical else None,
            slices=plan.slices,
            image_size=config.image_size,
            pixels=pixels,
            task={"name": config.task_name, **plan.task.describe()},
        )

        def predict(rows: pd.DataFrame) -> np.ndarray:
            part = plan.processes.part(-(-len(rows) // BATCH))  # in whole batches, so that all is as in one process
            own = rows.iloc[part.start * BATCH : part.stop * BATCH]
            images = gathered.images(own) if model.reads_image else None
            columns = bundle.encode(gathered.values(own))
            probabilities = bundle.probabilities(images, columns, plan.fabric.device)
            return np.concatenate(plan.processes.gather(probabilities))

        checkpoint = Checkpoint(kept, _identity(plan, gathered, fold, model.description), plan.processes)
        history = History(folder, told)
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
                epoch_ended=history.add if plan.processes.first else _not_told,
                validate=partial(validation_score, predict, sides.validation, Rule(config.aggregate))
                if config.select == "auc"
                else None,
                checkpoint=checkpoint,
                processes=plan.processes,
            )
        except NonFiniteError as error:
            raise FusekitError(f"{error} {_batch(rows, error.rows)}{_last_good(checkpoint)}") from error

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, rule: Rule, folder: Path, progress: Progress, failed: Failed
    ) -> pd.DataFrame | None:
        fold = Fold(
            bundle,
            images,
            gathered.values(rows),
            rows,
            gathered.cohort.columns,
            plan.fabric.device,
            gathered.store.oriented,
        )
        return explain_fold(
            fold,
            predictions,
            folder,
            rule=rule,
            seed=config.seed,
            template=plan.task.template,
            slices=ABLATED,
            work=_quarter(dataset, config),
            failed=failed,
            progress=progress,
        )

    return Fitted(predict, explain, findings, epochs, bundle=bundle)


def _quarter(dataset: SliceDataset, config: Settings) -> float | None:
    """Forward passes of a slice that are a quarter of a training's: a step costs about three. None: no bound."""
    return None if config.explain == "full" else len(dataset) * config.epochs * 3 / 4


def _identity(plan: Plan, gathered: Gathered, fold: int | None, model: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same for a training to be gone on with."""
    return {
        "config": plan.config.identity("device", "explain"),  # another GPU of the same kind will do
        "fold": fold,
        "model": model,
        "data": gathered.fingerprint,
        "device": plan.fabric.device.type,
        "versions": manifest.versions(),
        "plugins": manifest.plugins(),
    }


def _not_told(epoch: int, scores: dict[str, float]) -> None:
    """The first process tells."""


def _batch(rows: pd.DataFrame, chosen: Sequence[int]) -> str:
    """Whose slices a batch was of."""
    batch = rows.loc[list(chosen)]
    scans = [f"{subject} (scan {scan})" for (subject, scan), _ in batch.groupby(["subject", "scan"], sort=True)]
    return f"The batch was of {first_ten(scans)}."


def _last_good(checkpoint: Checkpoint) -> str:
    """Where the state before a failure is kept, if one is."""
    if checkpoint.place is None:
        return ""
    place = checkpoint.place
    when = f"batch {place.batch} of epoch {place.epoch}" if place.batch else f"epoch {place.epoch - 1}"
    return f" The last good state, after {when}, is kept in {checkpoint.path}."


def fit_baseline(plan: Plan, gathered: Gathered, sides: Sides) -> Fitted:
    """Fit a classical model on the training scans' clinical values."""
    scans = gathered.cohort.scans.loc[sides.train["scan"].unique()]
    values = gathered.cohort.clinical.loc[scans.index]
    baseline = plan.build_baseline()
    baseline.fit(
        values,
        gathered.cohort.columns,
        scans["label"].to_numpy(),
        scans["subject"].to_numpy(),
        plan.config.seed,
    )

    def predict(rows: pd.DataFrame) -> np.ndarray:
        scans = rows["scan"].unique()  # slices of a scan share their values
        probabilities = pd.DataFrame(baseline.probabilities(gathered.cohort.clinical.loc[scans]), index=scans)
        return np.asarray(probabilities.loc[rows["scan"]], dtype=float)

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, rule: Rule, folder: Path, progress: Progress, failed: Failed
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
            single=None if plan.config.explain == "full" or len(columns) <= FEW_COLUMNS else (),
            progress=progress,
        )

    return Fitted(predict, explain)
