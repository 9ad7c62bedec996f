"""What is said about a cohort: findings, and lists in messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from fusekit.data import Finding
from fusekit.data.cohort import Severity


def note(
    findings: list[Finding],
    code: str,
    message: str,
    items: Iterable[object],
    *,
    severity: Severity = "note",
    advice: str = "",
    dropped: Literal["", "scans", "subjects"] = "",
    along: int | None = None,
) -> None:
    """Add a finding, if it concerns anything; ``dropped`` and ``along`` as a finding has them."""
    listed = tuple(str(item) for item in items)
    if listed:
        findings.append(Finding(code, message, listed, severity, advice, dropped, along))


def first_ten(items: Iterable[object]) -> str:
    """List ten, and count the rest."""
    texts = [str(item) for item in items]
    return "; ".join(texts[:10]) + (f"; and {len(texts) - 10} more" if len(texts) > 10 else "")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Say the same thing about several columns or folders once."""
    once: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = finding.code, finding.message
        if before := once.get(key):
            along = (
                None if before.along is None and finding.along is None else (before.along or 0) + (finding.along or 0)
            )
            finding = replace(before, items=before.items + finding.items, along=along)
        once[key] = finding
    return list(once.values())
