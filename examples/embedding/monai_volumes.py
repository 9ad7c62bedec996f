"""A 3-D network of MONAI that reads whole volumes and a table."""

import torch
from torch.nn.functional import cross_entropy

from fusekit.models import ConcatHead, FusionModel, ImageWidths
from fusekit_monai.backbones import ResNetBackbone
from fusekit_rbca import ClinicalPath, RBCAInjector

torch.manual_seed(0)
# weights=Path("resnet_10.pth") starts from a file, such as MedicalNet's.
backbone = ResNetBackbone("monai_resnet10", in_channels=1, sites="branch")
path = ClinicalPath(columns=12)
injected = [i for i, site in enumerate(backbone.sites) if site.stage >= 2]
model = FusionModel(
    backbone,
    path,
    RBCAInjector([backbone.sites[i] for i in injected], path.width, spatial_dims=3),
    ConcatHead(
        ImageWidths(backbone.map_channels, backbone.width), path.width, classes=2
    ),
    injected=injected,
)

volume, columns, label = (
    torch.randn(2, 1, 32, 32, 32),
    torch.randn(2, 12),
    torch.tensor([0, 1]),
)
loss = cross_entropy(model(volume, columns), label)
loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
print(f"{len(injected)} sites, loss {loss.item():.3f}")
