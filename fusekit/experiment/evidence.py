"""From run folders to what a report shows, and the report itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data import OURS, Column
from fusekit.data.own.task import name_of
from fusekit.data.target import target_of
from fusekit.data.target.follow_up import label_columns
from fusekit.disk import table_bytes, write_bytes
from fusekit.errors import DataError, first_ten
from fusekit.evaluation.cohorts.table_one import described
from fusekit.evaluation.shown import title_of
from fusekit.experiment.not_made import not_made, note_in
from fusekit.experiment.setup.settings import FREE, identity_of
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.kept import PAGE, computed, fingerprint, is_current, keep
from fusekit.report.measures import measured
from fusekit.report.run import BY_FOLD, TABLE_ONE, Run
from fusekit.report.soundness import refuse_unsound


def gather_evidence(runs: Sequence[Run], out: Path | None = None) -> Evidence:
    """Put runs of one cohort side by side, by arm and seed, in the order given.

    Runs whose fusion has one name but whose configurations differ are arms of their own, named by what differs. What
    was computed for an earlier report of the very same runs in ``out`` is not computed again. DataError if the runs do
    not belong together, or one is not finished.
    """
    if not runs:
        raise DataError("A report needs at least one run folder.")
    for run in runs:
        refuse_unsound(run)
        _ = run.history  # all that a report reads is there
        _refuse_other_cohort(runs[0], run)
    _refuse_other_folds(runs)
    arms = _arms(runs)
    task = runs[0].manifest["task"]
    titles = {name: title_of(name) for run in runs for name in run.scores["metric"]}
    base = Evidence(
        task=name_of(str(task["name"])),
        title=str(task["title"]),
        target=target_of(task),
        synthetic=any(run.synthetic for run in runs),
        metrics=titles,
        aggregate=_aggregate(runs[0]),
        arms=arms,
        scores=_scores(arms),
        cohort=runs[0].cohort if (runs[0].folder / "cohort.csv").exists() else None,
        people=_people(runs),
        people_by_fold=_written(runs, BY_FOLD),
    )
    of = fingerprint([run.folder for run in runs])
    before = computed(out, of) if out else None
    return replace(measured(base) if before is None else replace(base, **before), fingerprint=of)


def _people(runs: Sequence[Run]) -> pd.DataFrame | None:
    """Table 1 as a run wrote it; of older runs, of the variables in ``cohort.csv``."""
    if (written := _written(runs, TABLE_ONE)) is not None:
        return written
    if not (runs[0].folder / "cohort.csv").exists():
        return None
    first, numbers = runs[0].cohort.drop_duplicates("subject"), runs[0].manifest.get("data", {}).get("numbers", ())
    names = [name for name in map(str, first) if name not in OURS]
    columns = [Column(name, "number" if name in numbers else "category") for name in names]
    return described(runs[0].target, first["label"], first[names], columns).reset_index(names="column")


def _written(runs: Sequence[Run], name: str) -> pd.DataFrame | None:
    """A table of text, of the first run that has it; they have one cohort."""
    tables = (run.table(name) for run in runs)
    return next((table.fillna("") for table in tables if table is not None), None)


def _aggregate(one: Run) -> str:
    return str(one.manifest.get("evaluation", {}).get("aggregate", "mean"))


def _refuse_other_cohort(first: Run, second: Run) -> None:
    """Two runs go into one report only if they asked the same of the same cohort."""
    facts = {
        "the task": lambda one: name_of(str(one.manifest["task"].get("name", ""))),
        "the classes": lambda one: one.target.classes,
        "what is predicted": lambda one: one.target.unfitted,
        "whether the cohort is synthetic": lambda one: one.synthetic,
        "how slices become subjects": _aggregate,
    }
    for what, fact in facts.items():
        if fact(first) != fact(second):
            _refuse(first, second, f"{what}: {fact(first)} and {fact(second)}")
    prints = [one.manifest.get("data", {}).get("fingerprint", {}) for one in (first, second)]
    for name in sorted(set(prints[0]) & set(prints[1])):
        if prints[0][name] != prints[1][name]:
            short = " and ".join(str(p[name])[:12] for p in prints)
            _refuse(first, second, f"the SHA-256 of the cohort's {name}: {short}")


def _refuse_other_folds(runs: Sequence[Run]) -> None:
    """With one seed, every arm must have tested the same subjects, with the same labels, in the same folds."""
    first: dict[int, tuple[Run, pd.DataFrame]] = {}
    for run in runs:
        columns = [*label_columns(run.predictions), "fold"]
        own = run.predictions.groupby("subject")[columns].first()
        other_run, other = first.setdefault(run.seed, (run, own))
        if other is own:
            continue
        alone = sorted(set(other.index) ^ set(own.index))
        if alone:
            _refuse(other_run, run, f"the tested subjects: only one of them has {first_ten(alone)}")
        for column in columns:
            differ = other.index[other[column] != own.loc[other.index, column]]
            if len(differ):
                _refuse(other_run, run, f"the {column} of {first_ten(differ)}, with the same seed {run.seed}")


def _refuse(first: Run, second: Run, what: str) -> None:
    raise DataError(
        f"{first.folder} and {second.folder} cannot be in one report; they differ in {what}. Runs to compare need "
        "the same cohort, and with the same seed the same folds."
    )


def _arms(runs: Sequence[Run]) -> tuple[Arm, ...]:
    """Group runs by arm, in the order in which arms come first."""
    grouped: dict[str, dict[int, Run]] = {}
    for name, run in zip(_names(runs), runs, strict=True):
        seeds = grouped.setdefault(name, {})
        if run.seed in seeds:
            raise DataError(
                f"{seeds[run.seed].folder} and {run.folder} are one arm, {name}, with one seed, {run.seed}; leave "
                "one of them out."
            )
        seeds[run.seed] = run
    ordered = {name: tuple(run for _, run in sorted(seeds.items())) for name, seeds in grouped.items()}
    return tuple(Arm(name, _kind(own[0]), _reads(own[0]), own) for name, own in ordered.items())


def _kind(one: Run) -> str:
    return str(one.manifest.get("kind", "fusion"))


def _names(read: Sequence[Run]) -> list[str]:
    """Name of each run's arm; where configurations of one name differ, with what differs."""
    plain = [str(one.manifest.get("arm") or one.manifest.get("config", {}).get("fusion", "run")) for one in read]
    flats = [_flat(one.manifest.get("config", {})) for one in read]
    names = []
    for name, flat in zip(plain, flats, strict=True):
        others = [other for own, other in zip(plain, flats, strict=True) if own == name]
        keys = {key for other in others for key in other}
        differ = sorted(key for key in keys if len({other.get(key) for other in others}) > 1)
        with_what = ", ".join(f"{key} {flat.get(key, 'default')}" for key in differ)
        names.append(f"{name} ({with_what})" if with_what else name)
    return names


