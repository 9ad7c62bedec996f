"""One run, from a folder of scans to a folder of results."""

import shutil
import time
from pathlib import Path
from typing import Any, Unpack

from fusekit.disk import SEAL, growing, new_folder
from fusekit.disk.folders import growing_at
from fusekit.errors import OptionError, attempt
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.experiment.not_made import NOT_MADE, note_in
from fusekit.experiment.run import working_folder as working
from fusekit.experiment.run.finish import finish
from fusekit.experiment.run.fold import train_fold, words_of_test
from fusekit.experiment.run.launch import assist, launched
from fusekit.experiment.run.ship import BUNDLE, UNSHIPPED, save
from fusekit.experiment.setup.gathered import gather, report
from fusekit.experiment.setup.given import Given, merge, read_config
from fusekit.experiment.setup.manifest import peak_memory_mib
from fusekit.experiment.setup.part import Part, parts_of, refuse_small
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.trackers import Followers, Underway
from fusekit.launch_environment import surroundings
from fusekit.progress import Bars, Countdown, Progress, Quiet, Within
from fusekit.report.run import Run
from fusekit.training import difference


def run(
    task: str | None = None,
    *,
    resume: bool = False,
    config: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Unpack[Given],
) -> Run:
    """Train and test a fusion on a task, with whole subjects held out.

    Args:
        task: name of the task, e.g. ``"adni-ad"``, or the path of the TOML of your own data.
        resume: resume the interrupted run into ``out``, whose settings need not be given again; begin if there is
            none, and return it if it is finished.
        config: TOML file, or ``manifest.json`` of an earlier run; what is given here wins over it.
        progress: where progress is shown; bars on standard error if not given.
        settings: as the options of ``fusekit run``, whose ``--help`` describes each. ``search`` is
            ``{"lr": (1e-4, 3e-4)}`` or ``{"lr": "1e-5..1e-3:log"}``, ``options`` is
            ``{"injector": {"reduction": "shared"}}``. The same seed on the same machine gives the same predictions.

    Raises:
        FusekitError: what the user can put right; nothing is left half-written, and what is done is kept.
    """
    asked = merge(read_config(Path(config)) if config else {}, {"task": task, **settings})
    progress = progress or (Quiet() if surroundings().rank else Bars())
    if resume:
        asked, finished = _begun(asked)
        if finished:
            if not (finished.folder / "report.html").exists():  # it ended while its report was drawn
                _report(finished.folder, progress)
            progress.say(f"The run into {finished.folder} is finished; nothing is left to do.")
            return finished
    with launched(make_plan(Settings.of(asked))) as plan:
        target = _lead(plan, resume, progress) if plan.processes.first else assist(plan)
    return Run(target)


def _lead(plan: Plan, resume: bool, progress: Progress) -> Path:
    """Run as the first process, which leads the others if there are any; return the folder."""
    settings, size = plan.config, plan.processes.size
    if size > 1:
        step = size * settings.batch_size
        progress.say(f"{size} devices train together, {settings.batch_size} slices each: {step} per step")
    target = working.folder_for(settings.out, settings.task_name, settings.arm)
    record = working.record_of(config=settings.identity())
    with working.unfinished(target, record, resume=resume, progress=progress) as work:
        identity = working.identity_of(work / working.RECORD, bool(settings.track))
        with Followers(Underway(identity, target.name, target.parent, settings), progress) as followers:
            _run(plan, work, target, progress, followers)
            followers.run_ended(Run(target))
    plan.processes.from_first(lambda: str(target))
    return target


def _begun(asked: dict[str, Any]) -> tuple[dict[str, Any], Run | None]:
    """What was begun, with what is asked for on top of it; and the run, if it is finished."""
    if asked.get("out") is None:
        raise OptionError("--resume needs --out DIR: the folder that the interrupted run was for.")
    out = Path(asked["out"]).absolute()
    known = [path for path in (out / "manifest.json", working.working_folder(out) / working.RECORD) if path.exists()]
    if not known:
        return asked, None
    config = read_config(known[0])
    asked = merge(config, asked)
    if known[0].parent != out:
        return asked, None
    before, now = (Settings.of(one).identity() for one in (config, asked))
    if before != now:
        raise OptionError(f"{out} holds a finished run: {difference(before, now)}. Choose another --out.")
    shutil.rmtree(working.working_folder(out), ignore_errors=True)
    if (out / SEAL).exists():  # an older FuseKit kept no checksums
        working.take_over(out)
    return asked, Run(out)


def _run(plan: Plan, work: Path, target: Path, progress: Progress, followers: Followers) -> None:
    """Train in ``work``, each fold in a folder that stays; then write ``target``."""
    start, config = time.perf_counter(), plan.config
    gathered = gather(config, plan.task, plan.slices, progress)
    report(gathered.findings, progress)
    plan.try_again(gathered.store.channels)
    plan.refuse_late_entry(gathered.cohort)
    refuse_small(config, gathered)
    working.refuse_other_data(work / working.RECORD, gathered)
    followers.run_started()
    read = time.perf_counter()
    parts = {work / part.name: part for part in parts_of(config)}
    folds = list(parts)[: config.folds]
    points = {part: path for path, part in parts.items() if path not in folds}
    if config.folds > 1 and config.ship == "all":
        # cross-validation judges the recipe; what is shipped learns from all
        parts[work / "all"] = Part(None)
    chosen = {"all": list(parts)[-1:], "folds": folds, "none": []}[config.ship]
    todo = {path: part for path, part in parts.items() if not path.exists()}
    for path in parts:
        if path not in todo:
            working.take_over(path)
    if done := len(parts) - len(todo):
        progress.say(f"{done} of {len(parts)} trainings are finished already and are kept")
    plan.processes.from_first(lambda: [(*part, str(growing_at(path))) for path, part in todo.items()])  # see ``assist``
    plan.processes.same("data", gathered.fingerprint)
    countdown = Countdown(len(todo))
    for path, part in todo.items():
        label = part.label(config.folds)
        within = Within(progress, label) if len(parts) > 1 else progress
        with growing(path, working.CHECKPOINTS) as folder:
            bundle = train_fold(plan, gathered, part.fold, folder, within, followers, part.percent)
            if path in chosen:
                save(bundle, folder / BUNDLE, progress)
        if len(parts) > 1:
            progress.say(f"{label}: {words_of_test(path)}{countdown.ended()}")
    trained = time.perf_counter()
    seconds = {"data": read - start, "training": trained - read, "total": trained - start}
    with new_folder(target) as folder:
        copies = [Path(shutil.copytree(path, folder / ".folds" / path.name)) for path in folds]
        shipped = chosen if all((path / BUNDLE).exists() for path in chosen) else []
        measured = {"seconds": seconds, "peak_memory_mib": peak_memory_mib()}
        found = finish(plan, gathered, copies, folder, shipped, points, **measured)
        if chosen and not shipped:
            note_in(folder, BUNDLE, [f"{config.arm} is not shipped: {UNSHIPPED}"])
        report([finding for finding in found if finding.code != NOT_MADE], progress)  # which the folds have said
        shutil.rmtree(folder / ".folds")
    _report(target, progress)


def _report(folder: Path, progress: Progress) -> None:
    """Write the report of a run that is whole; what of it fails is a note in its manifest."""

    def failed(sentence: str) -> None:
        progress.say(f"note: {sentence}")
        note_in(folder, "report.html", [sentence])

    with attempt("report.html", failed):
        write_report(gather_evidence([Run(folder)]), folder)
