"""What the core registers itself."""

from __future__ import annotations

import torch
from torch import nn

from fusekit import build
from fusekit.extension import catalog
from fusekit.testing import check_fusion


def test_parts_are_registered_with_a_line_each() -> None:
    known = catalog()
    for registry, names in (
        (known.encoders, {"mlp", "tokens"}),
        (known.heads, {"concat", "image", "clinical"}),
        (known.fusions, {"clinical-only", "gbdt-network"}),
    ):
        mine = {name: entry for name, entry in registry.entries.items() if entry.plugin.name == "builtin"}
        assert set(mine) == names
        assert all(entry.summary for entry in mine.values())
    assert known.backbones.families["timm"].summary


def test_clinical_only_is_concat_without_the_image() -> None:
    check_fusion("clinical-only")
    alone = build("clinical-only", backbone="resnet10t", columns=5, classes=2)
    fused = build("concat", backbone="resnet10t", columns=5, classes=2)
    assert alone.encoder is not None
    assert fused.encoder is not None
    sizes = [
        [(layer.in_features, layer.out_features) for layer in encoder.modules() if isinstance(layer, nn.Linear)]
        for encoder in (alone.encoder, fused.encoder)
    ]
    assert sizes[0] == sizes[1] == [(5, 1024), (1024, 1024)]
    alone.encoder.load_state_dict(
        dict(zip(alone.encoder.state_dict(), fused.encoder.state_dict().values(), strict=True))
    )
    columns = torch.randn(3, 5)
    torch.testing.assert_close(alone.eval().encoder(columns), fused.eval().encoder(columns))  # type: ignore[misc]  # set
