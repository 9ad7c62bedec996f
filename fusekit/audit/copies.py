"""One image under two subjects: the same file twice, or saved again in another way."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

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
    volumes, subjects = case.store.volumes.reset_index(), case.cohort.scans["subject"]
    several = len(volumes["image"].unique()) > 1
    across: list[str] = []
    within: list[str] = []
    for _, group in volumes[volumes["digest"].duplicated(keep=False)].groupby("digest", sort=False):
        names = [f" {image}" * several for image in group["image"]]
        scans = [f"{subjects[scan]} ({scan}{name})" for scan, name in zip(group["scan"], names, strict=True)]
        (across if len(subjects[group["scan"]].unique()) > 1 else within).append(" = ".join(scans))
    message = "images that several subjects have, voxel by voxel: training would know the tested ones."
    advice = "Find out whose image it is, and take the other subjects' scans out."
    yield from note("same-image", message, across, advice, "refusal")
    message = f"images that are two scans of one subject{', or two images of one scan' if several else ''}."
    yield from note("repeated-image", message, within, severity="note")


def nearly_same_images(case: Case) -> Iterator[Finding]:
    """Refuse images of two subjects that are one image, saved again: rescaled, smoothed, with noise.

    Less alike, they are a warning; a note where that is usual in the cohort, as in organs of simple shape.
    """
    for image, volumes, thumbnails in case.volumes():
        if len(volumes) >= FEWEST:
            yield from _nearly_same(case, f" ({image})" * bool(image), volumes, thumbnails)


def _nearly_same(case: Case, image: str, volumes: pd.DataFrame, thumbnails: np.ndarray) -> Iterator[Finding]:
    once = ~volumes["digest"].duplicated().to_numpy()  # exact copies are found already
    scans = volumes.index[once]
    subjects = case.cohort.scans["subject"].reindex(scans).to_numpy()
    found = list(near_pairs(thumbnails[once], subjects))
    items = {
        f"{subjects[a]} ({scans[a]}) ~ {subjects[b]} ({scans[b]}): {likeness:.2f}": likeness
        for likeness, a, b in sorted(found, reverse=True)
    }
    usual = len(items) > USUAL * len(scans)
    limit = CERTAIN if usual else SAME
    yield from note(
        "near-duplicate",
        f"pairs of images{image} of two subjects that are more alike than two people's are (likeness above {limit:g}).",
        [item for item, likeness in items.items() if likeness > limit],
        "Look at them side by side. If they are one image saved twice, find out whose it is and take the other out; if "
        "they are two people, or twins, allow it.",
        "refusal",
    )
    yield from note(
        "look-alike",
        f"pairs of images{image} of two subjects with a likeness from {ALIKE:g} to {limit:g}: perhaps one image that "
        f"was shaded, moved or turned{'; so many that it is usual in this cohort' if usual else ''}.",
        [item for item, likeness in items.items() if likeness <= limit],
        "Look at them side by side.",
        "note" if usual else "warning",
    )
