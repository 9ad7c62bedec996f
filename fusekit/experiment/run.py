"""One run, from a folder of scans to a folder of results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fusekit.experiment.config import Config, merge, read_config, resolve
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.experiment.finish import finish
from fusekit.experiment.fold import train_fold
from fusekit.experiment.folder import Run, new_folder
from fusekit.experiment.manifest import peak_memory_mib
from fusekit.experiment.plan import make_plan
from fusekit.experiment.prepare import gather, tell
from fusekit.progress import Bars, Progress, Within


def run(
    task: str | None = None,
    *,
    fusion: str | None = None,
    baseline: str | None = None,
    data: str | Path | None = None,
    backbone: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    image_size: int | None = None,
    seed: int | None = None,
    folds: int | None = None,
    validation: float | None = None,
    select: str | None = None,
    threshold: str | None = None,
    aggregate: str | None = None,
    search: Mapping[str, Sequence[Any]] | None = None,
    device: str | None = None,
    precision: str | None = None,
    out: str | Path | None = None,
    recipe: str | Path | None = None,
    allow: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    config: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train and test a fusion on a task, with whole subjects held out.

    Args:
        task: name of the task, e.g. ``"adni-ad"``.
        fusion: name of the fusion; ``"rbca"`` if not given.
        baseline: name of a classical baseline to train instead, e.g. ``"logistic"``.
        data: folder of the cohort; without it, the task's SYNTHETIC cohort is written and used.
        backbone, epochs, batch_size, lr, image_size: the task's preset if not given.
        seed: of split, initialisation and data order; the same seed on the same machine gives the same predictions.
        folds: each of so many folds is tested once, by a model that was trained on the others, and the model to ship is
            trained on all; 1 holds a fifth of the subjects out, and ships the model that was tested on them. 5 with
            ``data``; 1 without.
        validation: share of the training subjects set aside; 0, or 0.2 where something is fitted on them.
        select: ``"auc"`` keeps the epoch that is best on the subjects set aside; ``"none"`` the last one.
        threshold: ``"argmax"``, or ``"youden"``, fitted on the subjects set aside.
        aggregate: from slices to scans to subjects: mean, median, max, vote, logit.
        search: option -> candidates, e.g. ``{"lr": (1e-4, 3e-4)}``, tried in each fold on the subjects set aside.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: of training: ``32-true``, ``bf16-mixed``, ``16-mixed``.
        out: run folder, which must not exist or be empty; ``runs/TASK-FUSION-DATE-TIME`` if not given.
        recipe: folder of a recipe: train on exactly its scans, or refuse.
        allow: codes of the audit's refusals to go on in spite of; the manifest keeps them.
        options: part -> option -> value, e.g. ``{"injector": {"reduction": "shared"}}``.
        config: TOML file, or ``manifest.json`` of an earlier run, beneath what is given here.
        progress: where progress is shown; bars on standard error if not given.

    Returns:
        The finished run.

    Raises:
        FusekitError: whatever the user can put right; nothing is left half-written.
    """
    given = {
        "task": task,
        "fusion": fusion,
        "baseline": baseline,
        "data": data,
        "backbone": backbone,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "image_size": image_size,
        "seed": seed,
        "folds": folds,
        "validation": validation,
        "select": select,
        "threshold": threshold,
        "aggregate": aggregate,
        "search": search,
        "device": device,
        "precision": precision,
        "out": out,
        "recipe": recipe,
        "allow": tuple(allow) or None,
        "options": options or {},
    }
    settings = resolve(merge(read_config(Path(config)) if config else {}, given))
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")  # a folder is named in the user's own time
    target = settings.out or Path("runs", f"{settings.task_name}-{settings.arm}-{stamp}")
    with new_folder(target.absolute()) as folder:
        _run(settings, folder, progress or Bars())
        write_report(gather_evidence([Run(folder)]), folder)
    return Run(target.absolute())


def _run(config: Config, folder: Path, progress: Progress) -> None:
    """Do everything, writing into ``folder``."""
    start = time.perf_counter()
    plan = make_plan(config)
    gathered = gather(config, plan.task, plan.slices, progress)
    tell(gathered.findings, progress)
    read = time.perf_counter()
    parts = folder / ".folds"
    folds = [parts / f"fold-{fold}" for fold in config.tested]
    shipped = None
    for fold, path in zip(config.tested, folds, strict=True):
        path.mkdir(parents=True)
        within = Within(progress, f"fold {fold + 1}/{config.folds}") if config.folds > 1 else progress
        bundle = train_fold(plan, gathered, fold, path, within)
        shipped = (bundle, path) if bundle else None
    if config.folds > 1 and not config.baseline:  # cross-validation judges the recipe; what is shipped learns from all
        (parts / "all").mkdir()
        bundle = train_fold(plan, gathered, None, parts / "all", Within(progress, "all subjects"))
        shipped = (bundle, parts / "all") if bundle else None
    trained = time.perf_counter()
    seconds = {"data": read - start, "training": trained - read, "total": trained - start}
    found = finish(plan, gathered, folds, folder, shipped, {"seconds": seconds, "peak_memory_mib": peak_memory_mib()})
    tell(found, progress)
    shutil.rmtree(parts)
