"""Which networks of timm take an injector: each is built for small images, run, trained for a step, and compared.

    python -m benchmarks.backbones                # writes docs/reference/backbones.csv; then `make reference`
    python -m benchmarks.backbones --only test_vit,resnet10t     # prints these, writes nothing

One small member of each family of timm's. A network works if, with rbca-light at the branches of its blocks, it gives
finite logits that the table changes, a gradient reaches the injector, and without an injector it computes what timm
computes, bit for bit. Else the row says why not. Sizes are tried in turn: 64, 224, then the network's own.
"""

from __future__ import annotations

import argparse
import csv
import os
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

import fusekit
from fusekit.errors import FusekitError, OptionError
from fusekit.models import FusionModel
from fusekit.models.backbones.timm import TimmBackbone
from fusekit.models.probe import shaken

CSV = Path(__file__).parents[1] / "docs" / "reference" / "backbones.csv"
COLUMNS = 3
WORKS = "works"

NAMES = """
bat_resnext26ts botnet26t_256 cait_xxs24_224 coat_tiny coatnet_pico_rw_224 convit_tiny convmixer_768_32
convnext_zepto_rms convnextv2_atto cpubone_nano crossvit_tiny_240 csatv2 cspnext_tiny darknet17 davit_tiny
deit_tiny_patch16_224 densenet121 dla46x_c dpn48b eca_resnext26ts edgenext_xx_small efficientformer_l1
efficientformerv2_s0 efficientnet_lite0 efficientvim_m1 efficientvit_b0 efficientvit_m0 ese_vovnet19b_slim_dw
eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 fbnetc_100 fbnetv3_b focalnet_tiny_srf gcvit_xxtiny gernet_s
ghostnet_050 ghostnetv3_050 gmixer_12_224 gmlp_ti16_224 halonet_h1 haloregnetz_b hgnetv2_b0 hiera_tiny_224
hrnet_w18_small iformer_t inception_next_atto inception_v3 lambda_resnet26t lcnet_035 lcnetv2_small legacy_seresnet18
legacy_xception levit_128s lowformer_b0 mambaout_femto maxvit_pico_rw_256 mixnet_s mnasnet_small mobilenet_edgetpu_100
mobilenetv2_035 mobilenetv3_small_050 mobileone_s1 mobilevit_xxs mobilevitv2_050 mvitv2_tiny nest_tiny nextvit_small
nf_regnet_b0 pit_ti_224 poolformer_s12 poolformerv2_s12 pvt_v2_b0 rdnet_tiny regnetx_002 regnety_002 regnetz_005
repghostnet_050 repvgg_a0 repvit_m1 res2next50 resnest14d resnet10t resnetblur18 resnetv2_18 resnext26ts rexnet_100
rexnetr_100 sam2_hiera_tiny selecsls42 semnasnet_050 sequencer2d_s seresnet18 shvit_s1 skresnet18 spnasnet_100
starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 swinv2_tiny_window8_256 test_mambaout
test_resnet test_vit tiny_vit_5m_224 tnt_s_legacy_patch16_224 tresnet_m twins_svt_small visformer_tiny
vit_tiny_patch16_224 vit_tiny_patch16_dinov3_qkvb vit_tiny_r_s16_p8_224 vitamin_small_224 volo_d1_224 xception41p
xcit_nano_12_p8_224
""".split()  # noqa: SIM905  (a list would be as many lines)


@dataclass(frozen=True, slots=True)
class Row:
    """What was found of one network."""

    name: str
    family: str  # timm's module
    parameters: str  # in millions
    image_size: str
    features: str  # in which form blocks pass them on: map, channels last, tokens
    stages: str
    sites: str  # how many
    result: str


