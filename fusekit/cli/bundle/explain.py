"""``fusekit explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from fusekit.cli.options import BUNDLE, IMAGES, OUT_OF_RANGE
from fusekit.disk import new_folder, write_table
from fusekit.errors import OptionError
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    import pandas as pd

    from fusekit.bundle.bundle import Bundle
    from fusekit.report.explanations.patient import Explained


def explain(
    bundle: BUNDLE,
    image: IMAGES = None,
    clinical: Annotated[Path | None, typer.Option(help="Table of clinical values with one row.")] = None,
    mask: Annotated[Path | None, typer.Option(help="The image's mask, where the model looks at masks.")] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="COLUMN=VALUE",
            help="Put another value there; may be repeated. `COLUMN` alone tries usual values.",
        ),
    ] = None,
    asked_class: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Of classes the one to explain. Default: the positive one of two; of more the one that is called.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist or be empty.")] = Path("explanation"),
    allow_out_of_range: OUT_OF_RANGE = False,
) -> None:
    """Explain one patient's prediction: where in the slice, which values, and what if a value were another.

    A picture, and the numbers beside it as CSV. None of it is proof of a cause.
    """
    import numpy as np

    import fusekit
    from fusekit.bundle.patients import files_of

    if not image and clinical is None:
        raise OptionError("give a patient: --image and --clinical.")
    shipped = fusekit.load(bundle)
    files = files_of(image, shipped.images) if image else None
    found: Explained = shipped.explain(
        files, clinical, mask, what_if=what_if or (), of=asked_class, allow_out_of_range=allow_out_of_range
    )
    with new_folder(out.absolute()) as folder:
        found.save(folder / "explanation")
        for name, table in (
            ("attributions", found.attributions),
            ("what_if", found.answers),
            ("slice_weights", found.weights),
            ("gates", found.gates),
        ):
            if table is not None:
                write_table(table, folder / f"{name}.csv")
        for name, array in (("image", found.image), ("map", found.map), ("what_if", found.answer_maps)):
            if array is not None:
                kept = array if name == "image" else array.astype(np.float16)
                np.save(folder / f"{name}.npy", kept, allow_pickle=False)
    _print(shipped, found, out)


def _weighed(gates: pd.DataFrame) -> str:
    """What the head of the network gives each, the most first."""
    of_head = gates[gates["part"] == "head"].sort_values("median", ascending=False, kind="stable").head(8)
    return ", ".join(f"{line.site} {line.median:.2g}" for line in of_head.itertuples())


def _print(bundle: Bundle, found: Explained, out: Path) -> None:
    from fusekit.cli.console import warn_synthetic

    console = Terminal()
    if found.synthetic:
        warn_synthetic(console)
    names = bundle.classes or bundle.target.columns
    said = ", ".join(f"{name} {value:.4f}" for name, value in zip(names, found.predicted.values(), strict=True))
    console.print(f"{found.what.removeprefix('the ')}: {said}{'.' * bool(found.meaning.note)}{found.meaning.note}")
    if found.weights is not None:
        first = found.weights.sort_values("weight", ascending=False, kind="stable").head(3)
        heaviest = ", ".join(f"{line.slice} ({line.weight:.0%})" for line in first.itertuples())
        console.print(f"slices that weigh most, of {len(found.weights)}: {heaviest}")
    if found.gates is not None and (weighed := _weighed(found.gates)):
        console.print(f"the head weighs: {weighed}")
    if found.attributions is not None:
        title = f"{found.meaning.scale}, the largest shares"
        table = Table("column", "value", "adds", title=title)
        order = found.attributions["attribution"].abs().sort_values(ascending=False, kind="stable").index
        for _, line in found.attributions.loc[order[:8]].iterrows():
            table.add_row(line["column"], line["value"] or "missing", f"{line['attribution']:+.4f}")
        console.print(table)
    if found.answers is not None:
        table = Table("what if", "value", found.meaning.name, "map moved")
        for _, line in found.answers.iterrows():
            value = f"{line['level'] or 'missing'}{' (as it is)' if line['is_original'] else ''}"
            moved = "" if line["change"] != line["change"] else f"{line['change']:.0%}"
            table.add_row(line["column"], value, f"{line[found.meaning.column]:.4f}", moved)
        console.print(table)
    console.print(styled("Everything lies in ", (out, "bold")), soft_wrap=True)
