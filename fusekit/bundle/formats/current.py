"""Formats that are written: a network, a baseline, an average or a stack, of each kind of what is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import with_config

from fusekit.bundle.description import WithRegions
from fusekit.bundle.formats.parts import (
    Channels,
    OfClasses,
    OfNumber,
    OfOrder,
    OfTime,
    WithBaseline,
    WithModels,
    WithWeights,
)
from fusekit.bundle.schema import PriorJson
from fusekit.data import Classes, Number, Ordered, TimeToEvent
from fusekit.disk import CLOSED

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


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format4(OfClasses, WithWeights, WithRegions, Channels):
    """With a prior, in a file of its own."""

    format: Literal[4]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format5(OfClasses, WithBaseline, WithRegions, Channels):
    """A baseline in place of a network, in a file of its own."""

    format: Literal[5]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format6(OfClasses, WithModels, WithRegions, Channels):
    """The average of several models, each in a folder of its own: ``fold-0``, ``fold-1``, ..."""

    format: Literal[6]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format7(OfClasses, WithRegions, Channels):
    """A network in a folder of its own, and the baseline on top of it, in a file of its own."""

    format: Literal[7]
    network: str  # checksum of its description
    baseline: PriorJson


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format8(OfNumber, WithWeights, WithRegions, Channels):
    """A network of a number."""

    format: Literal[8]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format9(OfNumber, WithBaseline, WithRegions, Channels):
    """A baseline of a number."""

    format: Literal[9]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format10(OfNumber, WithModels, WithRegions, Channels):
    """An average of several models of a number."""

    format: Literal[10]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format11(OfOrder, WithWeights, WithRegions, Channels):
    """A network of ordered classes."""

    format: Literal[11]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format12(OfOrder, WithBaseline, WithRegions, Channels):
    """A baseline of ordered classes."""

    format: Literal[12]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format13(OfOrder, WithModels, WithRegions, Channels):
    """An average of several models of ordered classes."""

    format: Literal[13]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format14(OfTime, WithWeights, Channels):
    """A network of the time to an event."""

    format: Literal[14]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format15(OfTime, WithBaseline, Channels):
    """A baseline of the time to an event."""

    format: Literal[15]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format16(OfTime, WithModels, Channels):
    """An average of several models of the time to an event."""

    format: Literal[16]
