"""What folding tokens to a map costs: a ViT with injection in every block, beside the plain network, in turns.

    python -m benchmarks.tokens --json tokens.json

The injector is rbca-light in all twelve blocks; its own arithmetic and the folding are counted together. A training
step is forward, cross-entropy, backward, AdamW. Ratios are the median over rounds, each of which runs both.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import torch

import fusekit
from benchmarks.fusion_cost import PLAIN, inference, training_step
from benchmarks.timing import interleaved, ratio, table

FUSION = "rbca-light"


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", default="vit_tiny_patch16_224,swin_tiny_patch4_window7_224")
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image, columns = torch.randn(asked.batch, 1, asked.size, asked.size), torch.randn(asked.batch, 29)
    labels = torch.arange(asked.batch) % 2
    found = {}
    for backbone in asked.backbones.split(","):
        given = {"backbone": backbone, "columns": 29, "classes": 2, "image_size": asked.size}
        everywhere = {"sites": {"stages": ()}}
        # ``concat`` has the same clinical path, so that what is left is the injection.
        models = {
            PLAIN: fusekit.build(PLAIN, **given),
            "concat": fusekit.build("concat", **given),
            FUSION: fusekit.build(FUSION, **given, options=everywhere),
        }
        steps = {name: training_step(model, lambda: (image, columns), labels) for name, model in models.items()}
        works = {"training": steps, "inference": {n: partial(inference, m, image, columns) for n, m in models.items()}}
        times = {kind: interleaved(of_kind, asked.rounds) for kind, of_kind in works.items()}
        found[backbone] = {
            f"{kind}, of {to}": ratio(of_kind, FUSION, to)
            for kind, of_kind in times.items()
            for to in (PLAIN, "concat")
        }
    heads = ["backbone", *next(iter(found.values()))]
    print(
        table(
            heads,
            [[name, *("{:.3f} ({:.2f} to {:.2f})".format(*r) for r in row.values())] for name, row in found.items()],
        )
    )
    if asked.json:
        asked.json.write_text(json.dumps({"torch": torch.__version__, **vars(asked), "found": found}, default=str))


if __name__ == "__main__":
    main()
