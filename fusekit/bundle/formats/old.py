"""Formats of networks that are read, and written no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import with_config

from fusekit.bundle.formats.parts import Channels, NetworkParts, OfClasses, WithWeights
from fusekit.bundle.schema import OnePixelsJson, RuleJson
from fusekit.data import Pixels
from fusekit.data.images.channels import IMAGE
from fusekit.disk import CLOSED
from fusekit.evaluation.rule import Rule


@dataclass(frozen=True, kw_only=True)
class _OneChannel(OfClasses, NetworkParts):
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


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format3(OfClasses, WithWeights, Channels):
    """Before a network could start from a baseline."""

    format: Literal[3]
