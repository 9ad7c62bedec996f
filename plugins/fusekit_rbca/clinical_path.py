"""The clinical path: table columns to the features that guide the image path."""

from typing import Literal

from torch import Tensor, nn

from fusekit.models import ClinicalEncoder

WIDTH = 1024


class ClinicalPath(ClinicalEncoder):
    """Two fully connected layers, columns -> 1024 -> 1024 (Yang et al. 2021, section 2.1).

    ``activation`` comes between the two. The paper does not say which; the published code has none, which makes the two
    one linear map: ``none``.
    """

    width = WIDTH

    def __init__(self, columns: int, *, activation: Literal["relu", "none"] = "relu"):
        super().__init__()
        self.fc1 = nn.Linear(columns, WIDTH)
        self.activation = nn.ReLU() if activation == "relu" else nn.Identity()
        self.fc2 = nn.Linear(WIDTH, WIDTH)

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, 1024)."""
        features: Tensor = self.fc2(self.activation(self.fc1(columns)))
        return features
