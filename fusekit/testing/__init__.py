"""Checks for plugin authors: call the one for your part from a test of yours.

Each raises AssertionError with a sentence about what FuseKit relies on and the part does not keep.
"""

from fusekit.testing.baselines import check_baseline
from fusekit.testing.fusions import check_fusion
from fusekit.testing.objectives import check_objective
from fusekit.testing.parts import check_backbone, check_encoder, check_head, check_injector
from fusekit.testing.pools import check_pool
from fusekit.testing.tasks import check_task

__all__ = [
    "check_backbone", "check_baseline", "check_encoder", "check_fusion", "check_head", "check_injector",
    "check_objective", "check_pool", "check_task",
]  # fmt: skip
