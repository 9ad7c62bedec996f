"""One page of HTML from evidence and pictures: no network, no scripts, the same bytes for the same runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import groupby
from typing import Any

from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import counted
from fusekit.report.kept import PAGE
from fusekit.report.page.checklist import checklist
from fusekit.report.page.chosen import chosen_grids
from fusekit.report.page.coverage import coverage_grids
from fusekit.report.page.flow import flow_of
from fusekit.report.page.provenance import again, config_grid, scrubbed, versions_grid
from fusekit.report.page.tables import (
    Grid,
    arms_grid,
    calibration_grid,
    pairs_grids,
    published_grid,
    shapley_grid,
    wide_subgroups,
)
from fusekit.report.page.verdict import verdict
from fusekit.report.page.weighed import weighed

#: So many items of a finding are shown.
SHOWN = 10

#: The worst first.
SEVERITIES = ("refusal", "warning", "note")


def page(evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], notes: Sequence[Mapping[str, Any]] = ()) -> str:
    """Write the page as HTML with its style and pictures inside.

    Args:
        pictures: section -> pictures, as ``fusekit.report.figures.sections.sections`` returns them.
        notes: findings about the report itself: what of it could not be made.
    """
    from jinja2 import Environment, StrictUndefined

    folder = resources.files("fusekit.report") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["css"] = (folder / "report.css").read_text(encoding="utf-8")
    environment.filters["scrubbed"] = lambda text: scrubbed(str(text))
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    html = template.render(_content(evidence, pictures, notes, (folder / "sections.toml").read_text(encoding="utf-8")))
    return "\n".join(line.rstrip() for line in html.splitlines() if line.strip()) + "\n"


def _content(
    evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], notes: Sequence[Mapping[str, Any]], words: str
) -> dict[str, Any]:
    predictions = evidence.arms[0].runs[0].predictions
    counts = {
        "tested subject": evidence.subjects,
        "slice": len(predictions),
        "fold": predictions["fold"].nunique(),
        "arm": len(evidence.arms),
        "seed": len(evidence.seeds),
    }
    entries = checklist(evidence)
    # What the manifest says of an earlier page is of no use here.
    found = [one for one in evidence.manifest.get("findings") or () if one.get("items") != [PAGE]]
    return {
        "evidence": evidence,
        "verdict": verdict(evidence),
        "facts": [counted(number, noun) for noun, number in counts.items()],
        "subject_grid": arms_grid(evidence, "subject"),
        "slice_grid": arms_grid(evidence, "slice"),
        "first_pictures": pictures.get("scores", ()),
        "flow": flow_of(evidence.manifest.get("flow", {}), evidence.parts, set(predictions["fold"].tolist())),
        "findings": _findings([*found, *notes]),
        "sections": _sections(evidence, pictures, tomllib.loads(words)),
        "config_grid": config_grid(evidence),
        "versions_grid": versions_grid(evidence),
        "again": again(evidence),
        "checklist": [(name, list(own)) for name, own in groupby(entries, key=lambda entry: entry.section)],
        "known": sum(not entry.to_do for entry in entries),
        "entries": len(entries),
    }


def _findings(findings: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Severity -> the findings of it, where there are any."""
    shown = [{**finding, "shown": list(finding.get("items", ()))[:SHOWN]} for finding in findings]
    grouped = {name: [finding for finding in shown if finding["severity"] == name] for name in SEVERITIES}
    return {name: own for name, own in grouped.items() if own}


def _sections(
    evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], parts: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The parts below the first screen that have something to show or say why they do not.

    Their order, titles and texts are those of ``templates/sections.toml``.
    """
    grids: dict[str, list[Grid]] = {
        "pairs": pairs_grids(evidence),
        "published": published_grid(evidence),
        "calibration": calibration_grid(evidence),
        "coverage": coverage_grids(evidence),
        "contribution": shapley_grid(evidence),
        "chosen": chosen_grids(evidence),
        "subgroups": wide_subgroups(evidence),
    }
    remarks = dict(evidence.remarks)
    if balanced := weighed(evidence):
        remarks["calibration"] = f"{balanced} {remarks.get('calibration', '')}".strip()
    sections = [
        {"key": key, **words, "grids": grids.get(key, []), "pictures": pictures.get(key, [])}
        | {"remark": remarks.get(key, "")}
        for key, words in parts.items()
    ]
    return [one for one in sections if one["grids"] or one["pictures"] or one["remark"]]
