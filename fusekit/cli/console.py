"""What a person reads when a command is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from fusekit.data import TimeToEvent
from fusekit.data.own.task import name_of
from fusekit.evaluation.calibration.conformal import REGIONS, fewest, sentence
from fusekit.evaluation.shown import title_of
from fusekit.evaluation.statistics import UNDEFINED, WHY_NO_NUMBER, WHY_UNDEFINED, interval_text
from fusekit.report.notebook import ranked
from fusekit.report.page.verdict import verdict
from fusekit.report.run import COVERAGE, FILES, FURTHER, Run
from fusekit.terminal import Terminal, styled

if TYPE_CHECKING:
    import pandas as pd

    from fusekit.bundle.bundle import Bundle
    from fusekit.data import Target
    from fusekit.evaluation.calibration.conformal import Conformal
    from fusekit.experiment.compare.comparison import Comparison


def print_run(run: Run, console: Console | None = None) -> None:
    """Print the scores of a run, and where every file lies."""
    console = console or Terminal()
    console.print(scores_table(run))
    folds = run.manifest["data"]["folds"]
    people = {side: sum(c["subjects"] for f in folds.values() for c in f[side].values()) for side in ("train", "test")}
    tested = f"{people['train']} subjects trained on, {people['test']} others tested"
    if len(folds) > 1:
        tested = f"{people['test']} subjects, each tested once by a model trained on other folds ({len(folds)} folds)"
    console.print(f"{tested}; 95 % intervals over subjects", style="dim")
    if (coverage := run.table(COVERAGE)) is not None:
        console.print(sentence(coverage, run.target.kind))
    seconds, memory = run.manifest["seconds"], run.manifest["peak_memory_mib"]
    console.print(
        f"{seconds['total']:.0f} s (data {seconds['data']:.0f}, training {seconds['training']:.0f})"
        + (f", peak memory {memory:,} MiB" if memory else "")
    )
    print_files(run.folder, {**FURTHER, **FILES}, console)


def print_files(folder: Path, files: Mapping[str, str], console: Console) -> None:
    """Print where a folder lies, and what those of its files are for that are there."""
    console.print(styled("\nEverything lies in ", (near(folder), "bold")), soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, purpose in files.items():
        if (folder / name).exists():
            table.add_row(name, styled((purpose, "dim")))
    console.print(table)


def near(folder: Path) -> Path:
    """The path of a folder as seen from the current one, if it lies in it."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def scores_table(run: Run) -> Table:
    """The scores at slice and subject level, each with its 95 % interval."""
    config = run.manifest["config"]
    title = f"{name_of(config['task'])} · {run.manifest['arm']} · {config['backbone']}"
    table = Table("", title=titled(title, run.synthetic), title_style="bold")
    levels = {level: run.scores[run.scores["level"] == level] for level in ("slice", "subject")}
    for level, scores in levels.items():
        table.add_column(f"{level} level (n = {scores['rows'].iloc[0]})", justify="right")
    for metric in levels["slice"]["metric"]:
        cells = (_cell(scores[scores["metric"] == metric]) for scores in levels.values())
        table.add_row(title_of(metric), *cells)
    return explained(table, run.target)


def titled(title: str, synthetic: bool) -> Text:
    """A table's title, with the kind of cohort."""
    return styled(f"{title} · ", ("SYNTHETIC cohort", "bold yellow") if synthetic else "cohort")


def _cell(score: pd.DataFrame, *, narrow: bool = False) -> Text:
    value, low, high = score[["value", "low", "high"]].astype(float).iloc[0]
    return scored(value, low, high, digits=2, gap="\n") if narrow else scored(value, low, high, digits=3)


def scored(
    value: float | None, low: float | None, high: float | None, digits: int = 2, sign: str = "", gap: str = " "
) -> Text:
    """A score and its interval as they are printed."""
    if value is None or value != value:  # NaN is the one number that differs from itself
        return styled(UNDEFINED)
    return styled(f"{value:{sign}.{digits}f}{gap}", (interval_text(low, high, digits, sign), "dim"))


def explained(table: Table, target: Target | None = None) -> Table:
    """Say below a table of scores why one of them, or its interval, is undefined."""
    if any(UNDEFINED in str(cell) for column in table.columns for cell in column.cells):
        table.caption = WHY_NO_NUMBER if target is not None and not target.classes else WHY_UNDEFINED
    return table


#: What survival is, which need not be counted from when a patient is seen.
FROM_ZERO = (
    "Survival is the chance of no event from time 0 up to each horizon. For a patient who is without the event at a "
    "later time, divide it by the survival at that time."
)

#: Columns of conformal prediction.
REGION = ("set", "low", "high")


