"""What fusions cost: parameters, multiply-adds, and CPU time beside the plain network, in turns.

    python -m benchmarks.fusion_cost --fusions concat,rbca,rbca-light --json cost.json

The page "Fusions" is made from docs/reference/fusion-cost.json (``make reference``).

A training step is what ``fusekit run`` does with a batch: forward, cross-entropy, backward, AdamW. Times are CPU
seconds of one thread, channels last; each round runs every fusion once, and a ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import fusekit
from benchmarks.timing import interleaved, ratio, table
from fusekit import FusionModel
from fusekit.models import channels_last, weights_channels_last

PLAIN = "image-only"


def training_step(model: FusionModel, given: Callable[[], tuple[Tensor, ...]], labels: Tensor) -> Callable[[], None]:
    """Forward, cross-entropy, backward and AdamW on what ``given`` returns: a batch, made anew at every step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        model.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(*given()), labels).backward()
        optimizer.step()

    return step


@torch.inference_mode()
def inference(model: FusionModel, image: Tensor, columns: Tensor) -> None:
    model.eval()
    model(image, columns)


def asked_of(description: str) -> argparse.Namespace:
    """The options of a benchmark of fusions."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fusions", default="concat,rbca,rbca-light")
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--columns", type=int, default=237)
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def processor() -> str:
    """What Linux calls the machine's processor; elsewhere what Python knows."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def main() -> None:
    """Measure and print one table."""
    asked = asked_of(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    fusions = [PLAIN, *asked.fusions.split(",")]
    image = channels_last(torch.randn(asked.batch, 1, asked.size, asked.size))
    columns, labels = torch.randn(asked.batch, asked.columns), torch.arange(asked.batch) % 2
    models = {
        name: weights_channels_last(fusekit.build(name, backbone=asked.backbone, columns=asked.columns, classes=2))
        for name in fusions
    }
    steps = {name: training_step(model, lambda: (image, columns), labels) for name, model in models.items()}
    works = {"training": steps, "inference": {n: partial(inference, m, image, columns) for n, m in models.items()}}
    times = {kind: interleaved(of_kind, asked.rounds) for kind, of_kind in works.items()}
    given = {"backbone": asked.backbone, "columns": asked.columns, "size": asked.size}
    of = {name: fusekit.describe(name, **given) for name in fusions}
    found = {
        name: {
            "parameters": of[name].parameters,
            "multiply_adds": of[name].multiply_adds,
            **{kind: ratio(of_kind, name, PLAIN) for kind, of_kind in times.items()},
        }
        for name in fusions
    }
    heads = ["fusion", "parameters", "GMAC", "of plain", *(f"{kind}, of plain (range)" for kind in times)]
    rows = []
    for name, row in found.items():
        counted = row["multiply_adds"]
        spans = ["{:.3f} ({:.2f} to {:.2f})".format(*row[kind]) for kind in times]  # type: ignore[misc]
        more = counted / found[PLAIN]["multiply_adds"]  # type: ignore[operator]
        rows.append([name, f"{row['parameters']:,}", f"{counted / 1e9:.3f}", f"{more:.4f}", *spans])  # type: ignore[operator]
    print(table(heads, rows))
    if asked.json:
        settings = {name: value for name, value in vars(asked).items() if name not in ("json", "fusions")}
        measured = {"torch": torch.__version__, "processor": processor(), **settings, "found": found}
        asked.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
