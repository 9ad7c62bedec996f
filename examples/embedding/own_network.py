"""RBCA inside your own timm network and your own training loop."""

import timm
import torch
from torch.nn.functional import cross_entropy

from fusekit.models import FusionModel, ImageWidths, TimmBackbone
from fusekit_rbca import ClinicalPath, ConcatHead, RBCAInjector

torch.manual_seed(0)
net = timm.create_model("resnet10t", in_chans=1, num_classes=0)  # yours, trained or not

# Sites at the branches of the blocks, where RBCA's attention goes, in stages 2 to 4.
backbone = TimmBackbone.around(net, in_channels=1, sites="branch")
injected = [i for i, site in enumerate(backbone.sites) if site.stage >= 2]
path = ClinicalPath(columns=29)
widths = ImageWidths(backbone.map_channels, backbone.width)
model = FusionModel(
    backbone,
    path,
    RBCAInjector([backbone.sites[i] for i in injected], path.width),
    ConcatHead(widths, path.width, classes=2),
    injected=injected,
)

# Random patients: the label is whether image and table agree, so both must be read.
image, clinical = torch.randn(32, 1, 64, 64), torch.randn(32, 29)
bright, marker = torch.rand(32) < 0.5, torch.rand(32) < 0.5
image[bright, :, 16:48, 16:48] += 1
clinical[marker, 0] += 2
label = (bright == marker).long()

optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(15):
    optimizer.zero_grad()
    loss = cross_entropy(model(image, clinical), label)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimizer.step()
    print(f"step {step + 1:2}  loss {loss.item():.3f}")
