"""``fusekit check``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fusekit.cli.options import takes
from fusekit.errors import OptionError
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Bars
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    from fusekit.data import Finding
    from fusekit.experiment.demonstrate import Demonstration

#: Severity -> heading and style, the worst first.
HEADINGS = {
    "refusal": ("REFUSED: nothing is trained on this", "bold red"),
    "warning": ("WARNINGS: this may fool you", "bold yellow"),
    "note": ("NOTES: how the cohort came about", "bold"),
}
#: So many items of a finding are shown; ``--json`` has all of them.
SHOWN = 10


@takes(
    *("data", "seed", "folds", "allow", "options", "image_size", "out", "backbone", "epochs", "device"),
    out=("With `--demonstrate`: its folder, new or empty.", "runs/demonstration-TASK-DATE-TIME"),
    backbone=("With `--demonstrate`: its image backbone.", "resnet10t"),
    epochs=("With `--demonstrate`: epochs of each of its four trainings.", "15"),
    device=("With `--demonstrate`: auto, cpu, cuda, cuda:N or mps.", "auto"),
)
def check(
    given: dict[str, Any],
    task: Annotated[
        str, typer.Argument(help="Task to check, e.g. `adni-ad`; `fusekit list` shows them all.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with every item, for programs.")] = False,
    demonstrate: Annotated[
        bool,
        typer.Option(
            "--demonstrate",
            help="Instead of the audit: train a small model by the right and the wrong split, and on shuffled labels.",
        ),
    ] = False,
) -> None:
    """Look for what would fool you: leaks, shortcuts, confounding, copies, odd volumes. Exit code 1 if it refuses.

    The same audit runs before every training, which a refusal stops. Nothing but the slice store is written.
    """
    if demonstrate:
        from fusekit.experiment.demonstrate import demonstrate as run

        print_demonstration(run({"task": task, **given}, Bars()), Terminal())
        return
    for name in ("out", "backbone", "epochs", "device"):
        if name in given:
            raise OptionError(f"--{name} belongs to --demonstrate; without it nothing is trained.")
    config = Settings.of({"task": task, **given})

    from fusekit.audit import refusals
    from fusekit.experiment.setup.gathered import gather
    from fusekit.experiment.setup.parts import open_task

    opened = open_task(config.task, config.options)
    gathered = gather(config, opened, config.slice_policy(opened), Bars(), stop=False)
    refused = refusals(gathered.findings, config.allow)
    cohort, synthetic = gathered.cohort, config.data is None
    if as_json:
        record = {
            "task": config.task,
            "synthetic": synthetic,
            "refused": [finding.code for finding in refused],
            "scans": len(cohort.scans),
            "subjects": int(cohort.scans["subject"].nunique()),
            "findings": [finding.as_json() for finding in gathered.findings],
        }
        typer.echo(json.dumps(record, indent=2))
    else:
        console = Terminal()
        kind = ("SYNTHETIC cohort", "bold yellow") if synthetic else "cohort"
        people = ", ".join(f"{own.sum()} {name}" for name, own in cohort.target.parts(cohort.subjects).items())
        text = f": {len(cohort.scans)} scans of {len(cohort.subjects)} subjects ({people}), "
        console.print(styled((config.task_name, "bold"), ", ", kind, text, f"{len(cohort.columns)} clinical columns"))
        print_findings(gathered.findings, config.allow, console)
        warnings = sum(finding.severity == "warning" for finding in gathered.findings)
        verdict = ("refused", "bold red") if refused else ("nothing is refused", "bold green")
        console.print(styled("\n", verdict, f"; {warnings} warning{'' if warnings == 1 else 's'}"))
    if refused:
        raise typer.Exit(1)


def print_findings(findings: Sequence[Finding], allow: Collection[str], console: Console) -> None:
    """Print findings by severity: code, count, sentence, first items, what to do; notes a line each."""
    for severity, (heading, style) in HEADINGS.items():
        own = [finding for finding in findings if finding.severity == severity]
        if own:
            console.print(f"\n{heading}", style=style)
        for finding in own:
            lines = [styled((finding.code, "bold"), f" ({finding.count}) {finding.message}")]
            if severity != "note":
                lines += [styled(f"  · {item}") for item in finding.items[:SHOWN]]
                if finding.count > SHOWN:
                    lines.append(styled(f"  · and {finding.count - SHOWN} more"))
                lines.append(styled("  ", (finding.advice, "italic")))
            if severity == "refusal":
                allowed = finding.code in allow
                way = "allowed by --allow" if allowed else f"to continue all the same: --allow {finding.code}"
                lines.append(styled(f"  {way}"))
            console.print(Padding(Text("\n").join(lines), (0, 0, 0, 2)))


def print_demonstration(made: Demonstration, console: Console) -> None:
    """Print what each split promises, at slice and subject level, with 95 % intervals over subjects."""
    from fusekit.cli.console import explained, scored

    kind: list[str | tuple[str, str]] = [", ", ("SYNTHETIC cohort", "bold yellow")] if made.synthetic else []
    title = styled("The same model, split in two ways", *kind)
    table = Table("labels", "split by", "level", "accuracy", "AUC", title=title, title_style="bold")
    for setting, own in made.scores.groupby(["labels", "split", "level"], sort=False):
        scores = {row["metric"]: row for row in own.to_dict("records")}
        cells = [scored(row["value"], row["low"], row["high"]) for row in (scores["accuracy"], scores["auc"])]
        labels, split, level = map(str, setting)
        table.add_row(labels, split, level, *cells, end_section=level == "subject")
    console.print(explained(table))
    console.print(
        f"{made.subjects} subjects, {made.slices} slices; 95 % intervals over subjects. Chance: accuracy "
        f"{made.chance:.2f}, AUC 0.50. Shuffled labels mean nothing: what is above chance there is recognition of "
        "people, not of disease.",
        style="dim",
    )
    console.print(styled("\nTable and figure lie in ", (made.folder, "bold")), soft_wrap=True)
