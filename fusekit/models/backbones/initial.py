"""What the weights of a network that is trained from scratch start as."""

import re
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

#: What timm calls the factors that a branch's result is multiplied by, one per channel, before the shortcut is added.
_SCALE = re.compile(r"gamma(_?\w+)?|ls\d|scale|(skipinit_)?gain")
#: A branch that starts at less than this of itself is closed; those of timm start at 0 to 1e-4.
CLOSED = 0.01


def he(net: nn.Module) -> None:
    """Draw convolutions from He et al. 2015 (normal, fan out), and open every branch.

    Norms get weight 1 and bias 0 where they are batch norms, and weight 1 where they start at 0. Factors of branches
    (layer scale, Touvron et al. 2021) start at 1: timm's 1e-6 to 1e-4 keep whatever is injected into a branch from
    having an effect.
    """
    for module in net.modules():
        if isinstance(module, _ConvNd):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            # torch counts the outputs of all groups, but an input feeds those of its own group only
            module.weight.detach().mul_(module.groups**0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm) and module.affine:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for factor in closed(net):
        nn.init.ones_(factor)


def closed(net: nn.Module) -> Iterator[Tensor]:
    """The weights that multiply a whole branch and are all next to 0; none of a network that has no numbers yet."""
    for module in net.modules():
        for name, weight in module.named_parameters(recurse=False):
            norm = name == "weight" and isinstance(module, _BatchNorm | nn.LayerNorm | nn.GroupNorm)
            if (norm or _SCALE.fullmatch(name)) and not weight.is_meta and bool((weight.abs() < CLOSED).all()):
                yield weight
