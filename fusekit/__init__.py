"""FuseKit: fuse a medical image with a patient's table.

All public names are importable from here; those that need torch are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from fusekit.errors import FusekitError
from fusekit.extension import hookimpl

if TYPE_CHECKING:
    from fusekit.baselines import Baseline, NumberBaseline, SurvivalBaseline
    from fusekit.bundle.bundle import Bundle
    from fusekit.bundle.load import load
    from fusekit.data import (
        Classes,
        Cohort,
        Column,
        Finding,
        Number,
        Ordered,
        Preset,
        Published,
        SlicePolicy,
        Target,
        Task,
        TimeToEvent,
        Volume,
    )
    from fusekit.experiment.cohort import cohort
    from fusekit.experiment.compare.comparison import Comparison, compare
    from fusekit.experiment.external.external import evaluate
    from fusekit.experiment.look import look
    from fusekit.experiment.run.run import run
    from fusekit.experiment.setup.trackers import Underway
    from fusekit.extension.fusion import Fusion
    from fusekit.extension.listing import backbones, fusions, tasks
    from fusekit.models import (
        Backbone,
        ClinicalEncoder,
        ClinicalFeatures,
        FusionHead,
        FusionModel,
        ImageFeatures,
        ImageWidths,
        Injector,
        Output,
        Pool,
        Site,
    )
    from fusekit.models.anatomy import describe
    from fusekit.models.build import build
    from fusekit.report.run import Run
    from fusekit.training import Objective

__version__ = _version("fusekit")

_HOMES = {
    "fusekit.baselines": "Baseline NumberBaseline SurvivalBaseline",
    "fusekit.bundle.bundle": "Bundle",
    "fusekit.bundle.load": "load",
    "fusekit.data": "Classes Cohort Column Finding Number Ordered Preset Published SlicePolicy Target Task TimeToEvent "
    "Volume",
    "fusekit.experiment.cohort": "cohort",
    "fusekit.experiment.compare.comparison": "Comparison compare",
    "fusekit.experiment.external.external": "evaluate",
    "fusekit.experiment.look": "look",
    "fusekit.report.run": "Run",
    "fusekit.experiment.run.run": "run",
    "fusekit.experiment.setup.trackers": "Underway",
    "fusekit.extension.fusion": "Fusion",
    "fusekit.extension.listing": "backbones fusions tasks",
    "fusekit.models": "Backbone ClinicalEncoder ClinicalFeatures FusionHead FusionModel ImageFeatures ImageWidths "
    "Injector Output Pool Site",
    "fusekit.models.anatomy": "describe",
    "fusekit.models.build": "build",
    "fusekit.training": "Objective",
}
_LAZY = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Backbone", "Baseline", "Bundle", "Classes", "ClinicalEncoder", "ClinicalFeatures", "Cohort", "Column",
    "Comparison", "Finding", "FusekitError", "Fusion", "FusionHead", "FusionModel", "ImageFeatures", "ImageWidths",
    "Injector", "Number", "NumberBaseline", "Objective", "Ordered", "Output", "Pool", "Preset", "Published", "Run",
    "Site", "SlicePolicy", "SurvivalBaseline", "Target", "Task", "TimeToEvent", "Underway", "Volume", "backbones",
    "build", "cohort", "compare", "describe", "evaluate", "fusions", "hookimpl", "load", "look", "run", "tasks",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'fusekit' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
