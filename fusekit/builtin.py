"""What the core itself brings, registered as every plugin does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusekit.extension import hookimpl
from fusekit.extension.fusion import Fusion

if TYPE_CHECKING:
    from fusekit.data import Volume
    from fusekit.extension import Register


@hookimpl
def register(to: Register) -> None:
    """Networks of timm and torchvision, plain parts, the null model, and the scores of the field."""
    models = "fusekit.models"
    to.backbones(  # those that do not fit are refused with a sentence when they are named
        "timm",
        f"{models}.backbones.timm:timm_names",
        f"{models}.backbones.timm:TimmBackbone",
        "convolutional networks of timm, by timm's own names",
    )
    to.backbones(
        "video",
        f"{models}.backbones.torchvision:video_names",
        f"{models}.backbones.torchvision:VideoBackbone",
        "three-dimensional ResNets of torchvision, for whole volumes (-o slices.plane=volume)",
    )
    to.encoder("mlp", f"{models}.encoders.mlp:MLPEncoder", "fully connected layers")
    heads = f"{models}.heads.linear"
    to.head("concat", f"{heads}:ConcatHead", "image and clinical features side by side, one linear layer")
    to.head("image", f"{heads}:ImageHead", "one linear layer on the image's features")
    to.head("clinical", f"{heads}:ClinicalHead", "one linear layer on the clinical features")
    # An MLP of the shape of RBCA's clinical path, so that it differs from ``concat`` in the image alone.
    to.fusion("clinical-only", Fusion(head="clinical", encoder="mlp", image=False), "clinical columns alone, no image")

    home = "fusekit.baselines"
    to.baseline("logistic", f"{home}:Logistic", "logistic regression, its penalty chosen within the training subjects")
    to.baseline("gbdt", f"{home}:GradientBoosting", "gradient-boosted trees that read gaps and categories as they are")
    to.baseline("prevalence", f"{home}:Prevalence", "the training subjects' class shares for everybody: the null model")

    scores, curves = "fusekit.evaluation.metrics.classes", "fusekit.evaluation.metrics.ranking"
    to.metric("accuracy", f"{scores}:Accuracy", "correct calls / all calls")
    to.metric("sensitivity", f"{scores}:Sensitivity", "true positives / positives")
    to.metric("specificity", f"{scores}:Specificity", "true negatives / negatives")
    to.metric("ppv", f"{scores}:PositivePredictiveValue", "true positives / rows called positive")
    to.metric("npv", f"{scores}:NegativePredictiveValue", "true negatives / rows called negative")
    to.metric("balanced-accuracy", f"{scores}:BalancedAccuracy", "mean over classes of the share called rightly")
    to.metric("macro-auc", f"{curves}:MacroAreaUnderCurve", "mean over classes of the AUC of each against the rest")
    to.metric("auc", f"{curves}:AreaUnderCurve", "chance that a positive scores above a negative")


@hookimpl(trylast=True)
def read_image(path: Path) -> Volume | None:
    """Read NIfTI files, pictures and DICOM series."""
    from fusekit.data import read_dicom, read_nifti, read_picture

    for reader in (read_nifti, read_picture, read_dicom):
        volume = reader(path)
        if volume is not None:
            return volume
    return None
