"""Grad-CAM against the literal formula, and whether it finds what was planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from fusekit.bundle.bundle import Bundle
from fusekit.data import Ordered
from fusekit.data.target.classes import log_odds
from fusekit.errors import DataError
from fusekit.explain.maps.grad_cam import LAST, deepest, grad_cam
from fusekit.models import FusionModel, ImageFeatures, ImageHead, ImageWidths, build
from tests.explain.conftest import SIZE, Cohort, Small, bundle_of, make_model


class Shown(Small):
    """The map is the image and its negative: everything can be computed by hand."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, image: torch.Tensor, inject: object = None) -> ImageFeatures:
        features = torch.cat((image, -image), dim=1) * self.first.weight.new_ones(1)
        return ImageFeatures(features, features.flatten(2).mean(dim=2))


class Elsewhere(Shown):
    """Its vector does not come from the map that it returns."""

    def forward(self, image: torch.Tensor, inject: object = None) -> ImageFeatures:
        features = super().forward(image)
        return ImageFeatures(features.map.detach() if image.mean() > 0 else 2 * features.map, features.vector)


@pytest.mark.parametrize("level", [1.0, -1.0])
def test_a_map_that_predictions_do_not_come_from_is_refused(level: float) -> None:
    model = FusionModel(Elsewhere(), None, None, ImageHead(ImageWidths(2, 2), 0, 2)).eval()
    with pytest.raises(DataError, match="does not depend on the feature map of 'last map'"):
        grad_cam(model, torch.full((1, 1, 8, 8), level), None, place=LAST)


def test_maps_are_those_of_the_formula_by_hand() -> None:
    head = ImageHead(ImageWidths(2, 2), 0, 2)
    with torch.no_grad():
        head.classify.weight.copy_(torch.tensor([[1.0, 0.0], [4.0, -2.0]]))
    image = torch.arange(16.0).reshape(1, 1, 4, 4) - 5
    model = FusionModel(Shown(), None, None, head).eval()
    found = grad_cam(model, image, None, place=LAST)
    # log odds = logit 1 - logit 0 = 3 mean(x) - 2 mean(-x); a = (3/16, -2/16), each the mean of an even gradient.
    raw = torch.clamp(3 / 16 * image[0, 0] + -2 / 16 * -image[0, 0], min=0)
    torch.testing.assert_close(found.maxima, raw.max().reshape(1))
    torch.testing.assert_close(found.maps[0], raw / raw.max())
    other = grad_cam(model, image, None, place=LAST, target=0)
    against = torch.clamp(-5 / 16 * image[0, 0], min=0)
    torch.testing.assert_close(other.maps[0], against / against.max())


def test_maps_of_ordered_classes_are_of_their_own_log_odds() -> None:
    """The log odds of the lowest are minus the first output, those of the highest a sum that both outputs raise."""
    head = ImageHead(ImageWidths(2, 2), 0, 2)
    with torch.no_grad():
        head.classify.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))
        head.classify.bias.zero_()
    image, target = torch.arange(16.0).reshape(1, 1, 4, 4) - 5, Ordered(("low", "middle", "high"))
    model = FusionModel(Shown(), None, None, head).eval()
    lowest = grad_cam(model, image, None, place=LAST, target=0, score=target.explained)
    raw = torch.clamp(-image[0, 0] / 16, min=0)  # outputs: mean(x) and 3 mean(-x)
    torch.testing.assert_close(lowest.maps[0], raw / raw.max())
    highest = grad_cam(model, image, None, place=LAST, target=2, score=target.explained)
    first, second = float(image.mean()), -3 * float(image.mean())
    p, q = 1 / (1 + np.exp(-first)), 1 / (1 + np.exp(-second))  # P(highest) = p q, d log odds = ((1 - p), (1 - q)) / ..
    steep = np.array([1 - p, 3 * (1 - q)]) / (1 - p * q) / 16
    raw = torch.clamp(float(steep[0]) * image[0, 0] - float(steep[1]) * image[0, 0], min=0)
    torch.testing.assert_close(highest.maxima, raw.max().reshape(1))
    torch.testing.assert_close(target.answers(highest.outputs)[0, 2], torch.tensor(p * q, dtype=torch.float32))


def test_maps_of_the_class_of_each_image() -> None:
    torch.manual_seed(0)
    model = FusionModel(Small(), None, None, ImageHead(ImageWidths(8, 8), 0, 3)).eval()
    image = torch.rand(2, 1, SIZE, SIZE)
    together = grad_cam(model, image, None, place=LAST, target=torch.tensor([2, 0]))
    for number, target in enumerate((2, 0)):
        alone = grad_cam(model, image[[number]], None, place=LAST, target=target)
        torch.testing.assert_close(together.maps[number], alone.maps[0])


