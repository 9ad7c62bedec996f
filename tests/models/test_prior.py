"""A network that starts from what a baseline says, and an encoder that reads some columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fusekit import build
from fusekit.errors import OptionError
from fusekit.extension.fusion import Fusion, registered
from fusekit.models import FusionHead
from fusekit.models.build import build_from
from fusekit.models.prior import silence, start

IMAGE, COLUMNS = torch.randn(3, 1, 64, 64), torch.randn(3, 5)
SAID = torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]).log()
BOTH = torch.cat([COLUMNS, SAID], dim=1)


@pytest.mark.parametrize("arm", ["image-only", "clinical-only", "concat", "rbca", "rbca-light"])
def test_an_untrained_model_says_what_its_prior_says(arm: str) -> None:
    model = build(f"{arm}+logistic", backbone="test_resnet", columns=5, classes=2).eval()
    torch.testing.assert_close(model(IMAGE, BOTH).softmax(dim=1), SAID.exp())


def test_logits_are_those_of_the_network_and_the_weighted_prior() -> None:
    model = build("concat+gbdt", backbone="test_resnet", columns=5, classes=2).eval()
    plain = build("concat", backbone="test_resnet", columns=5, classes=2).eval()
    assert model.prior is not None
    with torch.no_grad():
        model.prior.weight.fill_(0.3)
        for weight in model.head.parameters():
            weight.normal_()
    plain.load_state_dict({name: own for name, own in model.state_dict().items() if name != "prior.weight"})
    torch.testing.assert_close(model(IMAGE, BOTH), plain(IMAGE, COLUMNS) + 0.3 * SAID)


def test_a_prior_that_is_trusted_less_says_the_same_with_less_certainty() -> None:
    model = build("image-only+gbdt", backbone="test_resnet", columns=5, classes=2).eval()
    assert model.prior is not None
    start(model.prior, model.head, 0.5, torch.zeros(2))
    torch.testing.assert_close(model(IMAGE, BOTH).softmax(dim=1), (0.5 * SAID).softmax(dim=1))


def test_what_a_prior_says_of_everyone_is_said_in_full_however_little_it_is_trusted() -> None:
    """Hazards have no value that says nothing: with the weight at 0 all people get the mean."""
    hazards, mean = torch.tensor([[-3.0, -2.0], [-1.0, -2.5], [-2.0, -1.5]]), torch.tensor([-2.0, -2.0])
    model = build("image-only+gbdt", backbone="test_resnet", columns=5, classes=2).eval()
    assert model.prior is not None
    for weight in (0.0, 0.4, 1.0):
        start(model.prior, model.head, weight, mean)
        said = model(IMAGE, torch.cat([COLUMNS, hazards], dim=1))
        torch.testing.assert_close(said, mean + weight * (hazards - mean))


def test_a_head_that_cannot_say_the_rest_of_everyone_leaves_it_to_the_prior() -> None:
    """``late`` ends in two layers: half would be said. Of classes there is no rest, and the weight is kept."""
    model = build("late+gbdt", backbone="test_resnet", columns=5, classes=2).eval()
    assert model.prior is not None
    hazards = torch.tensor([[-3.0, -2.0], [-1.0, -2.5], [-2.0, -1.5]])
    start(model.prior, model.head, 0.4, hazards.mean(dim=0))
    torch.testing.assert_close(model(IMAGE, torch.cat([COLUMNS, hazards], dim=1)), hazards)
    start(model.prior, model.head, 0.4, torch.zeros(2))
    torch.testing.assert_close(model(IMAGE, BOTH), 0.4 * SAID)


def test_the_encoder_reads_its_columns_and_the_head_starts_silent_for_several_classes() -> None:
    said = torch.randn(3, 4).log_softmax(dim=1)
    model = build("clinical-only+gbdt", backbone="", columns=5, classes=4, reads=[3, 1]).eval()
    given = torch.cat([COLUMNS, said], dim=1)
    torch.testing.assert_close(model(None, given), said)
    read: list[Tensor] = []
    assert model.encoder is not None
    model.encoder.register_forward_pre_hook(lambda module, given: read.append(given[0]))
    model(None, given)
    torch.testing.assert_close(read[0], COLUMNS[:, [3, 1]])


def test_what_is_not_read_changes_nothing() -> None:
    model = build("concat", backbone="test_resnet", columns=5, classes=2, reads=[0, 4]).eval()
    other = COLUMNS.clone()
    other[:, 1:4] += 5
    assert torch.equal(model(IMAGE, COLUMNS), model(IMAGE, other))
    other[:, 4] += 5
    assert not torch.equal(model(IMAGE, COLUMNS), model(IMAGE, other))


def test_a_description_gives_the_model_again() -> None:
    model = build("rbca-light+gbdt", backbone="test_resnet", columns=5, classes=2, reads=[2]).eval()
    again = build_from(model.description).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(model(IMAGE, BOTH), again(IMAGE, BOTH))
    assert again.inputs == 7


@pytest.mark.parametrize("reads", [[], [5], [-1]])
def test_places_that_are_not_there_are_refused(reads: list[int]) -> None:
    with pytest.raises(OptionError, match=r"reads takes places of columns from 0 to 4, one or more, not \["):
        build("clinical-only", backbone="", columns=5, classes=2, reads=reads)


def test_a_head_without_a_linear_layer_says_how_it_starts() -> None:
    class Odd(FusionHead):
        def __init__(self) -> None:
            super().__init__()
            self.own = nn.Parameter(torch.ones(3))

        def forward(self, image: object, clinical: object) -> Tensor:
            return self.own

    with pytest.raises(OptionError, match="the head 'odd' has no linear layer that could start at zero"):
        silence(Odd(), "odd")

    class Even(Odd):
        def start_at_zero(self) -> None:
            nn.init.zeros_(self.own)

    head = Even()
    silence(head, "even")
    assert not head.own.any()


def test_any_fusion_takes_a_prior_by_its_name() -> None:
    assert registered("concat+gbdt") == Fusion(head="concat", encoder="clinical-path", prior="gbdt")
    first = registered("table-first")
    assert first.prior == "gbdt"
    assert registered("table-first+logistic").prior == "logistic"
    with pytest.raises(
        Exception, match="no baseline, pool or encoder is called 'gdbt', to be added to concat; did you mean 'gbdt'"
    ):
        registered("concat+gdbt")


def test_any_fusion_that_reads_the_table_takes_another_encoder_by_its_name() -> None:
    light = registered("rbca-light")
    assert registered("rbca-light+mlp") == replace(light, encoder="mlp")
    assert registered("rbca-light+mlp+gbdt") == registered("rbca-light+gbdt+mlp")
    assert "encoder" in registered("table-first").options  # of the mlp's width
    assert registered("table-first+mlp") == registered("table-first")
    assert "encoder" not in registered("table-first+tokens").options
    narrow = {"encoder": {"width": 16, "depth": 1}}
    model = build("rbca-light+mlp", backbone="test_resnet", columns=5, classes=2, options=narrow)
    assert model.encoder is not None
    assert model.encoder.width == 16
    with pytest.raises(OptionError, match="'image-only' has no encoder, so that none can take its place"):
        registered("image-only+mlp")


def test_it_is_one_graph_for_compile_and_export() -> None:
    model = build("table-first", backbone="test_resnet", columns=5, classes=2, reads=[0, 2]).eval()
    exported = torch.export.export(model, (IMAGE, BOTH)).module()
    torch.testing.assert_close(exported(IMAGE, BOTH), model(IMAGE, BOTH))
