"""The loop against the same steps written by hand, and what it refuses."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusekit import Fusion, build
from fusekit.data import Pixels
from fusekit.errors import FusekitError
from fusekit.progress import Quiet
from fusekit.training import AugmentOptions, CrossEntropy, SliceDataset, TrainingOptions, train
from fusekit.training.feed.loader import Batch, EpochBatches, loader_for
from fusekit.training.guard.failures import BatchTooLargeError
from fusekit.training.machines.fabric import fabric_for
from fusekit.training.step import compiled


class Small(nn.Module):
    """Enough of a network to train: image and columns to two logits."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(1, 3, 3)
        self.head = nn.Linear(3 + 2, 2)

    def forward(self, image: Tensor, clinical: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([self.image(image).relu().mean(dim=(2, 3)), clinical], dim=1))
        return logits


def data(count: int = 24) -> SliceDataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (count, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(count) % 2
    clinical = rng.normal(size=(count, 2)) + labels[:, None]
    return SliceDataset(images, np.arange(count), clinical, labels, Pixels((127.0,), (70.0,)))


def fit(model: nn.Module, **changes: Any) -> list[dict[str, float]]:
    history: list[dict[str, float]] = []
    settings: dict[str, Any] = {"epochs": 3, "lr": 0.01, "options": TrainingOptions()} | changes
    train(
        fabric_for("cpu", settings.pop("precision", "32-true")),
        model,
        settings.pop("data", data()),
        batch_size=6,
        seed=5,
        progress=Quiet(),
        epoch_ended=lambda epoch, scores: history.append({"epoch": epoch, **scores}),
        **settings,
    )
    return history


def test_training_is_adam_on_cross_entropy() -> None:
    torch.manual_seed(0)
    model = Small()
    expected = copy.deepcopy(model)
    history = fit(model)

    optimizer = torch.optim.Adam(expected.parameters(), lr=0.01)
    order = EpochBatches(24, 6, seed=5)
    loader = loader_for(data(), order)
    for epoch in (1, 2, 3):
        order.start_epoch(epoch)
        losses: list[float] = []
        hits = 0
        batch: Batch
        for batch in loader:
            logits = expected((batch.image.float() - 127) / 70, batch.clinical)
            loss = cross_entropy(logits, batch.label)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(float(loss.detach()))
            hits += int((logits.argmax(1) == batch.label).sum())
        assert history[epoch - 1]["epoch"] == epoch
        assert history[epoch - 1]["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
        assert history[epoch - 1]["accuracy"] == pytest.approx(hits / 24)
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    assert not model.training


def test_without_options_weights_are_those_of_the_bare_loop_to_the_last_bit() -> None:
    torch.manual_seed(0)
    model = Small()
    expected = copy.deepcopy(model)
    fit(model)
    images, given = data().images, data()
    optimizer = torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0, fused=True)
    for epoch in (1, 2, 3):
        order = np.random.default_rng((5, epoch)).permutation(24)
        for rows in order.reshape(-1, 6):
            image = torch.from_numpy((images[rows].astype(np.float32) - np.float32(127)) / np.float32(70))
            optimizer.zero_grad()
            logits = expected(image.contiguous(memory_format=torch.channels_last), given.clinical[rows])
            torch.autograd.backward(cross_entropy(logits, given.labels[rows]))
            optimizer.step()
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_averaged_weights_are_validated_and_kept() -> None:
    torch.manual_seed(0)
    model = Small()
    plain = copy.deepcopy(model)
    seen: list[Tensor] = []
    scores = iter([0.5, 0.9, 0.7])

    def validate() -> float:
        seen.append(model.head.weight.detach().clone())
        return next(scores)

    fit(model, validate=validate, options=TrainingOptions(ema=0.5))
    expected, steps, count = None, [], 0
    optimizer = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0, fused=True)
    for epoch in (1, 2, 3):
        for rows in np.random.default_rng((5, epoch)).permutation(24).reshape(-1, 6):
            optimizer.zero_grad()
            image = data().pixels.to_tensor(data().images[rows])
            torch.autograd.backward(cross_entropy(plain(image, data().clinical[rows]), data().labels[rows]))
            optimizer.step()
            now = plain.head.weight.detach().clone()
            decay = min(0.5, (1 + count) / (10 + count))
            expected = now if expected is None else decay * expected + (1 - decay) * now
            count += 1
        steps.append(expected)
    for found, literal in zip(seen, steps, strict=True):
        torch.testing.assert_close(found, literal, rtol=1e-4, atol=1e-6)
    assert torch.equal(model.head.weight, seen[1])


def test_augmented_images_are_what_the_network_sees() -> None:
    weights = []
    for augment in (None, AugmentOptions(), AugmentOptions(noise=0.5), AugmentOptions(noise=0.5)):
        torch.manual_seed(0)
        model = Small()
        fit(model, augment=augment)
        weights.append(model.image.weight)
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[2], weights[3])
    assert not torch.allclose(weights[0], weights[2])


def test_a_compiled_network_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    weights = []
    for compile_ in (False, True):
        torch.manual_seed(0)
        model = Small()
        fit(model, options=TrainingOptions(compile=compile_))
        weights.append(model.state_dict())
    assert list(weights[0]) == list(weights[1])
    for one, other in zip(weights[0].values(), weights[1].values(), strict=True):
        torch.testing.assert_close(one, other)