def test_what_speaks_for_nothing_is_an_empty_map() -> None:
    head = ImageHead(ImageWidths(2, 2), 0, 2)
    with torch.no_grad():
        head.classify.weight.copy_(torch.tensor([[0.0, 0.0], [-1.0, 0.0]]))
    found = grad_cam(FusionModel(Shown(), None, None, head).eval(), torch.ones(1, 1, 4, 4), None, place=LAST)
    assert found.maxima.tolist() == [0.0]
    assert not found.maps.any()


@pytest.mark.parametrize("place", ["second", "third", LAST])
@pytest.mark.parametrize("fusion", ["image-only", "concat", "rbca"])
def test_any_place_of_any_fusion_against_numerical_gradients(both: Cohort, fusion: str, place: str) -> None:
    """The mean gradient of a channel is what a small constant added to the channel changes, over its pixels."""
    bundle = bundle_of(make_model(fusion, 6, seed=3), both)
    model = bundle.model.double()
    image = bundle.pixels.to_tensor(both.images[:2]).double()
    columns = torch.from_numpy(bundle.encode(both.table.iloc[:2])).double() if model.reads_clinical else None
    found = grad_cam(model, image, columns, place=place)
    backbone = model.backbone
    assert isinstance(backbone, Small)
    maps: list[torch.Tensor] = []

    def score(channel: int, step: float) -> torch.Tensor:
        def add(_: object, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            maps.append(args[0])
            return (args[0] + step * torch.eye(8, dtype=torch.float64)[channel, None, :, None, None],)

        def after(_: object, args: object, out: ImageFeatures) -> ImageFeatures:
            maps.append(out.map)
            return ImageFeatures(out.map, out.vector + step * torch.eye(8, dtype=torch.float64)[channel])

        if place == LAST:
            handle = backbone.register_forward_hook(after)
        elif fusion == "rbca" and model.injector is not None:
            site = [s.name for s in backbone.sites].index(place)
            attention = model.injector.get_submodule(f"attentions.{site}")
            handle = attention.register_forward_pre_hook(lambda m, a: (*add(m, a), a[1]))
        else:
            handle = backbone.get_submodule(place).register_forward_pre_hook(add)
        with torch.no_grad():
            logits = model(image, columns)
        handle.remove()
        return log_odds(logits)

    step = 1e-6
    slopes = torch.stack([(score(c, step) - score(c, -step)) / (2 * step) for c in range(8)], dim=1)
    features = maps[-1]
    pixels = features.shape[2] * features.shape[3]
    raw = torch.einsum("bc,bcij->bij", slopes / pixels, features).relu()
    raw = interpolate(raw[:, None], size=(SIZE, SIZE), mode="bilinear")[:, 0]
    torch.testing.assert_close(found.maps * found.maxima[:, None, None], raw, atol=1e-7, rtol=1e-4)


def share_in_square(bundle: Bundle, cohort: Cohort) -> tuple[float, float]:
    """How much of the maps' mass lies in the squares, and how much of the area they are."""
    cases = cohort.rows["label"].to_numpy() == 1
    image = bundle.pixels.to_tensor(cohort.images[cases])
    maps = grad_cam(bundle.model, image, None, place=LAST).maps.numpy()
    squares = cohort.squares[cases]
    return float(maps[squares].sum() / max(maps.sum(), 1e-9)), float(squares.mean())


def test_a_planted_square_is_found(sees_square: Bundle, bright: Cohort) -> None:
    mass, area = share_in_square(sees_square, bright)
    assert mass > 5 * area


def test_random_weights_do_not_find_it(sees_square: Bundle, bright: Cohort) -> None:
    """Adebayo et al. 2018: a map that does not change with the weights explains the image, not the model.

    What is bright moves any filter, so single draws may light up there; the middle of them does not.
    """
    ratios = []
    for seed in range(15):
        mass, area = share_in_square(bundle_of(make_model("image-only", 0, seed=100 + seed), bright), bright)
        ratios.append(mass / area)
    mass, area = share_in_square(sees_square, bright)
    assert np.median(ratios) < 2.5, ratios
    assert mass / area > 2.5 * np.median(ratios)


def test_the_default_place_has_enough_pixels(bright: Cohort) -> None:
    model = make_model("image-only", 0).eval()
    assert deepest(model, torch.zeros(1, 1, SIZE, SIZE), None).name == LAST
    resnet = build("image-only", backbone="resnet10t", columns=0, classes=2).eval()
    place = deepest(resnet, torch.zeros(1, 1, 64, 64), None)
    assert (place.name, place.size) == ("layer3.0", (8, 8))
    assert deepest(resnet, torch.zeros(1, 1, 256, 256), None).name == LAST
    assert deepest(resnet, torch.zeros(1, 1, 16, 16), None).size == (4, 4)  # none has seven: the largest


def test_volumes_have_maps_too() -> None:
    torch.manual_seed(0)
    model = build("image-only", backbone="r3d_18", columns=0, classes=2).eval()
    found = grad_cam(model, torch.randn(1, 1, 16, 16, 16), None)
    assert found.maps.shape == (1, 16, 16, 16)
    assert 0 <= float(found.maps.min()) <= float(found.maps.max()) <= 1
