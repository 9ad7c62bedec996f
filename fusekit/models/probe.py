"""A forward and a backward pass of an untrained model: what does not fit is said by the name of the part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import partial
from math import prod
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn

from fusekit.errors import FAILURES, FusekitError, OptionError
from fusekit.extension import COMPONENTS
from fusekit.models.fusion_model import FusionModel
from fusekit.models.parts import Backbone, ClinicalFeatures, ImageFeatures, Inject, Injector, Output

_Module = TypeVar("_Module", bound=nn.Module)
#: Slices in each pass, and whether it trains: one slice alone is what a part forgets that squeezes its results.
_PASSES = ((1, False), (3, True))
_SLICES = 2  # of each scan, where a pool joins them
_ROWS = 8  # of random features that heads are tried with
#: Random features times these: the results of a head that returns no probabilities leave 0 to 1 with one of them.
SCALES = (1.0, -1.0, 100.0, -100.0)


def check_model(model: FusionModel, size: tuple[int, ...], again: Callable[..., FusionModel]) -> None:
    """Refuse, by OptionError, a model whose parts do not give what the others, training and predictions need.

    Looked at are shapes, types and gradients of a model on the meta device, which computes nothing, for images of a
    size; then the numbers that an encoder and a head with weights make of random features. What the meta device does
    not know is tried on the CPU. No random numbers are used up; the model is of no other use afterwards.

    Args:
        again: builds the model with weights; ``ready={part: module}`` says what it takes instead of building it.
    """
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(0)
        try:
            features = _Look(model, size).passes()
        except _NotHereError:
            model = again()
            features = _Look(model, size).passes()
        ready: dict[str, nn.Module] = {"injector": _Untouched()}
        if model.backbone is not None:
            ready["backbone"] = _RandomFeatures(model.backbone, features)
        look = _Look(again(ready=ready).eval(), (1,) * len(size))
        with torch.no_grad():
            look.forward(_ROWS)
            look.end()
            _shake(look.model)
            results = [torch.empty(0, look.model.description["classes"])]
            for scale in SCALES:
                with suppress(Exception):  # of numbers that are far from ordinary
                    results.append(look.model(*look.inputs(_ROWS, scale)))
    if said := not_logits(torch.cat(results)):
        look.refuse("head", said)


def outlined(make: Callable[[], FusionModel]) -> FusionModel:
    """What ``make`` builds on the meta device: no memory and no arithmetic, only whether the parts take their options.

    It is built with weights where a part's constructor asks for numbers, of which the meta device has none.
    """
    try:
        with torch.device("meta"):
            return make()
    except FAILURES as error:
        if not _of_meta(error.__cause__ if isinstance(error, FusekitError) else error):
            raise
    with torch.random.fork_rng(devices=()):
        return make()


def shaken(module: _Module) -> _Module:
    """A copy with every weight moved, so that parts that start at zero show what they do."""
    copy = deepcopy(module)
    _shake(copy)
    return copy


def _shake(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in module.parameters():
            scale = float(weight.abs().mean()) or 0.1
            weight.add_(scale * torch.randn(weight.shape, generator=generator).to(weight))


def not_logits(results: Tensor) -> str:
    """What shows that results (N, K) of random features are probabilities, as a clause; empty if nothing does."""
    rows = results[results.isfinite().all(dim=1)]
    if len(rows) and bool(((rows >= 0) & (rows <= 1)).all()):
        return "its results always lie between 0 and 1, as probabilities do: return logits, without softmax or sigmoid"
    if len(rows) and torch.allclose(rows.exp().sum(dim=1), torch.ones(len(rows)).to(rows), atol=1e-4):
        return "its results are always logarithms of probabilities: return logits, without log_softmax"
    return ""


def _of_meta(error: BaseException | None) -> bool:
    return isinstance(error, NotImplementedError) or "meta" in str(error)


class _NotHereError(Exception):
    """The meta device does not know an operation, or has no numbers to decide by."""


class _RandomFeatures(Backbone):
    """Random features of the shapes that a backbone gives, instead of running it; an image says how large they are."""

    def __init__(self, backbone: Backbone, shapes: dict[str, tuple[int, ...]]):
        super().__init__()
        self.spatial_dims, self.map_channels, self.width = backbone.spatial_dims, backbone.map_channels, backbone.width
        self.sites = getattr(backbone, "sites", ())
        self.shapes = shapes

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        scale = image.flatten(1)[:, 0].abs().mean()
        return ImageFeatures(*(scale * torch.randn(len(image), *self.shapes[name][1:]) for name in ("map", "vector")))


class _Untouched(Injector):
    def prepare(self, clinical: Tensor) -> None: ...

    def forward(self, site: int, features: Tensor, prepared: Any) -> Tensor:
        return features


class _Look:
    """Runs a model, and looks at what each of its parts is given and returns."""

    def __init__(self, model: FusionModel, size: tuple[int, ...]):
        self.model, self.size = model, size
        self.device = next(model.parameters(), torch.empty(0)).device
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.running: list[str] = []
        self.given: list[list[tuple[Tensor, int]]] = []
        self.batch = 0
        self.slices = (_SLICES,) if model.pool is not None else ()
        found = {part: getattr(model, part) for part in COMPONENTS}
        self.modules: dict[str, nn.Module] = {part: module for part, module in found.items() if module is not None}
        self.hooks = []
        for part, module in self.modules.items():
            self.hooks.append(module.register_forward_pre_hook(partial(self._begins, part)))
            self.hooks.append(module.register_forward_hook(partial(self._ended, part)))

    def end(self) -> None:
        """Look no more."""
        for hook in self.hooks:
            hook.remove()

    def inputs(self, batch: int, scale: float = 1.0) -> tuple[Tensor | None, Tensor | None]:
        """An image (B, C, *S), with a pool (B, N, C, *S), and columns (B, F), of what the model reads."""
        said = self.model.description
        image, columns = (batch, *self.slices, said["in_channels"], *self.size), (batch, self.model.inputs)
        return (
            scale * torch.randn(image, device=self.device) if self.model.reads_image else None,
            scale * torch.randn(columns, device=self.device) if self.model.reads_clinical else None,
        )

    def passes(self) -> dict[str, tuple[int, ...]]:
        """Forward passes and a backward one; the shapes of map and vector."""
        if not any(weight.requires_grad for weight in self.model.parameters()):
            raise OptionError(f"the fusion {self.model.description['fusion']!r} has no weight that can be trained.")
        for batch, training in _PASSES:
            self.model.train(training)
            with torch.set_grad_enabled(training):
                output = self.forward(batch)
        try:
            torch.autograd.backward(output.outputs.square().mean())
        except FAILURES as error:
            self._fail(error, "no gradient can be computed through the model")
        for part, module in self.modules.items():
            weights = [weight for weight in module.parameters() if weight.requires_grad]
            if weights and all(weight.grad is None for weight in weights):
                self.refuse(part, "no gradient reaches it, and it would never be trained: the logits do not use it")
        return self.shapes

    def forward(self, batch: int) -> Output:
        self.batch = batch
        try:
            output = self.model.output(*self.inputs(batch))
        except FAILURES as error:
            self._fail(error)
        return output

    def _begins(self, part: str, module: nn.Module, given: tuple[Any, ...]) -> None:
        self.running.append(part)
        self.given.append([(tensor, tensor._version) for tensor in _tensors(given)])

    def _ended(self, part: str, module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
        inputs = self.given.pop()
        if any(tensor._version != version for tensor, version in inputs):
            self.refuse(part, "it changes its input in place; others still read it, so work on a new tensor")
        if part == "backbone":
            if not isinstance(result, ImageFeatures):
                self.refuse(part, f"it returns a {type(result).__name__}; ImageFeatures are needed")
            backbone: Any = module
            images = self.batch * prod(self.slices)
            wanted = {
                "map": (images, backbone.map_channels, *"DHW"[-backbone.spatial_dims :]),
                "vector": (images, backbone.width),
            }
        elif part == "injector":
            wanted = {"result": tuple(given[1].shape)}
        elif part == "pool":
            if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], ImageFeatures)):
                self.refuse(part, f"it returns a {type(result).__name__}; (ImageFeatures, weights) are needed")
            self._fits(part, "weights", result[1], (self.batch, *self.slices), learns=False)
            width: Any = getattr(self.model.backbone, "width", 0)
            result, wanted = result[0].vector, {"vector": (self.batch, width)}
        else:
            width = module.width if part == "encoder" else self.model.description["classes"]
            wanted = {"result": (self.batch, width)}
        learns = torch.is_grad_enabled() and (
            any(tensor.requires_grad for tensor, _ in inputs)
            or any(weight.requires_grad for weight in module.parameters())
        )
        for name, shape in wanted.items():
            value = getattr(result, name) if part == "backbone" else result
            value = value.outputs if isinstance(value, Output) else value
            value = value.vector if isinstance(value, ClinicalFeatures) else value
            self._fits(part, name, value, shape, learns)
            if part == "backbone":
                self.shapes[name] = tuple(value.shape)
        self.running.pop()

    def _fits(self, part: str, name: str, value: Any, shape: tuple[Any, ...], learns: bool) -> None:
        needed = f"a float32 tensor of shape ({', '.join(map(str, shape))}) is needed"
        if not isinstance(value, Tensor):
            self.refuse(part, f"its {name} is a {type(value).__name__}; {needed}")
        same = all(length in (own, *"DHW") for length, own in zip(shape, value.shape, strict=False))
        if value.dtype != torch.float32 or value.ndim != len(shape) or not same:
            found = f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
            self.refuse(part, f"its {name} for a batch of {self.batch} is {found}; {needed}")
        if learns and not value.requires_grad:
            self.refuse(
                part,
                f"no gradient passes through its {name}, so what lies before would never be trained: return it without "
                "detach() or torch.no_grad(), and freeze weights with requires_grad_(False)",
            )
        if value.device.type != "meta" and not bool(value.isfinite().all()):
            self.refuse(part, f"its {name} holds NaN or infinity for ordinary numbers")

    def refuse(self, part: str, said: str, cause: BaseException | None = None) -> NoReturn:
        """Raise OptionError about a part."""
        description = self.model.description
        name = description["backbone"] if part == "backbone" else description["recipe"][part]
        raise OptionError(f"the {part} {name!r} does not fit: {said}.") from cause

    def _fail(self, error: BaseException, what: str = "") -> NoReturn:
        if isinstance(error, FusekitError):
            raise error
        if self.device.type == "meta" and _of_meta(error):
            raise _NotHereError from error
        reason = f"{type(error).__name__}: {error}"
        if what:
            raise OptionError(f"{what}: {reason}") from error
        part = self.running[-1] if self.running else "injector"  # it prepares outside of its forward pass
        if part == "backbone":
            takes = getattr(self.model.backbone, "image_size", None)
            way = "" if takes is None else f"It takes {' x '.join(map(str, takes))} (--image-size {takes[0]}). "
            raise OptionError(
                f"the backbone {self.model.description['backbone']!r} does not take images of "
                f"{' x '.join(map(str, self.size))}: {reason}.\n{way}Choose another size or another backbone."
            ) from error
        mode = "training" if self.model.training else "evaluation"
        self.refuse(part, f"it fails in {mode} mode for a batch of {self.batch}: {reason}", error)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple):
            yield from _tensors(value)
