"""Check the parts of a fusion model."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusekit.models import (
    Backbone,
    ClinicalEncoder,
    ClinicalFeatures,
    FusionHead,
    ImageFeatures,
    ImageWidths,
    Injector,
    Output,
    Site,
)
from fusekit.models.probe import shaken
from fusekit.testing.modules import BATCH, check_module, check_shape, random_inputs, tensors_of

TOKENS = 4


def check_backbone(backbone: Backbone, *, in_channels: int = 1, size: tuple[int, ...] | None = None) -> None:
    """Check a backbone: widths, sites, and that what is injected is what is used.

    ``size`` is the height and width (and depth) of a small image it takes: 64 each, or 16 in three dimensions.
    """
    for attribute in ("spatial_dims", "map_channels", "width", "sites"):
        assert hasattr(backbone, attribute), f"it has no {attribute}: set self.{attribute} in __init__ (see Backbone)"
    assert backbone.spatial_dims in (2, 3), f"spatial_dims is {backbone.spatial_dims}; images have 2, volumes 3"
    inputs = random_inputs((in_channels, *(size or {2: (64, 64), 3: (16, 16, 16)}[backbone.spatial_dims])))
    network = shaken(backbone).eval()  # a part that starts at zero would hide a site's effect
    with torch.no_grad():
        features = network(inputs[0])
        assert isinstance(features, ImageFeatures), f"it returns {type(features).__name__}, not ImageFeatures"
        map_, vector = features
        assert map_.shape[:2] == (BATCH, backbone.map_channels), (
            f"its map has shape {tuple(map_.shape)}; map_channels says ({BATCH}, {backbone.map_channels}, ...)"
        )
        assert vector.shape == (BATCH, backbone.width), (
            f"its vector has shape {tuple(vector.shape)}; width says ({BATCH}, {backbone.width})"
        )
        _check_sites(network, backbone.sites, inputs[0], vector)
    _check_vector(network, inputs[0])
    check_module(backbone, inputs, lambda module, given: tuple(module(*given)))


def check_encoder(encoder: ClinicalEncoder, columns: int) -> None:
    """Check a clinical encoder for F = ``columns``."""
    shape = "width says", (BATCH, encoder.width)

    def call(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        made = module(*given)
        if not isinstance(made, ClinicalFeatures):
            return (made,)
        if made.tokens is not None:
            found = tuple(made.tokens.shape)
            assert (len(found), found[-1]) == (3, encoder.width), (
                f"its tokens have shape {found}; ({BATCH}, T, {encoder.width}) is wanted"
            )
        return tuple(one for one in made if one is not None)

    check_module(encoder, random_inputs((columns,)), call, shape=shape)


def check_injector(
    injector: Injector, sites: Sequence[Site], clinical_width: int, *, size: tuple[int, ...] = (6, 5)
) -> None:
    """Check an injector that was built for ``sites`` and ``clinical_width``, on features of spatial axes ``size``."""
    inputs = random_inputs((clinical_width,), *[(site.channels, *size) for site in sites])
    with torch.no_grad():
        given = tuple(value.clone() for value in inputs)
        moved = shaken(injector).eval()
        outputs = _inject(moved, given)
        for value, before in zip(given, inputs, strict=True):
            assert torch.equal(value, before), (
                "it changes its input in place; a shortcut may still read it, so work on a new tensor"
            )
        for site, output, features in zip(sites, outputs, inputs[1:], strict=True):
            check_shape(output, f"at {site.name!r}, its input has", tuple(features.shape))
        others = _inject(moved, (inputs[0] + 1, *inputs[1:]))
        for site, output, other in zip(sites, outputs, others, strict=True):
            assert not torch.equal(output, other), f"at {site.name!r}, the clinical features make no difference"
        _check_rest(moved, sites, inputs)
    check_module(injector, inputs, _inject)


def _check_rest(injector: Injector, sites: Sequence[Site], inputs: tuple[Tensor, ...]) -> None:
    present = torch.arange(BATCH) % 2 == 0
    prepared = injector.prepare(inputs[0])
    rested = injector.at_rest(prepared, present)
    if rested is None:
        return
    for place, (site, features) in enumerate(zip(sites, inputs[1:], strict=True)):
        found, usual = injector(place, features, rested), injector(place, features, prepared)
        assert torch.equal(found[~present], features[~present]), (
            f"at {site.name!r}, what at_rest gives changes the features of a sample without a table"
        )
        assert torch.equal(found[present], usual[present]), (
            f"at {site.name!r}, what at_rest gives changes what a sample with a table gets"
        )


def check_head(head: FusionHead, image_widths: ImageWidths, clinical_width: int, classes: int) -> None:
    """Check a head that was built for these widths; a width is 0 where the fusion does not read that part."""
    reads_image = image_widths.vector > 0
    shapes = [(image_widths.map, 3, 2), (image_widths.vector,)] if reads_image else []
    inputs = random_inputs(*shapes, *[(clinical_width,), (TOKENS, clinical_width)] if clinical_width else [])

    def call(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        image = ImageFeatures(*given[:2]) if reads_image else None
        return tensors_of(module(image, _clinical(given, clinical_width)), module.training)

    _check_output(head, image_widths, clinical_width, inputs, classes)
    check_module(head, inputs, call, shape=("logits have", (BATCH, classes)), logits=True)


def _check_output(
    head: FusionHead, image_widths: ImageWidths, clinical_width: int, inputs: tuple[Tensor, ...], classes: int
) -> None:
    image = ImageFeatures(*inputs[:2]) if image_widths.vector else None
    with torch.no_grad():
        found = shaken(head).eval()(image, _clinical(inputs, clinical_width))
    if isinstance(found, Output):
        assert set(found.parts) == set(head.part_names), (
            f"the parts of its Output are {sorted(found.parts)}; part_names says {sorted(head.part_names)}"
        )
        for name, part in found.parts.items():
            check_shape(part, f"the part {name!r}, like all that predicts, has", (BATCH, classes))
        for name, loss in found.losses.items():
            check_shape(loss, f"the loss {name!r} is a mean over the batch,", ())
            assert loss.isfinite(), f"the loss {name!r} of ordinary numbers is not finite"
        for name, gate in found.gates.items():
            tokens = (BATCH, TOKENS) if name == "columns" else (BATCH, *gate.shape[1:2])
            check_shape(gate, f"the gates {name!r} have", tokens)
            assert (gate >= 0).all(), f"a gate of {name!r} is below 0 or no number"


def _clinical(inputs: tuple[Tensor, ...], width: int) -> ClinicalFeatures | None:
    return ClinicalFeatures(*inputs[-2:]) if width else None


def _inject(injector: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    assert isinstance(injector, Injector)
    prepared = injector.prepare(inputs[0])
    return tuple(injector(site, features, prepared) for site, features in enumerate(inputs[1:]))


def _check_sites(network: nn.Module, sites: Sequence[Site], image: Tensor, vector: Tensor) -> None:
    assert sites, "it has no sites"
    names = [site.name for site in sites]
    assert len(set(names)) == len(names), f"names of sites repeat: {names}"
    assert [site.stage for site in sites] == sorted(site.stage for site in sites), "stages do not ascend over the sites"
    calls: list[tuple[int, int]] = []

    def note(site: int, features: Tensor) -> Tensor:
        calls.append((site, features.shape[1]))
        return features

    again = network(image, note).vector
    assert [site for site, _ in calls] == list(range(len(sites))), (
        f"inject was called for sites {[site for site, _ in calls]}; each is to be called once, in the order of sites"
    )
    for site, (_, channels) in zip(sites, calls, strict=True):
        assert channels == site.channels, f"{site.name!r} says {site.channels} channels and passes {channels}"
    assert torch.equal(again, vector), "an inject that changes nothing changes the result"
    for i, site in enumerate(sites):
        generator = torch.Generator().manual_seed(i)

        def disturb(at: int, features: Tensor, here: int = i, generator: torch.Generator = generator) -> Tensor:
            if at != here:
                return features
            return features + features.std() * torch.randn(features.shape, generator=generator)

        assert not torch.equal(network(image, disturb).vector, vector), (
            f"what is injected at {site.name!r} does not reach the result"
        )

    def change(at: int, features: Tensor) -> Tensor:
        return 2 * features + 1

    def meanwhile(at: int, features: Tensor) -> Tensor:
        if at == 0:
            network(image, note)
        return change(at, features)

    assert torch.equal(network(image, meanwhile).vector, network(image, change).vector), (
        "a forward pass feels another one that runs meanwhile, as in a second thread: keep what is injected off self"
    )
    assert torch.equal(network(image).vector, vector), "a forward pass still feels the inject of the one before"


def _check_vector(network: nn.Module, image: Tensor) -> None:  # Grad-CAM reads the map's gradient
    map_, vector = network(image.requires_grad_())
    image.requires_grad_(False)
    slope = None
    if map_.requires_grad and vector.requires_grad:
        (slope,) = torch.autograd.grad(vector.sum(), map_, allow_unused=True)
    assert slope is not None, (
        "its vector does not come from its map, so the map cannot show what a prediction looks at (Grad-CAM): return "
        "the map that is pooled, or pool the one that is returned"
    )