def test_training_learns_what_is_there_to_learn() -> None:
    torch.manual_seed(0)
    history = fit(Small(), epochs=40)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]


def test_weight_decay_shrinks_weights() -> None:
    norms = []
    for decay in (0.0, 5.0):
        torch.manual_seed(0)
        model = Small()
        fit(model, options=TrainingOptions(weight_decay=decay))
        norms.append(float(model.head.weight.detach().norm()))
    assert norms[1] < 0.8 * norms[0]


def test_mixed_precision_trains_on_cpu_too() -> None:
    torch.manual_seed(0)
    model = Small()
    history = fit(model, precision="bf16-mixed")
    assert np.isfinite([row["loss"] for row in history]).all()
    assert model.head.weight.dtype == torch.float32


def test_a_loss_that_is_not_finite_stops_with_epoch_and_batch() -> None:
    model = Small()
    with torch.no_grad():
        model.head.weight.fill_(float("inf"))
    with pytest.raises(FusekitError, match=r"not finite in epoch 1, batch 1 of 4\. Lower the learning rate"):
        fit(model)


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device; the code is the same on CPU, tested above"
)
def test_training_on_cuda_agrees_with_cpu() -> None:
    torch.manual_seed(0)
    model = Small()
    other = copy.deepcopy(model)
    history = fit(model)
    cuda: list[dict[str, float]] = []
    train(
        fabric_for("cuda", "32-true"),
        other,
        data(),
        batch_size=6,
        seed=5,
        epochs=3,
        lr=0.01,
        options=TrainingOptions(),
        progress=Quiet(),
        epoch_ended=lambda epoch, scores: cuda.append(scores),
    )
    assert [row["loss"] for row in cuda] == pytest.approx([row["loss"] for row in history], rel=1e-3)


def test_the_epoch_that_validates_best_is_kept_as_if_training_had_ended_there() -> None:
    scores = iter([0.5, 0.8, 0.7, 0.8, 0.6])
    seen: list[bool] = []
    torch.manual_seed(0)
    model = Small()
    start = copy.deepcopy(model)

    def validate() -> float:
        seen.append(model.training)
        return next(scores)

    history = fit(model, epochs=5, validate=validate)
    assert [row["validation_auc"] for row in history] == [0.5, 0.8, 0.7, 0.8, 0.6]
    assert seen == [False] * 5  # in evaluation mode
    fit(start, epochs=2)
    for kept, straight in zip(model.parameters(), start.parameters(), strict=True):
        assert torch.equal(kept, straight)


def test_training_stops_when_patience_ends() -> None:
    scores = iter([0.9, 0.8, 0.7, 0.6])
    history = fit(Small(), epochs=9, validate=lambda: next(scores), options=TrainingOptions(patience=3))
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]


def test_a_batch_that_does_not_fit_ends_with_a_size_that_does() -> None:
    class Large(Small):
        """A step with more than two slices needs more memory than there is."""

        def forward(self, image: Tensor, clinical: Tensor) -> Tensor:
            torch.empty(2**60 if len(image) > 2 else 1)
            return super().forward(image, clinical)

    with pytest.raises(BatchTooLargeError, match=r"a batch of 6 in epoch 1, batch 1 of 4\. .* --batch-size 2\."):
        fit(Large())


def test_each_of_several_terms_is_followed_and_their_sum_is_what_is_made_small() -> None:
    torch.manual_seed(0)
    recipe = Fusion("concat", "mlp", options={"encoder": {"width": 4}})
    model = build(recipe, backbone="test_resnet", columns=2, classes=2)
    model.add_auxiliary(("image",), 2)
    expected = copy.deepcopy(model).train()
    history = fit(model, epochs=1, objective=CrossEntropy(image=0.5), data=data(6))
    given = data(6)
    rows = np.random.default_rng((5, 1)).permutation(6)
    found = expected.output(given.pixels.to_tensor(given.images[rows]), given.clinical[rows])
    terms = {
        "loss_outputs": cross_entropy(found.outputs, given.labels[rows]),
        "loss_image": 0.5 * cross_entropy(found.parts["image"], given.labels[rows]),
    }
    for name, term in terms.items():
        assert history[0][name] == pytest.approx(float(term.detach()), rel=1e-5)
    assert history[0]["loss"] == pytest.approx(sum(history[0][name] for name in terms))
    torch.autograd.backward(sum(terms.values(), torch.zeros(())))
    torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0).step()
    for name in ("head.classify.weight", "auxiliary.image.weight"):  # of others, some slopes are nothing but rounding
        torch.testing.assert_close(model.state_dict()[name], expected.state_dict()[name], rtol=1e-3, atol=1e-5)


def test_one_term_is_the_loss_and_has_no_column_of_its_own() -> None:
    torch.manual_seed(0)
    (row,) = fit(Small(), epochs=1)
    assert list(row) == ["epoch", "loss", "accuracy", "lr", "seconds", "images_per_second"]


def test_slices_are_drawn_by_their_shares() -> None:
    torch.manual_seed(0)
    model = Small()
    drawn = data()
    drawn.shares = np.where(drawn.labels.numpy() == 1, 1 / 12, 0)
    history = fit(model, epochs=20, data=drawn)
    assert history[-1]["accuracy"] == 1  # there is one class to learn
