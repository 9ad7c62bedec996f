"""Draw the picture of ``fusekit explain`` from a run on a SYNTHETIC cohort: ``python docs/explain_picture.py RUN``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from fusekit import Run
from fusekit.cli.bundle.explain import explain
from fusekit.experiment.setup.cohort import synthetic_cohort
from fusekit.extension import catalog
from fusekit.progress import Bars

PICTURES = Path(__file__).parent / "pictures"


def main(folder: Path) -> None:
    """The most certain rightly called subject of the positive class, with other values of tau and age."""
    run = Run(folder)
    config = run.manifest["config"]
    task = catalog().tasks.get("adni-ad")()
    cohort = task.scan(synthetic_cohort("adni-ad", task, config["options"], Bars()), Bars())
    scan = run.predictions.query("label == 1").sort_values("p_1")["scan"].iloc[-1]
    with TemporaryDirectory() as made:
        table, out = Path(made, "patient.csv"), Path(made, "out")
        cohort.clinical.loc[[scan]].to_csv(table, index=False)
        explain(
            folder,
            image=cohort.scans.loc[scan, "image"],
            clinical=table,
            what_if=["TAU", "AGE=60", "AGE=80", "AGE=90"],
            out=out,
        )
        shutil.copy(out / "explanation.png", PICTURES / "explain.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
