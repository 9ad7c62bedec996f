"""The check of whole fusions passes the bundled ones and names what a broken one breaks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fusekit import Fusion
from fusekit.errors import UnknownName
from fusekit.extension import catalog
from fusekit.models import ClinicalEncoder, ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths
from fusekit.testing import check_fusion


@pytest.mark.parametrize("name", ["image-only", "clinical-only", "concat", "rbca"])
def test_the_bundled_fusions_pass(name: str) -> None:
    model = check_fusion(name, size=(32, 32), compiled=name == "rbca")
    assert (model.description["fusion"], model.training) == (name, True)


def test_a_recipe_of_one_s_own_passes_with_options() -> None:
    recipe = Fusion(head="clinical", encoder="mlp", image=False)
    model = check_fusion(recipe, columns=3, classes=2, options={"encoder": {"width": 4}})
    assert sum(p.numel() for p in model.parameters()) == (3 * 4 + 4) + (4 * 4 + 4) + (4 * 2 + 2)


class Grown(ClinicalEncoder):
    """Another width every time it is built: a description does not bring it back."""

    times = 0

    def __init__(self, columns: int):
        super().__init__()
        Grown.times += 1
        self.width = Grown.times + 1
        self.layer = nn.Linear(columns, self.width)

    def forward(self, columns: Tensor) -> Tensor:
        encoded: Tensor = self.layer(columns)
        return encoded


class Drawn(Grown):
    """Always one width, and a random choice that no buffer holds."""

    def __init__(self, columns: int):
        super().__init__(columns)
        self.width = 4
        self.layer = nn.Linear(columns, 4)
        self.factor = float(torch.rand(()))

    def forward(self, columns: Tensor) -> Tensor:
        return self.factor * super().forward(columns)


class Short(FusionHead):
    """One number for two classes."""

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        self.layer = nn.Linear(clinical_width, classes - 1)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        assert clinical is not None
        logits: Tensor = self.layer(clinical.vector)
        return logits


class Blind(FusionHead):
    """Reads nothing at all."""

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("registry", "part", "recipe", "said"),
    [
        ("encoders", Grown, Fusion(head="clinical", encoder="broken", image=False), "from its description has other"),
        ("encoders", Drawn, Fusion(head="clinical", encoder="broken", image=False), "gives another result"),
        ("heads", Short, Fusion(head="broken", encoder="mlp", image=False), r"shape \(3, 2\); logits have \(3, 3\)"),
        ("heads", Blind, Fusion(head="broken", image=False), "reads neither an image nor clinical columns"),
    ],
)
def test_a_broken_fusion_is_told_what_it_breaks(
    registry: str, part: type[nn.Module], recipe: Fusion, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    known = getattr(catalog(), registry)
    get = known.get
    monkeypatch.setattr(known, "get", lambda name: part if name == "broken" else get(name))
    with pytest.raises(AssertionError, match=said):
        check_fusion(recipe)


def test_an_unknown_name_stays_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'rbca'"):
        check_fusion("rcba")
