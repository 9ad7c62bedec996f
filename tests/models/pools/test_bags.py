"""A fusion with a pool: scans of one length, of several, with the table inside the network, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fusekit import Fusion
from fusekit.errors import DataError, OptionError, UnknownName
from fusekit.extension.fusion import registered
from fusekit.models import FusionModel, ImageFeatures, ImageWidths, Pool, build
from fusekit.models.pools.mean import MeanPool
from fusekit.models.probe import check_model, shaken

LENGTHS = (3, 1, 2)
SLICES = torch.randn(sum(LENGTHS), 1, 32, 32, generator=torch.Generator().manual_seed(0))
COLUMNS = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
MASK = torch.tensor([[True] * length + [False] * (3 - length) for length in LENGTHS])
SCANS = torch.split(SLICES, list(LENGTHS))


def model_of(fusion: str) -> FusionModel:
    torch.manual_seed(0)
    return shaken(build(fusion, backbone="test_resnet", columns=5, classes=2)).eval()


@pytest.mark.parametrize("fusion", ["concat+attention", "rbca+mean", "rbca+attention", "table-first+attention"])
def test_scans_of_several_lengths_are_what_each_is_alone(fusion: str) -> None:
    model = model_of(fusion)
    columns = torch.cat([COLUMNS, torch.full((3, model.inputs - 5), 0.5).log()], dim=1)
    with torch.no_grad():
        together = model.output(SLICES, columns, slices=MASK)
        assert together.weights is not None
        for number, scan in enumerate(SCANS):
            alone = model.output(scan[None], columns[[number]])
            torch.testing.assert_close(together.outputs[[number]], alone.outputs, rtol=1e-4, atol=1e-5)
            assert alone.weights is not None
            torch.testing.assert_close(together.weights[number, : len(scan)], alone.weights[0], rtol=1e-4, atol=1e-5)
    assert together.image is not None
    assert len(together.image.vector) == sum(LENGTHS)


def test_a_scan_of_one_slice_is_what_the_fusion_without_a_pool_makes_of_it() -> None:
    pooled, plain = model_of("rbca+mean"), build("rbca", backbone="test_resnet", columns=5, classes=2).eval()
    plain.load_state_dict(pooled.state_dict())
    with torch.no_grad():
        assert torch.equal(pooled(SLICES[:3, None], COLUMNS), plain(SLICES[:3], COLUMNS))


def test_padding_is_nothing_that_batch_normalisation_counts() -> None:
    model, other = model_of("concat+attention").train(), model_of("concat+attention").train()
    model(SLICES, COLUMNS, slices=MASK)
    wide = torch.cat([MASK, torch.zeros(3, 4, dtype=torch.bool)], dim=1)
    other(SLICES, COLUMNS, slices=wide)
    for (name, one), two in zip(model.named_buffers(), other.buffers(), strict=True):
        assert torch.equal(one, two), name


def test_gradients_reach_every_slice_through_the_network() -> None:
    model, image = model_of("rbca+attention").train(), SLICES.clone().requires_grad_()
    torch.autograd.backward(model(image, COLUMNS, slices=MASK).square().sum())
    assert image.grad is not None
    assert bool(image.grad.flatten(1).abs().sum(dim=1).gt(0).all())


@pytest.mark.parametrize("fusion", ["concat+attention", "image-only+mean"])
def test_features_made_before_give_the_same(fusion: str) -> None:
    model = model_of(fusion)
    with torch.no_grad():
        found = model.output(SLICES, COLUMNS, slices=MASK)
        assert found.image is not None
        again = model.output(None, COLUMNS, slices=MASK, features=found.image)
        assert torch.equal(found.outputs, again.outputs)
        even = model.output(SLICES.reshape(3, 2, 1, 32, 32), COLUMNS)
        assert even.image is not None
        assert torch.equal(even.image.vector, found.image.vector)
        two = torch.ones(3, 2, dtype=torch.bool)
        assert torch.equal(model.output(None, COLUMNS, slices=two, features=even.image).outputs, even.outputs)


def test_images_that_are_laid_out_otherwise_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"all slices of a scan together: \(B, N, \.\.\.\) .* have the shape \(6, 1, 32"
    ):
        model_of("concat+mean")(SLICES, COLUMNS)
    with pytest.raises(DataError, match="reads each slice alone, and slices of scans were given: it has no pool"):
        model_of("concat")(SLICES[:3], COLUMNS, slices=MASK)


def test_any_fusion_that_reads_an_image_takes_a_pool_by_its_name() -> None:
    assert registered("concat+mean") == Fusion(head="concat", encoder="clinical-path", pool="mean")
    both = registered("rbca+gbdt+attention")
    assert (both.prior, both.pool) == ("gbdt", "attention")
    assert registered("concat+mean+attention").pool == "attention"
    with pytest.raises(UnknownName, match=r"no baseline, pool or encoder is called 'atention'.* mean 'attention'"):
        registered("concat+atention")
    with pytest.raises(
        OptionError, match=r"a pool \('mean'\) joins the slices of an image, and this fusion reads none"
    ):
        registered("clinical-only+mean")
    with pytest.raises(
        OptionError, match="the pool 'mean' joins the slices of a scan, and the backbone 'r3d_18' reads"
    ):
        build("concat+mean", backbone="r3d_18", columns=5, classes=2)


def test_a_description_is_silent_where_there_is_no_pool() -> None:
    assert "pool" not in model_of("concat").description["recipe"]
    assert "pool" not in model_of("concat").description["recipe"]["options"]
    assert model_of("concat+attention").description["recipe"]["options"]["pool"] == {"hidden": 128}


class Sum(MeanPool):
    """Weights that are no part of what it returns."""

    def forward(self, *given: Any, **named: Any) -> Any:
        return super().forward(*given, **named)[0]


class Cut(MeanPool):
    """Nothing that lies before it could learn."""

    def weigh(self, features: ImageFeatures, mask: torch.Tensor, clinical: torch.Tensor | None) -> torch.Tensor:
        return super().weigh(features, mask, clinical)[:, :1]


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (Sum, r"the pool 'mean' does not fit: it returns a ImageFeatures; \(ImageFeatures, weights\) are needed"),
        (Cut, "the pool 'mean' does not fit: it fails in evaluation mode for a batch of 1"),
    ],
)
def test_a_pool_that_does_not_fit_is_named_before_data_are_read(pool: type[Pool], said: str) -> None:
    ready = {"pool": pool(ImageWidths(1, 1), 0)}
    model = build("image-only+mean", backbone="test_resnet", columns=5, classes=2, ready=ready)
    with pytest.raises(OptionError, match=said):
        check_model(model, (32, 32), lambda **_: model)
