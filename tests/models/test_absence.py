"""An image or a table that is absent changes nothing but what is said without it."""

import pytest
import torch

from fusekit.errors import DataError, OptionError
from fusekit.models import ClinicalFeatures, FusionModel, build
from fusekit.models.absence import lent

B, F = 6, 5
PRESENT = torch.tensor([[1, 1], [0, 1], [1, 0], [1, 1], [0, 1], [1, 0]], dtype=torch.bool)


def model_of(fusion: str, absent: tuple[str, ...] = ("image", "table")) -> FusionModel:
    torch.manual_seed(0)
    model = build(fusion, backbone="resnet10t", columns=F, classes=3, absent=absent)
    with torch.no_grad():  # as after a training: stand-ins are not zeros, heads not silent
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    return model


def inputs_of(model: FusionModel) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    dims = model.backbone.spatial_dims if model.backbone else 2
    return torch.randn(B, 1, *[32] * dims, generator=draw), torch.randn(B, model.inputs, generator=draw)


FUSIONS = ["concat", "rbca", "rbca-light", "image-only", "clinical-only", "table-first", "concat+logistic"]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_absent_says_nothing_and_what_is_present_all(fusion: str) -> None:
    model = model_of(fusion).eval()
    image, columns = inputs_of(model)
    noise = torch.where(PRESENT[:, 0, None, None, None], image, torch.randn_like(image) * 100)
    other = torch.where(PRESENT[:, 1, None], columns, torch.randn_like(columns) * 100)
    with torch.no_grad():
        found = model(image, columns, PRESENT)
        assert torch.allclose(model(noise, other, PRESENT), found, atol=1e-5)
        whole = model(image, columns)
        both = PRESENT.all(dim=1)
        assert torch.allclose(found[both], whole[both], atol=1e-5)
        everything = model(image, columns, torch.ones(B, 2, dtype=torch.bool))
        assert torch.equal(everything, whole)
        lacking = [k for k, name in enumerate(("image", "table")) if name in model.absent]
        changed = (~PRESENT[:, lacking]).any(dim=1)
        assert not torch.isclose(found[changed], whole[changed], atol=1e-4).all(dim=1).any()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_none_is_absent_for_all(fusion: str) -> None:
    model = model_of(fusion).eval()
    image, columns = inputs_of(model)
    nobody = torch.zeros(B, 1, dtype=torch.bool)
    with torch.no_grad():
        if "image" in model.absent and model.reads_clinical:
            marked = model(image, columns, torch.cat([nobody, ~nobody], dim=1))
            assert torch.allclose(model(None, columns), marked, atol=1e-5)
        if "table" in model.absent and model.reads_image:
            marked = model(image, columns, torch.cat([~nobody, nobody], dim=1))
            assert torch.allclose(model(image, None), marked, atol=1e-5)


def test_the_formula_of_concat() -> None:
    model = model_of("concat").eval()
    image, columns = inputs_of(model)
    assert model.stand_ins is not None
    said = model.output(image, columns)
    assert said.image is not None
    assert said.clinical is not None
    assert model.backbone is not None
    assert model.stand_ins.image is not None
    assert model.stand_ins.clinical is not None
    with torch.no_grad():
        vector, clinical = said.image.vector.clone(), said.clinical.vector.clone()
        width = model.backbone.map_channels
        vector[~PRESENT[:, 0]] = model.stand_ins.image[width:]
        clinical[~PRESENT[:, 1]] = model.stand_ins.clinical
        expected = model.head(said.image._replace(vector=vector), ClinicalFeatures(clinical))
        assert torch.allclose(model(image, columns, PRESENT), expected, atol=1e-5)


def test_injection_leaves_features_alone_without_a_table() -> None:
    model = model_of("rbca-light").eval()
    image, columns = inputs_of(model)
    assert model.backbone is not None
    plain = model.backbone(image)
    marked = torch.tensor([[True, False]] * B)
    found, injected = model.output(image, columns, marked).image, model.output(image, columns).image
    assert found is not None
    assert injected is not None
    assert torch.allclose(found.map, plain.map, atol=1e-5)
    assert not torch.allclose(injected.map, plain.map, atol=1e-3)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_weight_has_a_gradient_whatever_a_batch_lacks(fusion: str) -> None:
    for present in (PRESENT, torch.ones_like(PRESENT), torch.tensor([[True, False]] * B)):
        model = model_of(fusion).train()
        image, columns = inputs_of(model)
        model(image, columns, present).square().sum().backward()
        without = [name for name, weight in model.named_parameters() if weight.grad is None]
        assert not without


