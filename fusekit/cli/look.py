"""``fusekit look``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.columns import Columns
from rich.console import Console, Group
from rich.style import Style
from rich.text import Text

from fusekit.cli.options import takes
from fusekit.progress import Bars
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    from fusekit.report.drawing.contact_sheet import Strip

#: Width of a picture in a terminal, in letters: four fit into 80 columns.
LETTERS = 18


@takes("data", "options", "image_size", "seed", "out", out=("PNG file of the contact sheet.", "look-TASK.png"))
def look(
    given: dict[str, Any],
    task: Annotated[str, typer.Argument(help="Task, or the TOML of your own table.", show_default=False)],
    subject: Annotated[
        list[str] | None,
        typer.Option("--subject", metavar="ID", help="Show all scans of this subject; may be repeated."),
    ] = None,
    count: Annotated[int, typer.Option(help="Subjects that are drawn, as many of each class.")] = 8,
    slices: Annotated[int, typer.Option(help="Slices of a scan, at most.")] = 5,
) -> None:
    """Show slices as the network sees them: a contact sheet (PNG), and a small picture of each scan in the terminal.

    Nothing is audited, trained or kept. Example: `fusekit look study.toml --subject P07`
    """
    from fusekit.disk import write_bytes
    from fusekit.experiment.look import look as cut

    out = Path(given.pop("out", f"look-{Path(task).stem}.png"))
    shown = cut(task, subjects=subject or (), count=count, slices=slices, progress=Bars(), **given)
    write_bytes(out, shown.picture.png)
    console = Terminal()
    if console.is_terminal:
        console.print(Columns([_thumbnail(strip) for strip in shown.strips], padding=(1, 1)))
    _print(shown.strips, shown.picture.caption, console)
    console.print(styled("\nThe contact sheet lies in ", (out, "bold")), soft_wrap=True)


def _print(strips: tuple[Strip, ...], caption: str, console: Console) -> None:
    for strip in strips:
        slices = f"slice{'s' * (len(strip.slices) > 1)} {', '.join(map(str, strip.slices))}"
        console.print(styled((strip.subject, "bold"), f" ({strip.group}), scan {strip.scan}, {slices}"))
    console.print(caption, style="dim")


def _thumbnail(strip: Strip) -> Group:
    """The middle slice of a scan's first channel: two pixels per letter, one above the other."""
    import numpy as np

    image = strip.images[len(strip.images) // 2, 0].astype(np.float32)
    rows = np.linspace(0, image.shape[0] - 1, LETTERS).astype(int)
    columns = np.linspace(0, image.shape[1] - 1, LETTERS).astype(int)
    small = np.clip(image[rows][:, columns], 0, 255).astype(int)
    lines = []
    for above, below in zip(small[::2], small[1::2], strict=True):
        cells = [
            ("▀", Style(color=_grey(top), bgcolor=_grey(bottom))) for top, bottom in zip(above, below, strict=True)
        ]
        lines.append(Text.assemble(*cells))
    return Group(styled((strip.subject[:LETTERS], "bold")), styled(strip.group[:LETTERS]), *lines)


def _grey(level: int) -> str:
    return f"#{level:02x}{level:02x}{level:02x}"
