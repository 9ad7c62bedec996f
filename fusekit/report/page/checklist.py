"""The checklist after TRIPOD+AI and CLAIM, filled in as far as the run folders know: ``templates/checklist.toml``."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, NamedTuple

from fusekit.data.target.follow_up import ENTRY
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import counted

#: What only the authors know.
TO_DO = "To be filled in by the authors."


class Entry(NamedTuple):
    """One item; numbers are empty where a list does not have it."""

    section: str  # part of a paper
    item: str  # what is asked for
    tripod: str
    claim: str
    known: str  # what the run folders say; empty where they say nothing
    to_do: str  # what remains for the authors; empty if nothing does


def checklist(evidence: Evidence) -> list[Entry]:
    """Go through both lists, section by section."""
    from jinja2 import Environment, StrictUndefined

    plain = tomllib.loads((resources.files("fusekit.report") / "templates/checklist.toml").read_text(encoding="utf-8"))
    environment = Environment(undefined=StrictUndefined)  # noqa: S701 (the page escapes what comes out)
    facts = _facts(evidence)
    sentences = {**plain["known"], **plain.get(evidence.target.kind, {})}
    texts = {name: environment.from_string(text).render(facts) for name, text in sentences.items()}
    known = {"": "", **{name: " ".join(text.split()) for name, text in texts.items()}}
    return [
        Entry(section, item, tripod, claim, known[name], to_do if known[name] else f"{TO_DO} {to_do}".strip())
        for section, items in plain["items"].items()
        for item, tripod, claim, name, to_do in items
    ]


def _facts(evidence: Evidence) -> dict[str, Any]:
    """What sentences are made of; empty where the run folders do not say."""
    manifest, predictions = evidence.manifest, evidence.arms[0].runs[0].predictions
    config, evaluation = manifest.get("config", {}), manifest.get("evaluation", {})
    labels = predictions.groupby("subject")["label"].first()
    shown = {name: not table.empty for name, table in evidence.computed.items()}
    of_kind = {
        kind: ", ".join(arm.name for arm in evidence.arms if arm.kind == kind)
        for kind in ("fusion", "baseline", "external")
    }
    slices = {name: value for name, value in manifest.get("slices", {}).items() if not isinstance(value, dict | list)}
    trained = [name for name in ("epochs", "batch_size", "lr", "precision") if name in config]
    tried = {
        "missing values": shown["missingness"],
        "modalities and blocks taken away or permuted": shown["contribution"],
        "several seeds": len(evidence.seeds) > 1,
    }
    aside = evaluation.get("validation") or config.get("validation")
    select = config.get("select", "none")
    warnings = sum(finding.get("severity") != "note" for finding in manifest.get("findings", []))
    return {
        "e": evidence,
        "shown": shown,
        "two": len(evidence.classes) == 2,
        "classes": ", ".join(evidence.classes),
        "late": bool(ENTRY in predictions and (predictions[ENTRY] > 0).any()),
        "subjects": counted(len(labels), "tested subject"),
        "counts": ", ".join(f"{int((labels == k).sum())} {name}" for k, name in enumerate(evidence.classes)),
        "dropped": "; ".join(str(entry["reason"]) for entry in manifest.get("flow", {}).get("dropped", [])),
        "flow": manifest.get("flow"),
        "slices": ", ".join(f"{name} {value}" for name, value in slices.items()),
        "size": config.get("image_size"),
        "folds": counted(predictions["fold"].nunique(), "fold"),
        "aside": f"{aside:.0%}" if aside else "",
        "fusions": of_kind["fusion"],
        "baselines": of_kind["baseline"],
        "external": of_kind["external"],
        "trained": ", ".join(f"{name.replace('_', ' ')} {config[name]}" for name in trained),
        "seeds": ", ".join(map(str, evidence.seeds)),
        "select": "" if select == "none" else select,
        "fitted": evaluation.get("threshold", "argmax") != "argmax",
        "metrics": ", ".join(evidence.metrics.values()),
        "groups": ", ".join(evidence.subgroups["variable"].astype(str).unique()) if shown["subgroups"] else "",
        "tried": ", ".join(name for name, done in tried.items() if done).capitalize(),
        "explained": any(run.explanations for arm in evidence.arms for run in arm.runs),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items()),
        "warnings": counted(warnings, "warning"),
    }
