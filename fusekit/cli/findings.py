"""The findings of an audit as a person reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from fusekit.data import Finding

#: Severity -> heading and style, the worst first.
HEADINGS = {
    "refusal": ("REFUSED: nothing is trained on this", "bold red"),
    "warning": ("WARNINGS: this may fool you", "bold yellow"),
    "note": ("NOTES: how the cohort came about", "bold"),
}

#: So many items of a finding are shown; ``--json`` has all of them.
SHOWN = 10


def print_findings(findings: Sequence[Finding], allow: Collection[str], console: Console) -> None:
    """Print findings by severity: code, count, sentence, first items, what to do; notes a line each."""
    for severity, (heading, style) in HEADINGS.items():
        own = [finding for finding in findings if finding.severity == severity]
        if own:
            console.print(f"\n[{style}]{heading}[/]")
        for finding in own:
            console.print(Padding(_text(finding, allow), (0, 0, 0, 2)), highlight=False)


def _text(finding: Finding, allow: Collection[str]) -> str:
    text = f"[bold]{escape(finding.code)}[/] ({finding.count}) {escape(finding.message)}"
    if finding.severity == "note":
        return text
    lines = [text, *(f"  · {escape(item)}" for item in finding.items[:SHOWN])]
    if finding.count > SHOWN:
        lines.append(f"  · and {finding.count - SHOWN} more")
    lines.append(f"  [italic]{escape(finding.advice)}[/]")
    if finding.severity == "refusal":
        allowed = finding.code in allow
        lines.append("  allowed by --allow" if allowed else f"  to go on all the same: --allow {escape(finding.code)}")
    return "\n".join(lines)
