"""Check a pool: weights, what padding changes, and what every part owes."""

import torch
from torch import Tensor, nn

from fusekit.models import ImageFeatures, ImageWidths, Pool
from fusekit.models.probe import shaken
from fusekit.testing.modules import BATCH, check_module, random_inputs

#: Slices of each scan, and how many more are padding.
SLICES, PADDING = 4, 2


def check_pool(pool: Pool, image_widths: ImageWidths, clinical_width: int = 0) -> None:
    """Check a pool that was built for these widths; ``clinical_width`` is 0 where the fusion reads no table."""
    shapes = [(SLICES, image_widths.map, 3, 2), (SLICES, image_widths.vector)]
    inputs = random_inputs(*shapes, *[(clinical_width,)] if clinical_width else [])

    def call(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        there = torch.ones(given[1].shape[:2], dtype=torch.bool, device=given[1].device)
        (map_, vector), weights = _joined(module, given, there)
        return vector, map_, weights

    moved = shaken(pool).eval()  # one that starts with equal weights would hide what it does
    with torch.no_grad():
        _check_weights(moved, inputs)
        _check_padding(moved, inputs)
    check_module(pool, inputs, call, shape=("its vectors are joined to", (BATCH, image_widths.vector)))


def _joined(pool: nn.Module, given: tuple[Tensor, ...], there: Tensor) -> tuple[ImageFeatures, Tensor]:
    assert isinstance(pool, Pool)
    features = ImageFeatures(*(part.flatten(0, 1) for part in given[:2]))
    joined, weights = pool(features, there, given[2] if len(given) > 2 else None)
    assert isinstance(joined, ImageFeatures), f"it joins to {type(joined).__name__}, not ImageFeatures"
    assert weights.shape == there.shape, (
        f"its weights have shape {tuple(weights.shape)}; the mask of slices has {tuple(there.shape)}"
    )
    return joined, weights


def _check_weights(pool: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    there = torch.ones(BATCH, SLICES, dtype=torch.bool)
    _, weights = _joined(pool, inputs, there)
    assert bool((weights >= 0).all()), "a weight is below 0"
    assert torch.allclose(weights.sum(dim=1), torch.ones(BATCH), atol=1e-5), "the weights of a scan do not sum to 1"


def _check_padding(pool: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Slices that are not there change nothing, whatever their features are."""
    plain, weights = _joined(pool, inputs, torch.ones(BATCH, SLICES, dtype=torch.bool))
    there = torch.tensor([True] * SLICES + [False] * PADDING).expand(BATCH, -1)
    generator = torch.Generator().manual_seed(2)
    further = (torch.randn(BATCH, PADDING, *part.shape[2:], generator=generator) for part in inputs[:2])
    padded = tuple(torch.cat(pair, dim=1) for pair in zip(inputs[:2], further, strict=True))
    joined, own = _joined(pool, (*padded, *inputs[2:]), there)
    assert bool((own[:, SLICES:] == 0).all()), "a slice that is not there has a weight: look at the mask"
    pairs = ((own[:, :SLICES], weights), *zip(joined, plain, strict=True))
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in pairs), (
        "slices that are not there change what a scan is joined to: look at the mask"
    )
