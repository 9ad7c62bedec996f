"""``fusekit run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusekit.cli.options import (
    Aggregate,
    Allow,
    Backbone,
    BatchSize,
    Clinical,
    Data,
    Device,
    Devices,
    Epochs,
    Explain,
    Folds,
    ImageSize,
    Layout,
    LearningRate,
    Nodes,
    Option,
    Precision,
    Recipe,
    Search,
    Seed,
    Select,
    Threshold,
    Track,
    Validation,
    task_options,
)


def run(
    task: Annotated[
        str | None,
        typer.Argument(help="Task to run, e.g. `adni-ad`; `fusekit list` shows them all.", show_default=False),
    ] = None,
    fusion: Annotated[
        str | None, typer.Option(help="image-only, clinical-only, concat, rbca, or a plugin's. Default: rbca.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Instead of a fusion: a classical model of the clinical table, e.g. logistic.")
    ] = None,
    backbone: Backbone = None,
    data: Data = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    image_size: ImageSize = None,
    seed: Seed = None,
    folds: Folds = None,
    validation: Validation = None,
    select: Select = None,
    threshold: Threshold = None,
    aggregate: Aggregate = None,
    search: Search = None,
    device: Device = None,
    devices: Devices = None,
    nodes: Nodes = None,
    precision: Precision = None,
    track: Track = None,
    explain: Explain = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder, new or empty. Default: runs/TASK-FUSION-DATE-TIME.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the interrupted run into `--out`, with its settings; begin if there is none."
        ),
    ] = False,
    recipe: Recipe = None,
    layout: Layout = None,
    clinical: Clinical = None,
    allow: Allow = None,
    option: Option = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with these names, or the manifest.json of an earlier run; the line wins over it."),
    ] = None,
) -> None:
    """Train and test a fusion on a task, with whole subjects held out.

    Without `--data`, a SYNTHETIC cohort is written in the layout of a real download and read through the same code:
    it shows that everything works, and says nothing about disease. With `--data`, defaults are those of the paper.

    What is done is kept when a run is interrupted; SIGTERM and SIGUSR1 end it after a batch, with exit code 75.
    """
    import fusekit
    from fusekit.cli.console import print_run
    from fusekit.experiment.config import parse_search
    from fusekit.surroundings import surroundings
    from fusekit.training import stoppable

    with stoppable():
        finished = fusekit.run(
            task,
            fusion=fusion,
            baseline=baseline,
            data=data,
            backbone=backbone,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            image_size=image_size,
            seed=seed,
            folds=folds,
            validation=validation,
            select=select,
            threshold=threshold,
            aggregate=aggregate,
            search=parse_search(search or []) or None,
            device=device,
            devices=devices,
            nodes=nodes,
            precision=precision,
            track=track,
            explain=explain,
            out=out,
            resume=resume,
            recipe=recipe,
            allow=allow or [],
            options=task_options(option, layout, clinical),
            config=config,
        )
    if surroundings().rank == 0:
        print_run(finished)
