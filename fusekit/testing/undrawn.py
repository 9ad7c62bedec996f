"""Runs that draw and report nothing, which takes longer than a small training."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

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
