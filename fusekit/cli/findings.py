"""The findings of an audit as a person reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from fusekit.data import Finding
from fusekit.terminal import styled

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
            console.print(f"\n{heading}", style=style)
        for finding in own:
            console.print(Padding(_text(finding, allow), (0, 0, 0, 2)))


def _text(finding: Finding, allow: Collection[str]) -> Text:
    lines = [styled((finding.code, "bold"), f" ({finding.count}) {finding.message}")]
    if finding.severity != "note":
        lines += [styled(f"  · {item}") for item in finding.items[:SHOWN]]
        if finding.count > SHOWN:
            lines.append(styled(f"  · and {finding.count - SHOWN} more"))
        lines.append(styled("  ", (finding.advice, "italic")))
    if finding.severity == "refusal":
        way = "allowed by --allow" if finding.code in allow else f"to continue all the same: --allow {finding.code}"
        lines.append(styled(f"  {way}"))
    return Text("\n").join(lines)
