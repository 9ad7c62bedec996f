"""The way from everything found to the folds, as a flow diagram has it (after CONSORT)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fusekit.report.formatting import counted


@dataclass(frozen=True)
class Left:
    """Left out for one reason."""

    reason: str
    count: str


class Fold(NamedTuple):
    """One part of the subjects."""

    name: str
    subjects: str
    classes: tuple[str, ...]
    tested: bool


class Flow(NamedTuple):
    """The boxes of the diagram; ``found`` and ``kept`` are empty if not counted."""

    found: str
    kept: str
    left: tuple[Left, ...]
    folds: tuple[Fold, ...]


def flow_of(flow: Mapping[str, Any], classes: Sequence[str], tested: Collection[int]) -> Flow | None:
    """Read a manifest's ``flow`` (found, dropped, kept, folds); None where there is none.

    ``tested`` are the numbers of the folds that were tested.
    """
    if not flow:
        return None
    found, kept = (_amounts(flow.get(name) or {}) for name in ("found", "kept"))
    left = tuple(Left(str(entry["reason"]), _amounts(entry)) for entry in flow.get("dropped") or ())
    return Flow(found, kept, left, tuple(_fold(entry, classes, tested) for entry in flow.get("folds") or ()))


def _amounts(counts: Mapping[str, Any]) -> str:
    """``140 scans of 120 subjects``, of what is known."""
    units = ("slice", "scan", "subject")
    known = {unit: counts[f"{unit}s"] for unit in units if counts.get(f"{unit}s") is not None}
    if any(known.values()):  # a further scan of a subject who stays is one of no subjects that left
        known = {unit: number for unit, number in known.items() if number}
    return " of ".join(counted(int(number), unit) for unit, number in known.items())


def _fold(entry: Mapping[str, Any], classes: Sequence[str], tested: Collection[int]) -> Fold:
    number, counts = int(entry["fold"]), {name: int(entry.get(name) or 0) for name in classes}
    of_classes = tuple(f"{count} {name}" for name, count in counts.items())
    return Fold(f"Fold {number + 1}", counted(sum(counts.values()), "subject"), of_classes, number in tested)
