"""From tensors to logits."""

from fusekit.extension.fusion import Fusion
from fusekit.models.backbones.timm import TimmBackbone
from fusekit.models.build import build, build_from
from fusekit.models.encoders.mlp import MLPEncoder
from fusekit.models.fusion_model import FusionModel
from fusekit.models.heads.linear import ClinicalHead, ConcatHead, ImageHead
from fusekit.models.memory_format import channels_last, weights_channels_last
from fusekit.models.parts import (
    Backbone,
    ClinicalEncoder,
    ClinicalFeatures,
    FusionHead,
    ImageFeatures,
    ImageWidths,
    Inject,
    Injector,
    Output,
    Pool,
    Site,
)

__all__ = [
    "Backbone", "ClinicalEncoder", "ClinicalFeatures", "ClinicalHead", "ConcatHead", "Fusion", "FusionHead",
    "FusionModel", "ImageFeatures", "ImageHead", "ImageWidths", "Inject", "Injector", "MLPEncoder", "Output",
    "Pool", "Site", "TimmBackbone", "build", "build_from", "channels_last", "weights_channels_last",
]  # fmt: skip
