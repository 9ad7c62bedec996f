"""External validation: a frozen model on another cohort, with what differs between the two."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.data.images.channels import MASK
from fusekit.data.store.scan_rows import ScanRows
from fusekit.data.target.follow_up import ENTRY, refuse_late_entry
from fusekit.disk import new_folder, write_json, write_table
from fusekit.errors import attempt
from fusekit.evaluation import Metric, prediction_table, probabilities_of, score
from fusekit.evaluation.calibration.conformal import coverage_table, held
from fusekit.evaluation.calibration.recalibration import CalibrationMap, parts_of, recalibration_table
from fusekit.evaluation.calibration.reliability import calibration_scores, reliability
from fusekit.evaluation.cohorts.intensity import grey_levels, intensity_shift
from fusekit.evaluation.cohorts.shift import clinical_shift, summary
from fusekit.evaluation.cohorts.two_cohorts import beside_training, prevalence
from fusekit.evaluation.predictions import POSITIVE
from fusekit.evaluation.thresholds import most_probable
from fusekit.experiment.external.cohort import FOLD, ExternalCohort, read_external
from fusekit.experiment.external.plan import Asked, ask
from fusekit.experiment.not_made import not_made
from fusekit.experiment.run.flow import flow
from fusekit.experiment.run.groups import numbers_of, subgroup_table
from fusekit.experiment.run.working_folder import folder_for
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Sides
from fusekit.extension import catalog
from fusekit.extension.options import convert
from fusekit.models.memory_format import torch_device
from fusekit.progress import Bars, Progress
from fusekit.report.figures.shift import external_pictures
from fusekit.report.run import Run
from fusekit.training import repeatable

#: File of the folder of an external validation -> what it holds.
FILES = {
    "metrics.json": "every score, beside that of the training cohort's tested subjects",
    "predictions.csv": "probabilities of every slice, by the model as it is",
    "cohort.csv": "the scans, with what subgroups are made of",
    "shift.csv": "each clinical column against training",
    "intensity.csv": "grey levels and geometry",
    "prevalence.csv": "how common the classes are",
    "reliability.csv": "probabilities against outcomes",
    "calibration.csv": "calibration of the model as it is, with 95 % intervals",
    "recalibration.csv": "calibration as it is and, cross-fitted, after recalibration",
    "figures": "the same as pictures: SVG, PNG, CSV",
    "manifest.json": "configuration, model, versions, fingerprints, findings",
}
#: And with ``--recalibrate``.
RECALIBRATED = {
    "recalibration.json": "the map, fitted on all subjects of this cohort",
    "recalibrated.csv": "cross-fitted probabilities of each subject",
}


def evaluate(
    bundle: str | Path,
    *,
    task: str | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    allow: str | Sequence[str] = (),
    recalibrate: str = "none",
    device: str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Test a frozen model on another cohort: nothing of it is fitted there.

    Args:
        bundle: bundle folder, or the run folder that holds it.
        task: reads the cohort; the training's if not given.
        data: folder of the other cohort; the task's SYNTHETIC cohort if not given.
        out: folder for the results, new or empty; ``runs/external-TASK-FUSION-DATE-TIME`` if not given.
        options: of the task, or of its synthetic cohort: ``{"synthetic": {"seed": 1}}``; on top of the training's,
            whose layout of the data is left out.
        allow: codes of refusals to continue in spite of; the manifest keeps them.
        recalibrate: ``none``, ``temperature`` or ``logistic``: also write a map that is fitted on this cohort. The
            model's own predictions stay as they are.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        progress: where progress is shown; bars on standard error if not given.

    Returns:
        The finished evaluation, without history and bundle.

    Raises:
        FusekitError: what the user can put right; nothing is left half-written.
    """
    allowed = convert("allow", tuple[str, ...], allow)
    asked = ask(bundle, task, data, options or {}, allowed, recalibrate, device)
    target = folder_for(out, "external", asked.config.task_name, asked.arm)
    with new_folder(target) as partial:
        _evaluate(asked, partial, progress or Bars())
    return Run(target)


