"""``fusekit compare``."""

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
    Epochs,
    Explain,
    Folds,
    ImageSize,
    Layout,
    LearningRate,
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


def compare(
    task: Annotated[
        str | None,
        typer.Argument(help="Task to compare on, e.g. `adni-ad`; `fusekit list` shows them all.", show_default=False),
    ] = None,
    fusion: Annotated[
        str, typer.Option(metavar="A,B,...", help="Fusions to compare: image-only,clinical-only,concat,rbca.")
    ] = "",
    baseline: Annotated[
        str, typer.Option(metavar="A,B,...", help="Classical models of the clinical table beside them: logistic,gbdt.")
    ] = "",
    seeds: Annotated[
        int, typer.Option(help="Repeat everything so often, with folds and initialisation of its own.")
    ] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Folds trained side by side, each with its share of the cores, and the GPUs in turn. Default: 1; with "
            "`--launcher slurm`, as many as Slurm lets."
        ),
    ] = None,
    launcher: Annotated[
        str,
        typer.Option(help="local: train on this machine; slurm: as jobs of a cluster, one a fold, arm and seed."),
    ] = "local",
    data: Data = None,
    folds: Folds = None,
    validation: Validation = None,
    select: Select = None,
    threshold: Threshold = None,
    aggregate: Aggregate = None,
    search: Search = None,
    backbone: Backbone = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    image_size: ImageSize = None,
    seed: Seed = None,
    device: Device = None,
    precision: Precision = None,
    track: Track = None,
    explain: Explain = None,
    recipe: Recipe = None,
    layout: Layout = None,
    clinical: Clinical = None,
    allow: Allow = None,
    option: Option = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these names; the line wins over it.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the comparison. Default: runs/compare-TASK-KEY, the key being of what is asked for."
        ),
    ] = None,
) -> None:
    """Train several arms on the same folds, and say with intervals which of them can be told apart.

    What is done is kept: the same command after an interruption goes on where it was, and SIGTERM and SIGUSR1 end it
    after a batch, with exit code 75. In every fold a fifth of the training subjects is set aside to fit temperatures on
    (`--validation 0` sets none aside).
    """
    from fusekit.cli.console import print_comparison
    from fusekit.experiment.comparison import compare as run_comparison
    from fusekit.experiment.config import parse_search
    from fusekit.training import stoppable

    with stoppable():
        made = run_comparison(
            task,
            fusions=[name for name in fusion.split(",") if name],
            baselines=[name for name in baseline.split(",") if name],
            seeds=seeds,
            jobs=jobs,
            launcher=launcher,
            data=data,
            folds=folds,
            validation=validation,
            select=select,
            threshold=threshold,
            aggregate=aggregate,
            search=parse_search(search or []) or None,
            backbone=backbone,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            image_size=image_size,
            seed=seed,
            device=device,
            precision=precision,
            track=track,
            explain=explain,
            recipe=recipe,
            allow=tuple(allow or ()) or None,
            options=task_options(option, layout, clinical),
            config=config,
            out=out,
        )
    print_comparison(made)
