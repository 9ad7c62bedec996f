"""``fusekit run``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fusekit.cli.options import takes
from fusekit.experiment.setup.given import merge, read_config
from fusekit.experiment.setup.settings import FIELDS, Settings


@takes(*FIELDS)
def run(
    given: dict[str, Any],
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the interrupted run into `--out`, with its settings; begin if there is none.",
            rich_help_panel="Output",
        ),
    ] = False,
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
    if not resume:  # mistakes are reported before torch loads; an interrupted run knows the rest of its settings
        Settings.of(merge(read_config(config) if config else {}, given))

    import fusekit
    from fusekit.cli.console import print_run
    from fusekit.launch_environment import surroundings
    from fusekit.training import stoppable

    with stoppable():
        finished = fusekit.run(**given, resume=resume, config=config)
    if surroundings().rank == 0:
        print_run(finished)
