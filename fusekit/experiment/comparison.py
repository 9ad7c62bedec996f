"""Several arms on the same folds, stores and seeds: one run folder each, and the report that sets them side by side."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.markup import escape

from fusekit.data import Finding
from fusekit.data.cache import alone
from fusekit.errors import Interrupted, OptionError, attempt
from fusekit.experiment.begun import begin, identity_of, record_of, refuse_other_data, settings_of
from fusekit.experiment.config import MODEL_PARTS, VALIDATION, Config, merge, open_task, read_config, resolve
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.experiment.finish import finish
from fusekit.experiment.folder import Run, new_folder
from fusekit.experiment.followers import Followers, followers_of
from fusekit.experiment.jobs import Training
from fusekit.experiment.launcher import PART, Launcher, launcher_for
from fusekit.experiment.plan import Plan
from fusekit.experiment.prepare import Gathered, gather, tell
from fusekit.extension import catalog
from fusekit.models import Fusion
from fusekit.progress import Bars, Progress
from fusekit.report.evidence import Evidence

#: What a comparison takes where nothing else is said: every subject is tested, and temperatures can be fitted.
ALWAYS: Mapping[str, Any] = {"folds": 5, "validation": VALIDATION}

#: What a comparison folder holds.
RECORD, RUNS, WORK = "comparison.json", "runs", "unfinished"

#: In ``WORK``: files and logs of jobs.
JOBS = "jobs"


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Args:
        folder: holds comparison.json, report.html, its figures, and a run folder for every arm and seed.
        runs: them, by arm and then by seed.
        evidence: everything that the report shows, as tables.
    """

    folder: Path
    runs: tuple[Run, ...]
    evidence: Evidence


def compare(
    task: str | None = None,
    *,
    fusions: Sequence[str] = (),
    baselines: Sequence[str] = (),
    seeds: int = 1,
    jobs: int | None = None,
    launcher: str = "local",
    out: str | Path | None = None,
    config: str | Path | None = None,
    progress: Progress | None = None,
    **given: Any,
) -> Comparison:
    """Train every arm on the same folds, and say what can be told apart.

    What is finished is kept: the same call after an interruption goes on where it was.

    Args:
        task: name of the task.
        fusions, baselines: the arms.
        seeds: how often everything is repeated, each time with folds and initialisation of its own.
        jobs: how many folds are trained side by side; 1 if not given, or as many as the cluster lets.
        launcher: ``"local"`` trains on this machine, ``"slurm"`` submits a job for every fold, arm and seed.
        out: folder of the comparison; ``runs/compare-TASK-KEY`` if not given, where the key is of everything asked for.
        config: TOML file beneath what is given here.
        progress: where progress is shown; bars on standard error if not given.
        given: as ``run``. Without ``validation``, a fifth of the training subjects is set aside, for temperatures.

    Returns:
        The finished comparison.

    Raises:
        OptionError: what was asked for does not fit, or ``out`` holds another comparison.
        FusekitError: whatever the user can put right; what is finished is kept.
    """
    progress = progress or Bars()
    options = given.get("options", {})
    if PART in options and launcher == "local":
        raise OptionError(f"-o {PART}.… is for --launcher slurm, which is not given.")
    common = merge(read_config(Path(config)) if config else {}, {"task": task, **given, "options": options})
    of_launcher = common["options"].pop(PART, {})  # no part of the comparison: it goes on with others
    arms = _arms(common, fusions, baselines)
    first = next(iter(arms.values()))
    if first.devices * first.nodes > 1:
        raise OptionError(
            "a comparison trains each fold on one device, and several side by side: --jobs N, or --launcher slurm. "
            "--devices and --nodes are for `fusekit run`; start the command once, without torchrun or srun."
        )
    if seeds < 1 or (jobs is not None and jobs < 1):
        raise OptionError(f"--seeds and --jobs take 1 or more, not {seeds} and {jobs}.")
    record = _record(arms, first.seed, seeds)
    target = (Path(out) if out else Path("runs", f"compare-{first.task_name}-{_key(record)}")).absolute()
    launch = launcher_for(launcher, jobs, of_launcher, target / WORK / JOBS)
    for arm in arms.values():  # whatever is wrong with any of them is said before the first is trained
        launch.plan(arm)
    _open(target, record)
    with (
        alone(target, lambda: progress.say("Another process works on this comparison; waiting for it.")),
        followers_of(target, identity_of(target / RECORD, bool(first.track)), progress) as follow,
    ):
        try:
            runs = _train(arms, range(first.seed, first.seed + seeds), target, launch, progress, follow)
            shutil.rmtree(target / WORK, ignore_errors=True)
            runs.sort(key=lambda run: list(arms).index(run.manifest["arm"]))
            evidence = gather_evidence(runs, target)
            with attempt("report.html", lambda sentence: progress.say(f"note: {escape(sentence)}")):
                write_report(evidence, target)
        except (Interrupted, KeyboardInterrupt):
            progress.say("What is done is kept: the same command goes on from there.")
            raise
    return Comparison(target, tuple(runs), evidence)


