"""From images to scans: which visit each belongs to, which one of a visit is kept, and its diagnosis."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import product

import pandas as pd

from fusekit.data import Finding
from fusekit.data.own.problems import note
from fusekit.errors import DataError, first_ten
from fusekit_adni.descriptions import PHASE, at_visits
from fusekit_adni.download.images import Download, Image, field_strength, is_expected
from fusekit_adni.download.lists import read_lists
from fusekit_adni.download.loni import SUBJECT, described_as
from fusekit_adni.labels.visits import FAR_DAYS, LIMIT_DAYS, UNTIMED, canonical, nearest, phase_code
from fusekit_adni.tables.study import StudyTable, codes, exam_days, exams

#: Subjects that the archive withdrew, and what it says of them (its banner of April 2026).
WITHDRAWN = re.compile(r"381_S_10\d{3}", re.ASCII)
WITHDRAWN_CODE = "withdrawn-subjects"
ADVISORY = (
    "subjects 381_S_10###, which ADNI withdrew for serious data quality concerns: it asks that no analysis or "
    "publication use them"
)


def without_withdrawn(download: Download, allowed: Collection[str], findings: list[Finding]) -> Download:
    """Leave out the images of withdrawn subjects, unless that is allowed by the code ``withdrawn-subjects``."""
    withdrawn = [image for image in download.images if WITHDRAWN.fullmatch(image.subject)]
    paths = [image.path for image in withdrawn]
    if WITHDRAWN_CODE in allowed:
        note(findings, WITHDRAWN_CODE, f"images of {ADVISORY}", paths, severity="refusal")
        return download
    lost = len({image.subject for image in withdrawn})
    message = f"images left out, of {ADVISORY}"
    note(findings, WITHDRAWN_CODE, message, paths, severity="warning", dropped="scans", along=lost)
    kept = [image for image in download.images if image not in withdrawn]
    if not kept:
        raise DataError(f"all {len(withdrawn)} images are of {ADVISORY}. --allow {WITHDRAWN_CODE} reads them.")
    return replace(download, images=kept)


def refuse_two_people(download: Download, tables: list[StudyTable]) -> None:
    """Refuse images of a subject whose number another has: two folders, or a folder and a row of a table."""
    folders: dict[int, Image] = {}
    for image in download.images:
        other = folders.setdefault(image.rid, image)
        if other.subject != image.subject:
            raise DataError(
                f"{image.path}: {image.subject} and {other.subject} ({other.path}) are two subjects, but both have the "
                f"RID {image.rid}, which tables know people by. Correct the folder that is wrong."
            )
    for table, column in product(tables, ("PTID", "subject_id")):
        if column in table.rows:
            named = table.rows[table.rows[column].str.fullmatch(SUBJECT)]
            for line, rid, subject in zip(named.index, named["rid"], named[column], strict=True):
                if rid in folders and folders[rid].subject != subject:
                    raise DataError(
                        f"{table.path}, line {line}: RID {rid} is {subject}, but its images lie in the folder of "
                        f"{folders[rid].subject} ({folders[rid].path}). Correct whichever is wrong."
                    )


def with_visits(
    download: Download, tables: list[StudyTable], listed: pd.DataFrame, findings: list[Finding]
) -> pd.DataFrame:
    """One row per image that has a visit: subject, rid, visit, acquired, image (Path), number, found (Image).

    The visit is that of the image's session, or the one that an image list (``listed_images``) gives. Codes of the
    later phases (``init``, ``y1``, ``v11``, ``4_bl``) count from the entry into the phase, many years after baseline:
    what a study table says of the subject's code counts first. Where the subject's exam of the visit lies more than 180
    days away, and without a visit, the subject's nearest exam within 180 days decides.
    """
    visits = _visits(download, tables, listed, findings)
    known = exams(tables)
    nothing, by_subject = known.iloc[:0], dict(iter(known.groupby("rid")))
    rows, far, none, contradicted = [], [], [], []
    for image in download.images:
        own = by_subject.get(image.rid, nothing)
        visit = image.visit or (None if image.name else visits.get(image.number))
        there = own.loc[own["visit"] == visit, "day"]
        dated = image.acquired is not None and len(there) > 0
        if isinstance(visit, str) and dated and nearest(image.acquired, there) is None:
            contradicted.append(f"{image.path}: {visit}")
            visit = None
        if not isinstance(visit, str):
            found = nearest(image.acquired, own["day"])
            if found is None:
                none.append(image)
                continue
            visit = str(own["visit"].iloc[found[0]])
            if found[1] > FAR_DAYS:
                far.append(f"{image.path}: {found[1]} days")
        rows.append((image.subject, image.rid, visit, image.acquired, image.path, image.number, image))
    message = f"images listed for a visit whose exam lies more than {LIMIT_DAYS} days away; the nearest exam decides"
    note(findings, "visit-contradicted", message, contradicted)
    note(findings, "far-visit", f"images matched to an exam more than {FAR_DAYS} days away", far)
    message = f"images without a usable visit code and without an exam within {LIMIT_DAYS} days, left out"
    lost = subjects_lost([image.subject for image in none], [row[0] for row in rows])
    note(findings, "no-visit", message, [image.path for image in none], dropped="scans", along=lost)
    return pd.DataFrame(rows, columns=["subject", "rid", "visit", "acquired", "image", "number", "found"])


def listed_images(download: Download, findings: list[Finding]) -> pd.DataFrame:
    """What image lists say of the images (``download.lists.read_lists``); empty where they lie in another layout."""
    if download.layout != "loni":
        return read_lists([])
    folders = {image.number: image.subject for image in download.images if not image.name}
    listed = read_lists(download.tables, folders)
    if download.whole:
        aside = [int(leaf.name[1:]) for leaf in [*download.skipped, *download.others] if leaf.name.startswith("I")]
        absent = listed.index[listed["whole"].astype(bool)].difference([*folders, *aside])
        note(findings, "listed-without-image", "listed images that are not there", [f"I{n}" for n in absent])
    return listed[listed.index.isin(folders)]


def _visits(
    download: Download, tables: list[StudyTable], listed: pd.DataFrame, findings: list[Finding]
) -> dict[int, str | None]:
    """Canonical visit of listed images, by number; None where the nearest exam has to decide."""
    phase_codes, before = codes(tables)
    people = {image.number: image.rid for image in download.images if not image.name}
    visits: dict[int, str | None] = {}
    strange: Counter[str] = Counter()
    differ = []

    def visit_of(text: str, rid: int) -> str | None:
        code = phase_code(text)
        visit = canonical(code)
        if visit is None and not UNTIMED.fullmatch(code):
            strange[text] += 1
        rolled_over = (code.startswith("4_") and rid in before) or "cont pt" in text.lower()  # continuing participant
        return phase_codes.get((rid, code), None if rolled_over else visit)

    for number, text, every in listed[["visit", "visits"]].dropna(subset="visit").itertuples():
        found = {text: visit_of(text, people[number]) for text in every or (text,)}
        several = len(set(found.values()) - {None}) > 1
        if several:
            differ.append(f"I{number}: {' and '.join(map(repr, found))}")
        visits[number] = None if several else next(filter(None, found.values()), None)
    message = "visits of image lists that are not understood; the nearest exam decides"
    note(findings, "unread-visit", message, [f"{text!r} ({count})" for text, count in strange.most_common()])
    message = "images that lists give different visits; the nearest exam decides"
    note(findings, "lists-differ", message, differ, severity="warning", advice="Find out which list is right.")
    return visits


def dated(download: Download, tables: list[StudyTable]) -> Download:
    """Give images whose place says no day that of their visit's exam, from the first table that has it."""
    days, images = exam_days(tables).to_dict(), []
    for image in download.images:
        day = image.acquired or days.get((image.rid, image.visit))
        images.append(replace(image, acquired=day.date()) if isinstance(day, pd.Timestamp) else image)
    return replace(download, images=images)


