"""One run, from a folder of scans to a folder of results."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from fusekit.errors import OptionError, attempt
from fusekit.experiment.begun import identity_of, record_of, refuse_other_data, settings_of
from fusekit.experiment.config import merge, read_config, resolve
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.experiment.finding import NOT_MADE, note_in
from fusekit.experiment.finish import BUNDLE, finish
from fusekit.experiment.fold import train_fold
from fusekit.experiment.folder import Run, growing, growing_at, new_folder
from fusekit.experiment.followers import Followers, Underway
from fusekit.experiment.launch import announce, assist, launched
from fusekit.experiment.manifest import peak_memory_mib
from fusekit.experiment.plan import Plan, make_plan
from fusekit.experiment.prepare import gather, tell
from fusekit.experiment.unfinished import RECORD, unfinished, working_folder
from fusekit.progress import Bars, Progress, Quiet, Within
from fusekit.surroundings import surroundings
from fusekit.training import difference


def run(
    task: str | None = None,
    *,
    fusion: str | None = None,
    baseline: str | None = None,
    data: str | Path | None = None,
    backbone: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    image_size: int | None = None,
    seed: int | None = None,
    folds: int | None = None,
    validation: float | None = None,
    select: str | None = None,
    threshold: str | None = None,
    aggregate: str | None = None,
    search: Mapping[str, Sequence[Any]] | None = None,
    device: str | None = None,
    devices: int | None = None,
    nodes: int | None = None,
    precision: str | None = None,
    track: str | Sequence[str] | None = None,
    explain: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    recipe: str | Path | None = None,
    allow: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    config: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train and test a fusion on a task, with whole subjects held out.

    Args:
        task: name of the task, e.g. ``"adni-ad"``.
        fusion: name of the fusion; ``"rbca"`` if not given.
        baseline: name of a classical baseline to train instead, e.g. ``"logistic"``.
        data: folder of the cohort; without it, the task's SYNTHETIC cohort is written and used.
        backbone, epochs, batch_size, lr, image_size: the task's preset if not given.
        seed: of split, initialisation and data order; the same seed on the same machine gives the same predictions.
        folds: each of so many folds is tested once, by a model that was trained on the others, and the model to ship is
            trained on all; 1 holds a fifth of the subjects out, and ships the model that was tested on them. 5 with
            ``data``; 1 without.
        validation: share of the training subjects set aside; 0, or 0.2 where something is fitted on them.
        select: ``"auc"`` keeps the epoch that is best on the subjects set aside; ``"none"`` the last one.
        threshold: ``"argmax"``, or ``"youden"``, fitted on the subjects set aside.
        aggregate: from slices to scans to subjects: mean, median, max, vote, logit.
        search: option -> candidates, e.g. ``{"lr": (1e-4, 3e-4)}``, tried in each fold on the subjects set aside.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        devices: that train together, on each node; each takes ``batch_size`` slices a step. What torchrun or srun
            started if not given, else 1.
        nodes: machines; several are started by torchrun or srun, and then seen.
        precision: of training: ``32-true``, ``bf16-mixed``, ``16-mixed``.
        track: trackers that follow the training, e.g. ``"tensorboard,mlflow"``.
        explain: what is tried with the trained models: ``"none"``, ``"fast"`` (the default: a quarter of the training's
            work at most) or ``"full"``.
        out: run folder, which must not exist or be empty; ``runs/TASK-FUSION-DATE-TIME`` if not given.
        resume: go on with the interrupted run into ``out``, whose settings need not be given again; begin if there is
            none, and if it is finished, give it back.
        recipe: folder of a recipe: train on exactly its scans, or refuse.
        allow: codes of the audit's refusals to go on in spite of; the manifest keeps them.
        options: part -> option -> value, e.g. ``{"injector": {"reduction": "shared"}}``.
        config: TOML file, or ``manifest.json`` of an earlier run, beneath what is given here.
        progress: where progress is shown; bars on standard error if not given.

    Returns:
        The finished run.

    Raises:
        FusekitError: whatever the user can put right; nothing is left half-written, and what is done is kept.
    """
    given = {
        "task": task,
        "fusion": fusion,
        "baseline": baseline,
        "data": data,
        "backbone": backbone,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "image_size": image_size,
        "seed": seed,
        "folds": folds,
        "validation": validation,
        "select": select,
        "threshold": threshold,
        "aggregate": aggregate,
        "search": search,
        "device": device,
        "devices": devices,
        "nodes": nodes,
        "precision": precision,
        "track": track or None,
        "explain": explain,
        "out": out,
        "recipe": recipe,
        "allow": tuple(allow) or None,
        "options": options or {},
    }
    asked = merge(read_config(Path(config)) if config else {}, given)
    progress = progress or (Quiet() if surroundings().rank else Bars())
    if resume:
        asked, finished = _begun(asked)
        if finished:
            if not (finished.folder / "report.html").exists():  # it ended while its report was drawn
                _report(finished.folder, progress)
            progress.say(f"The run into {finished.folder} is finished; nothing is left to do.")
            return finished
    settings = resolve(asked)
    with launched(make_plan(settings)) as plan:
        target = _lead(plan, resume, progress) if plan.processes.first else assist(plan)
    return Run(target)


