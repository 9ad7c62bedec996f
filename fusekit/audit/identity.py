"""People whose ids only their spelling tells apart: perhaps one person, in training and in the test."""

from collections.abc import Iterator

from fusekit.audit.case import Case, note
from fusekit.data.cohort import Finding
from fusekit.data.identity import shown, spellings


def similar_subjects(case: Case) -> Iterator[Finding]:
    """Warn of subjects whose ids differ only in case, blanks, signs, leading zeros or invisible characters."""
    yield from note(
        "similar-subjects",
        "subjects whose names differ only in case, blanks, dashes, leading zeros, .0 or invisible characters.",
        (" and ".join(map(shown, same)) for same in spellings(case.first["subject"])),
        "If they are one person, write the name in one way, or join them where the task can (join_ids): else they "
        "may be trained on and tested.",
    )
