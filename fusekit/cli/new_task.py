"""``fusekit new-task``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusekit.errors import OptionError
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    from fusekit.data.draft.draft import Draft


def new_task(
    folder: Annotated[Path, typer.Argument(help="Folder with your images and a table.", show_default=False)],
    table: Annotated[
        Path | None, typer.Option(help="The table with the label, if the folder holds several or none.")
    ] = None,
    sheet: Annotated[str, typer.Option(help="Its sheet, if it is a workbook with several.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="TOML to write; an existing file is not touched.", show_default="FOLDER.toml, where you are"),
    ] = None,
) -> None:
    """Look at a folder and a table, and write a first TOML with comments.

    It says which columns name the images, the person and the label, and which columns must not be inputs. All of it is
    a guess: read the file, correct it, then `fusekit look`, `fusekit check` and `fusekit run` it. Nothing in the folder
    is changed.
    """
    from fusekit.data.draft.draft import as_toml, draft, place_of

    out = out or Path(f"{folder.resolve().name}.toml")
    if out.exists():
        raise OptionError(f"--out {out} exists; choose another name or remove it.")
    made = draft(folder, table, sheet)
    text = as_toml(made, place_of(folder, out))
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OptionError(f"--out {out} cannot be written: {error.strerror}.") from error
    _print(made, out)


def _print(made: Draft, out: Path) -> None:
    console = Terminal()
    kept = [column.name for column in made.columns if not column.reason]
    found = ", ".join(f"{len(paths)} {kind}" for kind, paths in made.found.images.items())
    way = "no column fits"
    if made.images:
        by = f"the id in {made.images.text}" if made.images.is_id else made.images.text
        way = f"{by}, one image for {made.images.rows} of {made.rows} rows"
    several = f"{', '.join(made.sequences)}: all for {made.complete} of {made.rows} rows" if made.sequences else ""
    values = (
        "a number" if made.is_number else ", ".join(f"{value} ({count})" for value, count in made.label_values.items())
    )
    lines = {
        "images": found,
        "masks": f"{len(made.found.masks)}" if made.found.masks else "",
        "archives": f"{', '.join(made.found.archives[:3])}: not unpacked" if made.found.archives else "",
        "first image": made.first,
        "table": f"{made.table}, {made.rows} rows",
        "joined by": way,
        "each row": several,
        "series": ", ".join(f"{text} ({rows})" for text, rows in made.series.items()),
        "subject": made.subject or "no column fits",
        "scan": made.scan,
        "label": f"{made.label}: {values}; a guess" if made.label else "no column fits: name it",
        "or the label": ", ".join(made.other_labels),
        "inputs": ", ".join(kept) or "none",
    }
    for name, line in lines.items():
        if line:
            console.print(styled((f"{name:>12}", "bold"), f"  {line}"), soft_wrap=True)
    for column in made.columns:
        if column.reason:
            console.print(styled((f"{'left out':>12}", "dim"), f"  {column.name}: {column.reason}"), soft_wrap=True)
    console.print(styled("\nWritten to ", (out, "bold"), ". Read it, then: fusekit look ", out), soft_wrap=True)
