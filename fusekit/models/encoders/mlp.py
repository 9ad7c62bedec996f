"""Plain clinical encoders."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models.parts import ClinicalEncoder

Activation = Literal["relu", "gelu", "tanh", "none"]
_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "none": nn.Identity,
}


class MLPEncoder(ClinicalEncoder):
    """F columns -> E = ``width``: ``depth`` linear layers with an activation between them, none after the last.

    ``activation`` "none" leaves a linear map; ``dropout`` is a probability, after each activation.
    """

    def __init__(
        self, columns: int, *, width: int = 1024, depth: int = 2, activation: Activation = "relu", dropout: float = 0.0
    ):
        super().__init__()
        if width < 1 or depth < 1 or not 0 <= dropout < 1:
            raise OptionError(
                "encoder.width and encoder.depth take 1 or more and encoder.dropout 0 or more and below 1, "
                f"not {width}, {depth} and {dropout}."
            )
        self.width = width
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((columns, *[width] * depth)):
            if layers:
                layers += [_ACTIVATIONS[activation](), nn.Dropout(dropout)]
            layers.append(nn.Linear(inputs, outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, E)."""
        encoded: Tensor = self.layers(columns)
        return encoded
