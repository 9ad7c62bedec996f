"""From names and options to a FusionModel, and back from its description."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from numbers import Integral
from types import MappingProxyType
from typing import Any

from torch import nn

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.errors import OptionError
from fusekit.extension import COMPONENTS, GIVEN_OPTIONS, catalog, read_options, suggest
from fusekit.extension.fusion import OF_TABLE, Fusion, SiteKind, registered
from fusekit.extension.options import option_defaults, option_parameters
from fusekit.extension.registry import make
from fusekit.models.absence import StandIns, read_absent
from fusekit.models.fusion_model import FusionModel
from fusekit.models.parts import ImageWidths
from fusekit.models.prior import Prior, silence

#: The parts of a network that take options.
PARTS = ("sites", *COMPONENTS)
#: Sizes that a part declares -> what each is.
_SIZES = {
    "spatial_dims": "2 for images, 3 for volumes",
    "map_channels": "channels of its map",
    "width": "length of its vector",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOptions:
    """Where the injector meets the backbone: which kind of sites, in which stages (from 1; empty means all)."""

    kind: SiteKind = "block"
    stages: tuple[int, ...] = ()


def build(
    fusion: str | Fusion,
    *,
    backbone: str,
    columns: int | ColumnLayout,
    classes: int,
    in_channels: int = 1,
    image_size: int | None = None,
    people: int | None = None,
    reads: Sequence[int] | None = None,
    absent: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    ready: Mapping[str, nn.Module] | None = None,
) -> FusionModel:
    """Build a model from a fusion's name or recipe.

    Args:
        backbone: name; ignored by a fusion that reads no image.
        columns: clinical columns as the model sees them (``ClinicalEncoding.layout``), or F, their count: then nothing
            is known of them, and each is a number without a mask; ignored by a fusion that reads none.
        classes: how many outputs: K of classes, one of a number.
        image_size: height and width of images, if known; a network of a fixed size is made for it.
        people: training subjects, if known; they decide the width of an encoder that leaves it open.
        reads: places in F of the columns that the encoder reads; None: all. With none, there is no encoder and no
            injector: ``can_do_without_table``.
        absent: what samples may lack, of "image" and "table"; the model learns what to take in its place.
        options: part (sites, backbone, encoder, injector, pool, head) -> option -> value; they win over the recipe's.
        ready: part -> what is taken instead of building it, where the fusion has such a part.

    Raises:
        UnknownName: no such fusion, backbone or other part, with the nearest names.
        OptionError: an option does not exist, has a wrong value, or is for a part that the fusion lacks.
    """
    name = fusion if isinstance(fusion, str) else "custom"
    recipe = registered(fusion) if isinstance(fusion, str) else fusion
    if not isinstance(recipe, Fusion):
        raise OptionError(f"a fusion's name or a Fusion(head=..., ...) is needed, not {fusion!r}.")
    if reads is not None and not len(reads) and can_do_without_table(recipe):
        recipe, reads = recipe.without_table(), None
        options = {part: own for part, own in (options or {}).items() if part not in OF_TABLE}
    refined = _refine(name, recipe, backbone, options or {})
    sizes = (columns, classes, in_channels, reads)
    further: dict[str, Any] = {"image_size": image_size, "people": people, "absent": absent}
    return _assemble(name, refined, backbone, *sizes, ready=ready or {}, **further)


def can_do_without_table(recipe: Fusion) -> bool:
    """Whether a fusion is left where its encoder has nothing to read: its head reads the image alone."""
    reads = getattr(catalog().heads.get(recipe.head), "reads", ("clinical",))
    return recipe.image and "clinical" not in reads


def build_from(description: Mapping[str, Any]) -> FusionModel:
    """Build a model again from its ``description``; its weights are new and wait for ``load_state_dict``.

    Nothing is downloaded, and no other file is opened: a backbone's options ``pretrained`` and ``weights`` are dropped.
    """
    recipe = dict(description["recipe"])
    given = {part: dict(values) for part, values in recipe.pop("options").items()}
    stages = tuple(recipe.pop("stages"))
    for option in ("pretrained", "weights"):
        given.get("backbone", {}).pop(option, None)
    name, backbone = description["fusion"], description["backbone"]
    columns, classes, channels = (int(description[key]) for key in ("columns", "classes", "in_channels"))
    layout = description.get("layout")  # of a count alone there is none, and older descriptions have none
    refined = _refine(name, Fusion(**recipe, stages=stages), backbone, given)
    known = columns if layout is None else ColumnLayout.from_json(layout)
    reads, size, absent = description.get("reads"), description.get("image_size"), description.get("absent", ())
    model = _assemble(name, refined, backbone, known, classes, channels, reads, image_size=size, absent=absent)
    model.description = dict(description)  # also where the published weights came from
    return model


def _factories(recipe: Fusion, backbone: str) -> dict[str, Callable[..., Any]]:
    """Part -> what builds it, for the parts that the fusion has."""
    named, known = recipe.parts(backbone), catalog().registries
    factories = {part: known[f"{part}s"].get(named[part]) for part in COMPONENTS if part in named}
    return factories | ({"sites": SiteOptions} if "sites" in named else {})


def _refine(name: str, recipe: Fusion, backbone: str, given: Mapping[str, Mapping[str, Any]]) -> Fusion:
    """The recipe with every option filled in and checked, and the sites' own options folded into it."""
    factories = _factories(recipe, backbone)
    for part in given:
        if part not in PARTS:
            raise OptionError(f"no part of a model is called {part!r}; {suggest(part, PARTS)}")
        if part not in factories and given.get(part):
            has = ", ".join(p for p in PARTS if p in factories)
            raise OptionError(f"the fusion {name!r} has no {part}, so it takes no options for it; it has: {has}.")
    options = {}
    for part in (part for part in COMPONENTS if part in factories):
        chosen = {**recipe.options.get(part, {}), **given.get(part, {})}
        withhold = GIVEN_OPTIONS.get(part, ())
        defaults = option_defaults(factories[part], withhold)
        options[part] = {**defaults, **read_options(part, factories[part], chosen, withhold)}
        if part == "injector" and "spatial_dims" not in chosen:
            options[part].pop("spatial_dims", None)  # it is the backbone's, which is not built yet
    given_sites = read_options("sites", SiteOptions, given.get("sites", {}))
    sites = {"kind": recipe.sites, "stages": recipe.stages, **given_sites}
    return replace(recipe, sites=sites["kind"], stages=sites["stages"], options=options)


