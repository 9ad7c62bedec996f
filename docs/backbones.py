"""The page "Backbones": what was tried, from backbones.csv, which ``python -m benchmarks.backbones`` writes."""

from __future__ import annotations

import csv
from pathlib import Path

CSV = Path(__file__).parent / "reference" / "backbones.csv"

TEXT = """# Backbones

Any network of timm can be named (`--backbone NAME`) whose blocks pass on one map each, or tokens that fold to one.
Nothing of a network is copied or rewritten: without an injector it computes what timm computes, bit for bit, under
timm's names of weights. Networks for volumes are torchvision's (`--backbone r3d_18`).

## Tokens, and channels last

An injector sees a map `(B, C, H, W)` in every network. Tokens of a transformer are folded to a map in the order of the
image, and what is injected is unfolded; class and register tokens stay as they are. Features with channels last are
permuted and permuted back. No value changes on the way.

ViT-Tiny at 224 pixels with `rbca-light` in all twelve blocks takes 1.05 times the plain network's time in training
(0.99 to 1.07 over the rounds) and 1.05 times in inference (1.03 to 1.07); Swin-Tiny 1.01 and 1.02 (`python -m
benchmarks.tokens`: one CPU thread, batch 16, medians of nine rounds, one other process on the machine).

At a **branch** site of a transformer's block, the attention reads what is injected; the shortcut and the block's second
branch do not. At a **block** site everything in the block reads it.

A network that predicts from a class token makes nothing of its last patch tokens. The map of such a network, which
Grad-CAM and heads that read a map look at, is therefore what its last block reads.

## Stages

Stage 1 is the one that ends at stride 4, stage 2 at 8, and so on. Where all blocks have one stride, as in a ViT, DeiT,
BEiT, CaiT, XCiT or an MLP-Mixer, the blocks are four stages of as many blocks each: `rbca`, which injects into stages 2
to 4, leaves out the first quarter of the blocks. A network may lack a stage that a fusion names. The message says which
it has, and `-o sites.stages=3,4` names those to inject into.

## Image size

A network of a fixed image size (position embeddings, windows) is made for `--image-size` by timm, and published weights
are fitted to it by timm. The bundle keeps the size. What timm cannot make is refused before any data are read, with the
size that the network has.

## Branches that start closed

Some networks multiply a branch by a learned factor that starts at 0 to 1e-4 (layer scale, the last norm of a block).
What is injected into the branch then has next to no effect until training opens it. `backbone.init=he`, the default,
starts these factors at 1 in every arm, with or without an injector. `backbone.init=timm` keeps timm's, and a warning
says so where something is injected into branches; `-o sites.kind=block` injects beside them. Published weights have
learned theirs.

## What was tried

{tried} networks, a small one of each family, with `rbca-light` (in all stages, where a network lacks one of 2 to 4):
{works} work. "Works" means: bit for bit timm's without an injector; finite logits; the table changes the image's vector
by more than one part in ten thousand; a gradient reaches the injector. Sizes are tried in turn: 64 pixels, 224, timm's
own. `python -m benchmarks.backbones` tries them again.

| network | family | million weights | pixels | blocks pass on | stages | sites | result |
|---|---|---|---|---|---|---|---|
{rows}"""


def page() -> str:
    """The text, and the table as it lies beside it."""
    with CSV.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["| " + " | ".join([f"`{row['name']}`", *list(row.values())[1:]]) + " |\n" for row in rows]
    works = sum(row["result"] == "works" for row in rows)
    return TEXT.format(tried=len(rows), works=works, rows="".join(lines))
