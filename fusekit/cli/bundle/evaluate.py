"""``fusekit evaluate``."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from fusekit.cli.options import BUNDLE, takes
from fusekit.disk import read_json
from fusekit.extension import catalog
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    import pandas as pd

    from fusekit.report.run import Run

#: One of a column's shares, as shift.csv has them: ``lobular, left 0.250; other 0.750``.
_SHARE = re.compile(r"(.+?) (\d\.\d{3})(?:; |$)", re.DOTALL)

#: Where coverage is not as promised.
OTHER_COHORT = (
    "The level holds for subjects who are exchangeable with those of the training cohort, and these are not: other "
    "patients, machines or labels. Here, the sets and intervals hold what was counted here."
)


@takes(
    *("data", "out", "allow", "options", "device"),
    data=("Folder of the other cohort.", "a SYNTHETIC cohort"),
    out=("Folder, new or empty.", "runs/external-TASK-FUSION-DATE-TIME"),
)
def evaluate(
    given: dict[str, Any],
    bundle: BUNDLE,
    task: Annotated[str | None, typer.Option(help="Task that reads the cohort. Default: the training's.")] = None,
    recalibrate: Annotated[
        str,
        typer.Option(help="Also write a map fitted on this cohort: temperature or logistic. It is shown in any case."),
    ] = "none",
) -> None:
    """Test a frozen model on another cohort, and say how that cohort differs from the training's.

    Nothing of the model is fitted there: slices, scales, columns and categories are the bundle's. What does not fit is
    refused by name.
    """
    from fusekit.experiment.external.external import evaluate as run

    print_external(run(bundle, task=task, recalibrate=recalibrate, **given), Terminal())


def print_external(run: Run, console: Console) -> None:
    """Print the scores on both cohorts, the largest shifts, calibration, and where every file lies."""
    from fusekit.cli.console import print_files
    from fusekit.evaluation.calibration.conformal import excludes_level, sentence
    from fusekit.experiment.external.external import FILES, RECALIBRATED
    from fusekit.report.run import COVERAGE, FURTHER

    metrics = read_json(run.folder / "metrics.json", dict[str, Any])
    names = ("shift", "intensity", "prevalence", "calibration", "recalibration")
    tables = {name: table for name in names if (table := run.table(f"{name}.csv")) is not None}
    manifest = run.manifest
    kind = ("SYNTHETIC", "bold yellow") if run.synthetic else "frozen model"
    title = styled(f"{manifest['task']['name']} · {manifest['arm']} on another cohort · ", kind)
    console.print(_scores(title, metrics["comparison-with-training"]))
    console.print(
        "Subject level; 95 % intervals over subjects. Internal: subjects held out of the training cohort.", style="dim"
    )
    _print_shift(manifest["external"]["summary"], tables["shift"], console)
    levels = tables["intensity"]
    for grey in levels[levels["training_mean"].notna()].to_dict("records"):
        console.print(
            styled(
                ("\nGrey levels", "bold"),
                f"{str(grey['quantity']).removeprefix('grey level')}: mean {grey['mean']:.1f} ± {grey['sd']:.1f} here, "
                f"{grey['training_mean']:.1f} ± {grey['training_sd']:.1f} in training: {grey['difference']:+.2f} "
                "standard deviations apart.",
            )
        )
    if (coverage := run.table(COVERAGE)) is not None:
        console.print(styled("\n", sentence(coverage, run.target.kind)))
        if excludes_level(coverage):
            console.print(OTHER_COHORT, style="bold")
    if "recalibration" in tables:
        _print_calibration(tables, metrics.get("recalibrated"), console)
    print_files(run.folder, {**FILES, COVERAGE: FURTHER[COVERAGE], **RECALIBRATED}, console)


def _scores(title: Text, rows: list[dict[str, Any]]) -> Table:
    from fusekit.cli.console import explained, scored

    own, both = [row for row in rows if row["level"] == "subject"], ("internal", "external")
    counts = {side: own[0][f"{side}_subjects"] for side in both}
    headings = [f"{side} (n = {'?' if count is None else f'{count:.0f}'})" for side, count in counts.items()]
    columns = (Column(name, justify="right") for name in (*headings, "difference"))
    table = Table("", *columns, title=title, title_style="bold")
    for row in own:
        cells = [scored(row[side], row[f"{side}_low"], row[f"{side}_high"]) for side in both]
        difference = scored(row["difference"], row["low"], row["high"], sign="+")
        table.add_row(catalog().metrics.get(str(row["metric"]))().title, *cells, difference)
    return explained(table)


def _print_shift(summary: list[str], shift: pd.DataFrame, console: Console) -> None:
    console.print("\nClinical columns against training", style="bold")
    for sentence in summary or ["The model reads no clinical columns."]:
        console.print(f"  {sentence}")
    known = shift[shift["difference"].notna()]
    order = known["difference"].abs().sort_values(ascending=False, kind="stable").index
    if not len(order):
        return
    numbers = (Column(name, justify="right", no_wrap=True) for name in ("training", "here", "SDs apart"))
    # shift.csv has all columns.
    table = Table(Column("column", no_wrap=True), *numbers, "verdict", box=None, padding=(0, 1))
    for row in known.loc[order].head(8).fillna({"category": ""}).to_dict("records"):
        cells = [row["column"], *_sides(row), f"{row['difference']:+.2f}", row["verdict"]]
        table.add_row(*map(str, cells))
    console.print(table)


def _sides(row: dict[Hashable, Any]) -> tuple[str, str]:
    if row["kind"] == "number":
        return (f"{row['training_mean']:.4g} ± {row['training_sd']:.3g}", f"{row['mean']:.4g} ± {row['sd']:.3g}")
    shares = [dict(_SHARE.findall(row[name])) for name in ("training_shares", "shares")]
    before, after = (f"{float(side[row['category']]):.0%} {row['category']}" for side in shares)
    return before, after


def _print_calibration(tables: dict[str, pd.DataFrame], applied: dict[str, Any] | None, console: Console) -> None:
    import pandas as pd

    from fusekit.cli.console import scored

    console.print("\nCalibration", style="bold")
    positive, raw = (tables[name].to_dict("records")[row] for name, row in (("prevalence", 1), ("recalibration", 0)))
    if not pd.isna(raw["observed"]):
        trained = "" if pd.isna(positive["training_share"]) else f"; {positive['training_share']:.0%} in training"
        console.print(
            f"  {positive['class']}: {positive['share']:.0%} of the subjects here, {raw['predicted']:.0%} predicted on "
            f"average{trained}."
        )
    if "calibration" in tables:
        own: dict[Hashable, Any] = tables["calibration"].set_index("measure").to_dict("index")
        ends = ("value", "low", "high")
        slope, intercept = (scored(*(own[name][end] for end in ends)) for name in ("slope", "intercept"))
        console.print(
            f"  Calibration slope {slope} (1 is right; below, too sure), intercept {intercept} (0 is right). Without "
            f"any fault, the ECE would be {own['ece']['faultless']:.3f} here."
        )
    numbers = (Column(name, justify="right") for name in ("Brier", "ECE", "log loss"))
    table = Table("probabilities", *numbers, "map, fitted on all", box=None, padding=(0, 1))
    for row in tables["recalibration"].to_dict("records"):
        named = {name: row[name] for name in ("temperature", "intercept", "slope") if not pd.isna(row[name])}
        scores = [f"{row[name]:.3f}" for name in ("brier", "ece", "log_loss")]
        measured = ", cross-fitted" if row["measured"] == "cross-fitted" else ""
        table.add_row(row["method"] + measured, *scores, ", ".join(f"{n} {v:.3g}" for n, v in named.items()))
    console.print(table)
    said = (
        f"Recalibration ({applied['method']}) was fitted on all subjects here: recalibration.json."
        if applied
        else "Shown, not applied: the predictions are the model's own. --recalibrate writes a map."
    )
    console.print(f"  {said}", style="dim")
