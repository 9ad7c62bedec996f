"""``fusekit synthesize-adni``: a synthetic download, written where you want it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Question(StrEnum):
    """The task that a download is for."""

    AD = "adni-ad"
    CONVERTERS = "mci-converter"


class Era(StrEnum):
    """Whose names, codes and image lists a download has."""

    BEFORE = "2024"
    TODAY = "2025"


def synthesize_adni(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.", show_default=False)],
    task: Annotated[Question, typer.Option(help="For which task: people seen for a year, or MCI for four.")] = (
        Question.AD
    ),
    subjects: Annotated[
        int, typer.Option(help="People with CN or AD; for mci-converter, with MCI. Some others come on top.")
    ] = 480,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    image_effect: Annotated[float, typer.Option(help="Main effect of disease on the images; 0 is none.")] = 1.0,
    table_effect: Annotated[float, typer.Option(help="Main effect on the tables; 1: published group values.")] = 1.0,
    interaction: Annotated[float, typer.Option(help="How far APOE e4 decides which atrophy means disease.")] = 1.0,
    era: Annotated[
        Era, typer.Option(help="The layout of which downloads; 2025: new table names, no ADNIMERGE, Key_MRI.")
    ] = Era.BEFORE,
) -> None:
    """Write a SYNTHETIC cohort in the layout of an ADNI download, to try things on or to test your own tools."""
    from fusekit.data.synthetic import write_cohort
    from fusekit.terminal import in_line
    from fusekit_adni.converter_task import MciConverterTask
    from fusekit_adni.task import AdniAdTask

    asked = MciConverterTask() if task == Question.CONVERTERS else AdniAdTask()
    effects = {"image_effect": image_effect, "table_effect": table_effect, "interaction": interaction, "era": era.value}
    text = write_cohort(asked, task, folder, "subjects", seed=seed, subjects=subjects, **effects)
    typer.echo(in_line(text))
