"""The check of pools names what a broken one breaks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fusekit.models import ImageFeatures, ImageWidths
from fusekit.models.pools.attention import GatedAttention
from fusekit.models.pools.mean import MeanPool
from fusekit.testing import check_pool

WIDTHS = ImageWidths(4, 3)


class Unmasked(MeanPool):
    """Padding counts."""

    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        return torch.full(mask.shape, 1 / mask.shape[1])


class Sum(MeanPool):
    """Long scans are larger than short ones."""

    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        return mask.float()


class Signed(MeanPool):
    """What speaks against."""

    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        return torch.where(torch.arange(mask.shape[1]) == 0, -1.0, 1.0).expand(mask.shape) * mask


class Looking(GatedAttention):
    """A scan's weights feel what its padding holds."""

    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        seen = features.vector.reshape(*mask.shape, -1).sum(dim=(1, 2), keepdim=True)[..., 0]
        weights = torch.softmax(torch.arange(mask.shape[1]) * seen + torch.log(mask.float()), dim=1)
        return weights * mask


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Unmasked, "a slice that is not there has a weight"),
        (Sum, "the weights of a scan do not sum to 1"),
        (Signed, "a weight is below 0"),
        (Looking, "slices that are not there change what a scan is joined to"),
    ],
)
def test_a_broken_pool_is_named_with_what_it_breaks(broken: type[MeanPool], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_pool(broken(WIDTHS, 0), WIDTHS)
