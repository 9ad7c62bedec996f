"""Draw the pictures of the documentation from a run and a comparison.

``python docs/pictures.py runs/first runs/compare-adni-ad-KEY``, in the folder
in which they were made; pages are photographed with Chromium.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from rich.console import Console

from fusekit import Run, look
from fusekit.cli.console import print_run
from fusekit.experiment.evidence import gather_evidence
from fusekit.report.kept import run_folders

PICTURES = Path(__file__).parent / "pictures"
EXTRA = Path(__file__).parent / "extra"


#: Name of a picture -> width and height of the window. On a phone a page is longer.
SCREENS = {"report": (1280, 900), "report-phone": (390, 844)}


def main(folder: Path, comparison: Path) -> None:
    run = Run(folder)
    config = run.manifest["config"]
    PICTURES.mkdir(exist_ok=True)
    console = Console(record=True, width=84, file=io.StringIO())
    print_run(run, console)
    title = f"fusekit run {config['task']} --fusion {config['fusion']}"
    (PICTURES / "run.svg").write_text(console.export_svg(title=title), encoding="utf-8")
    shutil.copy(run.folder / "overview.png", PICTURES / "overview.png")
    (PICTURES / "look.png").write_bytes(look("hmi", count=4).picture.png)
    EXTRA.mkdir(exist_ok=True)
    page = Path(shutil.copy(comparison / "report.html", EXTRA / "example-report.html"))
    for name, size in SCREENS.items():
        photograph(page, PICTURES / f"{name}.png", size)

    evidence = gather_evidence([Run(path) for path in run_folders(comparison)])
    scores = [
        {"arm": arm.name, **{title: _cell(evidence.score(arm.name, name)) for name, title in evidence.metrics.items()}}
        for arm in evidence.arms
    ]
    pd.DataFrame(scores).to_csv(EXTRA / "example-scores.csv", index=False)
    auc = evidence.pairs[evidence.pairs["measure"] == "auc"]
    auc[["sentence"]].to_csv(EXTRA / "example-pairs.csv", index=False, header=["AUC, pair by pair"])


def _cell(row: pd.Series | None) -> str:
    return "" if row is None else f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def photograph(page: Path, picture: Path, size: tuple[int, int]) -> None:
    """The top of a page, as a window of that size shows it."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                shutil.which("chromium") or "google-chrome",
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"),
                f"--window-size={size[0]},{size[1]}",
                f"--screenshot={picture.absolute()}",
                page.absolute().as_uri(),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