def _assemble(
    name: str,
    recipe: Fusion,
    backbone: str,
    columns: int | ColumnLayout,
    classes: int,
    in_channels: int,
    reads: Sequence[int] | None = None,
    *,
    image_size: int | None = None,
    people: int | None = None,
    absent: Sequence[str] = (),
    ready: Mapping[str, nn.Module] = MappingProxyType({}),
) -> FusionModel:
    if classes < 1:
        raise OptionError(f"a model has one output or more, not {classes}.")
    factories = _factories(recipe, backbone)
    factories |= {part: partial(_given, module) for part, module in ready.items() if part in factories}
    options = recipe.options
    image = encoder = injector = None
    injected: list[int] = []
    widths, clinical_width = ImageWidths(0, 0), 0
    layout = columns if isinstance(columns, ColumnLayout) else None
    inputs = columns.inputs if isinstance(columns, ColumnLayout) else columns
    if recipe.encoder is not None:
        if inputs < 1:
            raise OptionError(f"the fusion {name!r} reads clinical columns, but there are none.")
        if reads is not None and not (reads and all(0 <= place < inputs for place in reads)):
            raise OptionError(f"reads takes places of columns from 0 to {inputs - 1}, one or more, not {reads}.")
        read = columns if isinstance(columns, ColumnLayout) else ColumnLayout.plain(columns)
        read = read if reads is None else read.of(reads)
        known: dict[str, Any] = {"layout": read, "people": people}
        taken = {option: known[option] for option in known.keys() & option_parameters(factories["encoder"]).keys()}
        encoder = _made("encoder", recipe.encoder, factories, read.inputs, **options["encoder"], **taken)
        _declares("encoder", recipe.encoder, encoder, "width")
        clinical_width = encoder.width
        if options["encoder"].get("width", clinical_width) is None:  # the model is built again without people
            options = {**options, "encoder": {**options["encoder"], "width": clinical_width}}
            recipe = replace(recipe, options=options)
    if "backbone" in factories:
        # A plain backbone need not know of sites, nor of sizes.
        known = {"sites": recipe.sites, "image_size": image_size}
        taken = {option: known[option] for option in known.keys() & option_parameters(factories["backbone"]).keys()}
        image = _made("backbone", backbone, factories, in_channels, **taken, **options["backbone"])
        _declares("backbone", backbone, image, "spatial_dims", "map_channels", "width")
        widths = ImageWidths(image.map_channels, image.width)
        if options["backbone"].get("weights"):  # where they lay is nobody's business that a model is handed to
            options = {**options, "backbone": {**options["backbone"], "weights": None}}
            recipe = replace(recipe, options=options)
    if "injector" in factories and image is not None:
        if not getattr(image, "sites", None):
            raise OptionError(f"the backbone {backbone!r} has no sites, and the fusion {name!r} injects at sites.")
        present = sorted({site.stage for site in image.sites})
        if missing := sorted(set(recipe.stages) - set(present)):
            left = ",".join(str(stage) for stage in present if stage in recipe.stages) or present[-1]
            raise OptionError(
                f"sites.stages names {_stages(missing)}; the backbone {backbone!r} has {_stages(present)}. Name those "
                f"to inject into: -o sites.stages={left}"
            )
        injected = [i for i, site in enumerate(image.sites) if site.stage in (recipe.stages or present)]
        if "spatial_dims" in option_parameters(factories["injector"]):
            options = {**options, "injector": {"spatial_dims": image.spatial_dims, **options["injector"]}}
            recipe = replace(recipe, options=options)
        sites = [image.sites[i] for i in injected]
        injector = _made("injector", recipe.injector, factories, sites, clinical_width, **options["injector"])
    pool = None
    if "pool" in factories and image is not None:
        if image.spatial_dims != 2:
            raise OptionError(
                f"the pool {recipe.pool!r} joins the slices of a scan, and the backbone {backbone!r} reads whole "
                "volumes, each of which is one image. Take a fusion without a pool, or a two-dimensional backbone."
            )
        pool = _made("pool", recipe.pool, factories, widths, clinical_width, **options["pool"])
    head = _made("head", recipe.head, factories, widths, clinical_width, classes, **options["head"])
    prior = None
    if recipe.prior is not None:
        prior = Prior(classes)
        silence(head, recipe.head)
    reading = ["image"] * (image is not None) + ["table"] * (encoder is not None or prior is not None)
    missed = read_absent(absent, reading)
    stand_ins = StandIns(missed, widths, clinical_width, prior.outputs if prior else 0) if missed else None
    description: dict[str, Any] = {
        "fusion": name,
        "backbone": backbone,
        "in_channels": in_channels,
        "columns": inputs,
        "classes": classes,
        **({"layout": layout.as_json()} if layout is not None and encoder is not None else {}),
        "recipe": _plain(recipe),
    }
    if (made_for := getattr(image, "made_for", None)) is not None:
        description["image_size"] = made_for
    if loaded := getattr(image, "loaded", None):
        description["weights"] = loaded.as_json()
    if missed:
        description["absent"] = list(missed)
    if encoder is None:
        reads = None
    elif reads is not None:
        description["reads"] = [int(place) for place in reads]
    return FusionModel(
        image,
        encoder,
        injector,
        head,
        pool=pool,
        prior=prior,
        reads=reads,
        injected=injected,
        stand_ins=stand_ins,
        description=description,
    )