def _lead(plan: Plan, resume: bool, progress: Progress) -> Path:
    """Run, telling the other processes what to do, if there are any; give the run's folder."""
    settings, size = plan.config, plan.processes.size
    if size > 1:
        step = size * settings.batch_size
        progress.say(f"{size} devices train together, {settings.batch_size} slices each: {step} a step")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")  # a folder is named in the user's own time
    target = (settings.out or Path("runs", f"{settings.task_name}-{settings.arm}-{stamp}")).absolute()
    record = record_of(config=settings_of(settings))
    with unfinished(target, record, resume=resume, progress=progress) as work:
        identity = identity_of(work / RECORD, bool(settings.track))
        with Followers(Underway(identity, target.name, target.parent, settings), progress) as followers:
            _run(plan, work, target, progress, followers)
            followers.run_ended(Run(target))
    plan.processes.from_first(lambda: str(target))
    return target


def _begun(asked: dict[str, Any]) -> tuple[dict[str, Any], Run | None]:
    """What is asked for on top of what was begun; and the run, if it is finished.

    Raises:
        OptionError: no folder is given; or the run that is finished there is another.
    """
    if asked.get("out") is None:
        raise OptionError("--resume needs --out DIR: the folder that the interrupted run was for.")
    out = Path(asked["out"]).absolute()
    known = [path for path in (out / "manifest.json", working_folder(out) / RECORD) if path.exists()]
    if not known:
        return asked, None
    config = read_config(known[0])
    asked = merge(config, asked)
    if known[0].parent != out:
        return asked, None
    before, now = (json.loads(json.dumps(settings_of(resolve(one)))) for one in (config, asked))
    if before != now:
        raise OptionError(f"{out} holds a finished run: {difference(before, now)}. Choose another --out.")
    shutil.rmtree(working_folder(out), ignore_errors=True)
    return asked, Run(out)


def _run(plan: Plan, work: Path, target: Path, progress: Progress, followers: Followers) -> None:
    """Train in ``work``, each fold in a folder that stays; then write ``target``."""
    start, config = time.perf_counter(), plan.config
    gathered = gather(config, plan.task, plan.slices, progress)
    tell(gathered.findings, progress)
    refuse_other_data(work / RECORD, gathered)
    followers.run_started()
    read = time.perf_counter()
    folds = [work / f"fold-{fold}" for fold in config.tested]
    parts: list[tuple[int | None, Path, str]] = [
        (fold, path, f"fold {fold + 1}/{config.folds}") for fold, path in zip(config.tested, folds, strict=True)
    ]
    if config.folds > 1 and not config.baseline:  # cross-validation judges the recipe; what is shipped learns from all
        parts.append((None, work / "all", "all subjects"))
    *_, (_, last, _) = parts
    todo = [part for part in parts if not part[1].exists()]
    if done := len(parts) - len(todo):
        progress.say(f"{done} of {len(parts)} trainings are finished already and are kept")
    announce(plan.processes, gathered, [(fold, growing_at(path)) for fold, path, _ in todo])
    for fold, path, label in todo:
        within = Within(progress, label) if len(parts) > 1 else progress
        with growing(path) as folder:
            bundle = train_fold(plan, gathered, fold, folder, within, followers)
            if bundle and path == last:
                shutil.rmtree(folder / BUNDLE, ignore_errors=True)
                bundle.save(folder / BUNDLE)
    trained = time.perf_counter()
    seconds = {"data": read - start, "training": trained - read, "total": trained - start}
    with new_folder(target) as folder:
        copies = [Path(shutil.copytree(path, folder / ".folds" / path.name)) for path in folds]
        further = {"seconds": seconds, "peak_memory_mib": peak_memory_mib()}
        found = finish(plan, gathered, copies, folder, last if (last / BUNDLE).exists() else None, further)
        tell([finding for finding in found if finding.code != NOT_MADE], progress)  # which the folds have said
        shutil.rmtree(folder / ".folds")
    _report(target, progress)


def _report(folder: Path, progress: Progress) -> None:
    """Write the report of a run that is whole; what of it fails is a note in its manifest."""

    def failed(sentence: str) -> None:
        progress.say(f"note: {escape(sentence)}")
        note_in(folder, "report.html", [sentence])

    with attempt("report.html", failed):
        write_report(gather_evidence([Run(folder)]), folder)
