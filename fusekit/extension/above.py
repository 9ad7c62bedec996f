"""What the objects that people hold do by the help of higher floors: named here alone, and loaded when it is called."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

#: Method -> what does it, given the object and the method's arguments. All else works without it.
ABOVE = {
    "Anatomy.svg": "fusekit.report.drawing.anatomy:draw",
    "Run.plot_roc": "fusekit.experiment.evidence:roc_of",
    "Run.report": "fusekit.experiment.evidence:report_of",
    "Bundle.explain": "fusekit.report.explanations.patient:explain",
}


def above(method: str) -> Callable[..., Any]:
    """Load what does the work of a method."""
    found: Callable[..., Any] = resolve_name(ABOVE[method])
    return found
