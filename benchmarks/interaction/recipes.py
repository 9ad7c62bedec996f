"""How arms are trained: every arm of a benchmark alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.interaction.people import People
from fusekit.experiment.setup.presets import TUNED
from fusekit.models import channels_last, weights_channels_last
from fusekit.training.feed.augment import WHITE, Augment, AugmentOptions
from fusekit.training.step.average import Average

BATCH, LR = 32, 1e-3


class Recipe(NamedTuple):
    """A network, steps of AdamW with one cycle of the learning rate, and what is done against memorising.

    Args:
        augment: options of ``fusekit.training.feed.augment``; without, left and right alone are exchanged.
        average: decay of the moving average of the weights; 0: none.
        encoder: options of the encoder ``mlp``, which all but those of tokens then have; empty: each has its own.
    """

    backbone: str
    steps: int
    weight_decay: float = 0.01
    augment: Mapping[str, float] = {}
    average: float = 0.0
    bf16: bool = False
    encoder: Mapping[str, Any] = {}


#: ``plain`` was there first, and has the table's path of the fusions as registered. ``narrow`` is the product's preset
#: ``tuned`` and, instead of that path, the one of ``table-first``: one layer of 16 units.
RECIPES = {
    "plain": Recipe("test_resnet", 300),
    "narrow": Recipe(
        TUNED.backbone,
        600,
        TUNED.options["training"]["weight_decay"],
        TUNED.options["augment"],
        TUNED.options["training"]["ema"],
        bf16=True,
        encoder={"width": 16, "depth": 1},
    ),
}


def train(model: nn.Module, people: People, recipe: Recipe, seed: int, *, mirror: bool) -> None:
    """Train a model; with ``mirror``, left and right are exchanged half of the time."""
    rng = np.random.default_rng(seed)
    weights = weights_channels_last(model).parameters()
    optimizer = torch.optim.AdamW(weights, fused=True, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=recipe.steps)
    average = Average(model, recipe.average) if recipe.average else None
    augment = Augment(AugmentOptions(**{**recipe.augment, "flip": 0.5 * mirror}), seed)
    order = np.empty(0, dtype=np.int64)
    model.train()
    for step in range(recipe.steps):
        if len(order) < BATCH:
            order = np.concatenate((order, rng.permutation(len(people.label))))
        rows, order = order[:BATCH], order[BATCH:]
        image = people.image[rows]
        if recipe.augment:
            image = _augmented(image, augment, step)
        elif mirror:
            mirrored = torch.from_numpy(rng.random((BATCH, 1, 1, 1)) < 0.5)
            image = torch.where(mirrored, image.flip(2), image)  # axis 2 is left to right
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            logits = model(channels_last(image), people.columns[rows])
        nn.functional.cross_entropy(logits.float(), people.label[rows]).backward()
        optimizer.step()
        schedule.step()
        if average:
            average.update()
    if average:
        average.keep()
    model.eval()


def _augmented(image: Tensor, augment: Augment, step: int) -> Tensor:
    """Images as grey levels, left to right along the last axis; each of mean 0 and deviation 1 again."""
    low, high = image.amin((1, 2, 3), keepdim=True), image.amax((1, 2, 3), keepdim=True)
    grey = WHITE * (image - low) / (high - low)
    changed = augment(grey.transpose(2, 3), 0, step).transpose(2, 3)
    centred = changed - changed.mean((1, 2, 3), keepdim=True)
    return centred / centred.std((1, 2, 3), keepdim=True)
