"""``fusekit describe``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from fusekit.errors import OptionError
from fusekit.experiment.setup.given import parse_options
from fusekit.extension.fusion import registered
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    from fusekit.models.anatomy import Anatomy


def describe(
    fusion: Annotated[str, typer.Argument(help="Its name; `fusekit list fusions` shows them.", show_default=False)],
    backbone: Annotated[str, typer.Option(metavar="NAME", help="Image backbone.")] = "resnet18",
    size: Annotated[int, typer.Option(help="Height and width of images; of volumes depth too.")] = 96,
    channels: Annotated[int, typer.Option(help="Channels of an image.")] = 1,
    columns: Annotated[int, typer.Option(help="Inputs that the table is encoded to.")] = 20,
    classes: Annotated[int, typer.Option(help="Classes that are predicted; 1: a number.")] = 2,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="PART.OPTION=VALUE", help="Set an option of a part; may be repeated."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this file.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show what a fusion consists of: its parts, the shapes at each site, parameters and multiply-adds.

    Multiply-adds are of one forward pass of one image: convolutions, matrix products and attention. Nothing is trained
    or downloaded.
    """
    options = parse_options(option or [])
    registered(fusion)  # a mistyped name is refused before torch loads

    from fusekit.disk import write_bytes
    from fusekit.models.anatomy import describe as described

    made = described(
        fusion, backbone=backbone, size=size, columns=columns, classes=classes, in_channels=channels, options=options
    )
    if svg is not None:
        if svg.suffix.lower() != ".svg" or not svg.absolute().parent.is_dir():
            raise OptionError(f"--svg takes a file that ends in .svg, in a folder that there is, not {svg}.")
        write_bytes(svg, made.svg().encode())
    if as_json:
        typer.echo(json.dumps(made.as_json(), indent=2))
        return
    _print(made)
    if svg is not None:
        Terminal().print(styled("\nThe drawing lies in ", (svg, "bold")), soft_wrap=True)


def _print(made: Anatomy) -> None:
    from fusekit.models.anatomy import shape

    console, style = Terminal(), {"box": None, "pad_edge": False, "padding": (0, 2, 0, 0)}
    console.print(styled((made.title, "bold"), "\n"))
    table = _table("part", "name", "shapes", parameters="right", multiply_adds="right", **style)
    for part in made.parts:
        costs = ("", "") if part.part == "stack" else (f"{part.parameters:,}", f"{part.multiply_adds:,}")
        table.add_row(part.part, part.name, part.shapes, *costs)
    table.add_row("all", "", "", f"{made.parameters:,}", f"{made.multiply_adds:,}", style="bold")
    console.print(table)
    if made.sites:
        table = _table("site", "stage", "channels and size", "injected", **style)
        for site in made.sites:
            table.add_row(site.name, str(site.stage), shape(site.shape), "yes" if site.injected else "")
        console.print("")
        console.print(table)


def _table(*left: str, **rest: Any) -> Table:
    """A table with some columns to the left, and those named ``right`` to the right."""
    right = [name for name, value in rest.items() if value == "right"]
    columns: list[Column | str] = [*left, *(Column(name.replace("_", "-"), justify="right") for name in right)]
    return Table(*columns, **{name: value for name, value in rest.items() if name not in right})
