"""CORN's loss, against the authors' formula and a loop over samples and cuts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fusekit.data import Ordered
from fusekit.models import Output
from fusekit.testing import check_objective
from fusekit.training import Corn
from fusekit.training.feed.loader import Batch
from fusekit.training.objectives import total

DRAW = torch.Generator().manual_seed(0)
OUTPUTS = 2 * torch.randn(40, 3, generator=DRAW, dtype=torch.float64)
LABELS = torch.randint(0, 4, (40,), generator=DRAW)


def batch(labels: Tensor, present: Tensor | None = None) -> Batch:
    count = len(labels)
    return Batch(torch.zeros(count, 1, 2, 2), torch.zeros(count, 2), labels, torch.arange(count), present)


def authors(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """``corn_loss`` of coral_pytorch 1.4 (MIT), with its own steps."""
    sets = []
    for i in range(classes - 1):
        label_mask = labels > i - 1
        sets.append((label_mask, (labels[label_mask] > i).to(torch.int64)))
    count, losses = 0, torch.zeros((), dtype=logits.dtype)
    for index, (train_examples, train_labels) in enumerate(sets):
        if len(train_labels) < 1:
            continue
        count += len(train_labels)
        pred = logits[train_examples, index]
        losses = losses - torch.sum(logsigmoid(pred) * train_labels + (logsigmoid(pred) - pred) * (1 - train_labels))
    return losses / count


@pytest.mark.parametrize("labels", [LABELS, LABELS.clamp(max=1), torch.zeros(40, dtype=torch.long)])
def test_it_is_the_authors_loss(labels: Tensor) -> None:
    """Also where a batch has nobody who reaches a cut."""
    found = Corn()(Output(OUTPUTS, {}, {}), batch(labels))
    assert list(found) == ["outputs"]
    torch.testing.assert_close(found["outputs"], authors(OUTPUTS, labels, 4))


def test_it_is_a_mean_over_samples_and_the_cuts_that_they_reach() -> None:
    losses = []
    for outputs, label in zip(OUTPUTS.tolist(), LABELS.tolist(), strict=True):
        for cut, logit in enumerate(outputs):
            if label >= cut:
                p = 1 / (1 + math.exp(-logit))
                losses.append(-math.log(p if label > cut else 1 - p))
    assert float(Corn().term(OUTPUTS, LABELS)) == pytest.approx(sum(losses) / len(losses))


def test_samples_without_the_modality_do_not_count_for_its_head() -> None:
    there = torch.arange(40) % 3 > 0
    found = Corn(table=0.5)(
        Output(OUTPUTS, {"table": OUTPUTS}, {}), batch(LABELS, torch.stack([torch.ones(40).bool(), there], dim=1))
    )
    torch.testing.assert_close(found["table"], 0.5 * authors(OUTPUTS[there], LABELS[there], 4))
    assert Corn().term(OUTPUTS, LABELS, torch.zeros(40, dtype=torch.bool)) == 0


def test_the_tally_counts_the_most_probable_classes() -> None:
    called = Ordered(tuple("abcd")).answers(OUTPUTS).argmax(dim=1)
    assert Corn().tally(OUTPUTS, LABELS)["accuracy"] == int((called == LABELS).sum())


def test_the_shares_of_the_classes_minimise_it() -> None:
    """With one output for all samples, nothing is steeper than the shares of those who reach a cut and pass it."""
    passed = torch.tensor([float((LABELS[k <= LABELS] > k).double().mean()) for k in range(3)], dtype=torch.float64)
    outputs = torch.logit(passed).requires_grad_()
    (slope,) = torch.autograd.grad(Corn().term(outputs.expand(40, 3), LABELS), outputs)
    torch.testing.assert_close(slope, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-7)
    shares = torch.bincount(LABELS, minlength=4) / 40
    torch.testing.assert_close(Ordered(tuple("abcd")).answers(outputs.detach()[None])[0], shares.double())


def test_it_keeps_what_objectives_promise() -> None:
    assert list(check_objective(Corn(image=0.3), 4)) == ["outputs", "image"]
    assert total(Corn()(Output(OUTPUTS, {}, {}), batch(LABELS))).ndim == 0