def _plain(recipe: Fusion) -> dict[str, Any]:
    """As JSON; silent on a pool where there is none, of which older FuseKits do not know."""
    left = ("absence", *["pool"] * (recipe.pool is None))
    plain: dict[str, Any] = json.loads(json.dumps(asdict(recipe), default=str))
    return {key: value for key, value in plain.items() if key not in left}


def _stages(numbers: Sequence[int]) -> str:
    return f"stage{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _given(ready: nn.Module, /, *_: Any, **__: Any) -> nn.Module:
    return ready


def _made(
    part: str, name: str | None, factories: Mapping[str, Callable[..., Any]], /, *given: Any, **options: Any
) -> Any:
    """Call a part's factory, and say so where what it takes or returns is none of a part."""
    try:
        inspect.signature(factories[part]).bind(*given, **options)
    except TypeError as error:
        raise OptionError(f"the {part} {name!r} cannot be built by what it is registered as: {error}.") from error
    made = make(f"the {part} {name!r}", factories[part], *given, **options)
    if not isinstance(made, nn.Module):
        raise OptionError(f"the {part} {name!r} is built as a {type(made).__name__}; a torch.nn.Module is needed.")
    return made


def _declares(part: str, name: str | None, made: Any, *sizes: str) -> None:
    for size in sizes:
        value = getattr(made, size, None)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise OptionError(
                f"the {part} {name!r} says {'nothing' if value is None else repr(value)} of its {size}: set "
                f"self.{size} in {type(made).__qualname__}, a whole number from 1 on ({_SIZES[size]})."
            )