def note_left_aside(download: Download, findings: list[Finding]) -> None:
    """Note what lies below the folder and is not read."""
    note(findings, "empty-leaf", "image folders or sessions without an image", download.empty)
    message = "files and folders below a subject's that are not as the archive names them, not read"
    note(findings, "unknown-folder", message, download.unknown, severity="warning")
    note(findings, "repeated-image", "images that lie in the folder again; the first counts", download.copies)
    note(findings, "mask", "masks and segmentations, not used", download.skipped)
    named = pd.Series([described_as(path) for path in download.others], dtype=object).value_counts()
    listed = [f"{name} ({count})" for name, count in named.sort_index().items()]
    note(findings, "other-sequence", "images that are no T1-weighted MRI by their names, not used", listed)
    message = "folders and files whose names are no ADNI subject's, not used"
    note(findings, "not-a-subject", message, download.strangers)
    note(findings, "link-outside", "links that lead out of the folder, or nowhere, not followed", download.outside)
    count = len(download.archives)
    message = f"{count} archive{'s' if count > 1 else ''} left unopened: unpack what belongs to the cohort yourself"
    note(findings, "archive-not-opened", message, download.archives)


def one_per_visit(
    scans: pd.DataFrame, download: Download, tables: list[StudyTable], listed: pd.DataFrame, findings: list[Finding]
) -> pd.DataFrame:
    """Keep one image of each subject and visit; index scan, sorted by subject and visit.

    The archive's processing level comes first (see ``Image.preference``), then 1.5 T in ADNI1 and 3 T later, then the
    rest of the preference. The field strength is an image list's; else headers are read, but only where two images of a
    visit are on one level.
    """
    preferences = [image.preference for image in scans["found"]]
    tied = scans.assign(level=[p[0] for p in preferences]).duplicated(["subject", "visit", "level"], keep=False)
    phases, tesla = at_visits(scans, tables, PHASE), scans["number"].map(listed["tesla"])
    unexpected = [
        tie and not is_expected(field_strength(image, download.sidecars) if math.isnan(own) else own, phase)
        for tie, own, image, phase in zip(tied, tesla, scans["found"], phases, strict=True)
    ]
    ranks = [(p[0], odd, *p[1:]) for p, odd in zip(preferences, unexpected, strict=True)]
    ranked = scans.assign(rank=pd.Series(ranks, index=scans.index, dtype=object))
    ordered = ranked.sort_values(["subject", "visit", "rank"], kind="stable")
    repeated = ordered.duplicated(["subject", "visit"])
    further = ordered.loc[repeated, "image"]
    message = "further images of a subject's visit, not used"
    note(findings, "duplicate-scan", message, further, dropped="scans", along=0)
    kept = ordered[~repeated]
    names = [image.scan(visit) for image, visit in zip(kept["found"], kept["visit"], strict=True)]
    kept = kept.assign(image_id=[image.image_id for image in kept["found"]])
    return kept.set_index(pd.Index(names, name="scan")).drop(columns=["rank", "found"])


