"""Image features that no training changes: computed once for all epochs, where nothing of the image network learns."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from fusekit.data import Pixels, Target
from fusekit.data.store.blanks import Images
from fusekit.data.store.scan_rows import ScanRows
from fusekit.models import FusionModel, ImageFeatures, Output, channels_last
from fusekit.models.memory_format import placed
from fusekit.progress import Progress
from fusekit.training.machines.processes import Processes

#: Of features, which have no grey levels.
UNSCALED = Pixels((0.0,), (1.0,))
#: Bytes that features may take in memory.
MOST = 4 * 2**30


class Heads(nn.Module):
    """A model from its image features on: features (B, D) or (B, D + M * S') and columns (B, F) to logits (B, K).

    Its parts are the model's own, without the backbone, which steps, averages and checkpoints then need not carry. The
    map follows the vector only where the head reads it. Where it does not, it gets zeros of the same shape.
    """

    def __init__(self, model: FusionModel, shape: tuple[int, ...], *, reads_map: bool):
        super().__init__()
        assert model.backbone is not None
        self.width, self.shape, self.reads_map = model.backbone.width, shape, reads_map
        reads = None if model.reads is None else model.reads.tolist()
        prior, stand_ins, pool = model.prior, model.stand_ins, model.pool
        self.model = FusionModel(
            None, model.encoder, None, model.head, pool=pool, prior=prior, reads=reads, stand_ins=stand_ins
        )
        self.model.auxiliary = model.auxiliary

    def forward(
        self, features: Tensor, columns: Tensor, present: Tensor | None = None, *, slices: Tensor | None = None
    ) -> Tensor:
        """Logits, as the model gives them of the images."""
        return self.output(features, columns, present, slices=slices).outputs

    def output(
        self, features: Tensor, columns: Tensor, present: Tensor | None = None, *, slices: Tensor | None = None
    ) -> Output:
        """What the model's ``output`` gives of the images."""
        vector, rest = features[:, : self.width], features[:, self.width :]
        zeros = features.new_zeros(()).expand(len(features), *self.shape)
        map_ = rest.reshape(-1, *self.shape) if self.reads_map else zeros
        return self.model.output(None, columns, present, slices=slices, features=ImageFeatures(map_, vector))


class FixedFeatures(NamedTuple):
    """Features of a store's rows, and what reads them."""

    features: np.ndarray  # (N, D) or (N, D + M * S') float32; 0 of rows that were not asked for
    heads: Heads

    def answers(
        self,
        rows: np.ndarray,
        columns: np.ndarray,
        target: Target,
        present: np.ndarray | None = None,
        scans: ScanRows | None = None,
    ) -> np.ndarray:
        """What the model says (n, A) float64 of rows (n,) with encoded columns (n, F), in evaluation mode.

        ``present`` (n, 2) bool is as for ``FusionModel.forward``. With ``scans``, of the scans that the rows name.
        """
        device = next(self.heads.parameters()).device
        training, of_scans = self.heads.training, {}
        if scans is not None:
            rows, there = scans.packed(rows)
            of_scans["slices"] = torch.from_numpy(there).to(device)
        with torch.inference_mode():
            given = (self.features[rows], columns, *([] if present is None else [present]))
            tensors = (torch.from_numpy(values).to(device) for values in given)
            said: np.ndarray = target.answers(self.heads.eval()(*tensors, **of_scans).cpu().double()).numpy()
        self.heads.train(training)
        return said


def fixed_features(
    model: FusionModel,
    images: Images,
    rows: np.ndarray,
    pixels: Pixels,
    *,
    device: torch.device,
    batch: int,
    processes: Processes,
    progress: Progress,
) -> FixedFeatures | None:
    """Compute the features of some rows (n,) of a store, each process its share, in float32 as predictions are.

    None where they are not fixed, since the backbone is trained or an injector changes them, or take too much memory.
    """
    if model.backbone is None or not model.backbone.fixed or model.injector is not None:
        return None
    model.to(device)
    backbone = placed(model.backbone, device)

    def of(some: np.ndarray) -> ImageFeatures:
        with torch.inference_mode():
            found: ImageFeatures = backbone(channels_last(pixels.to_tensor(images[some], device)))
        return found

    example = of(rows[:1])
    shape = tuple(example.map.shape[1:])
    heads = Heads(model, shape, reads_map=_reads_map(model, example))
    width = heads.width + heads.reads_map * prod(shape)
    if 4 * width * len(rows) > MOST:
        progress.say(f"the features of {len(rows)} items are too large to be kept: they are computed in every epoch")
        return None
    part = processes.part(-(-len(rows) // batch))
    batches = [rows[start * batch : (start + 1) * batch] for start in range(part.start, part.stop)]
    found = [np.empty((0, width), dtype=np.float32)]
    for some in progress.track(batches, "features of the frozen image network", len(batches), "batches"):
        own = of(some)
        parts = [own.vector, own.map.flatten(1)] if heads.reads_map else [own.vector]
        found.append(torch.cat(parts, dim=1).float().cpu().numpy())
    features = np.zeros((len(images), width), dtype=np.float32)  # memory is taken where it is written
    features[rows] = np.concatenate(processes.gather(np.concatenate(found)))
    return FixedFeatures(features, heads)


def _reads_map(model: FusionModel, example: ImageFeatures) -> bool:
    """Whether anything that is trained depends on the map; heads that read the vector alone need much less memory."""
    training, map_ = model.training, example.map.clone().requires_grad_()
    columns = torch.zeros(1, model.inputs, device=map_.device)
    with torch.enable_grad():
        features = ImageFeatures(map_, example.vector.clone())
        one = None if model.pool is None else torch.ones(1, 1, dtype=torch.bool, device=map_.device)
        found = model.eval().output(None, columns, slices=one, features=features)
        said = [found.outputs, *found.parts.values(), *found.losses.values()]
        (slope,) = torch.autograd.grad(torch.stack([one.sum() for one in said]).sum(), map_, allow_unused=True)
    model.train(training)
    return slope is not None
