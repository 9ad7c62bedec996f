"""``fusekit run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusekit.cli.options import Clinical, Layout, Option, task_options


def run(
    task: Annotated[
        str | None,
        typer.Argument(help="Task to run, e.g. `adni-ad`; `fusekit list` shows them all.", show_default=False),
    ] = None,
    fusion: Annotated[
        str | None, typer.Option(help="image-only, clinical-only, concat, rbca, or a plugin's. Default: rbca.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Image backbone: any timm CNN that fits. Default: the task's.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with the cohort. Without it a SYNTHETIC cohort is written and used.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training slices.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Slices a training step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate of Adam.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Height and width of a slice, in pixels.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of split, initialisation and data order. Default: 0.")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cut the subjects into so many folds and test the first. Default: 5.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps. Default: auto.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of training: 32-true, bf16-mixed or 16-mixed. Default: 32-true.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder, new or empty. Default: runs/TASK-FUSION-DATE-TIME.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="Recipe (see `fusekit cohort`): train on exactly its scans; differences are refused."),
    ] = None,
    layout: Layout = None,
    clinical: Clinical = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="FINDING", help="Go on in spite of a refusal of the audit; may be repeated."),
    ] = None,
    option: Option = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with these names, or the manifest.json of an earlier run; the line wins over it."),
    ] = None,
) -> None:
    """Train and test a fusion on a task, with whole subjects held out.

    Without `--data`, a SYNTHETIC cohort is written in the layout of a real download and read through the same code:
    it shows that everything works, and says nothing about disease. With `--data`, defaults are those of the paper.
    """
    import fusekit
    from fusekit.cli.console import print_run

    finished = fusekit.run(
        task,
        fusion=fusion,
        data=data,
        backbone=backbone,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        image_size=image_size,
        seed=seed,
        folds=folds,
        device=device,
        precision=precision,
        out=out,
        recipe=recipe,
        allow=allow or [],
        options=task_options(option, layout, clinical),
        config=config,
    )
    print_run(finished)
