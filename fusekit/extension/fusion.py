"""The recipe of a fusion: names of parts, so that registering one and reading it takes no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: Where a backbone offers its sites: before a stage, before a block, or before a block's branches only (the block's
#: identity shortcut keeps the unchanged features, which is what RBCA needs).
SiteKind = Literal["stage", "block", "branch"]


@dataclass(frozen=True, slots=True)
class Fusion:
    """A recipe: which parts, by name, and where they meet.

    Args:
        head: name of the fusion head.
        encoder: name of the clinical encoder; None if the fusion reads no clinical columns.
        injector: name of the injector; None if image features are left as they are.
        image: False if the fusion reads no image.
        sites: the kind of sites to inject at.
        stages: the backbone stages (counted from 1) to inject into; empty means all.
        options: part ("backbone", "encoder", "injector", "head") -> option -> value, the recipe's own defaults.
    """

    head: str
    encoder: str | None = None
    injector: str | None = None
    image: bool = True
    sites: SiteKind = "block"
    stages: tuple[int, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
