"""Trainings in which classes counted otherwise than in the cohort, so that their probabilities do, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusekit.report.evidence import Evidence
from fusekit.report.formatting import listed

#: Option -> its value that lets every class count the same, and how that is done.
_BALANCED = {
    "training.sampler": ("balanced", "draws every class alike"),
    "objective.class_weights": ("balanced", "gives every class the same weight"),
}


def weighed(evidence: Evidence) -> str:
    """Which arms were trained as if classes were equally frequent, in sentences; empty if none was."""
    arms: dict[str, list[str]] = {}
    for arm in evidence.arms:
        for option in dict.fromkeys(one for run in arm.runs for one in _options(run.manifest.get("config", {}))):
            arms.setdefault(option, []).append(arm.name)
    said = [f"{option}={_BALANCED[option][0]} {_BALANCED[option][1]} in {listed(own)}" for option, own in arms.items()]
    if not said:
        return ""
    return (
        f"{'; '.join(said)}: these probabilities are of a cohort whose classes are equally frequent, and are not "
        "calibrated to the prevalence in this one. Ranks are not concerned."
    )


def _options(config: Mapping[str, Any]) -> Iterator[str]:
    """Those that a run has set, or that its folds could choose."""
    for option, (value, _) in _BALANCED.items():
        part, _, name = option.partition(".")
        if config.get("options", {}).get(part, {}).get(name) == value or value in config.get("search", {}).get(
            option, ()
        ):
            yield option
