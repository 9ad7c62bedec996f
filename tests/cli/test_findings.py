"""How findings are printed."""

from __future__ import annotations

import io

from rich.console import Console

from fusekit.cli.findings import print_findings
from fusekit.data import Finding


def printed(*findings: Finding, allow: tuple[str, ...] = ()) -> list[str]:
    file = io.StringIO()
    print_findings(findings, allow, Console(file=file, width=100))
    return [line.strip() for line in file.getvalue().splitlines() if line.strip()]


def test_refusals_come_first_with_items_advice_and_the_way_on() -> None:
    lines = printed(
        Finding("seen", "a note.", ("n1", "n2")),
        Finding("odd", "a warning.", tuple(f"w{k}" for k in range(12)), "warning", "Look."),
        Finding("leak", "a [bold]refusal[/].", ("MMSE",), "refusal", "Take it out."),
    )
    assert lines == [
        "REFUSED: nothing is trained on this",
        "leak (1) a [bold]refusal[/].",
        "· MMSE",
        "Take it out.",
        "to continue all the same: --allow leak",
        "WARNINGS: this may fool you",
        "odd (12) a warning.",
        *(f"· w{k}" for k in range(10)),
        "· and 2 more",
        "Look.",
        "NOTES: how the cohort came about",
        "seen (2) a note.",
    ]


def test_what_is_allowed_says_so() -> None:
    assert "allowed by --allow" in printed(Finding("leak", "m.", ("x",), "refusal", "a."), allow=("leak",))
    assert printed() == []
