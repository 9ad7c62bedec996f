"""What the core itself brings, through the door that every plugin uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    from fusekit.data import Volume
    from fusekit.extension import Register
    from fusekit.models import Fusion


@hookimpl
def register_backbones(register: Register) -> None:
    """Every timm network that fits (the others are refused with a sentence when named), and three for volumes."""
    register.family(
        "timm",
        "fusekit.models.backbones.timm:timm_names",
        "fusekit.models.backbones.timm:TimmBackbone",
        "convolutional networks of timm, by timm's own names",
    )
    register.family(
        "video",
        "fusekit.models.backbones.torchvision:video_names",
        "fusekit.models.backbones.torchvision:VideoBackbone",
        "three-dimensional ResNets of torchvision, for whole volumes (-o slices.plane=volume)",
    )


@hookimpl
def register_clinical_encoders(register: Register) -> None:
    """The plain one."""
    register("mlp", "fusekit.models.encoders.mlp:MLPEncoder", "fully connected layers")


@hookimpl
def register_heads(register: Register) -> None:
    """The plain ones."""
    register(
        "concat", "fusekit.models.heads.linear:ConcatHead", "image and clinical features side by side, one linear layer"
    )
    register("image", "fusekit.models.heads.linear:ImageHead", "one linear layer on the image's features")
    register("clinical", "fusekit.models.heads.linear:ClinicalHead", "one linear layer on the clinical features")


@hookimpl
def register_fusions(register: Register) -> None:
    """The arm that shows what the table alone is worth."""
    register("clinical-only", "fusekit.builtin:clinical_only", "clinical columns alone, no image")


def clinical_only() -> Fusion:
    """Clinical columns alone, through an MLP of the shape of RBCA's clinical path (two layers of 1024, ReLU between).

    So it differs from the arm ``concat`` in the image alone.
    """
    from fusekit.models import Fusion  # loads torch

    return Fusion(head="clinical", encoder="mlp", image=False)


@hookimpl
def register_baselines(register: Register) -> None:
    """Methods that any table deserves, and the one that looks at nobody."""
    home = "fusekit.baselines"
    register("logistic", f"{home}:Logistic", "logistic regression, its penalty chosen within the training subjects")
    register("gbdt", f"{home}:GradientBoosting", "gradient-boosted trees that read gaps and categories as they are")
    register("prevalence", f"{home}:Prevalence", "the training subjects' class shares for everybody: the null model")


@hookimpl
def register_metrics(register: Register) -> None:
    """The scores of the field, positive class against the rest."""
    scores, curves = "fusekit.evaluation.metrics.classes", "fusekit.evaluation.metrics.ranking"
    register("accuracy", f"{scores}:Accuracy", "correct calls / all calls")
    register("sensitivity", f"{scores}:Sensitivity", "true positives / positives")
    register("specificity", f"{scores}:Specificity", "true negatives / negatives")
    register("ppv", f"{scores}:PositivePredictiveValue", "true positives / rows called positive")
    register("npv", f"{scores}:NegativePredictiveValue", "true negatives / rows called negative")
    register("balanced-accuracy", f"{scores}:BalancedAccuracy", "mean over classes of the share called rightly")
    register("macro-auc", f"{curves}:MacroAreaUnderCurve", "mean over classes of the AUC of each against the rest")
    register("auc", f"{curves}:AreaUnderCurve", "chance that a positive scores above a negative")


@hookimpl
def read_image(path: Path) -> Volume | None:
    """Read NIfTI files, pictures and DICOM series."""
    from fusekit.data import read_dicom, read_nifti, read_picture

    for reader in (read_nifti, read_picture, read_dicom):
        volume = reader(path)
        if volume is not None:
            return volume
    return None
