"""Four parts put together: what reaches which, and what torch can do with the whole."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from fusekit import build
from fusekit.errors import DataError, OptionError
from fusekit.models import (
    ClinicalFeatures,
    FusionHead,
    FusionModel,
    ImageFeatures,
    ImageHead,
    ImageWidths,
    Injector,
    MLPEncoder,
    Output,
    TimmBackbone,
)
from fusekit.models.prior import Prior

IMAGE, COLUMNS = torch.randn(2, 1, 64, 64), torch.randn(2, 5)
ARMS = ("image-only", "clinical-only", "concat", "rbca")


class Note(Injector):
    """Adds nothing, and notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[tuple[int, ...]] = []
        self.asked: list[tuple[int, int]] = []

    def prepare(self, clinical: Tensor) -> str:
        self.prepared.append(tuple(clinical.shape))
        return "prepared"

    def forward(self, site: int, features: Tensor, prepared: str) -> Tensor:
        assert prepared == "prepared"
        self.asked.append((site, features.shape[1]))
        return features


def test_only_injected_sites_reach_the_injector_renumbered_and_prepared_once() -> None:
    backbone, note = TimmBackbone("resnet10t", 1), Note()
    head = ImageHead(ImageWidths(backbone.map_channels, backbone.width), 0, 2)
    model = FusionModel(backbone, MLPEncoder(5, width=8), note, head, injected=[1, 3])
    model(IMAGE, COLUMNS)
    assert note.prepared == [(2, 8)]
    assert note.asked == [(0, 64), (1, 256)]  # layer2 and layer4 read what layer1 and layer3 put out


def test_injects_everywhere_unless_told_otherwise() -> None:
    backbone, note = TimmBackbone("resnet10t", 1), Note()
    head = ImageHead(ImageWidths(backbone.map_channels, backbone.width), 0, 2)
    FusionModel(backbone, MLPEncoder(5), note, head)(IMAGE, COLUMNS)
    assert [site for site, _ in note.asked] == [0, 1, 2, 3]


@pytest.mark.parametrize("arm", ARMS)
def test_what_is_not_read_may_be_none_and_what_is_read_may_not(arm: str) -> None:
    model = build(arm, backbone="test_resnet", columns=5, classes=2).eval()
    expected = model(IMAGE, COLUMNS)
    image, columns = IMAGE if model.reads_image else None, COLUMNS if model.reads_clinical else None
    assert torch.equal(model(image, columns), expected)
    if model.reads_image:
        with pytest.raises(DataError, match="reads an image; none was given"):
            model(None, COLUMNS)
    if model.reads_clinical:
        with pytest.raises(DataError, match="reads clinical columns; none were given"):
            model(IMAGE, None)


def test_an_injector_without_both_sides_is_refused() -> None:
    backbone = TimmBackbone("resnet10t", 1)
    head = ImageHead(ImageWidths(backbone.map_channels, backbone.width), 0, 2)
    with pytest.raises(ValueError, match="needs a backbone to change and an encoder to read"):
        FusionModel(backbone, None, Note(), head)


@pytest.mark.parametrize("arm", ARMS)
def test_compiles_to_one_graph_with_the_same_gradients(arm: str) -> None:
    torch.manual_seed(0)
    model = build(arm, backbone="test_resnet", columns=5, classes=2)
    twin = deepcopy(model)
    torch._dynamo.reset()
    backend = "aot_eager" if arm == "rbca" else "eager"  # the backward graph too, which takes longer
    compiled = torch.compile(twin, backend=backend, fullgraph=True)  # fullgraph: a break in the graph raises
    label = torch.tensor([0, 1])
    for network in (model, compiled):
        torch.autograd.backward(nn.functional.cross_entropy(network(IMAGE, COLUMNS), label))
    for (name, weight), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.slow
def test_resnet50_compiles_to_one_graph() -> None:
    model = build("rbca", backbone="resnet50", columns=5, classes=2).eval()
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(IMAGE, COLUMNS), model(IMAGE, COLUMNS), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("arm", ARMS)
def test_copies_own_their_weights_and_state_dicts_go_round(arm: str) -> None:
    model, other = (build(arm, backbone="test_resnet", columns=5, classes=2).eval() for _ in range(2))
    twin = deepcopy(model)
    with torch.no_grad():
        expected = model(IMAGE, COLUMNS)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        for weight in model.parameters():
            weight.mul_(1.5)
        assert not torch.equal(model(IMAGE, COLUMNS), expected)
        assert torch.equal(twin(IMAGE, COLUMNS), expected)
        assert not torch.equal(other(IMAGE, COLUMNS), expected)
        other.load_state_dict(state)
        assert torch.equal(other(IMAGE, COLUMNS), expected)


