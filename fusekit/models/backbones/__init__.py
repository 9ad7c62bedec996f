"""Image networks with sites: timm's and torchvision's."""