def test_batch_statistics_are_those_of_images_that_are_there() -> None:
    """A batch that lacks half of its images leaves the running statistics of the other half, shown twice."""
    model, other = model_of("image-only").train(), model_of("image-only").train()
    image, _ = inputs_of(model)
    present = torch.tensor([[True, True], [False, True]] * 3)
    blank = torch.where(present[:, 0, None, None, None], image, torch.full_like(image, -9.0))
    model(blank, None, present)
    other(image[[0, 0, 2, 2, 4, 4]])
    norms = [(a, b) for a, b in zip(model.buffers(), other.buffers(), strict=True) if a.is_floating_point()]
    assert norms
    for own, wanted in norms:
        assert torch.allclose(own, wanted, atol=1e-4)


def test_lent_values() -> None:
    values = torch.arange(5.0)[:, None]
    present = torch.tensor([False, True, False, True, False])
    assert lent(values, present).flatten().tolist() == [1, 1, 1, 3, 1]  # places 0 and 4 take 1, place 2 takes 1
    nobody = torch.zeros(5, dtype=torch.bool)
    assert torch.equal(lent(values, nobody), values)


def test_one_graph_and_one_export() -> None:
    model = model_of("table-first").eval()
    image, columns = inputs_of(model)
    with torch.no_grad():
        program = torch.export.export(model, (image, columns, PRESENT)).module()
        assert torch.allclose(program(image, columns, ~PRESENT | PRESENT), model(image, columns), atol=1e-5)
        assert torch.allclose(program(image, columns, PRESENT), model(image, columns, PRESENT), atol=1e-5)


def test_a_model_of_before_is_refused_by_a_sentence_and_is_otherwise_as_before() -> None:
    torch.manual_seed(0)
    plain = build("concat", backbone="resnet10t", columns=F, classes=3)
    torch.manual_seed(0)
    able = build("concat", backbone="resnet10t", columns=F, classes=3, absent=("image", "table"))
    image, columns = inputs_of(plain)
    assert "absent" not in plain.description
    assert able.description["absent"] == ["image", "table"]
    added = set(able.state_dict()) - set(plain.state_dict())
    assert added == {"stand_ins.image", "stand_ins.clinical"}
    with torch.no_grad():
        assert torch.equal(plain.eval()(image, columns), able.eval()(image, columns))
    with pytest.raises(DataError, match="nothing to take in place"):
        plain(image, columns, PRESENT)
    with pytest.raises(DataError, match="reads an image; none was given"):
        plain(None, columns)
    with pytest.raises(DataError, match="there is neither"):
        able(None, None)
    with pytest.raises(OptionError, match="an image or a table, not 'tabel'"):
        build("concat", backbone="resnet10t", columns=F, classes=3, absent=("tabel",))


def test_only_what_may_be_absent_has_a_stand_in() -> None:
    assert model_of("image-only").absent == ("image",)
    assert model_of("clinical-only").absent == ("table",)
    table = model_of("concat", absent=("table",)).eval()
    image, columns = inputs_of(table)
    with pytest.raises(DataError, match="reads an image"):
        table(None, columns)
    assert table(image, None).shape == (B, 3)


@pytest.mark.parametrize("fusion", ["concat+attention", "rbca+mean", "rbca-light+mean"])
def test_scans_whose_slices_are_joined_may_lack_them_too(fusion: str) -> None:
    """Scan by scan: what one says that has both, and what the stand-ins say, is what each says alone."""
    model = model_of(fusion).eval()
    image, columns = torch.randn(3, 4, 1, 32, 32), torch.randn(3, F)
    present = torch.tensor([[True, True], [False, True], [True, False]])
    lengths = torch.tensor([4, 2, 3])
    mask = torch.arange(4) < lengths[:, None]
    packed = image.flatten(0, 1)[mask.flatten()]
    with torch.no_grad():
        even = model(image, columns, present)
        torch.testing.assert_close(even[:1], model(image[:1], columns[:1]))
        torch.testing.assert_close(even[1:2], model(None, columns[1:2]))
        torch.testing.assert_close(even[2:], model(image[2:], None))
        found = model(packed, columns, present, slices=mask)
        torch.testing.assert_close(found[:1], even[:1])
        torch.testing.assert_close(found[1:2], even[1:2])
        torch.testing.assert_close(found[2:], model(image[2:, :3], None))


@pytest.mark.parametrize("training", [False, True])
def test_with_a_pool_slices_of_an_absent_scan_say_nothing(training: bool) -> None:
    """Not even by the statistics of batch normalisation: slices of scans that are there take their place."""
    model = model_of("rbca+attention").train(training)
    slices = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 0]], dtype=torch.bool)
    of_slice = PRESENT[:, 0].repeat_interleave(slices.sum(dim=1))
    image, columns = torch.randn(12, 1, 32, 32), torch.randn(B, F)
    noise = torch.where(of_slice[:, None, None, None], image, torch.full_like(image, 77.0))
    with torch.no_grad():
        found = model(image, columns, PRESENT, slices=slices)
        torch.testing.assert_close(model(noise, columns, PRESENT, slices=slices), found, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(model(image, columns, slices=slices), found, atol=1e-4)
