"""How time and memory grow with the cohort, 1, 2, 4 and 8 times as large, and what the statistics take at full size.

    python -m benchmarks.scale --subjects 125 --json scale.json

The cohorts are SYNTHETIC: noise in small volumes, which cost little, so that growth is seen. Each size runs in
its own process. Seconds are of the processor, which other work on the machine does not change much; memory
is the peak of each stage beyond the programs that are loaded before the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

SLICES, EDGE, TIMES = 10, 32, (1, 2, 4, 8)
TASK = """
table = "people.csv"
images = "{id}.nii.gz"
subject = "id"
label = "ill"
classes = ["no", "yes"]
columns = ["age", "tau", "site"]
"""


class Stages:
    """Seconds of the processor, and the peak of memory, stage by stage."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self.before = memory("VmRSS")

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        start, wall = time.process_time(), time.perf_counter()
        made = work()
        self.found[name] = {
            "seconds": time.process_time() - start,
            "wall": time.perf_counter() - wall,
            "mib": memory("VmHWM") - self.before,
        }
        return made


def memory(name: str) -> float:
    """Resident memory of this process in MiB, as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def write_cohort(folder: Path, subjects: int) -> Path:
    """People with a volume of noise each, and a table."""
    import nibabel
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(0)
    names = [f"p{number:06}" for number in range(subjects)]
    labels = np.arange(subjects) % 2
    for name in names:
        voxels = draw.integers(1, 1000, (EDGE, EDGE, EDGE), dtype=np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([2.0, 2, 2, 1])), folder / f"{name}.nii.gz")  # type: ignore[attr-defined, no-untyped-call]
    table = {
        "id": names,
        "ill": np.array(["no", "yes"])[labels],
        "age": draw.integers(50, 90, subjects),
        "tau": draw.normal(80, 20, subjects).round(2) + 10 * labels,
        "site": draw.choice(["a", "b", "c"], subjects),
    }
    pd.DataFrame(table).to_csv(folder / "people.csv", index=False)
    (folder / "own.toml").write_text(TASK)
    return folder / "own.toml"


def cohort_stages(subjects: int, folder: Path) -> dict[str, Any]:
    """A run, stage by stage."""
    import torch

    from fusekit.audit import audit_images, audit_tables
    from fusekit.data import assign_folds, build_store
    from fusekit.data.store.cache import cache_folder
    from fusekit.experiment.compare.local import Training, train_one
    from fusekit.experiment.evidence import gather_evidence, write_report
    from fusekit.experiment.run.finish import finish
    from fusekit.experiment.setup.cohort import read_cohort
    from fusekit.experiment.setup.gathered import Gathered
    from fusekit.experiment.setup.plan import make_plan
    from fusekit.experiment.setup.settings import Settings
    from fusekit.experiment.setup.trackers import Followers, Underway
    from fusekit.progress import Quiet
    from fusekit.report.run import Run

    torch.set_num_threads(1)
    os.environ["FUSEKIT_CACHE"] = str(folder / "cache")
    task = write_cohort(folder, subjects)
    slices = {"plane": "axial", "space": "voxel", "start": "8", "stop": str(8 + SLICES), "step": "1"}
    given = {"task": str(task), "fusion": "concat", "backbone": "resnet10t", "image_size": EDGE, "epochs": 1}
    config = Settings.of({**given, "folds": 1, "batch_size": 32, "device": "cpu", "options": {"slices": slices}})
    for name in (
        "captum.attr",
        "matplotlib.figure",
        "nibabel",
        "scipy.stats",
        "sklearn.linear_model",
        "sklearn.metrics",
    ):
        import_module(name)  # before the first stage, so that none counts it
    plan, stages, quiet = make_plan(config), Stages(), Quiet()
    cohort = stages("reading and joining", lambda: read_cohort(config, plan.task, quiet))
    folds = assign_folds(cohort.subjects, config.dealt, config.seed)
    findings = stages("audit of tables", lambda: audit_tables(cohort, folds, plan.task))
    store = stages(
        "slice store", lambda: build_store(cohort.scans, plan.slices, EDGE, cache_folder("slices"), quiet, workers=1)
    )
    findings += stages("audit of images", lambda: audit_images(cohort, plan.task, store))
    gathered = Gathered(cohort, folds, store, findings)
    training = Training(config, 0, folder / "fold", Followers(Underway("scale", "run", folder, config), quiet))
    stages("an epoch, prediction, explanation", lambda: train_one(training, gathered, quiet))
    (folder / "run").mkdir()
    stages("scores and files", lambda: finish(plan, gathered, [training.folder], folder / "run"))
    stages("report", lambda: write_report(gather_evidence([Run(folder / "run")]), folder / "run"))
    return stages.found


def statistics_stages(subjects: int, folder: Path) -> dict[str, Any]:
    """What is computed of predictions and thumbnails alone, which can be invented at any size."""
    import numpy as np
    import pandas as pd

    from fusekit.audit.fingerprints import near_pairs
    from fusekit.evaluation import Rule, compare_arms, score
    from fusekit.evaluation.scores import value_and_interval
    from fusekit.extension import catalog

    draw = np.random.default_rng(0)
    metrics = {name: catalog().metrics.get(name)() for name in ("auc", "accuracy", "balanced-accuracy")}
    labels = draw.integers(0, 2, subjects)

    def arm(effect: float) -> pd.DataFrame:
        logits = np.repeat(effect * (labels - 0.5) + draw.normal(0, 1, subjects), SLICES)
        positive = 1 / (1 + np.exp(-logits - draw.normal(0, 0.5, subjects * SLICES)))
        names = np.repeat(np.array([f"p{number:06}" for number in range(subjects)]), SLICES)
        table = {"row": np.arange(subjects * SLICES), "subject": names, "scan": names}
        table |= {"slice": np.tile(np.arange(SLICES), subjects), "fold": np.repeat(np.arange(subjects) % 5, SLICES)}
        return pd.DataFrame({**table, "label": np.repeat(labels, SLICES), "p_0": 1 - positive, "p_1": positive})

    arms = {f"arm {number}": [arm(1 + number / 10)] for number in range(6)}
    thumbnails = draw.integers(0, 256, (subjects, 16, 16, 16), dtype=np.uint8)
    score(arms["arm 0"][0].head(2000), metrics)  # loads scipy
    stages = Stages()
    one = arms["arm 0"][0]
    people = stages("slices to subjects, one arm", lambda: Rule().subjects(one))
    stages("AUC of subjects, DeLong", lambda: value_and_interval(metrics["auc"], people))
    stages("balanced accuracy of subjects, bootstrap", lambda: value_and_interval(metrics["balanced-accuracy"], people))
    stages("AUC of slices, bootstrap", lambda: value_and_interval(metrics["auc"], one))
    stages("all pairs of 6 arms", lambda: compare_arms(arms))
    stages("near-duplicates, all pairs of scans", lambda: list(near_pairs(thumbnails, np.arange(subjects))))
    return stages.found


def slope(sizes: list[int], values: list[float]) -> float:
    """Exponent of growth: 1 is linear, 0 does not grow. Of log against log, by least squares."""
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-3)), 1)[0])


def measure(kind: str, sizes: list[int]) -> dict[int, dict[str, dict[str, float]]]:
    """Each size in a process of its own."""
    found = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.scale", "--stage", kind, "--subjects", str(size)]
            surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run([*command, "--folder", folder], env=surroundings, check=True, stdout=subprocess.PIPE)
            found[size] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(title: str, found: dict[int, dict[str, dict[str, float]]]) -> None:
    """A table: seconds and MiB of each size, and how they grow."""
    sizes = list(found)
    print(f"\n{title}\n{'subjects':42}" + "".join(f"{size:>18,}" for size in sizes) + "   growth of s, MiB")
    for stage in found[sizes[0]]:
        rows = [found[size][stage] for size in sizes]
        cells = "".join(f"{row['seconds']:8.1f} s {row['mib']:5.0f} M" for row in rows)
        growth = [slope(sizes, [row[name] for row in rows]) for name in ("seconds", "mib")]
        print(f"{stage:42}{cells}   {growth[0]:5.2f} {growth[1]:5.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=125, help="subjects of the smallest cohort")
    parser.add_argument("--full", type=int, default=50_000, help="subjects of the largest for the statistics")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--stage", choices=["cohort", "statistics"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        stages = {"cohort": cohort_stages, "statistics": statistics_stages}[options.stage]
        print(json.dumps(stages(options.subjects, options.folder)))
        return
    cohorts = measure("cohort", [times * options.subjects for times in TIMES])
    show(f"SYNTHETIC cohorts, {SLICES} slices of {EDGE} x {EDGE} a subject, one thread", cohorts)
    statistics = measure("statistics", [options.full // 8 * times for times in TIMES])
    show(f"SYNTHETIC predictions, {SLICES} slices a subject", statistics)
    if options.json:
        options.json.write_text(json.dumps({"cohorts": cohorts, "statistics": statistics}, indent=2) + "\n")


if __name__ == "__main__":
    main()
