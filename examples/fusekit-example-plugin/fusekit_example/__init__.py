"""An example plugin: every hook in one place; nothing heavy is imported until it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import fusekit

if TYPE_CHECKING:
    from fusekit.extension import Register


@fusekit.hookimpl
def register(to: Register) -> None:
    """Register by reference: the module behind one is imported when the component is built."""
    to.injector("clinical-gate", "fusekit_example.gate:ClinicalGate", "one sigmoid gate per channel, from the table")
    to.fusion("clinical-gate", "fusekit_example.gate:RECIPE", "clinical gates after every block, then concatenation")
    to.task("bright-spot", "fusekit_example.task:BrightSpot", "is there a bright spot? (a synthetic example)")
    to.metric("brier", "fusekit_example.metric:Brier", "mean squared error of the positive class's probability")


@fusekit.hookimpl
def read_image(path: Path) -> fusekit.Volume | None:
    """Read ``.npy`` volumes (X, Y, Z) of 1 mm voxels; leave everything else to other plugins."""
    if path.suffix != ".npy":
        return None
    import numpy as np

    # allow_pickle stays off: a file from elsewhere must not run code.
    return fusekit.Volume(data=np.load(path, allow_pickle=False).astype(np.float32), affine=np.eye(4))


@fusekit.hookimpl
def epoch_ended(run: fusekit.Run, epoch: int, scores: dict[str, float]) -> None:
    """Append each epoch to a log in the run folder."""
    with (run.folder / "epochs.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"epoch": epoch, **scores}) + "\n")
