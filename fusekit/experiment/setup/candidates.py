"""The settings that a search tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusekit.experiment.setup import parts
from fusekit.experiment.setup.given import merge
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.space import combinations


def candidates(settings: Settings) -> list[tuple[dict[str, Any], Settings]]:
    """Each combination that ``search`` lists, of a range its ends, and the settings it gives."""
    return [(choice, chosen(settings, choice)) for choice in combinations(settings.search)]


def chosen(settings: Settings, choice: Mapping[str, Any]) -> Settings:
    """The settings with what a search chose, and without the search."""
    given = {name: value for name, value in settings.as_json().items() if name not in ("search", "trials")}
    plain = {name: value for name, value in choice.items() if "." not in name}
    return Settings.of(merge(given, plain, {"options": parts.of_search(choice)}))
