"""The three arms of the paper's ablation (tables 1 to 3), and FuseKit's own."""

from __future__ import annotations

from fusekit.extension.fusion import Fusion


def image_only() -> Fusion:
    """'Only Image': the backbone, one linear layer."""
    return Fusion(head="image")


def concat() -> Fusion:
    """'Image + Clinical': backbone and clinical path meet in the last linear layer only."""
    return Fusion(head="concat", encoder="clinical-path")


def rbca() -> Fusion:
    """'Full Model': clinical attention in every block of stages 2 to 4, then as ``concat``."""
    return Fusion(head="concat", encoder="clinical-path", injector="rbca", sites="branch", stages=(2, 3, 4))


def rbca_light() -> Fusion:
    """FuseKit's own: as ``rbca``, with gates on the features themselves instead of on reductions of them."""
    return Fusion(head="concat", encoder="clinical-path", injector="rbca-light", sites="branch", stages=(2, 3, 4))
