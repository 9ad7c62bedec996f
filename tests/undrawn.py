"""``fusekit`` that draws nothing of its runs, which takes longer than a small training.

``python undrawn.py run TASK ...`` is ``fusekit run TASK ...`` in a process of its own, also for torchrun and srun.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from fusekit.cli import main
from fusekit.report.evidence import Evidence


def undrawn() -> Iterator[tuple[ModuleType, str, Any]]:
    """What draws or computes what is drawn, with a substitute: module, name, function."""

    def blank(evidence: Evidence | None, out: Path) -> Path:
        page = out / "report.html"
        page.write_text(" ".join(["<!doctype html>", *(arm.name for arm in (evidence.arms if evidence else ()))]))
        return page

    def overview(path: Path, **_: object) -> None:
        path.write_bytes(b"")

    run = import_module("fusekit.experiment.run.run")
    yield run, "gather_evidence", lambda runs: None
    yield run, "write_report", blank
    yield import_module("fusekit.experiment.compare.comparison"), "write_report", blank
    yield (
        import_module("fusekit.experiment.run.finish"),
        "OVERVIEWS",
        dict.fromkeys(("classes", "ordered", "number"), overview),
    )


def draw_nothing() -> None:
    """For the rest of this process."""
    for module, name, substitute in undrawn():
        setattr(module, name, substitute)


if __name__ == "__main__":
    draw_nothing()
    main()
