"""From names and options to a model, and back from its description."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fusekit import Fusion, build
from fusekit.data import ColumnLayout
from fusekit.data.clinical.layout import Place
from fusekit.errors import OptionError, PluginError, UnknownName
from fusekit.extension import catalog
from fusekit.models import ClinicalEncoder, ImageFeatures, Inject, build_from

SIZES: dict[str, Any] = {"backbone": "resnet10t", "columns": 5, "classes": 3}


def test_options_win_over_the_recipe_and_defaults_fill_the_rest() -> None:
    recipe = Fusion(head="clinical", encoder="mlp", image=False, options={"encoder": {"width": 8, "depth": 3}})
    model = build(recipe, **SIZES, options={"encoder": {"depth": "1"}})  # text, as from the command line
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(5, 8), (8, 3)]
    assert model.description["recipe"]["options"]["encoder"] == {
        "width": 8,
        "depth": 1,
        "activation": "relu",
        "dropout": 0.0,
        "numbers": "plain",
        "bins": 8,
        "drop_columns": 0.0,
        "scale": None,
        "skip": False,
        "weight_decay": None,
    }


def test_sites_override_the_recipe_s() -> None:
    model = build("rbca", **SIZES, options={"sites": {"stages": "3,4", "kind": "stage"}})
    assert model.backbone is not None
    assert [model.backbone.sites[i].name for i in model.injected] == ["layer3", "layer4"]
    model = build("rbca", **SIZES)
    assert model.backbone is not None
    assert [model.backbone.sites[i].stage for i in model.injected] == [2, 3, 4]
    model = build("rbca", **SIZES, options={"sites": {"stages": ()}})
    assert model.backbone is not None
    assert [model.backbone.sites[i].stage for i in model.injected] == [1, 2, 3, 4]


@pytest.mark.parametrize("arm", ["image-only", "clinical-only", "concat", "rbca"])
def test_a_description_builds_the_same_model_again(arm: str) -> None:
    by_arm: dict[str, dict[str, dict[str, Any]]] = {
        "rbca": {"sites": {"stages": (3, 4)}, "injector": {"reduction": "shared"}, "encoder": {"activation": "none"}}
    }
    model = build(arm, **SIZES, options=by_arm.get(arm, {})).eval()
    text = json.dumps(model.description)
    again = build_from(json.loads(text)).eval()
    assert json.dumps(again.description) == text
    again.load_state_dict(model.state_dict())
    image, columns = torch.randn(2, 1, 64, 64), torch.randn(2, 5)
    assert torch.equal(again(image, columns), model(image, columns))


LAYOUT = ColumnLayout((Place(0, 2, "category"), Place(2, 3, mask=4), Place(3, 4)))


class Wide(ClinicalEncoder):
    """An encoder that notes what it is given."""

    def __init__(
        self,
        columns: int,
        *,
        width: int | None = None,
        layout: ColumnLayout | None = None,
        people: int | None = None,
    ):
        super().__init__()
        self.given = (columns, layout, people)
        self.width = width or (people or 6) // 2
        self.layer = nn.Linear(columns, self.width)

    def forward(self, columns: Tensor) -> Tensor:
        encoded: Tensor = self.layer(columns)
        return encoded


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Fusion:
    known = catalog().encoders
    monkeypatch.setattr(known, "get", {"mlp": known.get("mlp"), "wide": Wide}.__getitem__)
    return Fusion(head="clinical", encoder="wide", image=False)


def test_an_encoder_that_asks_gets_layout_and_people_and_its_width_is_written_down(wide: Fusion) -> None:
    model = build(wide, backbone="", columns=LAYOUT, classes=2, people=20)
    assert isinstance(model.encoder, Wide)
    assert model.encoder.given == (5, LAYOUT, 20)
    description = json.loads(json.dumps(model.description))
    assert (description["columns"], description["recipe"]["options"]["encoder"]) == (5, {"width": 10})
    again = build_from(description)  # which does not know how many people there were
    assert isinstance(again.encoder, Wide)
    assert again.encoder.given == (5, LAYOUT, None)
    assert again.description == description
    again.load_state_dict(model.state_dict())
    assert build(wide, backbone="", columns=LAYOUT, classes=2).description["recipe"]["options"]["encoder"]["width"] == 3


def test_of_a_count_there_is_a_plain_layout_and_none_in_the_description(wide: Fusion) -> None:
    model = build(wide, backbone="", columns=5, classes=2)
    assert isinstance(model.encoder, Wide)
    assert model.encoder.given == (5, ColumnLayout.plain(5), None)
    assert "layout" not in model.description
    assert "layout" not in build("image-only", **{**SIZES, "columns": LAYOUT}).description


def test_what_fusekit_gives_is_no_option(wide: Fusion) -> None:
    for option in ("layout", "people"):
        with pytest.raises(OptionError, match=f"encoder has no option '{option}'"):
            build(wide, **SIZES, options={"encoder": {option: 3}})


def test_an_encoder_that_takes_a_count_alone_gets_it_from_a_layout() -> None:
    torch.manual_seed(0)
    model = build("rbca", **{**SIZES, "columns": LAYOUT}, people=20)
    torch.manual_seed(0)
    count = build("rbca", **SIZES)
    for name, weight in count.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name
    assert model.state_dict().keys() == count.state_dict().keys()
    assert build_from(model.description).description["layout"] == LAYOUT.as_json()


def test_fit_shows_the_encoder_the_columns_and_what_it_keeps_is_loaded() -> None:
    recipe = Fusion(
        head="clinical", encoder="mlp", image=False, options={"encoder": {"width": 8, "numbers": "piecewise"}}
    )
    model = build(recipe, backbone="", columns=LAYOUT, classes=2)
    columns = torch.randn(50, 5).exp()
    before = model(None, columns)
    model.fit(columns)
    assert not torch.equal(model(None, columns), before)
    again = build_from(json.loads(json.dumps(model.description)))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(None, columns), model(None, columns))
    build("image-only", **SIZES).fit(columns)  # has nothing to show them to


def test_a_description_stands_when_the_fusion_of_that_name_changes() -> None:
    description = build("concat", **SIZES).description
    description["fusion"] = "a-name-that-is-gone"
    assert build_from(description).reads_clinical


def test_rebuilding_downloads_nothing_and_remembers_where_weights_came_from() -> None:
    description = build("image-only", **SIZES).description
    description["recipe"]["options"]["backbone"]["pretrained"] = True  # resnet10t has none under this mark offline
    again = build_from(description)
    assert again.description["recipe"]["options"]["backbone"]["pretrained"] is True


@pytest.mark.parametrize(
    ("fusion", "options", "message"),
    [
        (
            "rbca",
            {"injectr": {"reduction": "shared"}},
            "no part of a model is called 'injectr'; did you mean 'injector'",
        ),
        ("rbca", {"injector": {"reductoin": "shared"}}, "injector has no option 'reductoin'; did you mean 'reduction'"),
        ("rbca", {"injector": {"reduction": "both"}}, "injector.reduction takes one of separate, shared, not 'both'"),
        ("rbca", {"sites": {"kind": "layer"}}, "sites.kind takes one of stage, block, branch"),
        ("rbca", {"sites": {"stages": "2,7"}}, "names stage 7; the backbone 'resnet10t' has stages 1, 2, 3, 4"),
        ("rbca", {"backbone": {"sites": "stage"}}, "backbone has no option 'sites'"),
        ("concat", {"injector": {"reduction": "shared"}}, "'concat' has no injector.*it has: backbone, encoder, head"),
        ("concat", {"sites": {"stages": "2"}}, "'concat' has no sites"),
        ("clinical-only", {"backbone": {"init": "timm"}}, "'clinical-only' has no backbone"),
        ("image-only", {"encoder": {"width": 3}}, "'image-only' has no encoder"),
    ],
)
def test_wrong_options_are_named_with_the_way_out(fusion: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        build(fusion, **SIZES, options=options)


def test_a_network_that_lacks_a_stage_of_the_fusion_says_which_it_has() -> None:
    given = {**SIZES, "backbone": "efficientvit_m0"}
    with pytest.raises(OptionError, match=r"stage 2; .*has stages 3, 4, 5\. .*-o sites\.stages=3,4$"):
        build("rbca-light", **given)
    model = build("rbca-light", **given, options={"sites": {"stages": "3,4"}})
    assert model.injector is not None


def test_unknown_names_are_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no fusion is called 'rcba'; did you mean 'rbca'"):
        build("rcba", **SIZES)
    with pytest.raises(UnknownName, match="no backbone is called 'resnet5'; did you mean"):
        build("concat", **{**SIZES, "backbone": "resnet5"})
    with pytest.raises(UnknownName, match="no head is called 'konkat'; did you mean 'concat'"):
        build(Fusion(head="konkat"), **SIZES)


def test_sizes_without_meaning_are_refused() -> None:
    with pytest.raises(OptionError, match="one output or more, not 0"):
        build("concat", **{**SIZES, "classes": 0})
    with pytest.raises(OptionError, match="'concat' reads clinical columns, but there are none"):
        build("concat", **{**SIZES, "columns": 0})
    assert build("image-only", **{**SIZES, "columns": 0}).reads_clinical is False
    with pytest.raises(OptionError, match="needs an image and a clinical encoder"):
        build(Fusion(head="image", injector="rbca"), **SIZES)


def test_a_recipe_s_empty_part_is_no_error() -> None:
    assert build("concat", **SIZES, options={"injector": {}}).injector is None


class Bare(nn.Module):
    """A backbone that says what it is given to say."""

    def __init__(self, in_channels: int, **said: Any):
        super().__init__()
        self.layer = nn.Conv2d(in_channels, 6, 3)
        for name, value in said.items():
            setattr(self, name, value)

    def forward(self, image: Tensor, inject: Inject | None = None) -> Any:
        features = self.layer(image)
        return ImageFeatures(features, features.mean(dim=(2, 3)))


WHOLE = {"spatial_dims": 2, "map_channels": 6, "width": 6, "image_size": None}


def bare(**said: Any) -> Any:
    return lambda in_channels: Bare(in_channels, **said)


@pytest.mark.parametrize(
    ("factory", "fusion", "message"),
    [
        (
            bare(map_channels=6, width=6),
            "concat",
            "'mine' says nothing of its spatial_dims: set self.spatial_dims",
        ),
        (bare(spatial_dims=2, width=6), "concat", "says nothing of its map_channels"),
        (bare(spatial_dims=2, map_channels=6), "concat", r"says nothing of its width: .* \(length of its vector\)"),
        (bare(**{**WHOLE, "width": "6"}), "concat", "says '6' of its width"),
        (bare(**WHOLE), "rbca", "'mine' has no sites, and the fusion 'rbca' injects at sites"),
        (
            lambda: Bare(1),
            "concat",
            "'mine' cannot be built by .*: too many positional arguments",
        ),
        (lambda in_channels: None, "concat", "'mine' is built as a NoneType; a torch.nn.Module is needed"),
    ],
)
def test_a_backbone_that_lacks_something_is_told_what(
    factory: Any, fusion: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog().backbones, "get", lambda name: factory)
    with pytest.raises(OptionError, match=message):
        build(fusion, **{**SIZES, "backbone": "mine"})


@pytest.mark.parametrize("made", [Bare, dict, "concat"])
def test_a_fusion_that_is_none_is_refused(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog().fusions, "get", lambda name: lambda: made)
    with pytest.raises(OptionError, match=r"'mine' is a (type|str); a Fusion\(head=\.\.\., \.\.\.\) is needed"):
        build("mine", **SIZES)
    monkeypatch.setattr(catalog().fusions, "get", lambda name: Fusion)
    with pytest.raises(PluginError, match=r"'mine' cannot be made: TypeError: .*'head'"):
        build("mine", **SIZES)