def with_labels(
    scans: pd.DataFrame, known: pd.Series, classes: tuple[str, ...], findings: list[Finding]
) -> pd.DataFrame:
    """Keep the scans whose visit has one of the diagnoses, with their label."""
    keys = pd.MultiIndex.from_frame(scans[["rid", "visit"]])
    diagnosis = pd.Series(known.reindex(keys).to_numpy(), index=scans.index, dtype=object)
    left, gone = scans["subject"], diagnosis.isna()
    message, lost = "scans of visits without a diagnosis, left out", subjects_lost(left, left[~gone])
    note(findings, "no-diagnosis", message, left.index[gone], dropped="scans", along=lost)
    left = left[~gone]
    for other in sorted(set(diagnosis.dropna()) - set(classes)):
        gone = diagnosis[left.index] == other
        message, lost = f"scans of visits with {other}, left out", subjects_lost(left, left[~gone])
        note(findings, "other-diagnosis", message, left.index[gone], dropped="scans", along=lost)
        left = left[~gone]
    kept = diagnosis.isin(classes)
    return scans[kept].assign(label=diagnosis[kept].map(classes.index).astype(int))


def refuse_two_labels(scans: pd.DataFrame, classes: tuple[str, ...]) -> None:
    """Refuse subjects whose scans have different labels."""
    both = [subject for subject, labels in scans.groupby("subject")["label"].nunique().items() if labels > 1]
    if both:
        raise DataError(
            f"subjects with {' or '.join(classes[:-1])} at one visit and {' or '.join(classes[1:])} at another "
            f"({len(both)}): {first_ten(both)}. "
            "A subject needs one label; to take the baseline visits alone: -o task.visits=baseline"
        )


def subjects_lost(before: Iterable[str], after: Iterable[str]) -> int:
    """How many subjects have no scan left, from the scans' subjects before a step and after it."""
    return len(set(before) - set(after))
