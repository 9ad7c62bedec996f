"""Checks and pytest fixtures for plugin authors: call the check of your part from a test of yours.

Each raises AssertionError with a sentence about what FuseKit relies on and the part does not keep. The fixtures
(``fusekit.testing.fixtures``) are there wherever FuseKit is installed beside pytest, so nothing here loads torch before
it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusekit.testing.baselines import check_baseline
    from fusekit.testing.cohort import write_cohort
    from fusekit.testing.fusions import check_fusion
    from fusekit.testing.metrics import check_metric
    from fusekit.testing.objectives import check_objective
    from fusekit.testing.parts import check_backbone, check_encoder, check_head, check_injector
    from fusekit.testing.pools import check_pool
    from fusekit.testing.tasks import check_task

_HOMES = {
    "baselines": "check_baseline",
    "cohort": "write_cohort",
    "fusions": "check_fusion",
    "metrics": "check_metric",
    "objectives": "check_objective",
    "parts": "check_backbone check_encoder check_head check_injector",
    "pools": "check_pool",
    "tasks": "check_task",
}
_LAZY = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "check_backbone", "check_baseline", "check_encoder", "check_fusion", "check_head", "check_injector",
    "check_metric", "check_objective", "check_pool", "check_task", "write_cohort",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'fusekit.testing' has no attribute {name!r}")
    return getattr(import_module(f"fusekit.testing.{_LAZY[name]}"), name)