@pytest.mark.parametrize("arm", ARMS)
def test_exports_with_a_free_batch_size(arm: str) -> None:
    model = build(arm, backbone="test_resnet", columns=5, classes=2).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (IMAGE, COLUMNS), dynamic_shapes=({0: batch}, {0: batch}))
    image, columns = torch.randn(5, 1, 64, 64), torch.randn(5, 5)
    torch.testing.assert_close(program.module()(image, columns), model(image, columns))


def test_state_dict_holds_timm_s_keys_so_that_published_weights_load() -> None:
    model = build("rbca", backbone="resnet10t", columns=5, classes=2)
    theirs = TimmBackbone("resnet10t", 1).net.state_dict()
    assert model.backbone is not None
    model.backbone.get_submodule("net").load_state_dict(theirs)
    ours = {key.removeprefix("backbone.net."): value for key, value in model.state_dict().items() if "net." in key}
    assert all(torch.equal(ours[key], value) for key, value in theirs.items())


class Late(FusionHead):
    """Each modality by itself, and their mean: what says more than outputs."""

    part_names = ("image", "table")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        self.image = nn.Linear(image_widths.vector, classes)
        self.table = nn.Linear(clinical_width, classes)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        assert image is not None
        assert clinical is not None
        parts = {"image": self.image(image.vector), "table": self.table(clinical.vector)}
        apart = (parts["image"] - parts["table"]).square().mean()
        return Output((parts["image"] + parts["table"]) / 2, parts, {"apart": apart})


def late(prior: Prior | None = None) -> FusionModel:
    torch.manual_seed(0)
    backbone, encoder = TimmBackbone("test_resnet", 1), MLPEncoder(5, width=8)
    head = Late(ImageWidths(backbone.map_channels, backbone.width), 8, 2)
    return FusionModel(backbone, encoder, None, head, prior=prior).eval()


def test_a_head_may_say_parts_and_losses_and_forward_gives_its_outputs() -> None:
    model = late()
    found = model.output(IMAGE, COLUMNS)
    assert found.image is not None
    assert model.backbone is not None
    torch.testing.assert_close(found.image.vector, model.backbone(IMAGE).vector)
    torch.testing.assert_close(found.parts["image"], model.head.image(found.image.vector))  # type: ignore[operator]
    torch.testing.assert_close(found.outputs, (found.parts["image"] + found.parts["table"]) / 2)
    assert found.losses["apart"].shape == ()
    assert torch.equal(model(IMAGE, COLUMNS), found.outputs)
    exported = torch.export.export(model, (IMAGE, COLUMNS)).module()
    torch.testing.assert_close(exported(IMAGE, COLUMNS), found.outputs)


def test_a_prior_is_added_to_outputs_and_not_to_parts() -> None:
    said = torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log()
    plain, with_prior = late().output(IMAGE, COLUMNS), late(Prior(2)).output(IMAGE, torch.cat([COLUMNS, said], 1))
    torch.testing.assert_close(with_prior.outputs, plain.outputs + said)
    torch.testing.assert_close(with_prior.parts["table"], plain.parts["table"])


def test_auxiliary_heads_say_what_image_and_table_alone_say_until_they_are_dropped() -> None:
    torch.manual_seed(0)
    model = build("concat", backbone="test_resnet", columns=5, classes=2).eval()
    before, names = model(IMAGE, COLUMNS), list(model.state_dict())
    model.add_auxiliary(("image", "table"), 2)
    found = model.output(IMAGE, COLUMNS)
    assert model.backbone is not None
    assert model.encoder is not None
    for name, vector in (("image", model.backbone(IMAGE).vector), ("table", model.encoder(COLUMNS))):
        layer = model.auxiliary[name]
        torch.testing.assert_close(found.parts[name], vector @ layer.weight.T + layer.bias)
    assert torch.equal(found.outputs, before)
    model.drop_auxiliary()
    assert list(model.state_dict()) == names
    assert model.output(IMAGE, COLUMNS).parts == {}


def test_what_the_head_says_itself_gets_no_auxiliary_head_and_what_is_not_read_is_refused() -> None:
    model = late()
    model.add_auxiliary(("image",), 2)
    assert not model.auxiliary
    with pytest.raises(OptionError, match="asks what 'image' alone says, and this fusion reads the table alone"):
        build("clinical-only", backbone="", columns=5, classes=2).add_auxiliary(("image",), 2)
