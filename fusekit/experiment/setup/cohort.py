"""From a configuration to a cohort, and from a cohort to a recipe that others can rebuild it by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data import Cohort, Finding, Task
from fusekit.data.hide import AbsenceOptions
from fusekit.data.recipe.compare import Difference, compare, count_subjects, select
from fusekit.data.recipe.digests import PUBLISHED
from fusekit.data.recipe.recipe import PARTS, Recipe, read_recipe
from fusekit.data.store.cache import alone, cache_folder, discard, hold
from fusekit.disk import new_folder, refuse_damaged, seal, write_table
from fusekit.errors import DataError, OptionError
from fusekit.experiment.setup.manifest import versions
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import catalog, read_options
from fusekit.extension.options import option_defaults
from fusekit.progress import Bars, Progress

Options = Mapping[str, Mapping[str, Any]]
_PLAIN = (str, int, float, bool, tuple, type(None))  # what a default must be to be written down


@dataclass(frozen=True)
class Described:
    """A cohort, its recipe, and what differs from the recipe it was rebuilt by."""

    cohort: Cohort  # as the task reads it; with a recipe, its scans in its order
    recipe: Recipe  # of this cohort
    theirs: Recipe | None = None  # that it was rebuilt by
    differences: tuple[Difference, ...] = ()  # from ``theirs``
    remarks: tuple[str, ...] = ()  # what is worth knowing and no difference

    @property
    def verdict(self) -> str:
        """``identical: 412 scans of 300 subjects``, or how many subjects differ."""
        recipe = self.theirs or self.recipe
        subjects = recipe.scans["subject"].nunique()
        if not self.differences:
            return f"identical: {len(recipe.scans)} scans of {subjects} subjects"
        rest = sum(not difference.subject for difference in self.differences)
        columns = f", and {rest} difference{'s' * (rest > 1)} of classes or columns" if rest else ""
        return f"{count_subjects(list(self.differences))} of {subjects} subjects differ{columns}"


def describe(
    task: str,
    *,
    data: Path | None = None,
    out: Path | None = None,
    recipe: Path | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Described:
    """Read a cohort and write its recipe; or rebuild the cohort of a recipe, and say what differs.

    Without ``data``, the cohort is the task's SYNTHETIC one. ``out``, new or empty, gets the recipe; with ``recipe``,
    the rebuilt cohort's own and ``differences.csv``. ``options`` (part -> option -> value) win over the recipe's.
    """
    progress = progress or Bars()
    theirs = read_recipe(recipe) if recipe else None
    options = theirs.overlaid(task, options or {}) if theirs else dict(options or {})
    for part in options:
        if part not in PARTS:
            raise OptionError(f"-o {part}... has no bearing on which cohort it is; give it to `fusekit run`.")
    opened = open_task(task, options)
    read_options("synthetic", opened.synthesize, options.get("synthetic", {}))
    data = data or opened.folder
    if out is None:
        return _describe(task, opened, data, options, theirs, progress)
    with new_folder(out.absolute()) as folder:  # before hours of reading: is there room for the result?
        done = _describe(task, opened, data, options, theirs, progress)
        written, left_out = done.recipe.write(folder)
        if theirs:
            table = pd.DataFrame(done.differences, columns=list(Difference.__dataclass_fields__))
            write_table(table, folder / "differences.csv")
    for option in left_out:
        progress.say(f"note: {option} is a path of this machine and is not in the recipe; your colleague needs it too")
    if telling := written.telling_ids():
        progress.say(
            f"note: {len(telling)} ids hold what looks like a date or a class ({', '.join(telling[:3])}...); a recipe "
            "passes ids on as they are. Rename them if they reveal what must stay private."
        )
    return replace(done, recipe=written)


def _describe(
    name: str, task: Task, data: Path | None, options: Options, theirs: Recipe | None, progress: Progress
) -> Described:
    if data is None and theirs is not None and not theirs.synthetic:
        raise OptionError("the recipe is one of real data; say where yours lie: --data DIR")
    folder = data or synthetic_cohort(name, task, options, progress)
    if theirs is None:
        cohort = task.scan(folder, progress)
        cohort.check()
        return Described(cohort, _recipe_of(cohort, name, task, data is None, options, progress))
    done = rebuild(name, task, folder, options, theirs, synthetic=data is None, progress=progress)
    try:
        done.cohort.check()
    except DataError as error:
        if not done.differences:
            raise
        return replace(done, remarks=(*done.remarks, f"nothing can be trained on what was rebuilt: {error}"))
    return done


def rebuild(
    name: str, task: Task, folder: Path, options: Options, theirs: Recipe, *, synthetic: bool, progress: Progress
) -> Described:
    """Read the scans of a recipe from a folder, in the recipe's order, and compare.

    Where the task knows image ids, no other images are read; what the folder lacks is looked for under other ids in a
    second pass.
    """
    for line in theirs.overruled(options):
        progress.say(f"note: {line}")
    whole = None
    try:
        task.wanted = theirs.images
        cohort = task.scan(folder, progress)
    except DataError:
        if theirs.images is None:
            raise
        task.wanted = None  # perhaps none of them is there, which is no reason to stop before saying so
        cohort = whole = task.scan(folder, progress)
    finally:
        task.wanted = None
    selected = select(cohort, theirs)
    others = cohort.scans
    if theirs.images is not None and len(selected.scans) < len(theirs.scans) and whole is None:
        progress.say(f"{len(theirs.scans) - len(selected.scans)} scans are not there; looking for other images of them")
        try:
            others = task.scan(folder, progress).scans
        except DataError as error:
            progress.say(f"note: the folder cannot be read without the recipe: {error}")
    mine = _recipe_of(selected, name, task, synthetic, options, progress)
    listed = others[["subject", *(group for group in PUBLISHED if group in others)]]
    remarks, before, now = [], theirs.versions.get("fusekit"), mine.versions["fusekit"]
    if before != now:
        remarks.append(f"the recipe was written by FuseKit {before}, this is {now}")
    further = len(cohort.scans) - len(selected.scans)
    if further and whole is None:
        remarks.append(f"{further} further scans of the folder are not in the recipe and were left out")
    return Described(selected, mine, theirs, tuple(compare(theirs, mine, listed)), tuple(remarks))


def read_cohort(config: Settings, task: Task, progress: Progress) -> Cohort:
    """Read and check a run's cohort; with a recipe, exactly its scans, or DataError with what differs."""
    cohort = AbsenceOptions(**config.of_part(task, "absence")).apply(_read(config, task, progress))
    cohort.check()
    return cohort


