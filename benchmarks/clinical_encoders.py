"""Which clinical encoder does not memorise a table? SYNTHETIC, tables alone: docs/explanation/clinical-encoders.md.

    python -m benchmarks.clinical_encoders --seeds 11,12,13 --arms first --out encoders.csv

Adds a row for each fold of each arm to a CSV; the same command skips what is there, and prints the means.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import fusekit
from benchmarks.encoder_tables import Side, folds_of, read_table, subject_auc
from fusekit.data import ClinicalEncoding, Cohort
from fusekit.extension import catalog
from fusekit.training import TrainingOptions
from fusekit.training.step.descent import weight_groups

BATCH, EPOCHS = 32, 60
FIELDS = ("subjects", "seed", "fold", "arm", "training_seed", "auc", "train_auc")


class Arm(NamedTuple):
    """An encoder and how it is trained; probabilities of ``members`` trainings from different seeds are averaged."""

    encoder: str
    options: Mapping[str, Any]
    lr: float = 1e-3
    weight_decay: float = 0.05
    smoothing: float = 0.0
    tuned: bool = True  # half a cosine and an average of the weights
    members: int = 1


def _mlp(width: int = 64, **changed: Any) -> Arm:
    own = {name: changed.pop(name) for name in Arm._fields if name in changed}
    return Arm("mlp", {"width": width, **changed}, **own)


FIRST = {
    "today": _mlp(1024, weight_decay=0.0, tuned=False),
    **{f"width-{width}": _mlp(width) for width in (16, 64, 256, 1024)},
    "dropout-0.3": _mlp(dropout=0.3),
    "drop-0.2": _mlp(drop_columns=0.2),
    "drop-0.5": _mlp(drop_columns=0.5),
    "smoothing-0.1": _mlp(smoothing=0.1),
    "skip": _mlp(skip=True),
    "quantile": _mlp(numbers="quantile", bins=64),
    "piecewise": _mlp(numbers="piecewise", bins=8),
    "tokens": Arm("tokens", {"width": 16, "depth": 1, "heads": 4}),
}
#: Chosen on seeds 11 to 13.
CHOSEN = {"width": 64, "scale": 0.2, "drop_columns": 0.2, "weight_decay": 10.0}
CONFIRMED = {
    "chosen": Arm("mlp", CHOSEN),
    "chosen-width-16": Arm("mlp", {**CHOSEN, "width": 16}),
    "chosen-without-scale": Arm("mlp", {**CHOSEN, "scale": None}),
    "chosen-of-five": Arm("mlp", CHOSEN, members=5),
}
#: The same recipe with another encoding.
OTHERS = {
    "chosen-piecewise": Arm("mlp", {**CHOSEN, "numbers": "piecewise"}),
    "chosen-quantile": Arm("mlp", {**CHOSEN, "numbers": "quantile", "bins": 64}),
    "chosen-tokens": Arm("tokens", {"width": 16, "drop_columns": 0.2, "weight_decay": 1.0}),
}
ROUNDS = {"first": FIRST, "confirmed": CONFIRMED, "others": OTHERS}
BASELINES = ("logistic", "gbdt")


def fit(arm: Arm, encoding: ClinicalEncoding, train: Side, seed: int) -> torch.nn.Module:
    """Train on scans, in the way the page says."""
    torch.manual_seed(seed)
    recipe = fusekit.Fusion(head="clinical", encoder=arm.encoder, image=False, options={"encoder": arm.options})
    people = len(set(train.subjects))
    model: Any = fusekit.build(recipe, backbone="", columns=encoding.layout, classes=2, people=people)
    columns, labels = torch.from_numpy(encoding.transform(train.values)), torch.from_numpy(train.labels)
    model.fit(columns)
    batches = -(-len(labels) // BATCH)
    optimizer = torch.optim.AdamW(
        weight_groups(model, arm.lr, TrainingOptions()), lr=arm.lr, weight_decay=arm.weight_decay, fused=True
    )
    half = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)
    model.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels)).split(BATCH):
            loss = cross_entropy(model(None, columns[rows]), labels[rows], label_smoothing=arm.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if arm.tuned:
                half.step()
                average.update_parameters(model)
    return (average.module if arm.tuned else model).eval()


def scores(arm: str, cohort: Cohort, train: Side, tests: tuple[Side, ...], seed: int) -> list[np.ndarray]:
    """Probability of the second class for the scans of each side."""
    if arm in BASELINES:
        baseline: Any = catalog().baselines.make(arm)
        baseline.fit(train.values, cohort.columns, train.labels, train.subjects, seed)
        return [baseline.probabilities(side.values)[:, 1] for side in tests]
    chosen = next(arms[arm] for arms in ROUNDS.values() if arm in arms)
    encoding = ClinicalEncoding.fit(train.values, cohort.columns)
    columns = [torch.from_numpy(encoding.transform(side.values)) for side in tests]
    total = [np.zeros(len(side.labels)) for side in tests]
    for member in range(chosen.members):
        model = fit(chosen, encoding, train, 100 * seed + member)
        with torch.no_grad():
            for sum_, part in zip(total, columns, strict=True):
                sum_ += model(None, part).double().softmax(dim=1)[:, 1].numpy() / chosen.members
    return total


def main() -> None:
    """Run what is asked for and not there yet; print means over folds, seeds and cohorts."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="11,12,13", help="of the cohorts")
    parser.add_argument("--sizes", default="120,480", help="of the cohorts")
    parser.add_argument("--arms", default="first", help="a round, or names with commas")
    parser.add_argument("--training-seeds", default="0")
    asked = parser.parse_args()
    arms = [*ROUNDS[asked.arms]] if asked.arms in ROUNDS else asked.arms.split(",")
    done = set[tuple[str, ...]]()
    if asked.out.exists():
        done = {tuple(map(str, row)) for row in pd.read_csv(asked.out)[list(FIELDS[:5])].itertuples(index=False)}
    with asked.out.open("a", newline="") as file:
        table = csv.writer(file)
        if not done:
            table.writerow(FIELDS)
        for size in map(int, asked.sizes.split(",")):
            for seed in map(int, asked.seeds.split(",")):
                cohort = read_table(seed, size)
                for fold, (train, test) in enumerate(folds_of(cohort)):
                    for arm in arms:
                        for drawn in asked.training_seeds.split(","):
                            key = (str(size), str(seed), str(fold), arm, drawn)
                            if key not in done:
                                found = scores(arm, cohort, train, (test, train), int(drawn))
                                table.writerow((*key, *map(subject_auc, (test, train), found)))
                                file.flush()
    rows = pd.read_csv(asked.out)
    means = rows.pivot_table(index="arm", columns="subjects", values=["auc", "train_auc"])
    print(means.round(4).to_string())


if __name__ == "__main__":
    main()
