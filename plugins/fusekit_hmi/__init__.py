"""Hepatic microvascular invasion from CT: the task ``hmi``, with a synthetic cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    import typer

    from fusekit.extension import Register


@hookimpl
def register(to: Register) -> None:
    """The paper's other task."""
    to.task("hmi", "fusekit_hmi.task:HmiTask", "microvascular invasion of a liver tumour, from CT and blood")


@hookimpl
def register_commands(cli: typer.Typer) -> None:
    """A cohort to try things on."""
    from fusekit_hmi.synthetic.command import synthesize_hmi

    cli.command("synthesize-hmi", rich_help_panel="Your data")(synthesize_hmi)
