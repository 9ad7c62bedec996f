"""Losses against torch, torchvision and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_squared_error
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss
from torchvision.ops import sigmoid_focal_loss

from fusekit.errors import OptionError
from fusekit.extension import catalog
from fusekit.models import Output
from fusekit.testing import check_objective
from fusekit.training import CrossEntropy, Objective, SquaredError
from fusekit.training.feed.loader import Batch
from fusekit.training.objectives import Quantile, total

DRAW = torch.Generator().manual_seed(0)
LOGITS, IMAGE, TABLE = torch.randn(3, 8, 3, generator=DRAW)
LABELS = torch.tensor([0, 1, 2, 2, 1, 0, 0, 2])


def batch(labels: Tensor = LABELS) -> Batch:
    count = len(labels)
    return Batch(torch.zeros(count, 1, 2, 2), torch.zeros(count, 2), labels, torch.arange(count))


def terms(
    objective: Objective, logits: Tensor = LOGITS, labels: Tensor = LABELS, **losses: Tensor
) -> dict[str, Tensor]:
    return dict(objective(Output(logits, {"image": IMAGE, "table": TABLE}, losses), batch(labels)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_by_default_it_is_torch_s_cross_entropy_to_the_last_bit(smoothing: float) -> None:
    found = terms(CrossEntropy(smoothing=smoothing))
    assert list(found) == ["outputs"]
    assert torch.equal(total(found), cross_entropy(LOGITS, LABELS, label_smoothing=smoothing))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gamma_makes_the_focal_loss_of_torchvision(gamma: float) -> None:
    """Two logits of which the first is 0 are the logit of a sigmoid."""
    logit, labels = 3 * LOGITS[:, 0], LABELS % 2
    found = total(terms(CrossEntropy(gamma=gamma), torch.stack([torch.zeros(8), logit], dim=1), labels))
    expected = sigmoid_focal_loss(logit, labels.float(), alpha=-1, gamma=gamma, reduction="mean")
    torch.testing.assert_close(found, expected)


def test_a_focal_loss_has_a_slope_where_a_prediction_is_certain() -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = total(terms(CrossEntropy(gamma=0.5), logits, torch.tensor([0, 0])))
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert bool(logits.grad[1].any())


def test_balanced_weights_are_those_of_scikit_learn_over_subjects() -> None:
    subjects = np.repeat([0, 1, 2], [30, 5, 10])
    weights = compute_class_weight("balanced", classes=np.arange(3), y=subjects)
    literal = np.mean(
        [weights[label] * -row.log_softmax(0)[label].item() for row, label in zip(LOGITS, LABELS.tolist(), strict=True)]
    )
    objective = CrossEntropy((30, 5, 10), class_weights="balanced")
    assert float(total(terms(objective))) == pytest.approx(literal, rel=1e-6)
    halves = [total(terms(objective, LOGITS[part], LABELS[part])) for part in (slice(4), slice(4, 8))]
    torch.testing.assert_close(torch.stack(halves).mean(), total(terms(objective)))  # whichever batch a sample is in
    assert set(objective.state_dict()) == {"class_weights"}


def test_parts_and_the_model_s_own_losses_are_weighted_terms() -> None:
    own = torch.tensor(0.7)
    found = terms(CrossEntropy(image=0.3, losses=0.5), apart=own)
    assert list(found) == ["outputs", "image", "apart"]
    torch.testing.assert_close(found["image"], 0.3 * cross_entropy(IMAGE, LABELS))
    torch.testing.assert_close(found["apart"], 0.5 * own)
    torch.testing.assert_close(total(found), sum(found.values()))
    assert list(terms(CrossEntropy(losses=0), apart=own)) == ["outputs"]
    assert CrossEntropy(image=0.3).part_names == ("image",)
    with pytest.raises(OptionError, match="a loss called 'outputs', which is the name of another term"):
        terms(CrossEntropy(), outputs=own)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"smoothing": 1.0}, r"objective\.smoothing takes a share from 0 to below 1, not 1"),
        ({"gamma": -1.0}, r"objective\.gamma takes a finite number, 0 or more, not -1"),
        ({"table": float("inf")}, r"objective\.table takes a finite number"),
        ({"class_weights": "balanced"}, "needs a training subject of every class"),
    ],
)
def test_values_that_do_not_fit_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        CrossEntropy((3, 0), **options)


@pytest.mark.parametrize("found", [{}, torch.zeros(()), {"a": torch.zeros(2)}, {"a": 1.0}])
def test_what_is_no_loss_is_refused(found: Any) -> None:
    with pytest.raises(OptionError, match="an objective returns names with losses"):
        total(found)


OPTIONS: dict[str, list[dict[str, Any]]] = {
    "cross-entropy": [{}, {"gamma": 2.0, "smoothing": 0.1}, {"class_weights": "balanced", "image": 0.5}],
    "cox": [{}, {"image": 0.5}],
    "hazards": [{}, {"image": 0.5, "table": 0.2}],
    "quantile": [{}, {"level": 0.9, "image": 0.5}],
    "squared-error": [{}, {"huber": 0.5, "table": 0.5}],
    "corn": [{}, {"image": 0.5}],
}


@pytest.mark.parametrize("name", catalog().objectives.names())
def test_every_registered_objective_keeps_what_it_owes(name: str) -> None:
    for options in OPTIONS[name]:
        made = catalog().objectives.get(name)((5, 3, 9), **options)
        assert check_objective(made, 3)["outputs"] > 0


NUMBERS = torch.randn(8, generator=torch.Generator().manual_seed(1))


def test_the_squared_error_is_torch_s_and_scikit_learn_s() -> None:
    found = total(terms(SquaredError(), LOGITS[:, :1], NUMBERS))
    assert torch.equal(found, mse_loss(LOGITS[:, 0], NUMBERS))
    assert float(found) == pytest.approx(mean_squared_error(NUMBERS, LOGITS[:, 0]), rel=1e-6)


def test_huber_counts_large_errors_linearly() -> None:
    errors = torch.tensor([0.5, -0.5, 3.0, -3.0])
    found = total(terms(SquaredError(huber=1.0), errors[:, None], torch.zeros(4)))
    assert float(found) == pytest.approx((2 * 0.5 * 0.5**2 + 2 * (3.0 - 0.5)) / 4)


def test_an_objective_of_numbers_keeps_what_objectives_promise() -> None:
    assert list(check_objective(SquaredError(huber=0.5, image=0.3), 3)) == ["outputs", "image"]
    with pytest.raises(OptionError, match=r"objective\.huber takes a finite number"):
        SquaredError(huber=-1.0)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_pinball_loss_is_scikit_learn_s_and_best_at_the_quantile(level: float) -> None:
    found = total(terms(Quantile(level=level), LOGITS[:, :1], NUMBERS))
    assert float(found) == pytest.approx(mean_pinball_loss(NUMBERS, LOGITS[:, 0], alpha=level), rel=1e-6)
    many = torch.randn(1001, generator=torch.Generator().manual_seed(2))
    tried = torch.linspace(-2, 2, 401)
    losses = [float(Quantile(level=level).term(one.expand(1001, 1), many)) for one in tried]
    assert float(tried[int(np.argmin(losses))]) == pytest.approx(float(many.quantile(level)), abs=0.02)
    with pytest.raises(OptionError, match=r"objective\.level takes a share between 0 and 1, not 1"):
        Quantile(level=1.0)


def test_the_absolute_error_of_a_batch_is_its_tally() -> None:
    assert SquaredError().tally(torch.tensor([[1.0], [-2.0]]), torch.tensor([0.5, 0.0]))["absolute_error"] == 2.5
    assert CrossEntropy().tally(LOGITS, LABELS)["accuracy"] == int((LOGITS.argmax(1) == LABELS).sum())
