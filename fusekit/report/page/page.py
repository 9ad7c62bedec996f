"""One page of HTML from evidence and pictures: no network, the same bytes for the same runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import groupby
from typing import Any

from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.figures.sections import STORY
from fusekit.report.formatting import counted
from fusekit.report.kept import PAGE
from fusekit.report.page.checklist import checklist
from fusekit.report.page.chosen import chosen_grids
from fusekit.report.page.copied import copies
from fusekit.report.page.coverage import coverage_grids
from fusekit.report.page.flow import flow_of
from fusekit.report.page.learning_curve import curve_grids
from fusekit.report.page.people import fold_grid, people_grids
from fusekit.report.page.provenance import again, config_grid, scrubbed, versions_grid
from fusekit.report.page.tables import (
    Grid,
    arms_grid,
    calibration_grid,
    filled,
    pairs_grids,
    published_grid,
    shapley_grid,
    wide_subgroups,
)
from fusekit.report.page.verdict import verdict
from fusekit.report.page.weighed import weighed

#: So many items of a finding are shown.
SHOWN = 10


def page(evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], notes: Sequence[Mapping[str, Any]] = ()) -> str:
    """Write the page as HTML with its style and pictures inside.

    Args:
        pictures: section -> pictures, as ``fusekit.report.figures.sections.sections`` returns them.
        notes: findings about the report itself: what of it could not be made.
    """
    from jinja2 import Environment, StrictUndefined

    folder = resources.files("fusekit.report") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {name: (folder / f"report.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    environment.globals["copies"] = copies
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
    entries, (people, everyone) = checklist(evidence), people_grids(evidence)
    named = {picture.name: picture for own in pictures.values() for picture in own}
    sections, remarks = _sections(evidence, pictures, tomllib.loads(words))
    # What the manifest says of an earlier page is of no use here.
    found = [one for one in evidence.manifest.get("findings") or () if one.get("items") != [PAGE]]
    return {
        "evidence": evidence,
        "verdict": verdict(evidence),
        "facts": [counted(number, noun) for noun, number in counts.items()],
        "subject_grid": arms_grid(evidence, "subject"),
        "slice_grid": arms_grid(evidence, "slice"),
        "alone": len(evidence.arms) == 1,
        "story": [named[name] for name in STORY[evidence.target.kind] if name in named],
        "people": people,
        "everyone": everyone,
        "by_fold": fold_grid(evidence),
        "flow": flow_of(evidence.manifest.get("flow", {}), evidence.parts, set(predictions["fold"].tolist())),
        "warned": _shown([*found, *notes], ("refusal", "warning")),
        "notes": _shown([*found, *notes], ("note",)),
        "sections": sections,
        "remarks": remarks,
        "config_grid": config_grid(evidence),
        "versions_grid": versions_grid(evidence),
        "again": again(evidence),
        "checklist": [(name, list(own)) for name, own in groupby(entries, key=lambda entry: entry.section)],
        "known": sum(not entry.to_do for entry in entries),
        "entries": len(entries),
    }


def _shown(findings: Sequence[Mapping[str, Any]], severities: Sequence[str]) -> list[dict[str, Any]]:
    """The findings of these severities, in that order, with what is shown of each."""
    own = [finding for name in severities for finding in findings if finding["severity"] == name]
    return [{**finding, "shown": list(finding.get("items", ()))[:SHOWN]} for finding in own]


def _sections(
    evidence: Evidence, pictures: Mapping[str, Sequence[Picture]], parts: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The folded parts that have something to show, and by title why others have not.

    Their order, titles and texts are those of ``templates/sections.toml``.
    """
    grids: dict[str, list[Grid]] = {
        "pairs": pairs_grids(evidence),
        "published": published_grid(evidence),
        "calibration": calibration_grid(evidence),
        "coverage": coverage_grids(evidence),
        "learning_curve": curve_grids(evidence),
        "contribution": shapley_grid(evidence),
        "chosen": chosen_grids(evidence),
        "subgroups": wide_subgroups(evidence),
    }
    remarks = dict(evidence.remarks)
    if balanced := weighed(evidence):
        remarks["calibration"] = f"{balanced} {remarks.get('calibration', '')}".strip()
    story = STORY[evidence.target.kind]
    folded = {key: [picture for picture in own if picture.name not in story] for key, own in pictures.items()}
    sections = [
        {"key": key, **words, "grids": filled(grids.get(key, [])), "pictures": folded.get(key, [])}
        | {"remark": remarks.get(key, "")}
        for key, words in parts.items()
    ]
    shown = [one for one in sections if one["grids"] or one["pictures"]]
    return shown, {one["title"]: one["remark"] for one in sections if one["remark"] and one not in shown}
