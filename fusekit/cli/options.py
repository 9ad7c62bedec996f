"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None, typer.Option(help="Folder with the cohort. Without it a SYNTHETIC cohort is written and used.")
]
Layout = Annotated[str | None, typer.Option(help="Layout of the data, for tasks that know several.")]
Clinical = Annotated[Path | None, typer.Option(help="TOML that names the clinical columns, for tasks that take one.")]
Recipe = Annotated[
    Path | None,
    typer.Option(help="Recipe (see `fusekit cohort`): train on exactly its scans; differences are refused."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="FINDING", help="Go on in spite of a refusal of the audit; may be repeated."),
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="PART.OPTION=VALUE", help="Set an option of a part; may be repeated."),
]

Backbone = Annotated[str | None, typer.Option(help="Image backbone: any timm CNN that fits. Default: the task's.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training slices.")]
BatchSize = Annotated[int | None, typer.Option(help="Slices a training step, of each device.")]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate of Adam.")]
ImageSize = Annotated[int | None, typer.Option(help="Height and width of a slice, in pixels.")]
Seed = Annotated[int | None, typer.Option(help="Of split, initialisation and data order. Default: 0.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps. Default: auto.")]
Devices = Annotated[
    int | None,
    typer.Option(
        help="Devices of this machine that train together, each with `--batch-size` slices a step. Default: 1, or what "
        "torchrun or srun started."
    ),
]
Nodes = Annotated[int | None, typer.Option(help="Machines that train together, started by torchrun or srun.")]
Precision = Annotated[str | None, typer.Option(help="Of training: 32-true, bf16-mixed or 16-mixed. Default: 32-true.")]

Track = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help="Follow the training in tensorboard or mlflow (`pip install 'fusekit[tracking]'`). Default: history.csv "
        "alone, which is always written.",
    ),
]

Explain = Annotated[
    str | None,
    typer.Option(
        help="What is tried with the trained models: none; fast, which takes a quarter of the training's work at most; "
        "full. Default: fast."
    ),
]

Folds = Annotated[
    int | None,
    typer.Option(
        help="Test each of so many folds of subjects once; 1 holds a fifth of the subjects out. Default: 5, and 1 for "
        "a run on a SYNTHETIC cohort."
    ),
]
Validation = Annotated[
    float | None, typer.Option(help="Share of the training subjects set aside to choose or fit something on.")
]
Select = Annotated[
    str | None,
    typer.Option(help="auc: keep the epoch that is best on the subjects set aside. Default: none, the last epoch."),
]
Threshold = Annotated[
    str | None, typer.Option(help="argmax, or youden: fitted on the subjects set aside. Default: argmax.")
]
Aggregate = Annotated[
    str | None, typer.Option(help="From slices to scans to subjects: mean, median, max, vote or logit. Default: mean.")
]
Search = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OPTION=VALUE,...",
        help="Candidates (`lr=1e-4,3e-4`), chosen from in every fold by the subjects set aside; may be repeated.",
    ),
]


def task_options(option: list[str] | None, layout: str | None, clinical: Path | None) -> dict[str, dict[str, str]]:
    """``-o part.option=value``, with ``--layout`` and ``--clinical`` for the task's options of those names.

    Raises:
        OptionError: a pair is not ``part.option=value``.
    """
    from fusekit.experiment.config import parse_options

    options = parse_options(option or [])
    given = {"layout": layout, "clinical": str(clinical) if clinical else None}
    named = {name: value for name, value in given.items() if value is not None}
    if named:
        options["task"] = {**options.get("task", {}), **named}
    return options
