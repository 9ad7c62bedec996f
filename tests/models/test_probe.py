"""Parts that do not keep what others rely on are refused by name, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, relu

from fusekit import Fusion, build
from fusekit.errors import OptionError, PluginError
from fusekit.extension import catalog
from fusekit.models import ImageFeatures, Inject, Injector, Site
from fusekit.models.probe import check_model, outlined

Change = Callable[[Any], Any]


class Net(nn.Module):
    """A backbone whose features are changed before they are returned."""

    spatial_dims, map_channels, width, image_size = 2, 6, 6, None
    sites = (Site("layer", 1, 6),)

    def __init__(self, in_channels: int, change: Change, before: Change):
        super().__init__()
        self.layer, self.change, self.before = nn.Conv2d(in_channels, 6, 3), change, before

    def forward(self, image: Tensor, inject: Inject | None = None) -> Any:
        features = self.layer(self.before(image))
        features = features if inject is None else inject(0, features)
        return self.change(ImageFeatures(features, features.mean(dim=(2, 3))))


class Encoder(nn.Module):
    width = 4

    def __init__(self, columns: int, change: Change, before: Change):
        super().__init__()
        self.layer, self.change, self.before = nn.Linear(columns, 4), change, before

    def forward(self, columns: Tensor) -> Any:
        return self.change(self.layer(self.before(columns)))


class Adding(Injector):
    def __init__(self, sites: Any, clinical_width: int, change: Change, before: Change):
        super().__init__()
        self.layer, self.change, self.before = nn.Linear(clinical_width, sites[0].channels), change, before

    def prepare(self, clinical: Tensor) -> Any:
        return self.layer(clinical)[:, :, None, None]

    def forward(self, site: int, features: Tensor, prepared: Any) -> Any:
        return self.change(self.before(features) + prepared)


class Head(nn.Module):
    def __init__(self, widths: Any, clinical_width: int, classes: int, change: Change, before: Change):
        super().__init__()
        self.layer = nn.Linear(widths.vector + clinical_width, classes)
        nn.init.zeros_(self.layer.weight)  # as some begin: no probabilities yet
        self.change, self.before = change, before

    def forward(self, image: Any, clinical: Any) -> Any:
        parts = [self.before(image.vector)] if image else []
        return self.change(self.layer(torch.cat([*parts, clinical.vector], dim=1)))


PARTS: dict[str, Any] = {"backbone": Net, "encoder": Encoder, "injector": Adding, "head": Head}


def same(value: Any) -> Any:
    return value


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Check a model one of whose parts changes what it returns, or what it is given."""

    def checked(part: str = "", change: Change = same, before: Change = same, size: int = 8, frozen: str = "") -> None:
        for name, kind in PARTS.items():
            how = (change, before) if name == part else (same, same)

            def factory(*given: Any, kind: Any = kind, how: Any = how, name: str = name) -> nn.Module:
                made: nn.Module = kind(*given, *how)
                return made.requires_grad_(name not in frozen)

            monkeypatch.setattr(catalog().registries[f"{name}s"], "get", lambda _, factory=factory: factory)
        recipe = Fusion("mine", "mine", "mine")
        again = partial(build, recipe, backbone="mine", columns=5, classes=3)
        with torch.device("meta"):
            model = again()
        check_model(model, (size, size), again)

    return checked


def on_map(change: Change) -> Change:
    return lambda features: ImageFeatures(change(features.map), features.vector)


def on_vector(change: Change) -> Change:
    return lambda features: ImageFeatures(features.map, change(features.vector))


def nan(value: Tensor) -> Tensor:
    return value + float("nan")


