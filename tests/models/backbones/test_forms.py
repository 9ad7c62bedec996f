"""Forms of features: what a network passes on, and the map that is folded of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusekit.errors import OptionError
from fusekit.models.backbones.forms import Form, find_form, grid

SIZES = st.integers(1, 9)


@given(SIZES, SIZES, SIZES, st.integers(0, 3))
def test_tokens_fold_in_reading_order_and_back_with_their_prefix(
    rows: int, columns: int, channels: int, prefix: int
) -> None:
    form, size = Form("tokens", prefix), (16 * rows, 16 * columns)
    features = torch.randn(2, prefix + rows * columns, channels)
    map_ = form.fold(features, size)
    assert map_.shape == (2, channels, rows, columns)
    for row in range(rows):
        for column in range(columns):
            assert torch.equal(map_[:, :, row, column], features[:, prefix + row * columns + column])
    assert torch.equal(form.unfold(map_, features), features)
    changed = form.unfold(2 * map_, features)
    assert torch.equal(changed[:, :prefix], features[:, :prefix])
    assert torch.equal(changed[:, prefix:], 2 * features[:, prefix:])


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 4, 5, 6)])
def test_channels_last_is_only_another_order_of_axes(shape: tuple[int, ...]) -> None:
    features = torch.randn(shape)
    map_ = Form("last").fold(features, shape[1:-1])
    assert map_.shape == (2, shape[-1], *shape[1:-1])
    assert torch.equal(map_[0, 1, 2], features[0, 2, ..., 1])
    assert torch.equal(Form("last").unfold(map_, features), features)


def test_channels_first_is_left_alone() -> None:
    features = torch.randn(2, 3, 4, 5)
    assert Form().fold(features, (64, 80)) is features
    assert Form().unfold(features, features) is features


@pytest.mark.parametrize(
    ("tokens", "size", "expected"),
    [(196, (224, 224), (14, 14)), (16, (100, 100), (4, 4)), (24, (64, 96), (4, 6)), (7, (16, 112), (1, 7))],
)
def test_a_grid_has_the_proportions_of_the_image(tokens: int, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert grid(tokens, size) == expected


def test_tokens_that_make_no_map_are_refused() -> None:
    with pytest.raises(OptionError, match="17 tokens of an image of 64 x 64 make no map"):
        Form("tokens").fold(torch.randn(1, 17, 8), (64, 64))


@pytest.mark.parametrize(
    ("shape", "declared", "expected"),
    [
        ((1, 192, 4, 4), Form(), Form()),
        ((1, 4, 4, 192), Form(), Form("last")),
        ((1, 192, 1, 1), Form("last"), Form()),
        ((1, 16, 16, 16), Form(), Form()),  # all axes are alike: the network's word counts
        ((1, 16, 16, 16), Form("last"), Form("last")),
        ((1, 16, 196, 64), Form(), None),  # windows of tokens
        ((1, 16, 64), Form(), Form("tokens")),
        ((1, 17, 64), Form("first", 1), Form("tokens", 1)),
        ((1, 9, 64), Form("first", 5), Form("tokens", 5)),
        ((1, 16, 64), Form("first", 1), Form("tokens")),  # the class token comes in later blocks
        ((1, 17, 64), Form(), None),
        ((1, 1, 64), Form("first", 1), Form("tokens")),
        ((1, 64), Form(), None),
    ],
)
def test_forms_are_known_by_their_shape(shape: tuple[int, ...], declared: Form, expected: Form | None) -> None:
    assert find_form(torch.zeros(shape), (64, 64), declared) == expected


def test_volumes_are_channels_first() -> None:
    assert find_form(torch.zeros(1, 8, 16, 2, 2), (16, 16, 16), Form()) == Form()
    assert find_form(torch.zeros(1, 64, 8), (16, 16, 16), Form()) is None