def print_comparison(made: Comparison, console: Console | None = None, *, pairs: bool = False) -> None:
    """Print every arm's scores with their intervals, the best first, the verdict, and where all lies."""
    console = console or Terminal()
    evidence = made.evidence
    title = titled(f"{evidence.task} · {evidence.subjects} subjects", evidence.synthetic)
    metrics, scores = ranked(evidence)
    headings = (Column(evidence.metrics[name], justify="right") for name in metrics)
    table = Table("subject level", *headings, title=title, title_style="bold")
    narrow = console.width < 100  # columns: the interval takes a line of its own
    for name, rows in scores.items():
        table.add_row(name, *("" if row is None else _cell(row.to_frame().T, narrow=narrow) for row in rows))
    console.print(explained(table, evidence.target))
    seeds = f"; mean of {len(evidence.seeds)} seeds" if len(evidence.seeds) > 1 else ""
    console.print(f"95 % intervals over subjects{seeds}", style="dim")
    answer = verdict(evidence)
    console.print(styled("\n", (answer.call, "bold"), " ", " ".join(answer.sentences)))
    if not evidence.pairs.empty:  # the other measures are in the report
        first = evidence.pairs[evidence.pairs["measure"] == evidence.pairs["measure"].iloc[0]]
        if pairs:
            console.print("".join(f"\n· {sentence}" for sentence in first["sentence"]))
        elif len(first) > 1:
            console.print(f"\nEach of the {len(first)} pairs of arms: --pairs, or the report.", style="dim")
    console.print(styled("\nThe report lies in ", (near(made.folder) / "report.html", "bold")), soft_wrap=True)


def warn_synthetic(console: Console) -> None:
    """Say that a model's cohort was invented."""
    console.print("This model was trained on a SYNTHETIC cohort: it knows nothing about patients.", style="bold yellow")


def print_predictions(bundle: Bundle, slices: pd.DataFrame, subjects: pd.DataFrame, numbered: str = "") -> None:
    """Print what is said of each subject, and of each slice below; ``numbered``: the table whose rows had no names."""
    console = Terminal()
    if bundle.provenance.get("synthetic"):
        warn_synthetic(console)
    names, models = [shown_name(bundle, column) for column in bundle.target.columns], len(bundle.each)
    calls = ["call"] if bundle.classes else []
    title = str(bundle.task.get("title", ""))
    regions = [name for name in REGION if name in subjects]
    table = Table("subject", "scan", "slice", *names, *calls, *regions, title=title, title_style="bold")
    for subject in subjects.to_dict("records"):
        chances = [f"{subject[name]:.4f}" for name in names]
        if models > 1:
            ends = ([subject[f"{end}_{name.removeprefix('p_')}"] for end in ("lowest", "highest")] for name in names)
            chances = [f"{p} [{low:.2f}, {high:.2f}]" for p, (low, high) in zip(chances, ends, strict=True)]
        if models > 1 and calls:
            subject["called"] += f" ({subject['agree']} of {models} models)"
        own = [subject["called"] for _ in calls] + [_region(subject[name]) for name in regions]
        table.add_row(subject["subject"], "all", bundle.rule.aggregate, *chances, *own, style="bold")
        for row in slices[slices["subject"] == subject["subject"]].to_dict("records"):
            cells = (*(f"{row[name]:.4f}" for name in names), *(str(row["called"]) for _ in calls))
            table.add_row("", str(row["scan"]), str(row["slice"]), *(styled((text, "dim")) for text in cells))
        table.add_section()
    console.print(table)
    if numbered:
        console.print(f"Subjects are the rows of {numbered}, numbered; a column `subject` names them.", style="dim")
    if isinstance(bundle.target, TimeToEvent):
        console.print(FROM_ZERO, style="dim")
    rule, called = bundle.rule, "The most probable class is called."
    if (at := rule.shown_threshold()) is not None:
        above = f"{at:.4f} (slices: {rule.shown_threshold('slice'):.4f})"
        called = f"{bundle.classes[1]} is called above {above}, fitted on validation subjects."
    calibrated = "Probabilities are as the model gives them, not calibrated."
    if rule.calibrates:
        calibrated = (
            f"Probabilities of subjects are calibrated with temperature {rule.temperatures[0]:.3g}, fitted on "
            "validation subjects; those of slices are as the model gives them."
        )
    if calls:
        console.print(f"{called} {calibrated}", style="dim")
    if bundle.conformal:
        console.print(_promise(bundle.conformal, bundle.target), style="dim")
    if models > 1:
        what = "Probabilities are" if calls else "What is predicted is"
        console.print(f"{what} the mean of {averaged_words(bundle)}", style="dim")


def averaged_words(bundle: Bundle) -> str:
    """What an average is of, and whether it was tested: that of a training's members was, and that of folds was not."""
    models, config = len(bundle.each), bundle.provenance.get("config", {})
    members = int(config.get("options", {}).get("training", {}).get("members", 1))
    each, tested = "trained on the same subjects", "The average was tested."
    if members < models:
        each = f"{'one' if members == 1 else members} of each fold"
        tested = "The average itself was not tested."
    brackets = "in brackets the lowest and the highest of theirs, which are no confidence interval"
    return f"{models} models, {each}; {brackets}. {tested}"


def _region(end: str | float) -> str:
    """A set, which may be empty, or an end of an interval."""
    return (end or "no class") if isinstance(end, str) else f"{end:.4f}"


def _promise(conformal: Conformal, target: Target) -> str:
    said = (
        f"{REGIONS[target.kind].noun.capitalize()} are to hold the truth of {100 * conformal.level:g} % of patients, "
        f"if they are exchangeable with the {conformal.subjects} subjects of the run"
    )
    if conformal.quantile is None:
        return f"{said}: at this level {fewest(conformal.level)} are needed, and with fewer all is in each."
    return f"{said}. The level is not that of each class or group."


def shown_name(bundle: Bundle, column: str) -> str:
    """What a column of predictions is called for people: ``p_1`` by its class."""
    end, _, number = column.rpartition("_")
    return f"{end}_{bundle.classes[int(number)]}" if bundle.classes and number.isdigit() else column
