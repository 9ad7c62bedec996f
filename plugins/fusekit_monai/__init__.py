"""MONAI's three-dimensional networks as backbones of whole volumes (``pip install 'fusekit[monai]'``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    from fusekit.extension import Register


@hookimpl
def register(to: Register) -> None:
    """By reference: MONAI is imported when one of its networks is named."""
    home = "fusekit_monai.backbones"
    to.backbones("monai-resnet", resnets, f"{home}:ResNetBackbone", "ResNets of volumes, by MONAI, as MedicalNet's")
    to.backbones("monai-densenet", densenets, f"{home}:DenseNetBackbone", "DenseNets of volumes, by MONAI")
    to.backbone("monai_segresnet", f"{home}:SegResNetBackbone", "the encoder of MONAI's SegResNet, for whole volumes")
    to.backbone("monai_swin_unetr", f"{home}:SwinBackbone", "the Swin encoder of MONAI's SwinUNETR, for whole volumes")


def resnets() -> tuple[str, ...]:
    """They begin with ``monai_``, since timm has networks of the same names."""
    return tuple(f"monai_resnet{layers}" for layers in (10, 18, 34, 50, 101, 152, 200))


def densenets() -> tuple[str, ...]:
    """``monai_densenet121`` and larger ones."""
    return tuple(f"monai_densenet{layers}" for layers in (121, 169, 201, 264))
