"""Whether the networks were trained, by their ``history.csv``: what went wrong, and what to try."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan, nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.report.evidence import Arm, Evidence
from fusekit.report.formatting import listed
from fusekit.report.run import Run

#: Training steps below which nothing much can have been learned.
FEW_STEPS = 100
#: A loss that fell by less than this share of itself has not been learned from.
HARDLY = 0.05
#: A loss is still falling if, by the line through its last fifth, as many epochs more would make it fall by this share
#: of all that it fell.
STILL = 0.1
#: By so much a validation score that was better before is worse at the end; of scores that are at most 1.
WORSE = 0.02
#: Accuracy on training slices that is by heart, where it is so far above that on held-out slices.
BY_HEART, GAP = 0.98, 0.1


class Doubt(NamedTuple):
    """Something that is wrong with a training."""

    arms: str  # whose, as a list in words
    what: str  # predicate of a sentence, whatever the number of arms
    briefly: str  # the same for a headline
    advice: str


#: Kind -> predicate, headline, advice; the first kind that fits is said.
_WORDS = {
    "overfitted": (
        "got worse on other subjects while the training went on",
        "overfitted",
        "try fewer steps (-o training.steps), --select, or -o training.weight_decay=0.01",
    ),
    "unlearned": (
        f"hardly learned: the training loss fell by less than {HARDLY:.0%}",
        "hardly learned",
        "try more steps (-o training.steps=600) or another --lr",
    ),
    "few": (
        f"had fewer than {FEW_STEPS} training steps",
        "had too few training steps",
        "try more of them (-o training.steps=600), or --preset tuned",
    ),
    "falling": (
        "stopped while the training loss was still falling",
        "stopped too early",
        "try more steps (a larger -o training.steps or --epochs)",
    ),
    "by heart": (
        f"called nearly all training slices right, and at least {GAP:.0%} fewer of those held out",
        "learned the training slices by heart",
        "try fewer steps (-o training.steps), -o training.weight_decay=0.01, or a fusion that starts from the table's "
        "prediction (table-first)",
    ),
}


def doubts(evidence: Evidence) -> list[Doubt]:
    """What is wrong with the trainings of the arms that have a history, kind by kind."""
    found: dict[str, list[str]] = {}
    for arm in evidence.arms:
        if kind := _of_arm(arm):
            found.setdefault(kind, []).append(arm.name)
    return [Doubt(listed(found[kind]), *words) for kind, words in _WORDS.items() if kind in found]


def judged(history: pd.DataFrame, *, steps: float = nan, selected: bool = False, held_out: float = nan) -> str:
    """What is wrong with a training; empty where nothing is, or nothing is known.

    Args:
        history: a row per fold and epoch (and seed): epoch, loss, accuracy, validation_auc or another score.
        steps: of a fold's training.
        selected: whether the epoch with the best validation score was kept.
        held_out: accuracy on held-out slices.
    """
    if history.empty:
        return ""
    epochs = history.groupby("epoch").mean(numeric_only=True)
    loss = epochs["loss"].dropna()
    tail = loss[-max(3, len(loss) // 5) :]
    fallen = loss.iloc[0] - tail.min() if len(loss) > 1 else nan
    slope = np.polyfit(range(len(tail)), tail, 1)[0] if len(loss) > 3 else nan
    right = epochs["accuracy"].iloc[-1] if "accuracy" in epochs else nan
    validated = [name for name in map(str, epochs) if name.startswith("validation_") and epochs[name].notna().any()]
    holds = {
        "overfitted": not selected and any(_worse(epochs[name].dropna(), loss) for name in validated),
        "unlearned": fallen < HARDLY * abs(loss.iloc[0]) if len(loss) else False,
        "few": steps < FEW_STEPS,
        "falling": -slope * len(tail) > STILL * fallen,
        "by heart": not validated and right >= BY_HEART and right - held_out > GAP,
    }
    return next((kind for kind, holding in holds.items() if holding), "")


def _worse(score: pd.Series, loss: pd.Series) -> bool:
    """Whether a score fell from its best epoch on, in the first two thirds, while the training loss went on falling."""
    best, tail = int(score.to_numpy().argmax()), max(1, len(score) // 5)
    fell = score.max() - score[-tail:].mean() > WORSE
    return bool(fell and best < len(score) * 2 / 3 and loss[-tail:].mean() < loss.loc[score.index[best]])


def _of_arm(arm: Arm) -> str:
    runs = [run for run in arm.runs if len(run.history)]
    if not runs:
        return ""
    history = pd.concat([run.history.assign(seed=run.seed) for run in runs])
    selected = any(run.manifest.get("config", {}).get("select", "none") != "none" for run in runs)
    accuracies = [value for run in runs for value in _held_out(run)]
    held_out = sum(accuracies) / len(accuracies) if accuracies else nan
    return judged(history, steps=min(map(_steps, runs)), selected=selected, held_out=held_out)


def _steps(run: Run) -> float:
    """Of one fold's training, from how many images passed; NaN where it is not known."""
    batch, history = run.manifest.get("config", {}).get("batch_size"), run.history
    if not batch or not {"seconds", "images_per_second"} <= set(history):
        return nan
    images = (history["seconds"] * history["images_per_second"]).groupby(history["fold"]).sum()
    steps = float(images.max()) / float(batch)
    return nan if isnan(steps) else steps


def _held_out(run: Run) -> Iterator[float]:
    if {"level", "metric", "value"} <= set(run.scores):
        own = run.scores[(run.scores["level"] == "slice") & (run.scores["metric"] == "accuracy")]
        yield from own["value"].astype(float)
