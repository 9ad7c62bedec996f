"""Run a stage of the search behind the preset ``tuned``.

    python -m benchmarks.tuning image --out tries

Protocol: ``protocol.toml``. Results: ``results.csv``, one line per try, appended as it ends.
"""

from __future__ import annotations

import argparse
import csv
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn.metrics import log_loss, roc_auc_score

import fusekit
from fusekit.evaluation import Rule
from fusekit.extension import MODEL_PARTS
from fusekit.progress import Quiet
from fusekit.report.run import Run

HERE = Path(__file__).parent
RESULTS = HERE / "results.csv"
FIELDS = ("stage", "candidate", "cohort", "seed", "subjects", "auc", "log_loss", "seconds")
#: Entries of a candidate that are options of a part; the others are settings.
PARTS = ("training", "augment", "slices", "synthetic", *MODEL_PARTS)


def settings_of(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """What ``fusekit.run`` takes; a later table wins, and replaces a part's options as a whole."""
    merged = {name: value for table in tables for name, value in table.items()}
    options = {part: merged.pop(part) for part in PARTS if isinstance(merged.get(part), Mapping)}
    return {**merged, "options": options}


def scores_of(run: Run) -> tuple[int, float, float]:
    """Tested subjects, AUC and log loss of a run at subject level."""
    subjects = Rule().subjects(run.predictions)
    label, p = subjects["label"], subjects["p_1"]
    return len(subjects), float(roc_auc_score(label, p)), float(log_loss(label, p))


def main() -> None:
    """Run every try of a stage that is not in the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--only", nargs="*", help="candidates; all without it")
    given = parser.parse_args()
    protocol = tomllib.loads((HERE / "protocol.toml").read_text())
    stage = protocol["stages"][given.stage]
    done = {tuple(row[name] for name in FIELDS[:4]) for row in csv.DictReader(RESULTS.open())}
    for name, candidate in stage["candidates"].items():
        for cohort in stage["cohorts"]:
            for seed in stage.get("seeds", [0]):
                key = (given.stage, name, cohort, str(seed))
                if key in done or (given.only and name not in given.only):
                    continue
                base = protocol["base"] | stage.get("base", {})
                settings = settings_of(base, protocol["cohorts"][cohort], stage["arm"], candidate)
                began = time.perf_counter()
                run = fusekit.run(**settings, seed=seed, out=given.out / "-".join(key), progress=Quiet())
                subjects, auc, loss = scores_of(run)
                line = (*key, subjects, f"{auc:.4f}", f"{loss:.4f}", round(time.perf_counter() - began))
                with RESULTS.open("a", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerow(line)
                print(*line, flush=True)


if __name__ == "__main__":
    main()
