"""RBCA: residual blocks with clinical attention, and the paper's other arms.

Yang et al. 2021, Fusing Medical Image Features and Clinical Features with Deep Learning for Computer-Aided Diagnosis
(arXiv 2103.05855); and ``rbca-light``, FuseKit's own, which has the attention without the convolutions. For embedding
elsewhere: ``ClinicalAttention``, ``RBCAInjector``, ``LightInjector``, ``ClinicalPath``, ``ConcatHead``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    from fusekit.extension import Register
    from fusekit.models import ConcatHead
    from fusekit_rbca.attention import ClinicalAttention
    from fusekit_rbca.clinical_path import ClinicalPath
    from fusekit_rbca.injector import RBCAInjector
    from fusekit_rbca.light import LightInjector

__all__ = ["ClinicalAttention", "ClinicalPath", "ConcatHead", "LightInjector", "RBCAInjector"]

_HOMES = {
    "ClinicalAttention": "fusekit_rbca.attention",
    "ClinicalPath": "fusekit_rbca.clinical_path",
    "ConcatHead": "fusekit.models",
    "LightInjector": "fusekit_rbca.light",
    "RBCAInjector": "fusekit_rbca.injector",
}


@hookimpl
def register(to: Register) -> None:
    """The paper's clinical path, block and arms; and the same attention without its convolutions."""
    to.encoder(
        "clinical-path", "fusekit_rbca.clinical_path:ClinicalPath", "two linear layers of 1024 (Yang et al. 2021)"
    )
    to.injector(
        "rbca", "fusekit_rbca.injector:RBCAInjector", "clinical attention on half the channels (Yang et al. 2021)"
    )
    to.injector("rbca-light", "fusekit_rbca.light:LightInjector", "clinical attention without RBCA's convolutions")
    recipes = "fusekit_rbca.fusions"
    to.fusion("image-only", f"{recipes}:IMAGE_ONLY", "the image alone, no clinical columns")
    to.fusion("concat", f"{recipes}:CONCAT", "image and clinical features side by side at the end")
    to.fusion("rbca", f"{recipes}:RBCA", "clinical attention inside the backbone, then concat (Yang et al. 2021)")
    to.fusion("rbca-light", f"{recipes}:RBCA_LIGHT", "as rbca without its convolutions, at the cost of concat")


def __getattr__(name: str) -> Any:
    """Import what is asked for: naming the plugin must not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fusekit_rbca' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
