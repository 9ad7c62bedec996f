"""What a fusion consists of: its parts, the shapes that pass between them, and what each costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fusekit.errors import FAILURES, OptionError
from fusekit.extension.above import above
from fusekit.extension.fusion import Fusion, registered
from fusekit.models.build import build
from fusekit.models.fusion_model import FusionModel
from fusekit.models.parts import ImageFeatures, Output
from fusekit.models.probe import check_model, outlined

#: The order in which data meet them.
_ORDER = ("backbone", "encoder", "injector", "pool", "head", "prior")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model: what it makes of what, how many weights it has, and the multiply-adds of one image.

    A backbone makes a map (M, *S') and a vector (D). What is stacked on a network is a baseline that is fitted to what
    the network says: it has no weights here, and is no part of the network.
    """

    part: str
    name: str
    shapes: str
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class SiteShape:
    """A site of the backbone: features (C, *S) that pass there, and whether the fusion injects."""

    name: str
    stage: int
    shape: tuple[int, ...]
    injected: bool


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A fusion on a backbone, for images of a size. A notebook shows its drawing."""

    fusion: str
    backbone: str
    image: tuple[int, ...]  # (C, *S); empty where no image is read
    columns: int  # 0 where no table is read
    classes: int
    parts: tuple[Part, ...]
    sites: tuple[SiteShape, ...]

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)

    @property
    def multiply_adds(self) -> int:
        """Of one image: those of convolutions and matrix products."""
        return sum(part.multiply_adds for part in self.parts)

    @property
    def title(self) -> str:
        """What is described, in a line."""
        given = [f"an image of {shape(self.image)}"] * bool(self.image)
        given += [f"{self.columns} columns"] * bool(self.columns)
        on = f" on {self.backbone}" if self.image else ""
        predicted = f"{self.classes} classes" if self.classes > 1 else "one output, as of a number"
        return f"{self.fusion}{on}: {', '.join(given)}, {predicted}"

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {**asdict(self), "parameters": self.parameters, "multiply_adds": self.multiply_adds}

    def svg(self) -> str:
        """Draw the parts: where the table enters, and what the head reads."""
        drawn: str = above("Anatomy.svg")(self)
        return drawn

    def _repr_svg_(self) -> str:
        """For notebooks."""
        return self.svg()


def shape(lengths: tuple[int, ...]) -> str:
    """``1x96x96``."""
    return "x".join(map(str, lengths))


def describe(
    fusion: str | Fusion,
    *,
    backbone: str = "resnet18",
    size: int = 96,
    columns: int = 20,
    classes: int = 2,
    in_channels: int = 1,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Anatomy:
    """Describe a fusion: its parts, the shape of features at each site, parameters and multiply-adds of each part.

    Multiply-adds are those of one forward pass of one image (of a scan's slice, where a pool joins them), counted by
    torch on the meta device, which computes nothing: convolutions, matrix products and attention.

    Args:
        size: height and width of images; of a three-dimensional backbone, depth too.
        columns: inputs that the table is encoded to.
        classes: that are predicted; 1: a number.
        options: part -> option -> value, as for ``build``.

    Raises:
        UnknownName: no such fusion, backbone or other part, with the nearest names.
        OptionError: parts do not fit each other, or the size; or an option does not exist.
    """
    for name, number in {"size": size, "columns": columns, "classes": classes, "channels": in_channels}.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise OptionError(f"--{name} takes a whole number from 1 on, not {number!r}.")
    known: dict[str, Any] = {"columns": columns, "classes": classes, "in_channels": in_channels, "options": options}
    make = partial(build, fusion, backbone=backbone, image_size=size, **known)
    model = outlined(make)
    space = (size,) * (model.backbone.spatial_dims if model.backbone is not None else 0)
    check_model(model, space, make)
    try:
        with torch.device("meta"):
            counted = _Count(make().eval(), space)
    except FAILURES:  # a part asks for numbers, of which the meta device has none
        counted = _Count(make().eval(), space)
    anatomy = counted.anatomy()
    recipe = fusion if isinstance(fusion, Fusion) else registered(fusion)
    if by := recipe.options.get("stack", {}).get("by"):
        trees = Part("stack", str(by), f"network's log odds, table -> {classes}", 0, 0)
        anatomy = replace(anatomy, parts=(*anatomy.parts, trees))
    return anatomy


class _Count:
    """One pass of a model, and what was counted in each of its parts, without that of parts inside it."""

    def __init__(self, model: FusionModel, space: tuple[int, ...]):
        self.model, self.description = model, model.description
        self.image = (self.description["in_channels"], *space) if model.reads_image else ()
        self.counter, self.spent = FlopCounterMode(display=False), Counter[str]()
        self.running, self.seen = [""], 0
        self.sites: list[tuple[int, ...]] = []
        for part in _ORDER:
            if (module := getattr(model, part)) is not None:
                module.register_forward_pre_hook(partial(self._begins, part))
                module.register_forward_hook(self._ended)
        if model.injector is not None:  # it prepares outside of its forward pass
            model.injector.prepare = self._within("injector", model.injector.prepare)  # type: ignore[method-assign, assignment]
        scans = (1,) * (1 + (model.pool is not None))
        image = torch.zeros(*scans, *self.image) if model.reads_image else None
        table = torch.zeros(1, model.inputs) if model.reads_clinical else None
        with self.counter:  # with gradients, without which torch's counter stumbles over views of weights
            self.output: Output = model.output(image, table, look=self._look)
            self._settle()

    def anatomy(self) -> Anatomy:
        """What was found."""
        model, said = self.model, self.description
        names = {**said["recipe"], "backbone": said["backbone"]}
        parts = tuple(
            Part(part, names[part], self._shapes(part), _weights(module), self.spent[part] // 2)
            for part, module in ((part, getattr(model, part)) for part in _ORDER)
            if module is not None
        )
        found = model.backbone.sites if model.backbone is not None else ()
        sites = tuple(
            SiteShape(site.name, site.stage, lengths, place in model.injected and model.injector is not None)
            for place, (site, lengths) in enumerate(zip(found, self.sites, strict=True))
        )
        columns = said["columns"] if model.reads_clinical else 0
        backbone = said["backbone"] if self.image else ""
        return Anatomy(said["fusion"], backbone, self.image, columns, said["classes"], parts, sites)

    def _shapes(self, part: str) -> str:
        image, clinical = self.output.image, self.output.clinical
        made = _of_image(image) if image is not None else ""
        width = clinical.vector.shape[1] if clinical is not None else 0
        tokens = f" and {clinical.tokens.shape[1]} tokens" if clinical and clinical.tokens is not None else ""
        if part == "backbone":
            return f"{shape(self.image)} -> {made}"
        if part == "encoder":
            return f"{self.description['columns']} columns -> {width}{tokens}"
        if part == "injector":
            return f"{width} -> {len(self.model.injected)} of {len(self.sites)} sites"
        if part == "pool":
            return f"slices -> {made}"
        if part == "prior":
            return f"table -> {self.description['classes']}"
        reads = getattr(self.model.head, "reads", ("image", "clinical"))
        given = [f"image {image.vector.shape[1]}"] if image is not None and "image" in reads else []
        given += [f"table {width}"] if width and "clinical" in reads else []
        return f"{', '.join(given)} -> {self.output.outputs.shape[1]}"

    def _look(self, site: int, features: Tensor, prepared: Any) -> None:
        self.sites.append(tuple(features.shape[1:]))

    def _settle(self) -> None:
        """What was counted since the last look belongs to the part that runs."""
        now = self.counter.get_total_flops()
        self.spent[self.running[-1]] += now - self.seen
        self.seen = now

    def _begins(self, part: str, *_: Any) -> None:
        self._settle()
        self.running.append(part)

    def _ended(self, *_: Any) -> None:
        self._settle()
        self.running.pop()

    def _within(self, part: str, call: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        @wraps(call)
        def counted(clinical: Tensor) -> Any:
            self._begins(part)
            prepared = call(clinical)
            self._ended()
            return prepared

        return counted


def _of_image(image: ImageFeatures) -> str:
    return f"{shape(tuple(image.map.shape[1:]))}, {image.vector.shape[1]}"


def _weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())