def tried(name: str) -> Row:
    """Build, run, train and compare one network."""
    family = timm.models.model_entrypoint(name).__module__.rpartition(".")[2]
    own = timm.get_pretrained_cfg(name).input_size[-1]
    problem: Exception | None = None
    for size in dict.fromkeys((64, 224, own)):
        try:
            return _row(name, family, size)
        except (FusekitError, RuntimeError, AssertionError) as error:
            problem = error
    return Row(name, family, "", "", "", "", "", str(problem).partition("\n")[0].removeprefix(_OPENING.format(name)))


_OPENING = "the backbone '{}' cannot be used: "


def _row(name: str, family: str, size: int) -> Row:
    torch.manual_seed(0)
    model = _built(name, size)
    backbone = model.backbone
    assert isinstance(backbone, TimmBackbone)
    image, columns = torch.randn(2, 1, size, size), torch.randn(2, COLUMNS)
    _same_as_timm(backbone, image)
    _trained(model, image, columns)
    _effect(model, image, columns)
    injected = [site for place, site in enumerate(backbone.sites) if place in model.injected]
    forms = {"first": "map", "last": "channels last", "tokens": "tokens"}
    orders = {form.order for form in backbone.forms}
    return Row(
        name,
        family,
        f"{sum(weight.numel() for weight in backbone.parameters()) / 1e6:.1f}",
        str(size),
        " and ".join(word for order, word in forms.items() if order in orders),
        " ".join(map(str, sorted({site.stage for site in backbone.sites}))),
        str(len(injected)),
        WORKS,
    )


def _built(name: str, size: int) -> FusionModel:
    """With rbca-light where it injects by default, or in all stages of a network that lacks one of those."""
    given: dict[str, Any] = {"backbone": name, "columns": COLUMNS, "classes": 2, "image_size": size}
    try:
        return fusekit.build("rbca-light", **given)
    except OptionError as error:
        if "sites.stages" not in str(error):
            raise
        return fusekit.build("rbca-light", **given, options={"sites": {"stages": ()}})


def _same_as_timm(backbone: TimmBackbone, image: Tensor) -> None:
    """Map hooks, folding and unfolding included: what nobody injects into is timm's own, bit for bit."""
    backbone.eval()
    with torch.no_grad():
        expected = backbone.net(image)
        assert torch.equal(backbone(image).vector, expected), "it computes something else than timm"
        untouched = backbone(image, lambda site, features: features)
    assert torch.equal(untouched.vector, expected), "an injector that changes nothing changes the result"


def _effect(model: FusionModel, image: Tensor, columns: Tensor) -> None:
    """What is injected reaches the image's vector, by more than one part in ten thousand."""
    assert model.injector is not None
    model.eval().injector = shaken(model.injector)  # which starts at the identity
    with torch.no_grad():
        found = [model.output(image, table) for table in (columns, columns + 1)]
    one, other = (output.image.vector for output in found if output.image is not None)
    assert bool(found[0].outputs.isfinite().all()), "its logits are not finite"
    share = float((one - other).norm() / one.norm())
    assert share > 1e-4, f"what is injected changes its vector by {share:.0e} of itself"


def _trained(model: FusionModel, image: Tensor, columns: Tensor) -> None:
    torch.nn.functional.cross_entropy(model.train()(image, columns), torch.tensor([0, 1])).backward()
    gradients = [weight.grad for weight in model.injector.parameters()] if model.injector is not None else []
    assert any(gradient is not None and bool(gradient.any()) for gradient in gradients), "no gradient for the injector"


def rows() -> list[Row]:
    """The table as it was written last."""
    with CSV.open(encoding="utf-8", newline="") as file:
        return [Row(**row) for row in csv.DictReader(file)]


def main() -> None:
    """Try them all and write the table, or print some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names, separated by commas: print, do not write")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    os.nice(10)
    warnings.simplefilter("ignore")
    found = []
    for name in asked.only.split(",") if asked.only else NAMES:
        found.append(tried(name))
        print(*asdict(found[-1]).values(), sep=", ", flush=True)
    if not asked.only:
        with CSV.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(asdict, found))


if __name__ == "__main__":
    main()
