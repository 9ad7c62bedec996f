"""``fusekit predict``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fusekit.cli.options import BUNDLE, IMAGES, OUT_OF_RANGE
from fusekit.disk import table_bytes, write_bytes
from fusekit.errors import OptionError
from fusekit.terminal import visible


class Format(StrEnum):
    """How predictions are written."""

    table = "table"
    csv = "csv"
    json = "json"


def predict(
    bundle: BUNDLE,
    image: IMAGES = None,
    clinical: Annotated[
        Path | None,
        typer.Option(
            help="Table of clinical values: one row with `--image`, else one row per patient and a column `image`, or "
            "`image:NAME` of each (and `mask`, where the model looks at masks)."
        ),
    ] = None,
    sheet: Annotated[str, typer.Option(help="Of `--clinical`: the sheet of a workbook with several.")] = "",
    mask: Annotated[Path | None, typer.Option(help="With `--image`: its mask, where the model looks at masks.")] = None,
    format: Annotated[Format, typer.Option(help="table for people, csv or json for programs.")] = Format.table,  # noqa: A002 (the option's name)
    level: Annotated[str, typer.Option(help="Of csv and json: `subject` or `slice`.")] = "subject",
    out: Annotated[Path | None, typer.Option(help="Write there instead of printing.")] = None,
    curves: Annotated[
        Path | None, typer.Option(help="Of times to an event: draw the patients' survival there (.png, .svg, .pdf).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    allow_out_of_range: OUT_OF_RANGE = False,
) -> None:
    """Predict for new patients with a bundle.

    Column names, units and categories must be those of the bundle; what does not fit is named, not guessed.
    """
    import fusekit
    from fusekit.bundle.patients import files_of, one_patient
    from fusekit.cli.console import print_predictions, shown_name
    from fusekit.data import TimeToEvent, read_table
    from fusekit.data.images.channels import MASK, image_columns
    from fusekit.report.figures.survival.patients import MOST, draw_curves

    if level not in ("subject", "slice"):
        raise OptionError(f"--level takes subject or slice, not {level!r}.")
    if not image and clinical is None:
        raise OptionError("give a patient: --image and --clinical, or --clinical with a column 'image'.")
    shipped = fusekit.load(bundle)
    if mask is not None and (not image or not shipped.slices.masked):
        raise OptionError(
            "--mask goes with --image."
            if not image
            else "this model's slices are not chosen by a mask (its slices.largest is 0), and slices.mask is choose; "
            "leave --mask out."
        )
    if sheet and clinical is None:
        raise OptionError("--sheet goes with --clinical.")
    target = shipped.target
    if curves is not None and not isinstance(target, TimeToEvent):
        raise OptionError(f"--curves draws survival, and this model predicts {target.words}.")
    if curves is not None and curves.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OptionError(f"--curves {curves}: the ending is .png, .svg or .pdf.")
    files = files_of(image, shipped.images) if image else None
    if image or clinical is None:
        patients = one_patient(files, clinical, mask, sheet)
    else:
        patients = read_table(clinical, sheet=sheet)
        for column in [name for name in patients if name in image_columns(patients) or name == MASK]:
            # paths start beside the table; a cell may be empty
            patients[column] = [str(clinical.parent / path) if path else "" for path in patients[column]]
    slices, subjects = shipped.predict(patients, str(clinical or "the patient"), allow_out_of_range, device)
    if curves is not None and isinstance(target, TimeToEvent):
        if len(subjects) > MOST:
            raise OptionError(f"--curves draws {MOST} patients at most, and there are {len(subjects)}. Give fewer.")
        with _written("--curves", curves):
            draw_curves(subjects, target, curves, synthetic=bool(shipped.provenance.get("synthetic")))
    names = {column: shown_name(shipped, column) for column in (*slices, *subjects)}
    if format is Format.table and out is None:
        numbered = "" if clinical is None or "subject" in patients else clinical.name
        print_predictions(shipped, slices.rename(columns=names), subjects.rename(columns=names), numbered)
        return
    table = (subjects if level == "subject" else slices).rename(columns=names)
    if format is Format.json:
        text = table.to_json(orient="records", indent=2, double_precision=15) + "\n"
    else:
        text = table_bytes(table).decode()
    if out is None:
        typer.echo(visible(text) if sys.stdout.isatty() else text, nl=False)  # programs get it as it is
        return
    with _written("--out", out):
        write_bytes(out, text.encode())


@contextmanager
def _written(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OptionError(f"{option} {path} cannot be written: {reason}.") from error
