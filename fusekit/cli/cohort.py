"""``fusekit cohort``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from fusekit.cli.options import takes
from fusekit.errors import OptionError
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    from fusekit.experiment.setup.cohort import Described


@takes(
    *("data", "out", "recipe", "options"),
    out=("Folder for the recipe, new or empty; needed unless --recipe is given.", ""),
    recipe=("A colleague's recipe: rebuild its cohort from your data and say what differs.", ""),
    options=("Option of the task (`-o task.x=y`) or its synthesis; may be repeated.", ""),
)
def cohort(
    given: dict[str, Any],
    task: Annotated[str, typer.Argument(help="Task whose cohort it is, e.g. `adni-ad`.", show_default=False)],
) -> None:
    """Write a cohort's recipe, to share it without its data; or rebuild the cohort of a recipe.

    A recipe lists scans and rules. It holds no images, no values and no labels, only digests, which cannot be compared
    without the same images. With `--recipe` the exit code is 0 if your cohort is identical, and 1 if anything differs.
    """
    from fusekit.experiment.setup.cohort import describe

    folders: dict[str, Any] = {name: Path(given[name]) for name in ("data", "out", "recipe") if name in given}
    if not {"out", "recipe"} & set(folders):
        raise OptionError("--out names the folder that the recipe is written to.")
    done = describe(task, **folders, options=given.get("options"))
    print_cohort(done, folders.get("out"), Terminal())
    if done.differences:
        raise typer.Exit(1)


def print_cohort(done: Described, out: Path | None, console: Console) -> None:
    """Print what a cohort holds, what differs from the recipe it was rebuilt by, and where its own recipe lies."""
    for table in _tables(done):
        console.print(table)
    if done.theirs is not None:
        console.print()
        shown = sorted(done.differences, key=lambda difference: difference.subject)[:20]
        for difference in shown:
            console.print(f"  {difference}", soft_wrap=True)
        if len(done.differences) > len(shown):
            rest = "all in differences.csv" if out else "--out writes all of them to differences.csv"
            console.print(f"  and {len(done.differences) - len(shown)} more; {rest}")
        for remark in done.remarks:
            console.print(f"note: {remark}", soft_wrap=True)
        console.print(done.verdict, style="bold red" if done.differences else "bold green", soft_wrap=True)
    if out is not None:
        files = sorted(path.name for path in out.iterdir())
        console.print(styled("\nThe recipe lies in ", (out, "bold"), f": {', '.join(files)}"), soft_wrap=True)
        console.print("It holds ids and rules, and no image, value or label.", style="dim")


def _tables(done: Described) -> list[Table]:
    """Subjects and scans by class, columns by table, findings with counts."""
    from fusekit.cli.console import titled
    from fusekit.data.recipe.digests import table_of

    def table(first: str, *numbers: str, **settings: Any) -> Table:
        return Table(first, *(Column(name, justify="right") for name in numbers), **settings)

    cohort, recipe = done.cohort, done.recipe
    people = table("", "subjects", "scans", title=titled(recipe.task, recipe.synthetic), title_style="bold")
    *parts, every = cohort.counts.itertuples()
    for name, subjects, scans in parts:
        people.add_row(name, str(subjects), str(scans))
    people.add_section()
    people.add_row(*map(str, every))

    columns = table("clinical columns from", "numbers", "categories", box=None, padding=(0, 2))
    kinds: dict[str, list[str]] = {}
    for column in recipe.columns:
        kinds.setdefault(table_of(column) or "the clinical table", []).append(column.kind)
    for name, those in kinds.items():
        columns.add_row(name, str(those.count("number")), str(those.count("category")))

    findings = table("finding", "count", box=None, padding=(0, 2))
    findings.add_column("what")
    for finding in cohort.findings:
        findings.add_row(finding.code, str(finding.count), finding.message)
    return [people, *[columns] * bool(kinds), *[findings] * bool(cohort.findings)]
