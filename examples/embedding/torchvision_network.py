"""A network of torchvision as a backbone, into whose stages the table reaches."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from fusekit.models import ConcatHead, FusionModel, ImageWidths, MLPEncoder
from fusekit.models.backbones.hooked import HookedBackbone
from fusekit_fusions.injectors.film import FiLM


def features(net: Any, image: Tensor) -> Tensor:
    """All of the network up to its last map."""
    x = net.maxpool(net.relu(net.bn1(net.conv1(image))))
    last: Tensor = net.layer4(net.layer3(net.layer2(net.layer1(x))))
    return last


def pool(net: Any, x: Tensor) -> Tensor:
    """From the last map to a vector."""
    vector: Tensor = net.avgpool(x).flatten(1)
    return vector


torch.manual_seed(0)
backbone = HookedBackbone(
    resnet18(),  # or resnet18(weights="DEFAULT"), or one that you trained
    {stage: (f"layer{stage}",) for stage in (1, 2, 3, 4)},
    features=features,
    pool=pool,
    in_channels=3,
    sites="branch",
)
encoder = MLPEncoder(columns=12)
head = ConcatHead(
    ImageWidths(backbone.map_channels, backbone.width), encoder.width, classes=2
)
model = FusionModel(backbone, encoder, FiLM(backbone.sites, encoder.width), head)

image, columns, label = (
    torch.randn(8, 3, 64, 64),
    torch.randn(8, 12),
    torch.arange(8) % 2,
)
loss = cross_entropy(model(image, columns), label)
loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
print(f"{len(backbone.sites)} sites, loss {loss.item():.3f}")
