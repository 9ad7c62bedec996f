"""One run, from a folder of scans to a folder of results."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from fusekit.bundle import Bundle
from fusekit.data import Pixels
from fusekit.data.recipe import read_recipe
from fusekit.evaluation import prediction_table, score
from fusekit.experiment import manifest
from fusekit.experiment.config import Config, merge, read_config, resolve
from fusekit.experiment.folder import Run, new_folder, write_json
from fusekit.experiment.plan import Plan, make_plan
from fusekit.experiment.prepare import Prepared, prepare
from fusekit.extension import catalog
from fusekit.progress import Bars, Progress
from fusekit.report import overview
from fusekit.training import SliceDataset, repeatable, train


def run(
    task: str | None = None,
    *,
    fusion: str | None = None,
    data: str | Path | None = None,
    backbone: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    image_size: int | None = None,
    seed: int | None = None,
    folds: int | None = None,
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
        data: folder of the cohort; without it, the task's SYNTHETIC cohort is written and used.
        backbone, epochs, batch_size, lr, image_size: the task's preset if not given.
        seed: of split, initialisation and data order; the same seed on the same machine gives the same predictions.
        folds: the subjects are cut into so many folds, and the first is tested.
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
        "data": data,
        "backbone": backbone,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "image_size": image_size,
        "seed": seed,
        "folds": folds,
        "device": device,
        "precision": precision,
        "out": out,
        "recipe": recipe,
        "allow": tuple(allow) or None,
        "options": options or {},
    }
    settings = resolve(merge(read_config(Path(config)) if config else {}, given))
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")  # a folder is named in the user's own time
    target = settings.out or Path("runs", f"{settings.task_name}-{settings.fusion}-{stamp}")
    with new_folder(target.absolute()) as folder:
        _run(settings, folder, progress or Bars())
    return Run(target.absolute())


def _run(config: Config, folder: Path, progress: Progress) -> None:
    """Do everything, writing into ``folder``."""
    start = time.perf_counter()
    plan = make_plan(config)
    recipe = {"recipe": {"sha256": read_recipe(config.recipe).sha256}} if config.recipe else {}
    prepared = prepare(plan, progress)
    read = time.perf_counter()
    with repeatable():
        bundle = _fit(plan, prepared, folder, progress)
        trained = time.perf_counter()
        predictions = _test(plan, prepared, bundle)
    scores = score(predictions, plan.metrics)
    record = {
        "synthetic": plan.synthetic,
        "config": config.as_json(),
        "model": bundle.model.description,
        "slices": plan.slices.as_json(),
        "data": {**prepared.counts(), "fingerprint": manifest.fingerprint(prepared.cohort, prepared.store.images)},
        "findings": [finding.as_json() for finding in prepared.findings],
        **recipe,
        **manifest.environment(plan.fabric.device),
    }
    numbers = json.loads(scores.to_json(orient="records", double_precision=15))  # NaN becomes null
    provenance = {name: record[name] for name in ("synthetic", "config", "data", "versions", "plugins")}
    replace(bundle, metrics=numbers, provenance=provenance).save(folder / "bundle")
    predictions.to_csv(folder / "predictions.csv", index=False, lineterminator="\n")
    write_json(folder / "metrics.json", {"synthetic": plan.synthetic, "scores": numbers})
    overview(
        folder / "overview.png",
        title=" · ".join([config.task_name, config.fusion, config.backbone, *["SYNTHETIC cohort"] * plan.synthetic]),
        history=pd.read_csv(folder / "history.csv"),
        predictions=predictions,
        scores=scores,
        images=prepared.store.images,
        classes=plan.task.classes,
    )
    end = time.perf_counter()
    record["seconds"] = {"data": read - start, "training": trained - read, "total": end - start}
    record["peak_memory_mib"] = manifest.peak_memory_mib()
    write_json(folder / "manifest.json", record)


def _fit(plan: Plan, prepared: Prepared, folder: Path, progress: Progress) -> Bundle:
    """Train on the training subjects; everything that is fitted is fitted on them alone."""
    config, rows = plan.config, prepared.training_rows
    encoding = prepared.encoding
    pixels = Pixels.fit(prepared.store.images, rows.index.to_numpy())
    dataset = SliceDataset(
        images=prepared.store.images,
        rows=rows.index.to_numpy(),
        clinical=encoding.transform(prepared.values(rows)),
        labels=rows["label"].to_numpy(),
        pixels=pixels,
    )
    with torch.random.fork_rng():  # the caller's random numbers stay the caller's
        torch.manual_seed(config.seed)
        model = plan.build_model(columns=len(encoding.features))
        train(
            plan.fabric,
            model,
            dataset,
            epochs=config.epochs,
            batch_size=config.batch_size,
            lr=config.lr,
            seed=config.seed,
            options=plan.training,
            progress=progress,
            epoch_ended=partial(_epoch_ended, folder),
        )
    return Bundle(
        model=model,
        classes=plan.task.classes,
        encoding=encoding if model.reads_clinical else None,
        slices=plan.slices,
        image_size=config.image_size,
        pixels=pixels,
        task={"name": config.task_name, **plan.task.describe()},
    )


def _test(plan: Plan, prepared: Prepared, bundle: Bundle) -> pd.DataFrame:
    """Predict the held-out subjects, once."""
    rows = prepared.test_rows
    columns = bundle.encode(prepared.values(rows))
    return prediction_table(rows, bundle.probabilities(prepared.images(rows), columns, plan.fabric.device))


def _epoch_ended(folder: Path, epoch: int, scores: dict[str, float]) -> None:
    """Write the epoch's row of history.csv, then tell the plugins."""
    row = {"epoch": epoch, **scores}
    with (folder / "history.csv").open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if epoch == 1:
            writer.writeheader()
        writer.writerow(row)
    host = catalog().host
    for plugin in host.implementing("epoch_ended"):
        host.call(plugin, "epoch_ended", run=Run(folder), epoch=epoch, scores=scores)
