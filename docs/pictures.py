"""Make the pictures of the documentation anew from a run folder: ``python docs/pictures.py runs/first``."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from rich.console import Console

from fusekit.cli.console import print_run
from fusekit.experiment import Run

PICTURES = Path(__file__).parent / "pictures"


def main(folder: Path) -> None:
    run = Run(folder)
    config = run.manifest["config"]
    PICTURES.mkdir(exist_ok=True)
    console = Console(record=True, width=84, file=io.StringIO())
    print_run(run, console)
    title = f"fusekit run {config['task']} --fusion {config['fusion']}"
    (PICTURES / "run.svg").write_text(console.export_svg(title=title), encoding="utf-8")
    shutil.copy(run.folder / "overview.png", PICTURES / "overview.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
