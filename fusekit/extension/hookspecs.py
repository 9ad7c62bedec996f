"""Every hook a plugin may implement. Decorate yours with ``@fusekit.hookimpl``; implement only what you need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:  # the command line starts without pandas, torch or typer's internals
    import typer

    from fusekit.data import Volume
    from fusekit.experiment.folder import Run
    from fusekit.experiment.followers import Underway
    from fusekit.extension.registry import Register

hookspec = pluggy.HookspecMarker("fusekit")
hookimpl = pluggy.HookimplMarker("fusekit")


@hookspec
def register_backbones(register: Register) -> None:
    """Register image backbones: ``(in_channels, *, sites, options...) -> Backbone``."""


@hookspec
def register_clinical_encoders(register: Register) -> None:
    """Register encoders of the clinical columns: ``(columns, *, options...) -> ClinicalEncoder``."""


@hookspec
def register_injectors(register: Register) -> None:
    """Register injectors of clinical features: ``(sites, clinical_width, *, options...) -> Injector``."""


@hookspec
def register_heads(register: Register) -> None:
    """Register fusion heads: ``(image_widths, clinical_width, classes, *, options...) -> FusionHead``."""


@hookspec
def register_fusions(register: Register) -> None:
    """Register fusions, the recipes behind ``--fusion NAME``: ``() -> Fusion``."""


@hookspec
def register_baselines(register: Register) -> None:
    """Register classical methods on the clinical table, behind ``--baseline NAME``: ``(*, options...) -> Baseline``."""


@hookspec
def register_tasks(register: Register) -> None:
    """Register tasks, the cohorts behind ``fusekit run NAME``: ``(*, options...) -> Task``."""


@hookspec
def register_metrics(register: Register) -> None:
    """Register metrics that tasks may name: ``() -> Metric``."""


@hookspec
def register_commands(cli: typer.Typer) -> None:
    """Add commands to ``fusekit``."""


@hookspec(firstresult=True)
def read_image(path: Path) -> Volume | None:
    """Read an image file or series folder, or return None to leave it to another plugin."""


@hookspec
def register_trackers(register: Register) -> None:
    """Register trackers, behind ``--track NAME``: ``(*, options...) ->`` an object with some of the hooks below."""


@hookspec
def run_started(underway: Underway) -> str | None:
    """Follow a run: called before its first epoch, in every process that trains folds of it; returns where to look."""


@hookspec
def epoch_ended(run: Run, underway: Underway, part: str, epoch: int, scores: dict[str, float]) -> None:
    """Called after each epoch (from 1) of a part (``fold-0``) with its row of ``history.csv``, in ``run.folder``.

    An epoch that a process died in is trained again, and may be told again.
    """


@hookspec
def run_ended(underway: Underway, run: Run | None) -> None:
    """Called when the folder of a run is complete, or with None when the run failed or was stopped."""
