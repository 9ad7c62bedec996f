"""Each check passes a good part and names what a broken one breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fusekit.models import (
    Backbone,
    ClinicalEncoder,
    ClinicalFeatures,
    ConcatHead,
    FusionHead,
    ImageFeatures,
    ImageHead,
    ImageWidths,
    Inject,
    Injector,
    MLPEncoder,
    Output,
    Site,
)
from fusekit.testing import check_backbone, check_encoder, check_head, check_injector


class Plain(Backbone):
    """Two convolutions with a site before each, written as a plugin author would."""

    width, map_channels = 6, 6

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(1, 4, 3, stride=2), nn.Conv2d(4, 6, 3, stride=2)])
        self.sites = (Site("first", 1, 1), Site("second", 2, 4))

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        for i, convolution in enumerate(self.convolutions):
            image = convolution(image if inject is None else inject(i, image)).relu()
        return ImageFeatures(map=image, vector=image.mean(dim=(2, 3)))


class TooWide(Plain):
    width = 7


class TooDeep(Plain):
    map_channels = 5


class PlainTuple(Plain):
    def forward(self, image: Tensor, inject: Inject | None = None) -> Any:
        return tuple(super().forward(image, inject))


class Backwards(Plain):
    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        return super().forward(image, inject and (lambda i, x: inject(1 - i, x)))


class Deaf(Plain):
    """Calls ``inject`` and goes on with what it had."""

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        def ask(site: int, features: Tensor) -> Tensor:
            assert inject is not None
            inject(site, features)
            return features

        return super().forward(image, inject and ask)


class Louder(Plain):
    """Takes another path as soon as something is injected."""

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        return super().forward(image if inject is None else image + 1, inject)


class Clinging(Plain):
    """Keeps the last ``inject`` for the passes that follow."""

    kept: Inject | None = None

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        self.kept = inject or self.kept
        return super().forward(image, self.kept)


class Remembering(Plain):
    """Keeps ``inject`` on itself while a pass runs, where a second thread finds it."""

    now: Inject | None = None

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        self.now = inject
        try:
            return super().forward(image, inject and (lambda site, x: self.now(site, x) if self.now else x))
        finally:
            self.now = None


class ClassToken(Plain):
    """Its vector comes from elsewhere than its map."""

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        features = super().forward(image, inject)
        return ImageFeatures(map=features.map * 2, vector=features.vector)


def without(attribute: str) -> Backbone:
    class Less(Backbone):
        def __init__(self) -> None:
            super().__init__()
            for name in {"width", "map_channels", "sites"} - {attribute}:
                setattr(self, name, 6)

        def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
            raise AssertionError("the attributes come first")

    return Less()


def with_sites(*sites: Site) -> Backbone:
    backbone = Plain()
    backbone.sites = sites
    return backbone


def test_a_good_backbone_passes() -> None:
    check_backbone(Plain(), size=(20, 16))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (TooWide, r"its vector has shape \(3, 6\); width says \(3, 7\)"),
        (TooDeep, r"map_channels says \(3, 5, ...\)"),
        (PlainTuple, "it returns tuple, not ImageFeatures"),
        (Backwards, r"inject was called for sites \[1, 0\]; each is to be called once, in the order of sites"),
        (Deaf, "what is injected at 'first' does not reach the result"),
        (Louder, "an inject that changes nothing changes the result"),
        (Clinging, "a forward pass still feels the inject of the one before"),
        (Remembering, "a forward pass feels another one that runs meanwhile, as in a second thread"),
        (ClassToken, r"its vector does not come from its map, .*Grad-CAM.*pool the one that is returned"),
        (lambda: without("width"), r"it has no width: set self\.width in __init__"),
        (lambda: without("map_channels"), "it has no map_channels"),
        (lambda: without("sites"), "it has no sites"),
        (with_sites, "it has no sites"),
        (lambda: with_sites(Site("a", 1, 1), Site("a", 2, 4)), r"names of sites repeat: \['a', 'a'\]"),
        (lambda: with_sites(Site("a", 2, 1), Site("b", 1, 4)), "stages do not ascend"),
        (lambda: with_sites(Site("a", 1, 1), Site("b", 2, 9)), "'b' says 9 channels and passes 4"),
        (lambda: with_sites(Site("a", 1, 1)), r"inject was called for sites \[0, 1\]"),
    ],
)
def test_a_broken_backbone_is_told_what_it_breaks(broken: Callable[[], Backbone], said: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=said):
        check_backbone(broken(), size=(20, 16))


class WrongWidth(ClinicalEncoder):
    width = 3

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, columns: Tensor) -> Tensor:
        encoded: Tensor = self.layer(columns)
        return encoded


def test_encoders() -> None:
    check_encoder(MLPEncoder(5, width=4, dropout=0.5), 5)
    with pytest.raises(AssertionError, match=r"its result has shape \(3, 4\); width says \(3, 3\)"):
        check_encoder(WrongWidth(), 5)


SITES = (Site("a", 1, 4), Site("b", 2, 6))


class Shift(Injector):
    """Adds to each channel what the clinical features say; a good injector."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(5, site.channels) for site in SITES)

    def prepare(self, clinical: Tensor) -> Tensor:
        return clinical

    def forward(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        shift: Tensor = self.layers[site](prepared)
        return features + shift[:, :, None, None]


class InPlace(Shift):
    def forward(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        return super().forward(site, features.mul_(2), prepared)


class Cropping(Shift):
    def forward(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        return super().forward(site, features, prepared)[..., 1:]


class Careless(Shift):
    """Does not look at the table at the second site."""

    def forward(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        return super().forward(site, features, prepared * (1 - site))


class Restless(Shift):
    """Says that half of the shift is none."""

    def at_rest(self, prepared: Tensor, present: Tensor) -> Tensor:
        return torch.where(present[:, None], prepared, prepared / 2)


class Forgetful(Shift):
    """Leaves everybody alone."""

    def __init__(self) -> None:
        super().__init__()
        for layer in self.layers:
            layer.register_parameter("bias", None)

    def at_rest(self, prepared: Tensor, present: Tensor) -> Tensor:
        return torch.zeros_like(prepared)


def test_a_good_injector_passes() -> None:
    check_injector(Shift(), SITES, 5)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (InPlace, "it changes its input in place"),
        (Cropping, r"its result has shape \(3, 4, 6, 4\); at 'a', its input has \(3, 4, 6, 5\)"),
        (Careless, "at 'b', the clinical features make no difference"),
        (Restless, "at 'a', what at_rest gives changes the features of a sample without a table"),
        (Forgetful, "at 'a', what at_rest gives changes what a sample with a table gets"),
    ],
)
def test_a_broken_injector_is_told_what_it_breaks(broken: type[Injector], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_injector(broken(), SITES, 5)


class OneLogit(FusionHead):
    """Two classes from one number: a habit that FuseKit does not share."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        assert clinical is not None
        logit: Tensor = self.layer(clinical.vector)
        return logit


def test_heads() -> None:
    widths = ImageWidths(map=6, vector=3)
    check_head(ConcatHead(widths, 4, 2), widths, 4, 2)
    check_head(ImageHead(widths, 0, 3), widths, 0, 3)
    with pytest.raises(AssertionError, match=r"its result has shape \(3, 1\); logits have \(3, 2\)"):
        check_head(OneLogit(), ImageWidths(0, 0), 4, 2)


@pytest.mark.parametrize(
    ("squash", "said"),
    [
        (nn.Softmax(dim=1), "as probabilities do"),
        (nn.Sigmoid(), "as prob"),
        (nn.LogSoftmax(dim=1), "logarithms of prob"),
    ],
)
def test_a_head_that_returns_probabilities_is_told_so(squash: nn.Module, said: str) -> None:
    class Probable(ConcatHead):
        def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
            probabilities: Tensor = squash(super().forward(image, clinical))
            return probabilities

    widths = ImageWidths(map=6, vector=3)
    with pytest.raises(AssertionError, match=f"{said}.*: return logits, without"):
        check_head(Probable(widths, 4, 2), widths, 4, 2)


class Both(FusionHead):
    """Says a part and a loss besides; what follows breaks one thing each."""

    part_names: tuple[str, ...] = ("table",)

    def __init__(self) -> None:
        super().__init__()
        self.all = ConcatHead(ImageWidths(map=6, vector=3), 4, 2)
        self.table = nn.Linear(4, 2)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        assert clinical is not None
        outputs, part = self.all(image, clinical), self.table(clinical.vector)
        return Output(outputs, {"table": part}, {"apart": (outputs - part).square().mean()})


class Unnamed(Both):
    part_names = ()


class Narrow(Both):
    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        found = super().forward(image, clinical)
        return found._replace(parts={"table": found.parts["table"][:, :1]})


class Apiece(Both):
    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        return super().forward(image, clinical)._replace(losses={"apart": torch.zeros(3)})


def test_a_head_with_parts_and_losses_passes() -> None:
    check_head(Both(), ImageWidths(map=6, vector=3), 4, 2)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Unnamed, r"the parts of its Output are \['table'\]; part_names says \[\]"),
        (Narrow, r"has shape \(3, 1\); the part 'table', like all that predicts, has \(3, 2\)"),
        (Apiece, r"has shape \(3,\); the loss 'apart' is a mean over the batch, \(\)"),
    ],
)
def test_a_head_whose_output_does_not_fit_is_refused(broken: type[Both], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_head(broken(), ImageWidths(map=6, vector=3), 4, 2)