def _arms(common: Mapping[str, Any], fusions: Sequence[str], baselines: Sequence[str]) -> dict[str, Config]:
    """Arm -> its configuration: the same for all but for the options of parts that it does not have."""
    names = [*fusions, *baselines]
    if len(names) < 2:
        raise OptionError("a comparison needs two arms or more: --fusion image-only,concat --baseline logistic.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError(f"{', '.join(twice)} stands twice among the arms.")
    if "task" not in common or common["task"] is None:
        raise OptionError("the comparison names no task.")
    options = dict(common.get("options", {}))
    task = open_task(common["task"], options)
    data = common.get("data") or task.folder
    beneath = {} if data else task.compared
    recipes: dict[str, Fusion] = {name: catalog().fusions.get(name)() for name in fusions}
    taken = {name: _parts(recipe) for name, recipe in recipes.items()} | {name: {"baseline"} for name in baselines}
    for part in options:
        if part in (*MODEL_PARTS, "baseline") and not any(part in parts for parts in taken.values()):
            raise OptionError(f"none of the arms has the part {part!r}, for which an option is given.")
    configs = {}
    for name in names:
        own = {
            part: chosen
            for part, chosen in options.items()
            if part not in (*MODEL_PARTS, "baseline") or part in taken[name]
        }
        kind = {"baseline": name, "search": {}} if name in baselines else {"fusion": name}
        configs[name] = resolve(merge(ALWAYS, beneath, {**common, "options": own}, kind))
    return configs


def _parts(recipe: Fusion) -> set[str]:
    """The parts that a fusion has, and so takes options for."""
    there = {"head": True, "backbone": recipe.image, "encoder": recipe.encoder, "injector": recipe.injector}
    return {part for part, has in there.items() if has} | ({"sites"} if recipe.injector else set())


def _record(arms: Mapping[str, Config], seed: int, seeds: int) -> dict[str, Any]:
    """What a comparison is, so that only the same one is gone on with."""
    configs = {name: settings_of(arm, "seed") for name, arm in arms.items()}
    return record_of(arms=configs, seeds=list(range(seed, seed + seeds)))


def _key(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([record["arms"], record["seeds"]], sort_keys=True).encode()).hexdigest()[:8]


def _open(target: Path, record: dict[str, Any]) -> None:
    """Begin a comparison, or find that the folder holds this very one.

    Raises:
        OptionError: it holds something else, or cannot be written.
    """
    path = target / RECORD
    if not path.exists() and target.exists() and any(target.iterdir()):
        raise OptionError(f"--out {target} exists, is not empty and is no comparison; choose another folder.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        begin(path, record, "comparison")
    except OSError as error:
        raise OptionError(f"--out {target} cannot be written: {error.strerror} ({error.filename}).") from error


class _Unfinished(NamedTuple):
    """A run that is not there yet."""

    plan: Plan
    gathered: Gathered
    folder: Path
    folds: tuple[Path, ...]
    followers: Followers


def _train(
    arms: Mapping[str, Config],
    seeds: Sequence[int],
    target: Path,
    launch: Launcher,
    progress: Progress,
    follow: Callable[[str, Config], Followers],
) -> list[Run]:
    """Every arm with every seed; what is finished is left alone."""
    folders = {(name, seed): target / RUNS / f"{name}-seed-{seed}" for seed in seeds for name in arms}
    gathered: dict[int, Gathered] = {}
    runs: list[_Unfinished] = []
    told: list[Finding] = []  # which most often are the same of every seed
    for (name, seed), folder in folders.items():
        if (folder / "manifest.json").exists():
            continue
        plan = launch.plan(replace(arms[name], seed=seed))
        if seed not in gathered:
            gathered[seed] = gather(plan.config, plan.task, plan.slices, progress)
            tell([finding for finding in gathered[seed].findings if finding not in told], progress)
            told += gathered[seed].findings
            refuse_other_data(target / RECORD, gathered[seed])
        folds = tuple(target / WORK / f"{name}-seed-{seed}-fold-{fold}" for fold in plan.config.tested)
        runs.append(_Unfinished(plan, gathered[seed], folder, folds, follow(folder.name, plan.config)))
    trainings = [
        Training(run.plan.config, fold, path, run.followers)
        for run in runs
        for fold, path in zip(run.plan.config.tested, run.folds, strict=True)
        if not path.exists()
    ]
    done = sum(len(run.folds) for run in runs) - len(trainings)
    if done:
        progress.say(f"{done} trainings are finished already and are kept")
    for run in runs:
        _assemble_whole(run)
    with closing(launch.train(trainings, gathered, progress)) as finished:
        for training in finished:
            _assemble_whole(next(run for run in runs if training.folder in run.folds))
    return [Run(folder) for folder in folders.values()]


def _assemble_whole(run: _Unfinished) -> None:
    """Make a run of its folds, all at once, if they are all there and it is not.

    Of folds that end side by side, each may find that all are there.
    """
    if (run.folder / "manifest.json").exists() or not all(path.exists() for path in run.folds):
        return
    with new_folder(run.folder) as partial:
        copies = [Path(shutil.copytree(path, partial / ".folds" / str(k))) for k, path in enumerate(run.folds)]
        finish(run.plan, run.gathered, copies, partial)
        shutil.rmtree(partial / ".folds")
    run.followers.run_ended(Run(run.folder))