def fail(value: Any) -> Any:
    raise KeyError("gone")


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("head", lambda x: x.softmax(dim=1), "its results always lie between 0 and 1.* return logits, without softmax"),
        ("head", torch.sigmoid, "always lie between 0 and 1"),
        ("head", lambda x: x.exp() / x.exp().sum(dim=1, keepdim=True), "always lie between 0 and 1"),
        ("head", lambda x: log_softmax(x, dim=1), "logarithms of probabilities: return logits, without log_softmax"),
        (
            "head",
            lambda x: x[:, :2],
            r"its result for a batch of 1 is float32 of shape \(1, 2\); .* \(1, 3\) is needed",
        ),
        ("head", lambda x: torch.cat([x, x[:, :1]], dim=1), r"of shape \(1, 4\); a float32 tensor of shape \(1, 3\)"),
        ("head", lambda x: x[:, 0], r"of shape \(1,\)"),
        ("head", lambda x: x.squeeze(0), r"of shape \(3,\)"),
        ("head", lambda x: x.mean(dim=0, keepdim=True), r"for a batch of 3 is float32 of shape \(1, 3\)"),
        ("head", lambda x: (x, x), "its result is a tuple; a float32 tensor"),
        ("head", lambda x: {"logits": x}, "its result is a dict"),
        ("head", lambda x: None, "its result is a NoneType"),
        ("head", lambda x: x.double(), "is float64 of shape"),
        ("head", lambda x: x.argmax(dim=1, keepdim=True).expand(-1, 3), "is int64 of shape"),
        ("head", lambda x: x.detach(), "no gradient passes through its result"),
        ("head", lambda x: x.exp() / x.exp().sum(), "always lie between 0 and 1"),  # not finite for large ones
        ("head", nan, "its result holds NaN or infinity"),
        ("head", fail, "it fails in evaluation mode for a batch of 1: KeyError: 'gone'"),
        ("backbone", lambda features: tuple(features), "it returns a tuple; ImageFeatures are needed"),
        ("backbone", on_map(lambda x: None), "its map is a NoneType"),
        ("backbone", on_map(lambda x: x.flatten(2)), r"its map .* shape \(1, 6, 36\); .* shape \(1, 6, H, W\)"),
        ("backbone", on_map(lambda x: x[:, :5]), r"its map .* shape \(1, 5, 6, 6\)"),
        ("backbone", on_vector(lambda x: x[:, 0]), r"its vector .* shape \(1,\); .* shape \(1, 6\)"),
        ("backbone", on_vector(lambda x: x[:, :, None, None]), r"its vector .* shape \(1, 6, 1, 1\)"),
        ("backbone", on_vector(lambda x: x[:, :5]), r"its vector .* shape \(1, 5\)"),
        ("backbone", on_vector(lambda x: x.repeat(2, 1)), r"for a batch of 1 .* shape \(2, 6\)"),
        ("backbone", on_vector(lambda x: x.double()), "its vector .* is float64"),
        ("backbone", on_vector(lambda x: x + 1j), "its vector .* is complex64"),
        ("backbone", on_vector(lambda x: x.long()), "its vector .* is int64"),
        ("backbone", on_vector(lambda x: x.detach()), "no gradient passes through its vector"),
        ("backbone", on_map(lambda x: x.data), "no gradient passes through its map"),
        ("encoder", lambda x: None, "its result is a NoneType"),
        ("encoder", lambda x: (x,), "its result is a tuple"),
        ("encoder", lambda x: x[:, None], r"of shape \(1, 1, 4\)"),
        ("encoder", lambda x: x[:, :3], r"of shape \(1, 3\); .* \(1, 4\)"),
        ("encoder", lambda x: x.detach(), "no gradient passes through its result"),
        ("encoder", nan, "its result holds NaN"),
        ("injector", lambda x: None, "its result is a NoneType"),
        ("injector", lambda x: x[:1], r"for a batch of 3 is float32 of shape \(1, 6, 6, 6\)"),
        ("injector", lambda x: x[:, :, 1:], r"of shape \(1, 6, 5, 6\); .* \(1, 6, 6, 6\)"),
        ("injector", lambda x: x.detach(), "no gradient passes through its result"),
        ("injector", fail, "it fails in evaluation mode for a batch of 1: KeyError"),
    ],
)
def test_a_part_that_returns_something_else_is_refused(check: Any, part: str, change: Change, message: str) -> None:
    with pytest.raises(OptionError, match=f"^the {part} 'mine' does not fit: .*{message}"):
        check(part, change)


