"""How scans and subjects became the cohort: found, left out by reason, dealt into folds."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusekit.data import Cohort


def flow(cohort: Cohort, rows: pd.DataFrame, folds: pd.Series) -> dict[str, Any]:
    """Count from found to folds, for the manifest; scans add up, and so do subjects where they are known.

    ``rows`` has one row per slice, ``folds`` the fold by subject. None is not known. Of a task that does not count what
    it found, ``found`` are the scans that it kept or says it left out.
    """
    dropped: list[dict[str, Any]] = [
        {
            "reason": finding.message.rstrip("."),
            "code": finding.code,
            "scans": finding.count if finding.dropped == "scans" else finding.along,
            "subjects": finding.count if finding.dropped == "subjects" else finding.along,
        }
        for finding in cohort.findings
        if finding.dropped
    ]
    kept = {"scans": len(cohort.scans), "subjects": int(cohort.scans["subject"].nunique()), "slices": len(rows)}
    gone = {kind: sum(entry[kind] or 0 for entry in dropped) for kind in ("scans", "subjects")}
    scans, subjects = cohort.found or (kept["scans"] + gone["scans"], None)
    missing = {
        "scans": scans - kept["scans"] - gone["scans"],
        "subjects": 0 if subjects is None else subjects - kept["subjects"] - gone["subjects"],
    }
    if missing["scans"] > 0 or missing["subjects"] > 0:
        known = {kind: count if count > 0 else None for kind, count in missing.items()}
        dropped.append({"reason": "left out, and the task does not say why", "code": "no-reason", **known})
    labels = cohort.subjects
    dealt = []
    for fold in sorted(set(folds)):
        own = labels[folds.index[folds == fold]]
        counts = {name: int(part.sum()) for name, part in cohort.target.parts(own).items()}
        dealt.append({"fold": int(fold), "subjects": counts})
    return {"found": {"scans": scans, "subjects": subjects}, "dropped": dropped, "kept": kept, "folds": dealt}
