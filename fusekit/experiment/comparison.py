"""Several arms on the same folds, stores and seeds: one run folder each, and the report that sets them side by side."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusekit.data.cache import alone
from fusekit.errors import Interrupted, OptionError
from fusekit.experiment.begun import begin, identity_of, record_of, refuse_other_data, settings_of
from fusekit.experiment.config import MODEL_PARTS, VALIDATION, Config, merge, open_task, read_config, resolve
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.experiment.finish import finish
from fusekit.experiment.folder import Run, new_folder
from fusekit.experiment.followers import Followers, followers_of
from fusekit.experiment.jobs import Training, train_all
from fusekit.experiment.plan import Plan, make_plan
from fusekit.experiment.prepare import Gathered, gather, tell
from fusekit.extension import catalog
from fusekit.models import Fusion
from fusekit.progress import Bars, Progress
from fusekit.report.evidence import Evidence

#: What a comparison takes where nothing else is said: every subject is tested, and temperatures can be fitted.
ALWAYS: Mapping[str, Any] = {"folds": 5, "validation": VALIDATION}

#: What a comparison folder holds.
RECORD, RUNS, WORK = "comparison.json", "runs", "unfinished"


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
    jobs: int = 1,
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
        jobs: how many folds are trained side by side, each with its share of the cores.
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
    common = merge(
        read_config(Path(config)) if config else {}, {"task": task, **given, "options": given.get("options", {})}
    )
    arms = _arms(common, fusions, baselines)
    first = next(iter(arms.values()))
    if seeds < 1 or jobs < 1:
        raise OptionError(f"--seeds and --jobs take 1 or more, not {seeds} and {jobs}.")
    for arm in arms.values():  # whatever is wrong with any of them is said before the first is trained
        make_plan(arm)
    record = _record(arms, first.seed, seeds)
    target = (Path(out) if out else Path("runs", f"compare-{first.task_name}-{_key(record)}")).absolute()
    _open(target, record)
    with (
        alone(target, lambda: progress.say("Another process works on this comparison; waiting for it.")),
        followers_of(target, identity_of(target / RECORD, bool(first.track)), progress) as follow,
    ):
        runs = []
        try:
            for seed in range(first.seed, first.seed + seeds):
                seeded = {name: replace(arm, seed=seed) for name, arm in arms.items()}
                runs += _one_seed(seeded, target, jobs, progress, follow)
        except (Interrupted, KeyboardInterrupt):
            progress.say("What is done is kept: the same command goes on from there.")
            raise
        shutil.rmtree(target / WORK, ignore_errors=True)
        runs.sort(key=lambda run: list(arms).index(run.manifest["arm"]))
        evidence = gather_evidence(runs)
        write_report(evidence, target)
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


def _one_seed(
    arms: Mapping[str, Config],
    target: Path,
    jobs: int,
    progress: Progress,
    follow: Callable[[str, Config], Followers],
) -> list[Run]:
    """Every arm with one seed; runs that are finished are left alone."""
    folders = {name: target / RUNS / f"{name}-seed-{arm.seed}" for name, arm in arms.items()}
    open_ = {name: arm for name, arm in arms.items() if not (folders[name] / "manifest.json").exists()}
    if open_:
        plans = {name: make_plan(arm) for name, arm in open_.items()}
        first = next(iter(plans.values()))
        gathered = gather(first.config, first.task, first.slices, progress)
        tell(gathered.findings, progress)
        refuse_other_data(target / RECORD, gathered)
        work = {name: [_fold(target, name, arm, fold) for fold in arm.tested] for name, arm in open_.items()}
        followers = {name: follow(folders[name].name, arm) for name, arm in open_.items()}
        trainings = [
            Training(plan.config, fold, path, followers[name])
            for name, plan in plans.items()
            for fold, path in zip(plan.config.tested, work[name], strict=True)
            if not path.exists()
        ]
        done = len(arms) * len(first.config.tested) - len(trainings)
        if done:
            progress.say(f"{done} trainings of seed {first.config.seed} are finished already and are kept")
        for finished in train_all(trainings, gathered, jobs, progress):
            name = finished.config.arm
            if all(path.exists() for path in work[name]) and not folders[name].exists():
                _assemble(plans[name], gathered, work[name], folders[name], followers[name])
        for name, plan in plans.items():
            if not folders[name].exists():  # its folds were all there
                _assemble(plan, gathered, work[name], folders[name], followers[name])
    return [Run(folder) for folder in folders.values()]


def _fold(target: Path, name: str, arm: Config, fold: int) -> Path:
    return target / WORK / f"{name}-seed-{arm.seed}-fold-{fold}"


def _assemble(plan: Plan, gathered: Gathered, folds: Sequence[Path], folder: Path, followers: Followers) -> None:
    """Make a run of its folds, all at once."""
    with new_folder(folder) as partial:
        copies = [Path(shutil.copytree(path, partial / ".folds" / str(k))) for k, path in enumerate(folds)]
        finish(plan, gathered, copies, partial)
        shutil.rmtree(partial / ".folds")
    followers.run_ended(Run(folder))
