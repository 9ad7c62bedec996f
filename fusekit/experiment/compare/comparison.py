"""Several arms on the same folds, stores and seeds: one run folder each, and the report that sets them side by side."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import pandas as pd

from fusekit.data import Finding
from fusekit.data.splits import WHOLE
from fusekit.data.store.cache import alone
from fusekit.disk import filled, in_words, new_folder
from fusekit.errors import Interrupted, OptionError, attempt
from fusekit.experiment.compare.job import SlurmOptions
from fusekit.experiment.compare.late_fusion import join, sources_of
from fusekit.experiment.compare.local import Local, Training
from fusekit.experiment.compare.slurm import Slurm
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.experiment.run.finish import finish
from fusekit.experiment.run.working_folder import begin, identity_of, record_of, refuse_other_data, take_over
from fusekit.experiment.setup.arms import LAUNCHER, arms_of, listed, named
from fusekit.experiment.setup.gathered import Gathered, gather, report
from fusekit.experiment.setup.given import Given, merge, read_config
from fusekit.experiment.setup.part import Part, parts_of, refuse_small
from fusekit.experiment.setup.plan import Plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.trackers import Followers, followers_of
from fusekit.extension import read_options, suggest
from fusekit.progress import Bars, Progress
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.notebook import comparison_html, comparison_line, plot_roc
from fusekit.report.run import Run

#: What a comparison folder holds; in ``WORK`` are the files and logs of jobs.
RECORD, RUNS, WORK, JOBS = "comparison.json", "runs", "unfinished", "jobs"


@dataclass(frozen=True, repr=False)
class Comparison:
    """A finished comparison.

    Args:
        folder: holds comparison.json, report.html, its figures, and a run folder per arm and seed.
        runs: by arm and then by seed.
        evidence: everything that the report shows, as tables.
    """

    folder: Path
    runs: tuple[Run, ...]
    evidence: Evidence

    @property
    def scores(self) -> pd.DataFrame:
        """One row per arm, level and metric: value, low, high, spread (over seeds), seeds, rows, subjects."""
        return self.evidence.scores

    @property
    def pairs(self) -> pd.DataFrame:
        """One row per pair of arms and measure: difference, low, high, p, p_holm, sentence, and more."""
        return self.evidence.pairs

    def plot_roc(self) -> Picture:
        """Draw the report's ROC curves of all arms, which a notebook shows; OptionError where there are no classes."""
        return plot_roc(self.evidence)

    def report(self) -> Path:
        """Write ``report.html``, unless it is there and still true; return its path."""
        return write_report(self.evidence, self.folder)

    def __repr__(self) -> str:
        return comparison_line(self.evidence, self.folder)

    def _repr_html_(self) -> str:
        return comparison_html(self.evidence)


def compare(
    task: str | None = None,
    *,
    fusions: str | Sequence[str] = (),
    baselines: str | Sequence[str] = (),
    late_fusion: str | Sequence[str] = (),
    seeds: int = 1,
    jobs: int | None = None,
    launcher: str = "local",
    config: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[Given],
) -> Comparison:
    """Train every arm on the same folds, and report how they differ.

    What is finished is kept: the same call after an interruption resumes.

    Args:
        task: name of the task, or the path of the TOML of your own data.
        fusions, baselines: the arms: ``["concat", "rbca"]`` or ``"concat,rbca"``.
        late_fusion: further arms that join the predictions of the first arm that reads the image alone and the first
            that reads the table alone: ``"mean"``, and ``"stacked"``, by a logistic regression that is fitted on the
            subjects set aside.
        seeds: how often everything is repeated, each time with folds and initialisation of its own.
        jobs: folds that are trained side by side; without it 1, or as many as the cluster allows.
        launcher: ``"local"`` trains on this machine, ``"slurm"`` submits a job for every fold, arm and seed.
        config: TOML file, or ``manifest.json`` of a run; what is given here wins over it.
        progress: where progress is shown; bars on standard error if not given.
        settings: as ``fusekit.run``, without devices and nodes. ``out`` is ``runs/compare-TASK-KEY`` if not given.
            Without ``validation``, a fifth of the training subjects is set aside for temperatures. ``options`` of a
            part are for every arm that has the part, those of ``"ARM:part"`` for one arm, where they win.

    Raises:
        FusekitError: what the user can put right; what is finished is kept.
    """
    progress = progress or Bars()
    file, given = merge(read_config(Path(config)) if config else {}), merge({"task": task, **settings})
    # The launcher's options are no part of the comparison.
    of_launcher = {**file["options"].pop(LAUNCHER, {}), **given["options"].pop(LAUNCHER, {})}
    if of_launcher and launcher == "local":
        raise OptionError(f"-o {LAUNCHER}.… is for --launcher slurm, which is not given.")
    arms, late_fusion = arms_of(file, given, fusions, baselines), listed("late_fusion", late_fusion)
    joined = sources_of(arms, late_fusion)
    first = next(iter(arms.values()))
    if first.devices * first.nodes > 1:
        raise OptionError(
            "a comparison trains each fold on one device, and several side by side: --jobs N, or --launcher slurm. "
            "--devices and --nodes are for `fusekit run`; start the command once, without torchrun or srun."
        )
    if seeds < 1 or (jobs is not None and jobs < 1):
        raise OptionError(f"--seeds and --jobs take 1 or more, not {seeds} and {jobs}.")
    every_seed = range(first.seed, first.seed + seeds)
    record = record_of(arms={name: arm.identity("seed") for name, arm in arms.items()}, seeds=list(every_seed))
    record |= {"late_fusion": list(late_fusion)} if late_fusion else {}
    asked = json.dumps([record["arms"], record["seeds"]], sort_keys=True).encode()
    target = first.out or Path("runs", f"compare-{first.task_name}-{hashlib.sha256(asked).hexdigest()[:8]}")
    target = target.absolute()
    arms = {name: replace(arm, out=None) for name, arm in arms.items()}  # ``out`` is of the comparison
    launch = launcher_for(launcher, jobs, of_launcher, target / WORK / JOBS)
    for name, arm in arms.items():  # a mistake in any of them is reported before the first is trained
        if not all(_is_finished(target / RUNS / f"{name}-seed-{seed}") for seed in every_seed):
            with named(name):
                launch.plan(arm)
    _open(target, record)
    with (
        in_words(target),
        alone(target, lambda: progress.say("Another process works on this comparison; waiting for it.")),
        followers_of(target, identity_of(target / RECORD, bool(first.track)), progress) as follow,
    ):
        try:
            runs = _train(arms, every_seed, target, launch, progress, follow)
            shutil.rmtree(target / WORK, ignore_errors=True)
            runs.sort(key=lambda run: list(arms).index(run.manifest["arm"]))
            runs += _joined(runs, joined, late_fusion, target / RUNS)
            evidence = gather_evidence(runs, target)
            with attempt("report.html", lambda sentence: progress.say(f"note: {sentence}")):
                write_report(evidence, target)
        except (Interrupted, KeyboardInterrupt):
            progress.say("What is done is kept: the same command resumes.")
            raise
    return Comparison(target, tuple(runs), evidence)


