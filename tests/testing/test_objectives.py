"""The check of objectives passes a good one and names what a broken one breaks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusekit.models import Output
from fusekit.testing import check_objective
from fusekit.training import Objective
from fusekit.training.feed.loader import Batch


class Plain(Objective):
    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return {"outputs": cross_entropy(output.outputs, batch.label)}


class Learned(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))


class Forgetful(Plain):
    part_names = ("table",)


class Ordered(Plain):
    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return {"first": cross_entropy(output.outputs[:2], batch.label[:2])}


class Rounding(Plain):
    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return {"outputs": super().forward(output, batch)["outputs"].float()}


class Constant(Plain):
    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return {"outputs": output.parts.get("table", output.outputs.detach()).sum().requires_grad_()}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Learned, "it has weights of its own, which nothing trains"),
        (Forgetful, "no gradient reaches the part 'table', which part_names lists"),
        (Ordered, "the order of the samples in a batch changes the loss"),
        (Rounding, "in float64, the loss is torch.float32"),
        (Constant, "no gradient reaches the outputs"),
    ],
)
def test_a_broken_objective_is_refused_by_what_it_breaks(broken: type[Objective], said: str) -> None:
    check_objective(Plain(), 2)
    with pytest.raises(AssertionError, match=said):
        check_objective(broken(), 2)
