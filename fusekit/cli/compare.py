"""``fusekit compare``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fusekit.cli.options import takes
from fusekit.experiment.setup.settings import FIELDS
from fusekit.extension.fusion import ADDED

_ARMS: Any = {"metavar": "A,B,...", "rich_help_panel": "Model"}


@takes(
    *(name for name in FIELDS if name not in ("fusion", "baseline", "devices", "nodes", "ship")),
    folds=("Test each of so many folds of subjects once.", "5"),
    validation=("Share of the training subjects set aside to fit temperatures, and thresholds if any, on.", "0.2"),
    out=("Folder of the comparison.", "runs/compare-TASK-KEY, the key being of the settings"),
    options=("Set an option of a part, or (ARM:PART.OPTION=VALUE) of one arm's part; may be repeated.", ""),
)
def compare(
    given: dict[str, Any],
    fusion: Annotated[
        str, typer.Option(help=f"Fusions to compare: image-only,clinical-only,concat,rbca. {ADDED}", **_ARMS)
    ] = "",
    baseline: Annotated[
        str, typer.Option(help="Classical models beside them: logistic,gbdt,gbdt-components.", **_ARMS)
    ] = "",
    late_fusion: Annotated[
        str,
        typer.Option(
            help="Join the predictions of the first arm that reads the image alone and the first of the table alone: "
            "mean,stacked. Their mean is the unimodal ensemble (UME).",
            **_ARMS,
        ),
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
        str, typer.Option(help="local: train on this machine; slurm: as jobs of a cluster, one per fold, arm and seed.")
    ] = "local",
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Print how each pair of arms differs, with its interval.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with these names, or the manifest.json of a run; the line wins over it."),
    ] = None,
) -> None:
    """Train several arms on the same folds, and report how they differ, with intervals.

    An option of a part is for every arm that has the part; `-o ARM:part.option=value` is for one.

    What is done is kept: the same command after an interruption resumes, and SIGTERM and SIGUSR1 end it
    after a batch, with exit code 75. In every fold a fifth of the training subjects is set aside to fit temperatures on
    (`--validation 0` sets none aside).
    """
    from fusekit.experiment.setup.arms import arms_of
    from fusekit.experiment.setup.given import read_config

    arms_of(read_config(config) if config else {}, given, fusion, baseline)  # before torch loads

    from fusekit.cli.console import print_comparison
    from fusekit.experiment.compare.comparison import compare as run_comparison
    from fusekit.training import stoppable

    arms: dict[str, Any] = {"fusions": fusion, "baselines": baseline, "late_fusion": late_fusion}
    with stoppable():
        made = run_comparison(**given, **arms, seeds=seeds, jobs=jobs, launcher=launcher, config=config)
    print_comparison(made, pairs=pairs)
