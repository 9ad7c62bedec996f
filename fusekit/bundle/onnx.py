"""A shipped network as ONNX, with what a program without torch needs beside it, held against ONNX Runtime."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from fusekit.bundle.baseline import WithoutNetwork
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.formats import BASELINE, NETWORK
from fusekit.bundle.stacked import StackedBundle
from fusekit.data import Pixels, Target
from fusekit.data.target.target import SMALLEST
from fusekit.disk import write_bytes
from fusekit.errors import DataError, FusekitError, OptionError
from fusekit.models import FusionModel

if TYPE_CHECKING:
    import onnx

#: How far a probability may lie from that of the bundle.
TOLERANCE = 1e-4
#: Patients of the two checks, so that a batch of another size than that of the export is one of them.
_BATCHES = (1, 3)


class _Exported(nn.Module):
    """The network from grey levels and encoded columns to probabilities: scales and softmax are in the graph."""

    def __init__(self, model: FusionModel, pixels: Pixels, target: Target):
        super().__init__()
        self.model, self.pixels, self.target = model, pixels, target

    def forward(
        self,
        image: Tensor | None = None,
        columns: Tensor | None = None,
        prior: Tensor | None = None,
        present: Tensor | None = None,
    ) -> Tensor:
        if image is not None:
            flat = image if self.model.pool is None else image.flatten(0, 1)
            image = self.pixels.standardise(flat).reshape(image.shape)
        if prior is not None:
            columns = prior if columns is None else torch.cat([columns, prior], dim=1)
        return self.target.answers(self.model(image, columns, present))


def export(bundle: Bundle, path: Path) -> Path:
    """Write a bundle's network, and beside it, with the ending ``.json``, what its inputs are; return that path.

    Inputs, of what the network reads: ``image`` (B, C, *S), grey levels 0 to 255 as they are cut, or (B, N, C, *S), all
    slices of each scan, where a pool joins them; ``columns`` (B, F), encoded; ``prior`` (B, K), logarithms of what its
    baseline says, or of ordered classes (B, K - 1), log odds of lying above each cut among those who reach it. All are
    float32, and B and N are free. Of a network that takes patients without image or table, also ``present`` (B, 2)
    bool: which have an image, and which a table. The output is ``probabilities`` (B, K) of each row, or ``predicted``
    (B, 1), the number.

    Raises:
        OptionError: the packages are missing, or the bundle is none of one network.
        DataError: ONNX Runtime gives other probabilities than the bundle, by more than 1e-4; nothing is written.
    """
    if isinstance(bundle, WithoutNetwork):
        own = "It predicts without torch as it is: fusekit.baselines.shipping.load reads its baseline.skops."
        if isinstance(bundle, StackedBundle):
            own = f"Export the network, the bundle in its folder {NETWORK}; the baseline is in its {BASELINE}."
        elif len(bundle.each) > 1:
            own = "Export each of the bundles in its folders fold-0, fold-1, ..."
        raise OptionError(f"--onnx is for a network, and this bundle is {bundle}. {own}")
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise OptionError(f"--onnx needs {error.name}: pip install 'fusekit[onnx]'.") from error
    module = _Exported(bundle.model, bundle.pixels, bundle.target).eval()
    with _quiet(), torch.inference_mode(False), torch.no_grad():
        said = (
            "probabilities"
            if bundle.classes
            else bundle.target.kind
            if len(bundle.target.columns) > 1
            else bundle.target.columns[0]
        )
        made = _exported(module, _inputs(bundle, 2, seed=0), said)
        content = made.SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        for batch in _BATCHES:
            given = _inputs(bundle, batch, seed=batch)
            expected = module(**given).numpy()
            (found,) = session.run([said], {name: tensor.numpy() for name, tensor in given.items()})
            apart = float(np.abs(np.asarray(found) - expected).max())
            allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))  # of a number, a share of it
            if not apart <= allowed:
                raise DataError(
                    f"ONNX Runtime gives {said} values that are {apart:.2g} from those of the bundle, and "
                    f"{allowed:g} is allowed; nothing is written."
                )
    write_bytes(path, content)
    beside = path.with_suffix(".json")
    write_bytes(beside, (json.dumps(described(bundle), indent=2, allow_nan=False) + "\n").encode())
    return beside


def described(bundle: Bundle) -> dict[str, Any]:
    """What a program needs to know besides the graph, in plain values: docs/how-to/ship-and-export.md."""
    encoding, rule = bundle.encoding, bundle.rule
    columns = []
    for column, place in zip(encoding.columns, encoding.layout.places, strict=True) if encoding else ():
        own: dict[str, Any] = {"name": column.name, "kind": column.column.kind, "unit": column.column.unit}
        if column.is_number:
            own |= {"mean": column.fill, "scale": column.scale}
        else:
            own |= {"categories": list(column.categories)}
        columns.append({**own, "first": place.first, "observed": place.mask})
    shapes: dict[str, list[Any]] = {
        name: ["B", *tensor.shape[1:]] for name, tensor in _inputs(bundle, 1, seed=0).items()
    }
    if bundle.pooled:
        shapes["image"][1] = "N"
    return {
        "format": 1,
        "synthetic": bool(bundle.provenance.get("synthetic")),
        "inputs": shapes,
        **bundle.target.as_json(),
        "columns": columns,
        "prior": {"baseline": bundle.prior.name, "smallest": SMALLEST} if bundle.prior else None,
        "rule": {
            "aggregate": rule.aggregate,
            "threshold": rule.thresholds[0]["subject"] if rule.thresholds else None,
            "temperature": rule.temperatures[0] if rule.temperatures else None,
        },
        "images": list(bundle.images),
        "slices": bundle.slices.as_json(),
        "image_size": bundle.image_size,
    }


def _inputs(bundle: Bundle, batch: int, seed: int) -> dict[str, Tensor]:
    """Invented inputs of what the network reads, by the names that they have in the graph."""
    model, draw = bundle.model, torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    if model.backbone is not None:
        of_scan = (batch + 1,) if bundle.pooled else ()
        shape = (
            batch,
            *of_scan,
            int(model.description["in_channels"]),
            *[bundle.image_size] * model.backbone.spatial_dims,
        )
        found["image"] = (torch.rand(shape, generator=draw) * 255).round()
    if model.encoder is not None:
        found["columns"] = torch.randn(batch, int(model.description["columns"]), generator=draw)
    if model.prior is not None:
        if model.encoder is None:
            found["columns"] = torch.zeros(batch, int(model.description["columns"]))
        found["prior"] = torch.rand(batch, bundle.target.outputs, generator=draw).log_softmax(dim=1)
    if model.absent:
        found["present"] = torch.rand(batch, 2, generator=draw) < 0.7
    return found


def _exported(module: _Exported, given: dict[str, Tensor], said: str) -> onnx.ModelProto:
    rows = torch.export.Dim("B", min=1, max=2**16)
    try:
        # First the graph: given a module whose rows are not free, torch's exporter would make them constant, silently.
        shapes = {name: {0: rows} for name in given}
        if module.model.pool is not None:
            shapes["image"][1] = torch.export.Dim("N", min=1, max=2**16)
        graph = torch.export.export(module, (), given, dynamic_shapes=shapes, strict=False)
        program = torch.onnx.export(
            graph, kwargs=given, dynamo=True, verbose=False, input_names=list(given), output_names=[said]
        )
    except Exception as error:  # whatever a part of a plugin does that no graph can hold
        raise FusekitError(f"this network cannot be exported: {type(error).__name__}: {error}") from error
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter explains itself at length; what it makes is held against the bundle."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
