"""What formats of ``bundle.json`` are put together from: what is predicted, a network, images and their scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MaxLen, MinLen

from fusekit.bundle.description import Described
from fusekit.bundle.schema import ModelJson, NumberJson, PriorJson, RuleJson, TimeToEventJson
from fusekit.data import Classes, ColumnLayout, Number, Ordered, Pixels, Target
from fusekit.data.target import target_of
from fusekit.errors import DataError
from fusekit.evaluation.rule import Rule
from fusekit.models import FusionModel, build_from

WEIGHTS, PRIOR, BASELINE, DESCRIPTION = "model.safetensors", "prior.skops", "baseline.skops", "bundle.json"
#: Folder of the network that a baseline is stacked on.
NETWORK = "network"
#: Models in an average.
MOST = 100


@dataclass(frozen=True, kw_only=True)
class OfClasses(Described):
    """Of a model that predicts classes; DataError if their names are none."""

    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError(f"classes has {len(self.classes)} names, and a model distinguishes two or more.")
        if len(set(self.classes)) < len(self.classes):
            raise DataError("classes has the same name twice.")
        super().__post_init__()

    @property
    def target(self) -> Target:  # noqa: D102
        return Classes(self.classes)


@dataclass(frozen=True, kw_only=True)
class OfOrder(OfClasses):
    """Of a model that predicts ordered classes."""

    ordered: Literal[True]

    @property
    def target(self) -> Target:  # noqa: D102
        return Ordered(self.classes)


@dataclass(frozen=True, kw_only=True)
class OfNumber(Described):
    """Of a model that predicts a number."""

    number: NumberJson

    @property
    def target(self) -> Target:  # noqa: D102
        return Number(**self.number)


@dataclass(frozen=True, kw_only=True)
class OfTime(Described):
    """Of a model that predicts the time to an event; DataError if its horizons or intervals are none."""

    time_to_event: TimeToEventJson

    @property
    def target(self) -> Target:  # noqa: D102
        return target_of({"time_to_event": self.time_to_event})


@dataclass(frozen=True, kw_only=True)
class NetworkParts(Described):
    """What every format of a network holds; DataError also if it does not fit the rest."""

    model: ModelJson
    prior: PriorJson | None = None

    def __post_init__(self) -> None:
        if (outputs := self.target.outputs) != self.model["classes"]:
            words, count = self.target.words, len(self.target.classes)
            names = f"classes has {count} names" if count else f"{words} needs {outputs} outputs"
            names += f", {outputs} outputs of an order" if count > outputs else ""
            raise DataError(f"{names}, and model.classes is {self.model['classes']}.")
        recipe = self.model["recipe"]
        if (self.clinical is None) != (recipe["encoder"] is None and recipe.get("prior") is None):
            raise DataError("clinical belongs to an encoder or a prior in model.recipe, and these to it.")
        if (self.prior is None) != (recipe.get("prior") is None):
            raise DataError("prior and model.recipe.prior belong together; one of them is null.")
        encoding, layout = self.encoding, self.model.get("layout")  # columns are checked when they are made
        if encoding and encoding.layout.inputs != self.model["columns"]:
            raise DataError(
                f"clinical has {encoding.layout.inputs} inputs, and model.columns is {self.model['columns']}."
            )
        if layout is not None and (encoding is None or ColumnLayout.from_json(layout) != encoding.layout):
            raise DataError("model.layout is not that of the columns in clinical.")
        super().__post_init__()

    @property
    def channel_counts(self) -> dict[str, int]:  # noqa: D102
        return {"model.in_channels": self.model["in_channels"], **super().channel_counts}

    def build(self) -> FusionModel:
        """Build the model, without its weights; OptionError if it does not read such slices."""
        model = build_from(self.model)
        if model.backbone is not None:
            self.slices.check_backbone(self.model["backbone"], model.backbone.spatial_dims)
        return model


@dataclass(frozen=True, kw_only=True)
class Channels(Described):
    """With the names of several images, a scale for each channel, and the calling rule."""

    images: Annotated[tuple[str, ...], MinLen(1)]
    pixels: Pixels
    rule: RuleJson
    checksum: str

    @property
    def names(self) -> tuple[str, ...]:  # noqa: D102
        return self.images

    @property
    def scale(self) -> Pixels:  # noqa: D102
        return self.pixels

    @property
    def calling_rule(self) -> Rule:  # noqa: D102
        return Rule.from_json(self.rule)


@dataclass(frozen=True, kw_only=True)
class WithWeights(NetworkParts):
    """A network, whose weights lie in a file of their own."""

    weights: str  # their checksum


@dataclass(frozen=True, kw_only=True)
class WithBaseline(Described):
    """A baseline in place of a network, in a file of its own."""

    baseline: PriorJson


@dataclass(frozen=True, kw_only=True)
class WithModels(Described):
    """The average of several models, each in a folder of its own: ``fold-0``, ``fold-1``, ..."""

    models: Annotated[list[str], MinLen(2), MaxLen(MOST)]  # checksum of each one's description
