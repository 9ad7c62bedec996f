"""Fusions of the literature; the page "Fusions" has their equations, and where each differs from its paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusekit.extension import hookimpl
from fusekit.extension.fusion import Fusion

if TYPE_CHECKING:
    from fusekit.extension import Register

#: Of all but cross-attention, which needs tokens: no fusion gets an encoder that suits it better than the others'.
_ENCODER = "mlp"


@hookimpl
def register(to: Register) -> None:
    """A part and a fusion of the same name for each method; those with an injector predict from the image's vector."""
    of, at = "fusekit_fusions.injectors", {"sites": "stage", "stages": (4,)}
    for name, reference, places, summary in (
        ("film", "film:FiLM", {"sites": "branch"}, "scale and shift of each channel by the table (Perez et al. 2018)"),
        ("daft", "daft:DAFT", {**at, "sites": "branch"}, "the same from image and table together (Wolf et al. 2022)"),
        ("metablock", "metablock:MetaBlock", at, "gates as an LSTM's, by the table (Pacheco and Krohling 2021)"),
        ("metanet", "metanet:MetaNet", at, "squeeze-and-excitation by the table (Li et al. 2020)"),
    ):
        to.injector(name, f"{of}.{reference}", summary)
        to.fusion(name, Fusion("image", _ENCODER, name, **places), summary)
    for name, reference, summary in (
        ("gmu", "gmu:GMU", "a gate shares each hidden unit between image and table (Arevalo et al. 2017)"),
        ("lowrank", "low_rank:LowRankHead", "all products of features by weights of low rank (Liu et al. 2018)"),
        ("bilinear", "bilinear:BilinearHead", "all products of a few features of each (Zadeh et al. 2017)"),
        ("late", "late:LateHead", "image and table predict alone; learned weights mix what they say"),
        ("hyperfusion", "hyper:HyperHead", "the table writes a layer that reads the image (Duenias et al. 2024)"),
        ("experts", "experts:ExpertsHead", "a product of Gaussian experts (Wu and Goodman 2018)"),
        ("cross-attention", "cross_attention:CrossAttentionHead", "each column looks for its own places in the image"),
    ):
        to.head(name, f"fusekit_fusions.heads.{reference}", summary)
        encoder = "tokens" if name == "cross-attention" else _ENCODER
        to.fusion(name, Fusion(name, encoder), summary)
