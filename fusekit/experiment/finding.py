"""What a run could not make after its training, as findings of its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusekit.data import Finding
from fusekit.experiment.folder import read_json, write_json

NOT_MADE = "not-made"


def not_made(sentence: str, where: str) -> Finding:
    """A note on a figure, a map, ablations or a report that failed; the results do not depend on any of them."""
    return Finding(NOT_MADE, sentence, (where,), advice="Predictions and scores are whole without it.")


def note_in(folder: Path, where: str, sentences: Sequence[str]) -> None:
    """Write into a run's manifest what could not be made at a place, instead of what could not be made there before."""
    path = folder / "manifest.json"
    record = read_json(path)
    before = record.get("findings", [])
    kept = [one for one in before if one["code"] != NOT_MADE or one["items"] != [where]]
    new = [*kept, *(not_made(sentence, where).as_json() for sentence in sentences)]
    if new != before:
        partial = folder / ".manifest.json.new"
        write_json(partial, {**record, "findings": new})
        partial.replace(path)
