"""What the core itself brings, registered as every plugin does."""

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
def register(to: Register) -> None:
    """Networks of timm and torchvision, plain parts, the null model, and the scores of the field."""
    models = "fusekit.models"
    to.backbones(  # those that do not fit are refused with a sentence when they are named
        "timm",
        "fusekit.builtin:timm_names",
        "fusekit.models.backbones.timm:TimmBackbone",
        "networks of timm, convolutional and transformers, by timm's own names",
    )
    to.backbones(
        "video",
        "fusekit.builtin:video_names",
        "fusekit.models.backbones.torchvision:VideoBackbone",
        "three-dimensional ResNets of torchvision, for whole volumes (-o slices.plane=volume)",
    )
    to.backbone(
        "resnet10t-narrow",
        "fusekit.models.backbones.timm:narrow_resnet10t",
        "timm's ResNet-10-T with fewer channels in its last two stages: the preset tuned trains it",
    )
    to.encoder("mlp", f"{models}.encoders.mlp:MLPEncoder", "fully connected layers")
    to.encoder("tokens", f"{models}.encoders.tokens:TokenEncoder", "a token per table column, attention among them")
    heads = f"{models}.heads.linear"
    to.head("concat", f"{heads}:ConcatHead", "image and clinical features side by side, one linear layer")
    to.head("image", f"{heads}:ImageHead", "one linear layer on the image's features")
    to.head("clinical", f"{heads}:ClinicalHead", "one linear layer on the clinical features")
    pools = f"{models}.pools"
    to.pool("attention", f"{pools}.attention:GatedAttention", "gated attention: the slices that matter get the weight")
    to.pool("mean", f"{pools}.mean:MeanPool", "the mean over a scan's slices, the baseline of other pools")
    # An MLP of the shape of RBCA's clinical path, so that it differs from ``concat`` in the image alone.
    to.fusion("clinical-only", Fusion(head="clinical", encoder="mlp", image=False), "clinical columns alone, no image")
    to.objective(
        "cross-entropy",
        "fusekit.training.objectives:CrossEntropy",
        "cross entropy, by options the focal loss, with class weights, smoothing and auxiliary heads",
    )
    to.objective(
        "squared-error",
        "fusekit.training.objectives:SquaredError",
        "of a number: mean squared error, by an option Huber's, with auxiliary heads",
    )
    to.objective(
        "quantile",
        "fusekit.training.objectives:Quantile",
        "of a number: the pinball loss of its median, or of another quantile, with auxiliary heads",
    )
    to.objective(
        "hazards",
        "fusekit.training.objectives:Hazards",
        "of times to an event: likelihood of hazards in intervals of time, with auxiliary heads",
    )
    to.objective(
        "cox",
        "fusekit.training.objectives:Cox",
        "of times to an event: partial likelihood of a log hazard ratio (Efron's ties), with auxiliary heads",
    )
    to.objective(
        "corn",
        "fusekit.training.objectives:Corn",
        "of ordered classes: cross entropy of each cut among those who reach it, with auxiliary heads",
    )

    to.fusion(
        "gbdt-network",
        Fusion(head="image", options={"stack": {"by": "gbdt"}}),
        "boosted trees on the table and on the cross-fitted log odds of an image network",
    )

    home = "fusekit.baselines"
    to.baseline("logistic", f"{home}:Logistic", "logistic regression, its penalty chosen within the training subjects")
    to.baseline("gbdt", f"{home}:GradientBoosting", "gradient-boosted trees that read gaps and categories as they are")
    to.baseline(
        "gbdt-components",
        f"{home}:GradientBoostingComponents",
        "boosted trees on the table and on principal components of the images: the classical fusion",
    )
    to.baseline(
        "prevalence", f"{home}:Prevalence", "the training subjects' class shares for every subject: the null model"
    )
    to.baseline(
        "ordinal-logistic",
        f"{home}:OrdinalLogistic",
        "of ordered classes: proportional odds, the penalty chosen within the training subjects",
    )
    to.baseline("ridge", f"{home}:Ridge", "of a number: ridge regression, its penalty chosen within training subjects")
    to.baseline("gbdt-regression", f"{home}:GradientBoostingRegression", "of a number: gradient-boosted trees")
    to.baseline("mean", f"{home}:Mean", "of a number: the training subjects' mean for every subject: the null model")
    to.baseline("cox", f"{home}:Cox", "of times to an event: Cox's regression with a penalty chosen within training")
    to.baseline("gbdt-hazards", f"{home}:GradientBoostingHazards", "of times to an event: boosted trees of hazards")
    to.baseline(
        "kaplan-meier",
        f"{home}:KaplanMeier",
        "of times to an event: the training subjects' survival for every subject: the null model",
    )

    scores, curves = "fusekit.evaluation.metrics.classes", "fusekit.evaluation.metrics.ranking"
    to.metric("accuracy", f"{scores}:Accuracy", "correct calls / all calls")
    to.metric("sensitivity", f"{scores}:Sensitivity", "true positives / positives")
    to.metric("specificity", f"{scores}:Specificity", "true negatives / negatives")
    to.metric("ppv", f"{scores}:PositivePredictiveValue", "true positives / rows called positive")
    to.metric("npv", f"{scores}:NegativePredictiveValue", "true negatives / rows called negative")
    to.metric("balanced-accuracy", f"{scores}:BalancedAccuracy", "mean over classes of the share called rightly")
    to.metric("macro-auc", f"{curves}:MacroAreaUnderCurve", "mean over classes of the AUC of each against the rest")
    ordered = "fusekit.evaluation.metrics.ordered"
    to.metric("cuts-auc", f"{ordered}:AreaOfCuts", "mean over cuts between ordered classes of the AUC above and below")
    to.metric("quadratic-kappa", f"{ordered}:QuadraticKappa", "agreement of ordered classes, errors by their square")
    to.metric("rank-error", f"{ordered}:RankError", "mean of |rank of the true class - rank of the class called|")
    numbers = "fusekit.evaluation.metrics.numbers"
    to.metric("mae", f"{numbers}:MeanAbsoluteError", "mean of |true - predicted|")
    to.metric("rmse", f"{numbers}:RootMeanSquaredError", "root of the mean squared difference")
    to.metric("r2", f"{numbers}:ExplainedVariance", "share of the variance that is predicted")
    to.metric("spearman", f"{numbers}:RankCorrelation", "correlation of ranks, within folds")
    to.metric("calibration-slope", f"{numbers}:CalibrationSlope", "slope of true on predicted values; 1 is right")
    survival = "fusekit.evaluation.metrics.survival"
    to.metric("uno-c", f"{survival}:UnoConcordance", "chance that the earlier event is riskier, weighted for censoring")
    to.metric("harrell-c", f"{survival}:HarrellConcordance", "chance that the earlier event is riskier, as it was seen")
    to.metric("time-auc", f"{survival}:TimeDependentArea", "mean over horizons of the AUC of events by then")
    to.metric("integrated-brier", f"{survival}:IntegratedBrier", "squared error of survival over time")
    to.metric(
        "observed-over-predicted", f"{survival}:ObservedOverPredicted", "risk at the last horizon, seen and predicted"
    )
    to.metric("auc", f"{curves}:AreaUnderCurve", "chance that a positive scores above a negative")


def timm_names() -> list[str]:
    """Every network of timm, read off its sources: importing timm takes seconds."""
    spec = find_spec("timm")
    folders = (spec.submodule_search_locations if spec else None) or ()
    files = [path for folder in folders for path in Path(folder, "models").rglob("*.py")]
    texts = (path.read_text(encoding="utf-8") for path in files)
    return sorted(name for text in texts for name in _REGISTERED.findall(text))


def video_names() -> tuple[str, ...]:
    """Mixed 3-D and 2-D convolutions, 3-D ones, 3-D ones as 2-D times 1-D (Tran et al. 2018), 18 layers each."""
    return ("mc3_18", "r2plus1d_18", "r3d_18")


@hookimpl(trylast=True)
def read_image(path: Path) -> Volume | None:
    """Read NIfTI, MetaImage and NRRD files, pictures and DICOM series."""
    from fusekit.data import read_dicom, read_itk, read_nifti, read_picture

    for reader in (read_nifti, read_itk, read_picture, read_dicom):
        volume = reader(path)
        if volume is not None:
            return volume
    return None