def _evaluate(asked: Asked, folder: Path, progress: Progress) -> None:
    start = time.perf_counter()
    bundle, config = asked.bundle, asked.config
    device = torch_device(config.device)
    metrics = {name: catalog().metrics.make(name) for name in asked.task.metrics}
    other = read_external(bundle, config, asked.task, asked.known_subjects(), progress)
    for name, metric in metrics.items() if ENTRY in other.cohort.scans else ():
        refuse_late_entry(f"the metric {name}", metric)
    for finding in other.findings:
        progress.say(f"{finding.severity}: {finding.message} ({finding.count})")
    read = time.perf_counter()
    scans = other.clinical.index.get_indexer(pd.Index(other.rows["scan"]))
    with repeatable():  # every row of the store, in order
        with_image = other.cohort.present["image"].to_numpy()
        answers = bundle.answering(other.clinical, device, with_image)(other.images, scans.tolist())
    kept = ScanRows(scans.tolist()).middle if bundle.pooled else slice(None)
    predictions = prediction_table(other.rows.iloc[kept], bundle.target.predict(answers[kept]))
    predicted = time.perf_counter()
    scores = score(predictions, metrics, bundle.rule)
    subjects = bundle.rule.subjects(predictions)
    people = subgroup_table(other.cohort, asked.task, other.folds)
    coverage = {}
    if (conformal := bundle.conformal) is not None:
        found = held(subjects, bundle.target.kind, conformal.limit)
        coverage["coverage"] = coverage_table(found, people, bundle.target, conformal.level)
    if bundle.rule.calibrates:
        subjects = bundle.rule.calibrated(subjects)  # as predict prints them
    tables = _tables(asked, other, subjects)
    mapped: Mapping[str, np.ndarray] = {}
    if bundle.classes:
        tables["recalibration"], mapped = recalibration_table(subjects)
    compared = beside_training(bundle.metrics, scores)
    measured: dict[str, Any] = {"synthetic": asked.synthetic, "scores": _numbers(scores)}
    measured["comparison-with-training"] = _numbers(compared)
    for name, table in {"predictions": predictions, "cohort": people, **coverage, **tables}.items():
        write_table(table, folder / f"{name}.csv")
    if asked.recalibrate != "none":
        measured["recalibrated"] = _recalibrate(asked, folder, subjects, mapped, metrics)
    write_json(folder / "metrics.json", measured)
    content = _record(asked, other, summary(tables["shift"]), device)

    def failed(sentence: str) -> None:
        progress.say(f"note: {sentence}")
        content["findings"].append(not_made(sentence, "figures").as_json())

    rows = other.rows.index[other.with_image(other.rows)].to_numpy()
    shown = [(number, channel.name) for number, channel in enumerate(bundle.channels) if channel.image != MASK]
    shown = shown if len(rows) else []
    with attempt("figures", failed):
        for picture in external_pictures(
            classes=bundle.classes,
            titles={name: metric.title for name, metric in metrics.items()},
            scores=compared,
            clinical=tables["shift"],
            grey={name: grey_levels(other.store.images, rows, number) for number, name in shown},
            trained={name: (bundle.pixels.mean[number], bundle.pixels.std[number]) for number, name in shown},
            reliability=tables.get("reliability"),
            synthetic=asked.synthetic,
        ):
            picture.save(folder / "figures")
    content["data"]["numbers"] = numbers_of(people)
    end = time.perf_counter()
    content["seconds"] = {"data": read - start, "prediction": predicted - read, "total": end - start}
    content["peak_memory_mib"] = manifest.peak_memory_mib()
    write_json(folder / "manifest.json", content)


