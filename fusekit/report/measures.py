"""What a report shows beside the scores: pairs, calibration, decisions, contribution, missingness and groups."""

from __future__ import annotations

from fusekit.report.evidence import Evidence


def measured(evidence: Evidence) -> Evidence:
    """Fill the tables of evidence that follow from its runs."""
    return evidence
