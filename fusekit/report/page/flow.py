"""The way from everything found to the folds, as a flow diagram has it (after CONSORT)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fusekit.report.formatting import counted


def flow_of(flow: Mapping[str, Any], classes: Sequence[str], tested: Collection[int]) -> dict[str, Any] | None:
    """The boxes of the diagram of a manifest's ``flow``; None where there is none.

    Args:
        flow: found, dropped, kept, folds.
        tested: numbers of the folds that were tested.

    Returns:
        ``found``, ``kept``: empty if not counted. ``left``: reason, count. ``folds``: name, subjects, classes, tested.
    """
    if not flow:
        return None
    return {
        "found": _amounts(flow.get("found") or {}),
        "kept": _amounts(flow.get("kept") or {}),
        "left": [{"reason": str(one["reason"]), "count": _amounts(one)} for one in flow.get("dropped") or ()],
        "folds": [_fold(entry, classes, tested) for entry in flow.get("folds") or () if "fold" in entry],
    }


def _amounts(counts: Mapping[str, Any]) -> str:
    """``140 scans of 120 subjects``, of what is known."""
    units = ("slice", "scan", "subject")
    known = {unit: counts[f"{unit}s"] for unit in units if counts.get(f"{unit}s") is not None}
    if any(known.values()):  # a further scan of a subject who stays is one of no subjects that left
        known = {unit: number for unit, number in known.items() if number}
    return " of ".join(counted(int(number), unit) for unit, number in known.items())


def _fold(entry: Mapping[str, Any], classes: Sequence[str], tested: Collection[int]) -> dict[str, Any]:
    dealt = entry.get("subjects")
    dealt = dealt if isinstance(dealt, Mapping) else entry  # older runs wrote the classes beside the fold
    number, counts = int(entry["fold"]), {name: int(dealt.get(name) or 0) for name in classes}
    return {
        "name": f"Fold {number + 1}",
        "subjects": counted(sum(counts.values()), "subject"),
        "classes": [f"{count} {name}" for name, count in counts.items()],
        "tested": number in tested,
    }
