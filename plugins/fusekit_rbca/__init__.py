"""RBCA: residual blocks with clinical attention, and the paper's other arms.

Yang et al. 2021, Fusing Medical Image Features and Clinical Features with Deep Learning for Computer-Aided Diagnosis
(arXiv 2103.05855); and ``rbca-light``, FuseKit's own, which has the attention without the convolutions. For embedding
elsewhere: ``ClinicalAttention``, ``RBCAInjector``, ``LightInjector``, ``ClinicalPath``, ``ConcatHead``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fusekit.extension import hookimpl
from fusekit.extension.fusion import Fusion

if TYPE_CHECKING:
    from fusekit.extension import Register
    from fusekit.models import ConcatHead
    from fusekit_rbca.clinical_path import ClinicalPath
    from fusekit_rbca.fast.attention import ClinicalAttention
    from fusekit_rbca.injector import RBCAInjector
    from fusekit_rbca.light import LightInjector

__all__ = ["ClinicalAttention", "ClinicalPath", "ConcatHead", "LightInjector", "RBCAInjector"]

_HOMES = {
    "ClinicalAttention": "fusekit_rbca.fast.attention",
    "ClinicalPath": "fusekit_rbca.clinical_path",
    "ConcatHead": "fusekit.models",
    "LightInjector": "fusekit_rbca.light",
    "RBCAInjector": "fusekit_rbca.injector",
}


@hookimpl
def register(to: Register) -> None:
    """The paper's clinical path, block and arms; and the same attention without its convolutions."""
    path = "clinical-path"
    to.encoder(path, "fusekit_rbca.clinical_path:ClinicalPath", "two linear layers of 1024 (Yang et al. 2021)")
    to.injector(
        "rbca", "fusekit_rbca.injector:RBCAInjector", "clinical attention on half the channels (Yang et al. 2021)"
    )
    to.injector("rbca-light", "fusekit_rbca.light:LightInjector", "clinical attention without RBCA's convolutions")
    to.fusion("image-only", Fusion(head="image"), "the image alone, no clinical columns")
    to.fusion("concat", Fusion(head="concat", encoder=path), "image and clinical features side by side at the end")
    for name, summary in (
        ("rbca", "clinical attention inside the backbone, then concat (Yang et al. 2021)"),
        ("rbca-light", "as rbca without its convolutions, at the cost of concat"),
    ):
        to.fusion(name, Fusion(head="concat", encoder=path, injector=name, sites="branch", stages=(2, 3, 4)), summary)
    few = {"columns": {"most": 6}, "encoder": {"width": 16, "depth": 1}}
    to.fusion(
        "table-first",
        Fusion("image", "mlp", "rbca-light", sites="branch", stages=(2, 3, 4), prior="gbdt", options=few),
        "boosted trees on the table first; then an image network that the few columns which matter most can steer",
    )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fusekit_rbca' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