def _is_finished(folder: Path) -> bool:
    return (folder / "manifest.json").exists()


def launcher_for(name: str, jobs: int | None, options: Mapping[str, Any], folder: Path) -> Local | Slurm:
    """Choose what checks configurations and runs trainings; OptionError if there is no such launcher or option."""
    slurm = SlurmOptions(**read_options(LAUNCHER, SlurmOptions, options))
    if name == "local":
        return Local(jobs or 1)
    if name == "slurm":
        return Slurm(slurm, jobs, folder)
    raise OptionError(f"no launcher {name!r}; {suggest(name, ['local', 'slurm'])}")


def _open(target: Path, record: dict[str, Any]) -> None:
    path = target / RECORD
    if filled(target) and not path.exists():
        raise OptionError(f"--out {target} exists, is not empty and is no comparison; choose another folder.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        begin(path, record, "comparison")
    except OSError as error:
        raise OptionError(f"--out {target} cannot be written: {error.strerror} ({error.filename}).") from error


def _joined(runs: Sequence[Run], arms: Sequence[str], ways: Sequence[str], folder: Path) -> list[Run]:
    """The runs of late fusions, by way and then by seed."""
    by_arm = {(run.manifest["arm"], run.seed): run for run in runs}
    seeds = dict.fromkeys(run.seed for run in runs)
    return [
        join(by_arm[arms[0], seed], by_arm[arms[1], seed], way, folder / f"late-{way}-seed-{seed}")
        for way in ways
        for seed in seeds
    ]


class _Unfinished(NamedTuple):
    plan: Plan
    gathered: Gathered
    folder: Path
    parts: dict[Part, Path]
    followers: Followers


def _train(
    arms: Mapping[str, Settings],
    seeds: Sequence[int],
    target: Path,
    launch: Local | Slurm,
    progress: Progress,
    follow: Callable[[str, Settings], Followers],
) -> list[Run]:
    folders = {(name, seed): target / RUNS / f"{name}-seed-{seed}" for seed in seeds for name in arms}
    gathered: dict[int, Gathered] = {}
    runs: list[_Unfinished] = []
    reported: list[Finding] = []  # which most often are the same of every seed
    for (name, seed), folder in folders.items():
        if _is_finished(folder):
            take_over(folder)
            continue
        plan = launch.plan(replace(arms[name], seed=seed))
        if seed not in gathered:
            gathered[seed] = gather(plan.config, plan.task, plan.slices, progress)
            report([finding for finding in gathered[seed].findings if finding not in reported], progress)
            reported += gathered[seed].findings
            refuse_small(plan.config, gathered[seed])
            refuse_other_data(target / RECORD, gathered[seed])
        parts = {part: target / WORK / f"{name}-seed-{seed}-{part.name}" for part in parts_of(plan.config)}
        runs.append(_Unfinished(plan, gathered[seed], folder, parts, follow(folder.name, plan.config)))
    for path in (path for run in runs for path in run.parts.values() if path.exists()):
        take_over(path)
    trainings = [
        Training(run.plan.config, fold, path, run.followers, percent)
        for run in runs
        for (fold, percent), path in run.parts.items()
        if fold is not None and not path.exists()
    ]
    done = sum(len(run.parts) for run in runs) - len(trainings)
    if done:
        progress.say(f"{done} trainings are finished already and are kept")
    for run in runs:
        _assemble_whole(run)
    with closing(launch.train(trainings, gathered, progress)) as finished:
        for training in finished:
            _assemble_whole(next(run for run in runs if training.folder in run.parts.values()))
    return [Run(folder) for folder in folders.values()]


def _assemble_whole(run: _Unfinished) -> None:
    """Make a run of its folds once all are there, which each of folds that end side by side may find."""
    if (run.folder / "manifest.json").exists() or not all(path.exists() for path in run.parts.values()):
        return
    with new_folder(run.folder) as partial:
        whole = [path for part, path in run.parts.items() if part.percent == WHOLE]
        points = {part: path for part, path in run.parts.items() if part.percent < WHOLE}
        copies = [Path(shutil.copytree(path, partial / ".folds" / str(k))) for k, path in enumerate(whole)]
        finish(run.plan, run.gathered, copies, partial, points=points)
        shutil.rmtree(partial / ".folds")
    run.followers.run_ended(Run(run.folder))
