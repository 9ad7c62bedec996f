"""What a run could not make after its training, as findings of its manifest."""

from collections.abc import Sequence
from pathlib import Path

from fusekit.data import Finding
from fusekit.disk import SEAL, read_json, seal, write_json
from fusekit.report.records import Manifest

NOT_MADE = "not-made"


def not_made(sentence: str, where: str) -> Finding:
    """A note on a figure, a map, ablations or a report that failed; the results do not depend on any of them."""
    return Finding(NOT_MADE, sentence, (where,), advice="Predictions and scores are whole without it.")


def note_in(folder: Path, where: str, sentences: Sequence[str]) -> None:
    """Write into a run's manifest what could not be made at a place, instead of what could not be made there before."""
    path = folder / "manifest.json"
    record = read_json(path, Manifest)
    before = list(record.get("findings", []))
    kept = [one for one in before if one["code"] != NOT_MADE or one["items"] != [where]]
    new = [*kept, *(not_made(sentence, where).as_json() for sentence in sentences)]
    if new != before:
        write_json(path, {**record, "findings": new})
        if (folder / SEAL).exists():
            seal_results(folder)


def seal_results(folder: Path) -> None:
    """Write the checksums of a run's tables, records and model; its pictures can be made again."""
    seal(
        folder,
        "",
        [*folder.glob("*.csv"), *(p for p in folder.glob("*.json") if p.name != SEAL), *folder.glob("bundle/**/*")],
    )