def _tables(asked: Asked, other: ExternalCohort, subjects: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What differs from training, and how the probabilities fare: name of the file -> table."""
    bundle, cohort = asked.bundle, other.cohort
    trained = bundle.provenance.get("data", {}).get("train", {})
    counts = {name: int(count["subjects"]) for name, count in trained.items()}
    found = {
        "shift": clinical_shift(bundle.encoding, other.clinical, cohort.scans["subject"], other.absent),
        "intensity": intensity_shift(
            bundle.pixels,
            other.store.images,
            other.rows[other.with_image(other.rows)],
            other.store.volumes,
            bundle.channels,
        ),
    }
    if bundle.classes:
        found |= {"prevalence": prevalence(bundle.classes, counts, cohort.subjects), **_calibration(subjects)}
    return found


def _calibration(subjects: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Reliability of the positive class of two, of the called class of several; measures of two classes only."""
    labels, probabilities = subjects["label"].to_numpy(), probabilities_of(subjects)
    bins = min(10, max(2, len(labels) // 10))  # ten subjects or more in each
    if probabilities.shape[1] != 2:
        right = (most_probable(probabilities) == labels).astype(int)
        return {"reliability": reliability(right, probabilities.max(axis=1), bins)}
    p = probabilities[:, POSITIVE]
    return {"reliability": reliability(labels, p, bins), "calibration": calibration_scores(labels, p)}


def _recalibrate(
    asked: Asked, folder: Path, subjects: pd.DataFrame, mapped: Mapping[str, np.ndarray], metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """Write the map that is fitted on all subjects, and what cross-fitting says of it."""
    method, labels = asked.recalibrate, subjects["label"].to_numpy()
    parts = parts_of(subjects.set_index("subject")["label"])
    names = [f"p_{k}" for k in range(len(asked.bundle.classes))]
    fitted = CalibrationMap.fit(method, labels, probabilities_of(subjects))
    table = subjects[["subject", "label"]].assign(part=parts.to_numpy())
    table[names] = mapped[method]
    write_table(table, folder / "recalibrated.csv")
    belongs = {"weights": asked.weights, "rule": asked.bundle.rule.as_json(), "subjects": len(subjects)}
    write_json(folder / "recalibration.json", {**fitted.as_json(), **belongs, "synthetic": asked.synthetic})
    one_each = table.rename(columns={"part": "fold"}).assign(scan=table["subject"], slice=0)
    scores = score(one_each, metrics)  # within the parts, each of which was mapped by a map of its own
    return {"method": method, "measured": "cross-fitted", "scores": _numbers(scores[scores["level"] == "subject"])}


def _numbers(table: pd.DataFrame) -> list[dict[str, Any]]:
    numbers: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return numbers  # NaN is null


def _record(asked: Asked, other: ExternalCohort, said: tuple[str, ...], device: torch.device) -> dict[str, Any]:
    """The manifest, without durations."""
    bundle, config, rows = asked.bundle, asked.config, other.rows
    own: dict[str, Any] = {"task": config.task, "data": config.data and str(config.data), "device": config.device}
    own |= {"allow": list(config.allow), "options": config.as_json()["options"], "folds": 1}
    left = ("recipe", "out", "data", "search", "trials")
    settings = {name: value for name, value in asked.trained.items() if name not in left} | own
    return {
        "arm": asked.arm,
        "kind": "external",
        "synthetic": asked.synthetic,
        "config": {name: value for name, value in settings.items() if value is not None},
        "task": {"name": config.task_name, **asked.task.describe()},
        "images": list(bundle.images),
        "slices": bundle.slices.as_json(),
        "model": bundle.description,
        "external": {
            "bundle": str(asked.folder.absolute()),
            "weights": asked.weights,
            "training": {name: bundle.provenance.get(name) for name in ("synthetic", "config", "data")},
            "absent": list(other.absent),
            "recalibrate": asked.recalibrate,
            "summary": list(said),
        },
        "evaluation": {
            "folds": 1,
            "threshold": asked.trained.get("threshold", "argmax") if bundle.rule.thresholds else "argmax",
            **bundle.rule.as_json(),
        },
        "flow": flow(other.cohort, rows, other.folds),
        "data": {
            "folds": {str(FOLD): Sides(rows[:0], rows[:0], rows).counts(other.cohort.target)},
            "fingerprint": other.fingerprint,
        },
        "findings": [finding.as_json() for finding in other.findings],
        "published": [],
        **manifest.environment(device),
    }