def _flat(config: Mapping[str, Any]) -> dict[str, str]:
    """What makes it another arm: setting, or part and option -> value."""
    plain = identity_of(config, *FREE)
    options = {f"{part}.{option}": v for part, own in plain.pop("options", {}).items() for option, v in own.items()}
    return {name: str(value) for name, value in (plain | options).items()}


def _reads(one: Run) -> frozenset[str]:
    """Which modalities an arm reads, from its model's recipe; a baseline reads the table unless it says more."""
    if "reads" in one.manifest or _kind(one) == "baseline":
        return frozenset(one.manifest.get("reads", ["table"]))
    recipe = (one.manifest.get("model") or {}).get("recipe")
    if not isinstance(recipe, dict):
        return frozenset()
    there = {"image": bool(recipe.get("image")), "table": bool(recipe.get("encoder") or recipe.get("prior"))}
    return frozenset(name for name, reads in there.items() if reads)


def _scores(arms: Iterable[Arm]) -> pd.DataFrame:
    """Means over seeds of values and limits, with the standard deviation of the values."""
    parts = []
    for arm in arms:
        seeds = pd.concat([run.scores.assign(seed=run.seed) for run in arm.runs])
        numbers = ["value", "low", "high"]
        seeds[numbers] = seeds[numbers].astype(float)  # null is undefined
        joined = seeds.groupby(["level", "metric"], sort=False).agg(
            value=("value", "mean"),
            low=("low", "mean"),
            high=("high", "mean"),
            spread=("value", "std"),
            seeds=("seed", "nunique"),
            rows=("rows", "first"),
            subjects=("subjects", "first"),
        )
        parts.append(joined.reset_index().assign(arm=arm.name))
    table = pd.concat(parts, ignore_index=True)
    return table[["arm", *(name for name in table.columns if name != "arm")]]


def write_report(evidence: Evidence, out: Path) -> Path:
    """Write ``report.html`` and its figures as SVG, PNG and CSV into a folder; return the page.

    The same evidence gives the same bytes. Files of an earlier report there are replaced. Figures that cannot be drawn
    are named on the page, and in the manifest if the folder is a run. DataError if the folder cannot be written.
    """
    from fusekit.report.figures.sections import sections
    from fusekit.report.page.page import page

    target = out / PAGE
    if is_current(out, evidence.fingerprint):
        return target
    failed: list[str] = []
    pictures = sections(evidence, failed.append)
    try:
        figures = out / "figures"
        figures.mkdir(parents=True, exist_ok=True)
        written = [target]
        for picture in (picture for own in pictures.values() for picture in own):
            table = table_bytes(picture.table)
            for ending, content in (("svg", picture.svg.encode()), ("png", picture.png), ("csv", table)):
                written.append(figures / f"{picture.name}.{ending}")
                write_bytes(written[-1], content)
        notes = [not_made(sentence, target.name).as_json() for sentence in failed]
        write_bytes(target, page(evidence, pictures, notes).encode())
        if (out / "manifest.json").exists():
            note_in(out, target.name, failed)
        if not failed and evidence.fingerprint:
            keep(out, evidence.fingerprint, evidence.computed, evidence.remarks, written)
    except OSError as error:
        raise DataError(f"{error.filename or out}: {error.strerror}; the report cannot be written there.") from error
    return target


def report_of(run: Run) -> Path:
    """``Run.report``: the page of one run, in its folder."""
    return write_report(gather_evidence([run], run.folder), run.folder)


def roc_of(run: Run) -> Picture:
    """``Run.plot_roc``."""
    from fusekit.report.notebook import plot_roc

    return plot_roc(gather_evidence([run]))
