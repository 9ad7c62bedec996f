"""One training of a network on a fold's training subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusekit.baselines.inner_cv import subject_weights
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.forward import BATCH
from fusekit.data import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.data.target.follow_up import labels_of
from fusekit.errors import FusekitError, first_ten
from fusekit.evaluation import Metric, Rule, prediction_table
from fusekit.evaluation.metrics.numbers import ExplainedVariance
from fusekit.evaluation.metrics.ordered import AreaOfCuts
from fusekit.evaluation.metrics.ranking import MacroAreaUnderCurve
from fusekit.evaluation.metrics.survival import HarrellConcordance
from fusekit.evaluation.predictions import outputs_of
from fusekit.experiment.run.fit.explained import EXPLANATIONS, explainer
from fusekit.experiment.run.fit.fitted import Fitted
from fusekit.experiment.run.fit.table import TableFit
from fusekit.experiment.run.history import History
from fusekit.experiment.run.search.search import Watch
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan
from fusekit.models.prior import start
from fusekit.progress import Progress
from fusekit.report.run import Run
from fusekit.training import Checkpoint, NonFiniteError, SliceDataset, train
from fusekit.training.feed.balance import balanced_shares
from fusekit.training.feed.features import UNSCALED, fixed_features
from fusekit.training.feed.scans import ScanDataset

#: Kind of target -> what scores an epoch, called ``Target.select``.
SELECTED: Mapping[str, Metric] = {
    Classes.kind: MacroAreaUnderCurve(),
    Ordered.kind: AreaOfCuts(),
    Number.kind: ExplainedVariance(),
    TimeToEvent.kind: HarrellConcordance(),
}
#: Notified of every epoch: the part that is trained (``fold-0``), the run where it is being written, epoch, scores.
Follow = Callable[[str, Run, int, dict[str, float]], None]


def train_network(
    plan: Plan,
    gathered: Gathered,
    sides: Sides,
    table: TableFit,
    part: str,
    folder: Path,
    kept: Path,
    progress: Progress,
    follow: Follow,
    watch: Watch | None = None,
    *,
    member: int = 0,
) -> Fitted:
    """Train on the training subjects alone; a checkpoint ``kept`` of a finished training gives the model at once.

    ``member`` numbers trainings that are alike but for their random numbers, and the first has those of the run.
    ``watch`` gets the score of the subjects set aside, epoch by epoch, and may end the training by what it raises.
    """
    config, rows, images, rule = plan.config, sides.train, gathered.images, Rule(plan.config.aggregate)
    select = config.select != "none"
    encoding = table.encoding
    findings = (*encoding.findings, *encoding.unseen(gathered.cohort.clinical))
    channels = gathered.store.channels
    # Rows are samples: slices, or scans where a pool joins their slices.
    scans = gathered.scans if plan.pooled else None
    samples = images if scans is None else scans.images(images)
    every = [side.index.to_numpy() if scans is None else scans.packed(side.index.to_numpy())[0] for side in sides]
    pixels, absent = gathered.pixels(gathered.rows.loc[every[0]]), plan.absent(gathered.cohort)
    labels = labels_of(rows)
    shares = balanced_shares(rows["subject"].to_numpy(), labels) if plan.training.sampler == "balanced" else None
    target = plan.target.fit(rows)
    parts = target.parts(rows["label"])
    objective = plan.build_objective([rows["subject"][own].nunique() for own in parts.values()])
    planned = plan.epochs(len(rows))
    seed = int(np.random.SeedSequence((config.seed, member)).generate_state(1)[0]) if member else config.seed
    with torch.random.fork_rng():  # the caller's random numbers stay the caller's
        torch.manual_seed(seed)
        people, reads = rows["subject"].nunique(), table.reads
        model = plan.build_model(encoding.layout, len(channels), people=people, reads=reads, absent=absent)
        model.add_auxiliary(objective.part_names, target.outputs)
        if model.prior is not None:
            start(model.prior, model.head, table.trust, torch.from_numpy(table.uninformed))
        model.fit(torch.from_numpy(encoding.transform(gathered.cohort.clinical.loc[table.scans])))
        if model.backbone is not None and model.backbone.loaded is not None:
            findings = (*findings, model.backbone.loaded.finding(config.backbone))
        bundle = Bundle(
            model=model,
            target=target,
            encoding=encoding if model.reads_clinical else None,
            prior=table.prior,
            images=gathered.cohort.images,
            slices=gathered.store.policy,
            image_size=config.image_size,
            pixels=pixels,
            task={"name": config.task_name, **plan.task.describe()},
        )

        def answers(rows: pd.DataFrame, inputs: np.ndarray, *, raw: bool = False) -> np.ndarray:
            part = plan.processes.part(-(-len(rows) // BATCH))  # in whole batches, so that all is as in one process
            lines = slice(part.start * BATCH, part.stop * BATCH)
            own = rows.iloc[lines]
            grey, values = samples[own.index.to_numpy()] if model.reads_image else None, gathered.values(own)
            present = bundle.present(values, gathered.with_image(own))
            said = bundle.probabilities(grey, inputs[lines], plan.fabric.device, present, raw=raw)
            return np.concatenate(plan.processes.gather(said))

        def predict(rows: pd.DataFrame) -> np.ndarray:
            return answers(rows, bundle.encode(gathered.values(rows)))

        fixed = None
        if not plan.augment:  # which would change the images in every epoch
            fixed = fixed_features(
                model,
                images,
                np.concatenate(every[:2]),
                pixels,
                device=plan.fabric.device,
                batch=BATCH,
                processes=plan.processes,
                progress=progress,
            )

        def validation(rows: pd.DataFrame) -> np.ndarray:
            if fixed is None:
                return predict(rows)
            values = gathered.values(rows)
            present = bundle.present(values, gathered.with_image(rows))
            return fixed.answers(rows.index.to_numpy(), bundle.encode(values), target, present, scans)

        seen = (images, pixels, channels) if fixed is None else (fixed.features, UNSCALED, ())
        present = bundle.present(gathered.values(rows), gathered.with_image(rows))
        given = (seen[0], rows.index.to_numpy(), table.inputs, target.scaled(labels), *seen[1:], shares, present)
        dataset = SliceDataset(*given) if scans is None else ScanDataset(scans, *given)
        identity = {  # what must be the same for a training to be resumed
            "config": config.identity("device", "explain"),  # another GPU of the same kind will do
            "part": part,
            "model": model.description,
            "data": gathered.fingerprint,
            "device": plan.fabric.device.type,
            "versions": manifest.versions(),
            "plugins": manifest.plugins(),
        }
        checkpoint = Checkpoint(kept, identity, plan.processes)
        history = History(folder, partial(follow, part))
        if plan.processes.first:
            checkpoint.keep(history=history)

        def watched() -> None:
            if watch:
                watch({int(row["epoch"]): row[f"validation_{target.select}"] for row in history.rows}, planned)

        def epoch_ended(epoch: int, scores: dict[str, float]) -> None:
            if plan.processes.first:
                history.add(epoch, scores)
            watched()

        score = partial(validation_score, target, validation, sides.validation, rule)
        try:
            epochs = train(
                plan.fabric,
                fixed.heads if fixed else model,
                dataset,
                epochs=planned,
                batch_size=config.batch_size,
                lr=config.lr,
                seed=seed,
                options=plan.training,
                objective=objective,
                augment=plan.augment,
                progress=progress,
                epoch_ended=epoch_ended,
                validate=score if select or watch else None,
                validated=target.select,
                keep_best=select,
                checkpoint=checkpoint,
                processes=plan.processes,
            )
            watched()  # of a training that was finished already
            model.drop_auxiliary()
            weights = subject_weights(rows["subject"].to_numpy())
            trained_on = partial(answers, rows, table.inputs, raw=True)
            bundle = replace(bundle, target=target.calibrated(trained_on, labels, weights))
        except NonFiniteError as error:
            batch = rows.loc[list(error.rows)].drop_duplicates(["subject", "scan"]).sort_values(["subject", "scan"])
            named = first_ten(f"{row.subject} (scan {row.scan})" for row in batch.itertuples())
            last_good = ""
            if checkpoint.place is not None:
                epoch, number = checkpoint.place
                when = f"batch {number} of epoch {epoch}" if number else f"epoch {epoch - 1}"
                last_good = f" The last good state, after {when}, is kept in {checkpoint.path}."
            raise FusekitError(f"{error} The batch was of {named}.{last_good}") from error

    explain = explainer(plan, gathered, (bundle,), len(rows), folder / EXPLANATIONS, progress)
    weight = {} if model.prior is None else {"prior": {"name": plan.recipe.prior, "weight": model.prior.weight.item()}}
    return Fitted(predict, explain, bundle, findings, epochs, table={**table.record, **weight})


def validation_score(
    target: Target, predict: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame, rule: Rule
) -> float:
    """What ``Target.select`` says, of the subjects set aside; of several classes their mean AUC, or that of cuts."""
    subjects = rule.subjects(prediction_table(rows, target.predict(predict(rows))))
    metric = SELECTED[target.kind].reading(target.columns)
    return metric.value(labels_of(subjects), outputs_of(subjects))
