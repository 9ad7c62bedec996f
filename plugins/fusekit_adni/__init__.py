"""ADNI: the tasks ``adni-ad`` and ``mci-converter``, read from a download, with synthetic cohorts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    import typer

    from fusekit.extension import Register


@hookimpl
def register(to: Register) -> None:
    """The paper's first two tasks."""
    to.task("adni-ad", "fusekit_adni.task:AdniAdTask", "Alzheimer's disease or normal cognition (ADNI)")
    to.task(
        "mci-converter",
        "fusekit_adni.converter_task:MciConverterTask",
        "Who with mild cognitive impairment goes on to dementia (ADNI)",
    )


@hookimpl
def register_commands(cli: typer.Typer) -> None:
    """A download to try things on, and what is missing in one's own."""
    from fusekit_adni.guide import adni_guide
    from fusekit_adni.synthetic.command import synthesize_adni

    cli.command("adni-guide", rich_help_panel="Your data")(adni_guide)
    cli.command("synthesize-adni", rich_help_panel="Your data")(synthesize_adni)
