"""Cross-attention in loops, and a task that channel gates cannot do: the table says where to look."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import torch

from fusekit import build
from fusekit.errors import OptionError
from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.testing import check_head
from fusekit_fusions.heads.cross_attention import CrossAttentionHead
from fusekit_fusions.heads.waves import waves

WIDTHS = ImageWidths(map=3, vector=4)


@pytest.mark.parametrize("places", [(2, 3), (2, 1, 3)], ids=["2-D", "3-D"])
def test_columns_and_places_one_by_one(places: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    head = CrossAttentionHead(WIDTHS, 5, 2, width=6).double()
    state = {name: value.detach().numpy() for name, value in head.named_parameters()}
    draw = np.random.default_rng(0)
    map_, v, c, tokens = (draw.normal(size=size) for size in ((2, 3, *places), (2, 4), (2, 5), (2, 4, 5)))
    lie = waves(torch.Size(places), torch.zeros((), dtype=torch.float64)).numpy()
    expected, columns, looks = [], [], []
    for sample in range(2):
        x = map_[sample].reshape(3, -1).T
        read, look = [], []
        for token in tokens[sample]:
            q = state["query.weight"] @ token
            scores = [
                q @ (state["key.weight"] @ x[n] + state["place.weight"] @ lie[n]) / sqrt(6) for n in range(len(x))
            ]
            look.append(np.exp(scores) / np.exp(scores).sum())
            read.append(sum(look[-1][n] * (state["value.weight"] @ x[n]) for n in range(len(x))))
        both = [np.concatenate(pair) for pair in zip(read, tokens[sample], strict=True)]
        scores = [
            (state["score.weight"] @ np.tanh(state["content.weight"] @ one + state["content.bias"]))[0] for one in both
        ]
        a = np.exp(scores) / np.exp(scores).sum()
        pooled = sum(a[j] * read[j] for j in range(4))
        together = np.concatenate((v[sample], c[sample], pooled))
        expected.append(state["classify.weight"] @ together + state["classify.bias"])
        columns.append(a)
        looks.append(np.array(look).reshape(4, *places))
    image = ImageFeatures(torch.tensor(map_), torch.tensor(v))
    found = head(image, ClinicalFeatures(torch.tensor(c), torch.tensor(tokens)))
    np.testing.assert_allclose(found.outputs.detach().numpy(), expected)
    np.testing.assert_allclose(found.gates["columns"].detach().numpy(), columns)
    np.testing.assert_allclose(head.attended(image, torch.tensor(tokens)).detach().numpy(), looks)


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(CrossAttentionHead(WIDTHS, 4, classes), WIDTHS, 4, classes)


def test_an_encoder_without_tokens_is_refused_with_the_one_that_has_them() -> None:
    head, image = CrossAttentionHead(WIDTHS, 4, 2), ImageFeatures(torch.zeros(1, 3, 2, 2), torch.zeros(1, 4))
    with pytest.raises(OptionError, match="take the encoder 'tokens'"):
        head(image, ClinicalFeatures(torch.zeros(1, 4)))


def test_it_learns_to_look_where_the_table_says() -> None:
    """The class is a sign that lies left or right, wherever the table says; on the other side lies noise."""
    torch.manual_seed(0)
    head = CrossAttentionHead(ImageWidths(map=1, vector=1), 4, 2, width=16)
    embed = torch.nn.Linear(1, 4)
    optimiser = torch.optim.Adam([*head.parameters(), *embed.parameters()], lr=0.02)

    def drawn(count: int) -> tuple[ImageFeatures, ClinicalFeatures, torch.Tensor]:
        signs = torch.randn(count, 2)
        side = torch.randint(2, (count,))
        map_ = signs[:, None, None, :].expand(-1, 1, 2, 2)
        token = embed(2.0 * side[:, None, None] - 1)
        image = ImageFeatures(map_, map_.mean(dim=(2, 3)))
        return image, ClinicalFeatures(token[:, 0], token), (signs[torch.arange(count), side] > 0).long()

    for _ in range(150):
        image, clinical, labels = drawn(128)
        optimiser.zero_grad()
        torch.autograd.backward(torch.nn.functional.cross_entropy(head(image, clinical).outputs, labels))
        optimiser.step()
    image, clinical, labels = drawn(1000)
    right = (head(image, clinical).outputs.argmax(dim=1) == labels).float().mean()
    assert float(right) > 0.95  # 3/4 without knowing which side counts


def test_the_fusion_reads_a_token_of_each_column() -> None:
    model = build("cross-attention", backbone="test_resnet", columns=5, classes=2).eval()
    gates = model.output(torch.randn(2, 1, 32, 32), torch.randn(2, 5)).gates["columns"]
    assert gates.shape == (2, 5)
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(2))
