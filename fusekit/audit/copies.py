"""One image under two subjects: the same file twice, or saved again in another way."""

from collections.abc import Iterator

from fusekit.audit.case import Case, note
from fusekit.audit.fingerprints import ALIKE, FEWEST, SAME, near_pairs
from fusekit.data.cohort import Finding

#: With more look-alike pairs than this share of the scans, the cohort's people look alike, as organs and pictures of
#: simple shape do; then only a likeness above ``CERTAIN`` is refused.
USUAL, CERTAIN = 0.1, 0.95


def same_images(case: Case) -> Iterator[Finding]:
    """Refuse an image that two subjects have voxel by voxel; note one that is two scans of one subject."""
    if case.store is None:
        return
    digests = case.store.volumes["digest"]
    subjects = case.cohort.scans["subject"]
    across: list[str] = []
    within: list[str] = []
    for _, group in digests[digests.duplicated(keep=False)].groupby(digests, sort=False):
        scans = [f"{subjects[scan]} ({scan})" for scan in group.index]
        (across if subjects[group.index].nunique() > 1 else within).append(" = ".join(scans))
    message = "images that several subjects have, voxel by voxel: training would know the tested ones."
    advice = "Find out whose image it is, and take the other subjects' scans out."
    yield from note("same-image", message, across, advice, "refusal")
    yield from note("repeated-image", "images that are two scans of one subject.", within, severity="note")


def nearly_same_images(case: Case) -> Iterator[Finding]:
    """Refuse images of two subjects that are one image, saved again: rescaled, smoothed, with noise.

    Less alike, they are a warning; a note where that is usual in the cohort, as in organs of simple shape.
    """
    if case.store is None or len(case.store.volumes) < FEWEST:
        return
    once = ~case.store.volumes["digest"].duplicated().to_numpy()  # exact copies are found already
    scans = case.store.volumes.index[once]
    subjects = case.cohort.scans["subject"].reindex(scans).to_numpy()
    found = list(near_pairs(case.store.thumbnails[once], subjects))
    items = {
        f"{subjects[a]} ({scans[a]}) ~ {subjects[b]} ({scans[b]}): {likeness:.2f}": likeness
        for likeness, a, b in sorted(found, reverse=True)
    }
    usual = len(items) > USUAL * len(scans)
    limit = CERTAIN if usual else SAME
    yield from note(
        "near-duplicate",
        f"pairs of images of two subjects that are more alike than two people's are (likeness above {limit:g}).",
        [item for item, likeness in items.items() if likeness > limit],
        "Look at them side by side. If they are one image saved twice, find out whose it is and take the other out; if "
        "they are two people, or twins, allow it.",
        "refusal",
    )
    yield from note(
        "look-alike",
        f"pairs of images of two subjects with a likeness from {ALIKE:g} to {limit:g}: perhaps one image that was "
        f"shaded, moved or turned{'; so many that it is usual in this cohort' if usual else ''}.",
        [item for item, likeness in items.items() if likeness <= limit],
        "Look at them side by side.",
        "note" if usual else "warning",
    )
