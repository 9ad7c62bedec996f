"""From tensors to logits."""

from fusekit.extension.fusion import Fusion, SiteKind
from fusekit.models.build import build, build_from
from fusekit.models.encoders import MLPEncoder
from fusekit.models.fusion_model import FusionModel
from fusekit.models.heads import ClinicalHead, ConcatHead, ImageHead
from fusekit.models.layout import channels_last, weights_channels_last
from fusekit.models.parts import (
    Backbone,
    ClinicalEncoder,
    FusionHead,
    ImageFeatures,
    ImageWidths,
    Inject,
    Injector,
    Site,
)
from fusekit.models.timm_backbone import TimmBackbone

__all__ = [
    "Backbone",
    "ClinicalEncoder",
    "ClinicalHead",
    "ConcatHead",
    "Fusion",
    "FusionHead",
    "FusionModel",
    "ImageFeatures",
    "ImageHead",
    "ImageWidths",
    "Inject",
    "Injector",
    "MLPEncoder",
    "Site",
    "SiteKind",
    "TimmBackbone",
    "build",
    "build_from",
    "channels_last",
    "weights_channels_last",
]
