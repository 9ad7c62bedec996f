"""The way from everything found to the folds, as a flow diagram has it (after CONSORT)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusekit.report.formatting import counted


@dataclass(frozen=True, slots=True)
class Left:
    """Left out for one reason."""

    reason: str
    count: str


@dataclass(frozen=True, slots=True)
class Fold:
    """One part of the subjects."""

    name: str
    subjects: str
    classes: tuple[str, ...]
    tested: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """The boxes of the diagram.

    Attributes:
        found, kept: what stands in the boxes; empty if not counted.
        alt: all of it in a sentence or two.
    """

    found: str
    kept: str
    left: tuple[Left, ...]
    folds: tuple[Fold, ...]
    alt: str


def flow_of(flow: Mapping[str, Any], classes: Sequence[str], tested: Collection[int]) -> Flow | None:
    """Read a manifest's ``flow``; None where there is none.

    Args:
        flow: found, dropped, kept, folds.
        tested: numbers of the folds that were tested.
    """
    if not flow:
        return None
    found, kept = (_amounts(flow.get(name) or {}) for name in ("found", "kept"))
    left = tuple(Left(str(entry["reason"]), _amounts(entry)) for entry in flow.get("dropped") or ())
    folds = tuple(_fold(entry, classes, tested) for entry in flow.get("folds") or () if "fold" in entry)
    alt = f"Found: {found or 'not counted'}. Left out: " + (
        "; ".join(f"{one.reason} ({one.count})" if one.count else one.reason for one in left) or "nothing"
    )
    alt += f". Kept: {kept}. Folds: " + "; ".join(f"{fold.name}, {fold.subjects}" for fold in folds) + "."
    return Flow(found, kept, left, folds, alt)


def _amounts(counts: Mapping[str, Any]) -> str:
    """``140 scans of 120 subjects``, of what is known."""
    units = ("slice", "scan", "subject")
    known = {unit: counts[f"{unit}s"] for unit in units if counts.get(f"{unit}s") is not None}
    if any(known.values()):  # a further scan of a subject who stays is one of no subjects that left
        known = {unit: number for unit, number in known.items() if number}
    return " of ".join(counted(int(number), unit) for unit, number in known.items())


def _fold(entry: Mapping[str, Any], classes: Sequence[str], tested: Collection[int]) -> Fold:
    number = int(entry["fold"])
    counts = [int(entry.get(name) or 0) for name in classes]
    of_classes = tuple(f"{count} {name}" for count, name in zip(counts, classes, strict=True))
    return Fold(f"Fold {number + 1}", counted(sum(counts), "subject"), of_classes, number in tested)
