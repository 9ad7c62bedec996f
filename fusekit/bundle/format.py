"""What ``bundle.json`` holds, format by format: an old one keeps its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from annotated_types import MaxLen, MinLen
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.bundle.description import Described, WithRegions
from fusekit.bundle.schema import ModelJson, NumberJson, OnePixelsJson, PriorJson, RuleJson, TimeToEventJson
from fusekit.data import Classes, ColumnLayout, Number, Ordered, Pixels, Target, TimeToEvent
from fusekit.data.images.channels import IMAGE
from fusekit.data.target import target_of
from fusekit.disk import CLOSED, DIGEST, OPEN, read_json, signed
from fusekit.errors import DataError
from fusekit.evaluation.rule import Rule
from fusekit.models import FusionModel, build_from

WEIGHTS, PRIOR, BASELINE, DESCRIPTION = "model.safetensors", "prior.skops", "baseline.skops", "bundle.json"
#: Folder of the network that a baseline is stacked on.
NETWORK = "network"
#: What predicts, and the kind of what is predicted -> the newest format, which is that which is written.
FORMATS = {
    ("network", Classes.kind): 4,
    ("baseline", Classes.kind): 5,
    ("average", Classes.kind): 6,
    ("stack", Classes.kind): 7,
    ("network", Number.kind): 8,
    ("baseline", Number.kind): 9,
    ("average", Number.kind): 10,
    ("network", Ordered.kind): 11,
    ("baseline", Ordered.kind): 12,
    ("average", Ordered.kind): 13,
    ("network", TimeToEvent.kind): 14,
    ("baseline", TimeToEvent.kind): 15,
    ("average", TimeToEvent.kind): 16,
}
#: Models in an average.
MOST = 100


@dataclass(frozen=True, kw_only=True)
class _OfClasses(Described):
    """Of a model that predicts classes; DataError if their names are none."""

    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError(f"classes has {len(self.classes)} names, and a model distinguishes two or more.")
        if len(set(self.classes)) < len(self.classes):
            raise DataError("classes has the same name twice.")
        super().__post_init__()

    @property
    def target(self) -> Target:
        return Classes(self.classes)


@dataclass(frozen=True, kw_only=True)
class _Ordered(_OfClasses):
    """Of a model that predicts ordered classes."""

    ordered: Literal[True]

    @property
    def target(self) -> Target:
        return Ordered(self.classes)


@dataclass(frozen=True, kw_only=True)
class _OfNumber(Described):
    """Of a model that predicts a number."""

    number: NumberJson

    @property
    def target(self) -> Target:
        return Number(**self.number)


@dataclass(frozen=True, kw_only=True)
class _OfTime(Described):
    """Of a model that predicts the time to an event; DataError if its horizons or intervals are none."""

    time_to_event: TimeToEventJson

    @property
    def target(self) -> Target:
        return target_of({"time_to_event": self.time_to_event})


@dataclass(frozen=True, kw_only=True)
class _Network(Described):
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
    def channel_counts(self) -> dict[str, int]:
        return {"model.in_channels": self.model["in_channels"], **super().channel_counts}

    def build(self) -> FusionModel:
        """Build the model, without its weights; OptionError if it does not read such slices."""
        model = build_from(self.model)
        if model.backbone is not None:
            self.slices.check_backbone(self.model["backbone"], model.backbone.spatial_dims)
        return model


@dataclass(frozen=True, kw_only=True)
class _OneChannel(_OfClasses, _Network):
    """Before there were several images."""

    pixels: OnePixelsJson

    @property
    def names(self) -> tuple[str, ...]:
        return (IMAGE,)

    @property
    def scale(self) -> Pixels:
        return Pixels((self.pixels["mean"],), (self.pixels["std"],))


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format1(_OneChannel):
    """Before there was a calling rule: aggregation and thresholds lie in the provenance, weights have no checksum."""

    format: Literal[1]
    weights: str | None = None

    @property
    def calling_rule(self) -> Rule:  # noqa: D102
        provenance = self.provenance
        aggregate = provenance.get("config", {}).get("aggregate", "mean")
        return Rule.from_json({"aggregate": aggregate, **provenance.get("evaluation", {})})


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format2(_OneChannel):
    """With the calling rule, the checksum of the weights, and that of the description itself."""

    format: Literal[2]
    rule: RuleJson
    weights: str
    checksum: str

    @property
    def calling_rule(self) -> Rule:  # noqa: D102
        return Rule.from_json(self.rule)


@dataclass(frozen=True, kw_only=True)
class _Channels(Described):
    """With the names of several images, a scale for each channel, and the calling rule."""

    images: Annotated[tuple[str, ...], MinLen(1)]
    pixels: Pixels
    rule: RuleJson
    checksum: str

    @property
    def names(self) -> tuple[str, ...]:
        return self.images

    @property
    def scale(self) -> Pixels:
        return self.pixels

    @property
    def calling_rule(self) -> Rule:
        return Rule.from_json(self.rule)


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format3(_OfClasses, _Network, _Channels):
    """Before a network could start from a baseline."""

    format: Literal[3]
    weights: str


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format4(_OfClasses, _Network, WithRegions, _Channels):
    """With a prior, in a file of its own."""

    format: Literal[4]
    weights: str


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format5(_OfClasses, WithRegions, _Channels):
    """A baseline in place of a network, in a file of its own."""

    format: Literal[5]
    baseline: PriorJson


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format6(_OfClasses, WithRegions, _Channels):
    """The average of several models, each in a folder of its own: ``fold-0``, ``fold-1``, ..."""

    format: Literal[6]
    models: Annotated[list[str], MinLen(2), MaxLen(MOST)]  # checksum of each one's description


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format7(_OfClasses, WithRegions, _Channels):
    """A network in a folder of its own, and the baseline on top of it, in a file of its own."""

    format: Literal[7]
    network: str  # checksum of its description
    baseline: PriorJson


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format8(_OfNumber, _Network, WithRegions, _Channels):
    """A network of a number."""

    format: Literal[8]
    weights: str


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format9(_OfNumber, WithRegions, _Channels):
    """A baseline of a number."""

    format: Literal[9]
    baseline: PriorJson


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format10(_OfNumber, WithRegions, _Channels):
    """An average of several models of a number."""

    format: Literal[10]
    models: Annotated[list[str], MinLen(2), MaxLen(MOST)]  # checksum of each one's description


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format11(_Ordered, _Network, WithRegions, _Channels):
    """A network of ordered classes."""

    format: Literal[11]
    weights: str


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format12(_Ordered, WithRegions, _Channels):
    """A baseline of ordered classes."""

    format: Literal[12]
    baseline: PriorJson


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format13(_Ordered, WithRegions, _Channels):
    """An average of several models of ordered classes."""

    format: Literal[13]
    models: Annotated[list[str], MinLen(2), MaxLen(MOST)]  # checksum of each one's description


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format14(_OfTime, _Network, _Channels):
    """A network of the time to an event."""

    format: Literal[14]
    weights: str


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format15(_OfTime, _Channels):
    """A baseline of the time to an event."""

    format: Literal[15]
    baseline: PriorJson


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format16(_OfTime, _Channels):
    """An average of several models of the time to an event."""

    format: Literal[16]
    models: Annotated[list[str], MinLen(2), MaxLen(MOST)]  # checksum of each one's description


Network: TypeAlias = Format1 | Format2 | Format3 | Format4 | Format8 | Format11 | Format14
Classical: TypeAlias = Format5 | Format9 | Format12 | Format15
Average: TypeAlias = Format6 | Format10 | Format13 | Format16
Description: TypeAlias = Network | Classical | Average | Format7
#: Format -> what it holds. A newer format adds an entry and keeps those before.
READERS: dict[int, type[Description]] = {
    1: Format1,
    2: Format2,
    3: Format3,
    4: Format4,
    5: Format5,
    6: Format6,
    7: Format7,
    8: Format8,
    9: Format9,
    10: Format10,
    11: Format11,
    12: Format12,
    13: Format13,
    14: Format14,
    15: Format15,
    16: Format16,
}


@with_config(OPEN)
class _Head(TypedDict):
    format: int


def bundle_folder(folder: str | Path) -> Path:
    """Find the bundle where a run folder was given; anything else is itself."""
    folder = Path(folder)
    inside = folder / "bundle"
    return inside if not (folder / DESCRIPTION).is_file() and (inside / DESCRIPTION).is_file() else folder


def read_description(folder: Path) -> Description:
    """Read a bundle's description, of whichever format; DataError with the place if it is none, changed or damaged."""
    path = folder / DESCRIPTION
    if not path.exists():
        if (folder / "manifest.json").exists():
            raise DataError(
                f"{folder} is a run without a bundle. A comparison ships none, nor does a run with --ship none: run an "
                "arm by itself, and give its folder."
            )
        raise DataError(
            f"{folder} is not a bundle: it has no {DESCRIPTION}. Give the folder of a run or of its bundle."
        )
    content = read_json(path, _Head)
    if (number := content["format"]) not in READERS:
        raise DataError(
            f"{path} has format {number}; this FuseKit reads {', '.join(map(str, READERS))}. Install a newer FuseKit."
        )
    found = read_json(path, READERS[number])
    if not isinstance(found, Format1) and found.checksum != signed(content)[DIGEST]:
        raise DataError(f"{path} was changed or damaged after it was written. Get the bundle again.")
    return found