def _read(config: Settings, task: Task, progress: Progress) -> Cohort:
    folder = config.data or synthetic_cohort(config.task, task, config.options, progress)
    task.allowed = frozenset(config.allow)
    if not config.recipe:
        return task.scan(folder, progress)
    recipe = read_recipe(config.recipe)
    done = rebuild(config.task, task, folder, config.options, recipe, synthetic=False, progress=progress)
    for remark in done.remarks:
        progress.say(f"note: {remark}")
    cohort = done.cohort
    if done.differences:
        items = tuple(map(str, done.differences))
        advice = f"`fusekit cohort {config.task} --data DIR --recipe FOLDER --out REBUILT` lists all of it"
        message = f"the cohort is not the recipe's: {done.verdict}"
        finding = Finding("recipe-differs", message, items, severity="refusal", advice=advice)
        if finding.code not in config.allow:
            listed = [*items[:10], *[f"and {len(items) - 10} more"] * (len(items) > 10)]
            first = "".join(f"  {item}\n" for item in listed)
            raise DataError(f"{message}.\n{first}{advice}; --allow {finding.code} trains on what is there anyway.")
        cohort = replace(cohort, findings=(*cohort.findings, finding))
    else:
        progress.say(f"recipe: {done.verdict}")
    return cohort


def synthetic_cohort(name: str, task: Task, options: Options, progress: Progress) -> Path:
    """Write the task's synthetic cohort, or find it as it was written before."""
    given = read_options("synthetic", task.synthesize, options.get("synthetic", {}))
    chosen: dict[str, Any] = {**option_defaults(task.synthesize), **given}  # spelled out or not, the same cohort
    key = json.dumps([name, chosen, versions()["fusekit"]], sort_keys=True, default=str)
    folder = cache_folder("synthetic") / f"{Path(name).name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    progress.say(
        "SYNTHETIC cohort: no --data was given, so invented patients are used; "
        "they show that the tool works and say nothing about disease."
    )
    with alone(folder, lambda: progress.say("Another process is writing this cohort; waiting for it.")):
        if folder.exists():
            try:
                refuse_damaged(folder, "The cohort is written again.")
            except DataError as error:
                progress.say(f"The SYNTHETIC cohort was damaged: {error}")
                discard(folder)
        if not folder.exists():
            with new_folder(folder) as partial:
                task.synthesize(partial, progress, **chosen)
                seal(partial, folder.name)
    hold(folder)
    progress.say(f"It lies in {folder}")
    return folder


def _recipe_of(cohort: Cohort, name: str, task: Task, synthetic: bool, options: Options, progress: Progress) -> Recipe:
    """The recipe, with every option that decides about the cohort, whether it was given or not."""
    factories: dict[str, Any] = {"synthetic": task.synthesize} if synthetic else {}
    if name in catalog().tasks.names():
        factories["task"] = catalog().tasks.get(name)
    complete: dict[str, dict[str, Any]] = {"task": dict(options.get("task", {}))}
    for part, factory in factories.items():
        plain = {name: value for name, value in option_defaults(factory).items() if isinstance(value, _PLAIN)}
        complete[part] = {**plain, **read_options(part, factory, options.get(part, {}))}
    return Recipe.of(cohort, task=name, synthetic=synthetic, options=complete, versions=versions(), progress=progress)
