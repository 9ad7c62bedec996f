"""The attention of RBCA's 13 blocks alone, each kind of block by itself: the parts of ``benchmarks.rbca``'s figures.

Run from the repository's root: ``python -m benchmarks.rbca_blocks``. One thread, CPU time, fp32, channels last.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from benchmarks.timing import interleaved, table
from fusekit.models import channels_last, weights_channels_last
from fusekit_rbca import ClinicalAttention
from fusekit_rbca.attention import PublishedAttention
from fusekit_rbca.fast.pointwise import convolve

#: Channels, how much smaller than the image, and how many such blocks a ResNet-50 has.
BLOCKS = ((256, 4, 1), (512, 8, 4), (1024, 16, 6), (2048, 32, 2))


def works(channels: int, side: int, batch: int) -> dict[str, Callable[[], object]]:
    """Name -> forward and backward, or inference."""
    torch.manual_seed(0)
    x, above = (channels_last(torch.randn(batch, channels, side, side)) for _ in range(2))
    t = torch.rand(batch, channels // 2).requires_grad_()
    x.requires_grad_()
    fused, literal = (weights_channels_last(kind(channels)) for kind in (ClinicalAttention, PublishedAttention))
    weight = fused.reduce.weight

    def train(call: Callable[[], Tensor], weights: list[nn.Parameter]) -> None:
        torch.autograd.grad(call(), [x, *weights], above)

    def infer(module: nn.Module) -> None:
        with torch.inference_mode():
            module.eval()(x, t)
            module.train()

    return {
        "convolution": lambda: train(lambda: conv2d(x, weight), [weight]),
        "matrix product": lambda: train(lambda: convolve(fused.reduce, x), [weight]),
        "as published": lambda: train(lambda: literal(x, t), list(literal.parameters())),
        "FuseKit": lambda: train(lambda: fused(x, t), list(fused.parameters())),
        "as published, inference": lambda: infer(literal),
        "FuseKit, inference": lambda: infer(fused),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names: list[str] = []
    rows, found = [], {}
    for channels, smaller, count in BLOCKS:
        times = interleaved(works(channels, options.size // smaller, options.batch), options.pairs)
        names, found[channels] = list(times), times
        rows.append(
            [f"{count} of {channels} channels", *(f"{1000 * count * median(times[name]):.1f}" for name in names)]
        )
    rows.append(["all 13", *(f"{sum(float(row[i]) for row in rows):.1f}" for i in range(1, len(names) + 1))])
    print(
        f"milliseconds, batch {options.batch} of {options.size} x {options.size}, medians of {options.pairs} in turns\n"
    )
    print(table(["", *names], rows))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
