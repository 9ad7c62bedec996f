"""What the core itself brings, through the door that every plugin uses."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fusekit.extension import hookimpl
from fusekit.extension.fusion import Fusion

if TYPE_CHECKING:
    from fusekit.data import Volume
    from fusekit.extension import Register

_REGISTERED = re.compile(r"^@register_model\s*\ndef (\w+)", re.MULTILINE)


@hookimpl
def register_backbones(register: Register) -> None:
    """Every timm network that fits (the others are refused with a sentence when named), and three for volumes."""
    register.family(
        "timm",
        "fusekit.builtin:timm_names",
        "fusekit.models.timm_backbone:TimmBackbone",
        "convolutional networks of timm, by timm's own names",
    )
    register.family(
        "video",
        "fusekit.builtin:video_names",
        "fusekit.models.video_backbone:VideoBackbone",
        "three-dimensional ResNets of torchvision, for whole volumes (-o slices.plane=volume)",
    )


def timm_names() -> list[str]:
    """Every network of timm, read off its sources: importing timm takes seconds, and a wrong name should not."""
    spec = find_spec("timm")
    folders = (spec.submodule_search_locations if spec else None) or ()
    files = [path for folder in folders for path in Path(folder, "models").rglob("*.py")]
    texts = (path.read_text(encoding="utf-8") for path in files)
    return sorted(name for text in texts for name in _REGISTERED.findall(text))


def video_names() -> tuple[str, ...]:
    """Mixed 3-D and 2-D convolutions, 3-D ones, 3-D ones as 2-D times 1-D (Tran et al. 2018), 18 layers each."""
    return ("mc3_18", "r2plus1d_18", "r3d_18")


@hookimpl
def register_clinical_encoders(register: Register) -> None:
    """The plain one."""
    register("mlp", "fusekit.models.encoders:MLPEncoder", "fully connected layers")


@hookimpl
def register_heads(register: Register) -> None:
    """The plain ones."""
    register("concat", "fusekit.models.heads:ConcatHead", "image and clinical features side by side, one linear layer")
    register("image", "fusekit.models.heads:ImageHead", "one linear layer on the image's features")
    register("clinical", "fusekit.models.heads:ClinicalHead", "one linear layer on the clinical features")


@hookimpl
def register_fusions(register: Register) -> None:
    """The arm that shows what the table alone is worth."""
    register("clinical-only", "fusekit.builtin:clinical_only", "clinical columns alone, no image")


def clinical_only() -> Fusion:
    """Clinical columns alone, through an MLP of the shape of RBCA's clinical path (two layers of 1024, ReLU between).

    So it differs from the arm ``concat`` in the image alone.
    """
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
    scores, curves = "fusekit.evaluation.scores", "fusekit.evaluation.curves"
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
