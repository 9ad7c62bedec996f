"""Arms that are made of two others' predictions: the first that reads the image alone, and the first of the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fusekit.baselines import Baseline
from fusekit.disk import new_folder, write_json, write_table
from fusekit.errors import OptionError
from fusekit.evaluation import Rule, score
from fusekit.evaluation.arms.late_fusion import LATE_FUSIONS
from fusekit.experiment.not_made import seal_results
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import catalog, suggest
from fusekit.extension.fusion import registered
from fusekit.report.records import LATE
from fusekit.report.run import Run

#: Settings of the arms that are joined which say nothing of an arm that calls the likeliest class of their mean.
UNLIKE = ("fusion", "options", "threshold")


def sources_of(arms: Mapping[str, Settings], ways: Sequence[str]) -> tuple[str, ...]:
    """The two arms that are joined, none if ``ways`` is empty; OptionError if one is missing or a way is unknown."""
    if not ways:
        return ()
    for way in ways:
        if way not in LATE_FUSIONS:
            raise OptionError(f"--late-fusion knows no {way!r}; {suggest(way, LATE_FUSIONS)}")
        arm = next(iter(arms.values()))
        target = open_task(arm.task, arm.options).target
        if way == "stacked" and not target.classes:
            raise OptionError(
                f"--late-fusion stacked joins probabilities, and this task predicts {target.words}: take mean."
            )
    reads = {name: _reads(arm) for name, arm in arms.items()}
    found = []
    for what, needed in (("the image alone", (True, False)), ("the table alone", (False, True))):
        first = next((name for name, own in reads.items() if own == needed), None)
        if first is None:
            raise OptionError(f"--late-fusion joins two arms, and none of these reads {what}: {', '.join(arms)}.")
        found.append(first)
    return tuple(found)


def _reads(arm: Settings) -> tuple[bool, bool]:
    """Whether an arm reads the image, and the table."""
    if arm.baseline:
        made: Baseline = catalog().baselines.make(arm.baseline, **arm.options.get("baseline", {}))
        return made.reads_image, True
    recipe = registered(arm.fusion)
    stack = {**recipe.options.get("stack", {}), **arm.options.get("stack", {})}
    return recipe.image, bool(recipe.encoder or recipe.prior or stack.get("by"))


def join(image: Run, table: Run, way: str, folder: Path) -> Run:
    """Write the run folder of an arm that joins two runs of one seed; the one that is there already is kept."""
    if (folder / "manifest.json").exists():
        return Run(folder)
    aside = [run.validation for run in (image, table) if run.validation is not None]
    predictions = LATE_FUSIONS[way]([image.predictions, table.predictions], aside if len(aside) == 2 else ())
    of = image.manifest
    rule = Rule(str(of["evaluation"].get("aggregate", "mean")))
    metrics = {name: catalog().metrics.make(name) for name in of["task"]["metrics"]}
    scores = json.loads(score(predictions, metrics, rule).to_json(orient="records", double_precision=15))
    arms = [str(run.manifest["arm"]) for run in (image, table)]
    kept = ("synthetic", "task", "images", "slices", "flow", "data", "published", "versions", "plugins", "device")
    record = {
        **{name: of[name] for name in kept if name in of},
        "arm": f"{way} of {' and '.join(arms)}",
        "kind": LATE,
        "reads": ["image", "table"],
        "joined": arms,
        "config": {name: value for name, value in of["config"].items() if name not in UNLIKE},
        "model": None,
        "evaluation": {"folds": of["evaluation"]["folds"], **rule.as_json()},
        "findings": [],
        "seconds": {"training": 0.0},
    }
    with new_folder(folder) as partial:
        write_table(predictions, partial / "predictions.csv")
        write_table(image.cohort, partial / "cohort.csv")
        write_json(partial / "metrics.json", {"synthetic": image.synthetic, "scores": scores})
        write_json(partial / "manifest.json", record)
        seal_results(partial)
    return Run(folder)
