"""``fusekit synthesize-hmi``: the synthetic cohort, written where you want it."""

from pathlib import Path
from typing import Annotated

import typer


def synthesize_hmi(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.", show_default=False)],
    subjects: Annotated[int, typer.Option(help="Patients in the table; one in fifty has no images.")] = 480,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    image_effect: Annotated[float, typer.Option(help="Main effect of invasion on the images; 0 is none.")] = 1.0,
    table_effect: Annotated[float, typer.Option(help="Main effect on the table; 1: published group values.")] = 1.0,
    interaction: Annotated[float, typer.Option(help="How far AFP decides which image sign means invasion.")] = 1.0,
) -> None:
    """Write a SYNTHETIC cohort of liver CT with a clinical table, to try things on or to test your own tools."""
    from fusekit.data.synthetic import write_cohort
    from fusekit.terminal import in_line
    from fusekit_hmi.task import HmiTask

    effects = {"image_effect": image_effect, "table_effect": table_effect, "interaction": interaction}
    text = write_cohort(HmiTask(), "hmi", folder, "patients", seed=seed, subjects=subjects, **effects)
    typer.echo(in_line(text))
