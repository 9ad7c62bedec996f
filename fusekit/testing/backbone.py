"""The smallest backbone that has everything which a fusion can ask for."""

from torch import Tensor, nn

from fusekit.models import Backbone, ImageFeatures, Inject, Site


class TinyBackbone(Backbone):
    """Two convolutions with a site before each: images (B, C, H, W) -> map (B, 8, H/4, W/4) and its mean (B, 8)."""

    width = map_channels = 8

    def __init__(self, in_channels: int = 1):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.sites = (Site("first", 1, in_channels), Site("second", 2, 4))

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        """Inject at both sites, in order."""
        for place, layer in enumerate((self.first, self.second)):
            image = layer(image if inject is None else inject(place, image)).relu()
        return ImageFeatures(image, image.mean(dim=(2, 3)))