@pytest.mark.parametrize(
    ("part", "before", "message"),
    [
        ("backbone", lambda image: image.mul_(2), "it changes its input in place"),
        ("encoder", lambda columns: relu(columns, inplace=True), "it changes its input in place"),
        ("injector", lambda features: features.mul_(2), "it changes its input in place"),
        ("head", lambda vector: vector.detach(), ""),  # of the image alone
    ],
)
def test_what_a_part_does_to_its_input_is_seen(check: Any, part: str, before: Change, message: str) -> None:
    said = (
        f"^the {part} 'mine' does not fit: {message}" if message else "^the backbone 'mine' .*: no gradient reaches it"
    )
    with pytest.raises(OptionError, match=said):
        check(part, before=before)


@pytest.mark.parametrize(
    "decide",
    [
        lambda x: x if x.sum().item() != 1 else -x,  # a number that the meta device has not
        lambda x: x + torch.zeros(3),  # made on the CPU
    ],
)
def test_what_the_meta_device_does_not_know_is_tried_on_the_cpu(check: Any, decide: Change) -> None:
    check("head", decide)
    with pytest.raises(OptionError, match=r"the head 'mine' .* no gradient passes through"):
        check("head", lambda x: decide(x).detach())


class Rates(nn.Module):
    """An encoder that asks for a number while it is made, as networks with rates of stochastic depth do."""

    width = 4

    def __init__(self, columns: int):
        super().__init__()
        self.layer = nn.Linear(columns, 4)
        self.rates = [rate.item() for rate in torch.linspace(0, 0.2, 3)]

    def forward(self, columns: Tensor) -> Tensor:
        return torch.as_tensor(self.layer(columns))


def test_a_part_that_asks_for_numbers_while_it_is_made_is_made_with_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(kind: Any) -> Any:
        monkeypatch.setattr(catalog().registries["encoders"], "get", lambda _: kind)
        recipe = Fusion("clinical", encoder="rates", image=False)
        return outlined(partial(build, recipe, backbone="test_resnet", columns=5, classes=2))

    before = torch.get_rng_state()
    model = made(Rates)
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}
    assert torch.equal(torch.get_rng_state(), before)
    assert model.encoder.rates == pytest.approx([0, 0.1, 0.2])
    plain = made(lambda columns: Encoder(columns, same, same))
    assert {weight.device.type for weight in plain.parameters()} == {"meta"}
    with pytest.raises(PluginError, match="division by zero"):
        made(lambda columns: columns / 0)


def test_images_of_a_size_that_a_backbone_does_not_take_are_refused(
    check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match=r"'mine' does not take images of 2 x 2: .*\nChoose another size or another"):
        check(size=2)
    monkeypatch.setattr(Net, "image_size", (8, 8))
    with pytest.raises(OptionError, match=r"It takes 8 x 8 \(--image-size 8\)\. Choose another size"):
        check(size=2)


def test_sound_models_pass_and_random_numbers_stay(check: Any) -> None:
    check()
    again = partial(build, "clinical-only", backbone="", columns=5, classes=2)
    model, before = again(), torch.random.get_rng_state()
    check_model(model, (2, 2), again)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_model_without_weights_to_train_is_refused(check: Any) -> None:
    with pytest.raises(OptionError, match="the fusion 'custom' has no weight that can be trained"):
        check(frozen="backbone encoder injector head")
    check(frozen="backbone")
    check("head", lambda x: x.exp() - 1)  # infinite for large features only


def test_a_gradient_that_cannot_be_computed_is_a_sentence(check: Any) -> None:
    def spoilt(logits: Tensor) -> Tensor:
        wide = logits.exp()
        squared = wide * wide
        wide.add_(1)
        return squared

    with pytest.raises(OptionError, match=r"^no gradient can be computed through the model: RuntimeError: .*inplace"):
        check("head", spoilt)
