"""A fusion: which parts a model has, by name, and where they meet. Plain data, so that registering loads no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from fusekit.errors import OptionError, UnknownName
from fusekit.extension.discovery import catalog
from fusekit.extension.kinds import MODEL_PARTS
from fusekit.extension.registry import suggest

#: Where a backbone offers its sites: before a stage, before a block, or before a block's branches only (the block's
#: identity shortcut keeps the unchanged features, which is what RBCA needs).
SiteKind = Literal["stage", "block", "branch"]
#: The parts of a fusion, apart from its head, that read clinical columns or say where these meet the image.
OF_TABLE = ("encoder", "columns", "injector", "sites")
#: What may be added to the name of a fusion, for people who choose one.
ADDED = "NAME+POOL joins the slices of a scan (concat+attention); NAME+BASELINE starts from a baseline (film+gbdt)."


@dataclass(frozen=True, slots=True)
class Fusion:
    """A recipe: which parts, by name, and where they meet.

    Args:
        head: name of the fusion head.
        encoder: name of the clinical encoder; None if the fusion reads no clinical columns. ``NAME+ENCODER`` gives any
            registered fusion another one.
        injector: name of the injector; None if image features are left as they are.
        image: False if the fusion reads no image.
        sites: the kind of sites to inject at.
        stages: the backbone stages (counted from 1) to inject into; empty means all.
        prior: name of a baseline that reads the table; the network starts from its predictions and learns what they
            leave. None: from nothing. ``NAME+BASELINE`` gives any registered fusion a prior.
        absence: False if it cannot work with what a model learns to take in place of an absent image or table.
        options: part ("backbone", "encoder", "columns", "injector", "pool", "head", "prior", "stack") -> option ->
            value, the recipe's own defaults.
        pool: name of a pool that joins the slices of a scan, which is then one sample. None: each slice is one.
            ``NAME+POOL`` gives any registered fusion that reads an image a pool.

    Raises:
        OptionError: a part is not given by name, or a value does not fit.
    """

    head: str
    encoder: str | None = None
    injector: str | None = None
    image: bool = True
    sites: SiteKind = "block"
    stages: tuple[int, ...] = ()
    prior: str | None = None
    absence: bool = True
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pool: str | None = None

    def __post_init__(self) -> None:
        for part in ("head", "encoder", "injector", "prior", "pool"):
            value = getattr(self, part)
            if not (isinstance(value, str) and value) and not (value is None and part != "head"):
                name = {"head": "a head", "prior": "a baseline", "pool": "a pool"}.get(part, f"an {part}")
                raise OptionError(f"Fusion({part}=...) takes the name of {name}, not {_described(value)}")
        if not isinstance(self.image, bool):
            raise OptionError(f"Fusion(image=...) takes True or False, not {_described(self.image)}")
        named, stages = MODEL_PARTS[1:], self.stages  # those of the sites are fields
        if self.sites not in get_args(SiteKind):
            nearest = suggest(str(self.sites), get_args(SiteKind))
            raise OptionError(f"Fusion(sites=...) takes a kind of sites, not {_described(self.sites)} {nearest}")
        if not isinstance(stages, tuple | list) or any(type(stage) is not int or stage < 1 for stage in stages):
            raise OptionError(f"Fusion(stages=...) takes numbers from 1 on, such as (2, 3), not {_described(stages)}")
        object.__setattr__(self, "stages", tuple(stages))
        if not isinstance(self.options, Mapping) or not all(isinstance(o, Mapping) for o in self.options.values()):
            raise OptionError(f"Fusion(options=...) takes part -> option -> value, not {_described(self.options)}")
        for part in self.options:
            if part not in named:
                raise OptionError(f"Fusion(options=...) has no part {part!r}; {suggest(str(part), named)}")
        if self.injector is not None and (self.encoder is None or not self.image):
            raise OptionError(f"a fusion with an injector ({self.injector!r}) needs an image and a clinical encoder.")
        if self.pool is not None and not self.image:
            raise OptionError(f"a pool ({self.pool!r}) joins the slices of an image, and this fusion reads none.")

    def without_table(self) -> "Fusion":
        """The same fusion without encoder and injector: what is left where no column is worth reading."""
        options = {part: own for part, own in self.options.items() if part not in OF_TABLE}
        return replace(self, encoder=None, injector=None, sites="block", stages=(), options=options)

    def parts(self, backbone: str = "") -> dict[str, str]:
        """Part -> name of its component, for the parts that the fusion has; sites, columns and stack have none."""
        found = {"head": self.head, "stack": ""}
        if self.image:
            found["backbone"] = backbone
        if self.encoder is not None:
            found |= {"columns": "", "encoder": self.encoder}
        if self.injector is not None:
            found |= {"sites": "", "injector": self.injector}
        if self.pool is not None:
            found["pool"] = self.pool
        if self.prior is not None:
            found["prior"] = self.prior
        return found


def registered(name: str) -> Fusion:
    """The recipe of a registered fusion, or of one with another prior, pool or encoder: ``NAME+BASELINE+POOL``.

    UnknownName, or PluginError or OptionError where none is made.
    """
    known = catalog()
    plain, plus, added = name.rpartition("+")
    if not plus or name in known.fusions.entries:
        recipe = known.fusions.make(name)
        if not isinstance(recipe, Fusion):
            raise OptionError(f"the fusion {name!r} is a {type(recipe).__name__}; a Fusion(head=..., ...) is needed.")
        for part, registry in ((recipe.prior, known.baselines), (recipe.pool, known.pools)):
            if part:
                registry.find(part)
        return recipe
    recipe = registered(plain)
    kinds = {"pool": known.pools, "prior": known.baselines, "encoder": known.encoders}
    part = next((part for part, registry in kinds.items() if added in registry.entries), None)
    if part is None:
        hint = suggest(added, [name for registry in kinds.values() for name in registry.names()])
        raise UnknownName(f"no baseline, pool or encoder is called {added!r}, to be added to {plain}; {hint}")
    if part == "encoder" and recipe.encoder is None:
        raise OptionError(f"the fusion {plain!r} has no encoder, so that none can take its place: {name!r}.")
    options = recipe.options
    if getattr(recipe, part) not in (None, added):  # whose options are another's
        options = {other: own for other, own in options.items() if other != part}
    parts: dict[str, Any] = {part: added}
    return replace(recipe, options=options, **parts)


def _described(value: object) -> str:
    if not isinstance(value, type):  # a class gets the name that it would be registered under
        return f"{value!r}."
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", value.__name__).lower()
    return f"the class {value.__name__}: register the class under a name, such as {name!r}, and give that name."
