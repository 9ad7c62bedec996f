"""The paper's whole network around the published attention: what the tests hold FuseKit's against.

ResNet-50 is written out here and shares no code with timm or FuseKit's models.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from fusekit_rbca.attention import PublishedAttention

CLINICAL = 1024
#: Blocks and inner channels of ResNet-50's four stages.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))


class LiteralBlock(nn.Module):
    """A bottleneck; with attention, its convolutions and its projection read the attended map, an identity reads x."""

    def __init__(self, channels: int, inner: int, stride: int, *, attention: bool):
        super().__init__()
        self.attention = PublishedAttention(channels) if attention else None
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * inner, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * inner)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != 4 * inner:
            projection = nn.Conv2d(channels, 4 * inner, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(4 * inner))

    def forward(self, x: Tensor, t: Tensor | None) -> Tensor:
        y = x
        if self.attention is not None:
            assert t is not None
            y = self.attention(x, t)
        shortcut = x if self.downsample is None else self.downsample(y)
        out = torch.relu(self.bn1(self.conv1(y)))
        out = torch.relu(self.bn2(self.conv2(out)))
        return torch.relu(self.bn3(self.conv3(out)) + shortcut)


class LiteralRBCA(nn.Module):
    """ResNet-50 with one input channel; with ``clinical`` columns the paper's full model, without them 'Only Image'."""

    def __init__(self, clinical: int, classes: int, *, activation: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, (blocks, inner) in enumerate(STAGES, start=1):
            made = []
            for block in range(blocks):
                stride = 2 if block == 0 and number > 1 else 1
                made.append(LiteralBlock(channels, inner, stride, attention=clinical > 0 and number > 1))
                channels = 4 * inner
            setattr(self, f"layer{number}", nn.ModuleList(made))
        self.activation = activation
        if clinical:
            self.fc1 = nn.Linear(clinical, CLINICAL)
            self.fc2 = nn.Linear(CLINICAL, CLINICAL)
            self.conditions = nn.ModuleDict(
                {str(n): nn.ModuleDict({"fc": nn.Linear(CLINICAL, n), "bn": nn.BatchNorm1d(n)}) for n in HALVES}
            )
        self.classify = nn.Linear(channels + (CLINICAL if clinical else 0), classes)

    def forward(self, image: Tensor, columns: Tensor) -> Tensor:
        hidden = self.fc1(columns)
        clinical = self.fc2(torch.relu(hidden) if self.activation else hidden)
        conditions = {int(n): torch.relu(part["bn"](part["fc"](clinical))) for n, part in self.conditions.items()}  # type: ignore[index]  # a ModuleDict in a ModuleDict
        x = max_pool2d(torch.relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)
        for number in range(1, 5):
            for block in getattr(self, f"layer{number}"):
                x = block(x, conditions.get(x.shape[1] // 2))
        logits: Tensor = self.classify(torch.cat([x.mean(dim=(2, 3)), clinical], dim=1))
        return logits


#: Half the channels that enter an RBCA block.
HALVES = (128, 256, 512, 1024)
#: The RBCA blocks in the order in which they run.
ATTENDED = [f"layer{number}.{block}" for number in (2, 3, 4) for block in range(STAGES[number - 1][0])]


def split_attention(state: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """A ``ClinicalAttention``'s weights, gradients or statistics under a PublishedAttention's names."""
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        halves = value.chunk(2) if value.ndim else (value, value)  # one count of batches serves both
        for half, own in zip(("attended", "original"), halves, strict=True):
            found[f"{prefix}{half}.{published_layer(name)}"] = own
    return found


def published_layer(name: str) -> str:
    layer, rest = name.split(".", 1)
    return f"{('reduce', 'norm').index(layer)}.{rest}"


def literal_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A FuseKit RBCA-ResNet-50's weights, gradients or statistics under a LiteralRBCA's names."""
    found: dict[str, Tensor] = {}
    attention: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        part, rest = name.split(".", 1)
        if part == "backbone":
            found[rest.removeprefix("net.")] = value
        elif part in ("encoder", "head"):
            found[rest] = value
        elif rest.startswith("projections."):
            width, layer, leaf = rest.split(".")[1:]
            found[f"conditions.{width}.{('fc', 'bn')[int(layer)]}.{leaf}"] = value
        else:
            _, site, leaf = rest.split(".", 2)
            attention.setdefault(int(site), {})[leaf] = value
    for number, weights in attention.items():
        found |= split_attention(weights, f"{ATTENDED[number]}.attention.")
    return found


def scramble(module: nn.Module, seed: int) -> None:
    """Give batch norms weights, biases and statistics that an untouched network's 1 and 0 would hide."""
    draw = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            assert part.running_mean is not None
            assert part.running_var is not None
            for tensor, low in ((part.weight, 0.5), (part.bias, -0.5), (part.running_mean, -0.5)):
                tensor.detach().copy_(torch.rand(tensor.shape, generator=draw, dtype=tensor.dtype) + low)
            part.running_var.copy_(torch.rand(part.running_var.shape, generator=draw, dtype=torch.float64) + 0.5)
