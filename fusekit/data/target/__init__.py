"""What is predicted of a subject: a class, one of ordered classes, a number, the time to an event."""

from collections.abc import Mapping
from typing import Any

from fusekit.data.target.classes import Classes
from fusekit.data.target.number import Number
from fusekit.data.target.ordered import Ordered
from fusekit.data.target.target import Target
from fusekit.data.target.time_to_event import TimeToEvent
from fusekit.errors import DataError

__all__ = ["Classes", "Number", "Ordered", "Target", "TimeToEvent", "target_of"]


def target_of(described: Mapping[str, Any]) -> Target:
    """The target of a task's description (``Task.describe``); DataError if it has none."""
    if "classes" in described:
        return (Ordered if described.get("ordered") else Classes)(tuple(described["classes"]))
    if "number" in described:
        return Number(**described["number"])
    if "time_to_event" in described:
        given: Mapping[str, Any] = described["time_to_event"]
        several = {name: tuple(given.get(name, ())) for name in ("horizons", "edges", "hazard")}
        return TimeToEvent(**{**given, **several})
    raise DataError(
        "the task's description does not say what is predicted: it has none of 'classes', 'number', 'time_to_event'."
    )
