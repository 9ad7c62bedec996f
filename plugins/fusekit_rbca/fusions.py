"""The three arms of the paper's ablation (tables 1 to 3), and FuseKit's own."""

from __future__ import annotations

from fusekit.extension.fusion import Fusion

#: 'Only Image': the backbone, one linear layer.
IMAGE_ONLY = Fusion(head="image")

#: 'Image + Clinical': backbone and clinical path meet in the last linear layer only.
CONCAT = Fusion(head="concat", encoder="clinical-path")

#: 'Full Model': clinical attention in every block of stages 2 to 4, then as ``concat``.
RBCA = Fusion(head="concat", encoder="clinical-path", injector="rbca", sites="branch", stages=(2, 3, 4))

#: FuseKit's own: as ``rbca``, with gates on the features themselves instead of on reductions of them.
RBCA_LIGHT = Fusion(head="concat", encoder="clinical-path", injector="rbca-light", sites="branch", stages=(2, 3, 4))
