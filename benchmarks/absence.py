"""What samples without image or table cost: a training step that mixes in stand-ins, beside the same without, in turns.

    python -m benchmarks.absence --fusions concat,rbca,rbca-light --json absence.json

A step is forward, cross-entropy, backward, AdamW. A third of the samples lacks its image, a third its table. Times are
CPU seconds of one thread, channels last; each round runs every step once, and a ratio is the median over rounds.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import torch

import fusekit
from benchmarks.fusion_cost import asked_of, training_step
from benchmarks.timing import interleaved, ratio, table
from fusekit.models import channels_last, weights_channels_last
from fusekit.training.feed.drop import dropped

PRESENT = torch.tensor([[True, True], [False, True], [True, False]])


def step_of(
    fusion: str, backbone: str, columns: int, size: int, batch: int, absent: tuple[str, ...]
) -> Callable[[], None]:
    """A training step of a new model."""
    torch.manual_seed(0)
    model = fusekit.build(fusion, backbone=backbone, columns=columns, classes=2, absent=absent)
    weights_channels_last(model)
    image, table_, labels = torch.randn(batch, 1, size, size), torch.randn(batch, columns), torch.arange(batch) % 2
    image, present = channels_last(image), PRESENT.repeat(batch, 1)[:batch]

    def given() -> tuple[torch.Tensor, ...]:
        return (image, table_, dropped(present, 0.2, 0.2)) if absent else (image, table_)

    return training_step(model, given, labels)


def main() -> None:
    """Measure and print one table."""
    asked = asked_of(__doc__)
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for fusion in asked.fusions.split(","):
        sizes = (asked.backbone, asked.columns, asked.size, asked.batch)
        works = {"whole": step_of(fusion, *sizes, ()), "absent": step_of(fusion, *sizes, ("image", "table"))}
        times = interleaved(works, asked.rounds)
        middle, low, high = ratio(times, "absent", "whole")
        found[fusion] = {"ratio": middle, "low": low, "high": high}
    print(
        table(
            ["fusion", "step beside whole", "range"],
            [[name, f"{own['ratio']:.3f}", f"{own['low']:.2f} to {own['high']:.2f}"] for name, own in found.items()],
        )
    )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
