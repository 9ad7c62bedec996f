"""Images whose folder or file is called after an id of the table, and which id that is."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusekit.data.identity import alike
from fusekit.data.own.description import Named, columns_of
from fusekit.data.own.files import is_picture, stem
from fusekit.data.own.images.matches import Matches
from fusekit.data.own.images.series import CHOOSE, Image, Wanted, note_unused, series_in
from fusekit.data.own.join import Joined, Reading, note_joined, note_similar
from fusekit.data.own.places import Pattern
from fusekit.data.own.problems import note
from fusekit.errors import first_ten

#: Words of a name beyond this many are not looked at: ids are short.
_MOST_WORDS = 24


def named_images(reading: Reading, ids: pd.Series) -> Matches:
    """Find the images called after each row's id (by line); where no name says whose it is, the PatientID does.

    A row may have many pictures, and one volume. Images of no row, and those not wanted, go to the findings.
    """
    found, files, findings, table = Matches(), reading.files, reading.findings, reading.joined.path
    wanted = reading.own.series or Wanted()
    key = key_of(reading.joined)
    lines, known = _lines(table, ids, found.wrong, key)
    images = [Image(path) for path in files.volumes]
    folders = list(files.series.items())
    for folder, members in reading.progress.track(folders, "looking at DICOM series", len(folders), "folders"):
        images += series_in(folder, members, wanted, findings)
    images += map(Image, files.pictures)
    own: dict[str, list[Image]] = {who: [] for who in lines}
    strangers, unclear, contradicted, joined = list[Image](), [], [], []
    for image in images:
        header = known.get(key(image.patient))
        of = ids_in(parts_of(image.path, files.folder), known, key) or ([header] if header else [])
        shown = files.shown(image.path)
        if len(of) > 1:
            unclear.append(f"{shown}: {' or '.join(of)}")
        elif not of:
            strangers.append(image)
        else:
            own[of[0]].append(image)
            if reading.joined.alike and of[0] not in ids_in(parts_of(image.path, files.folder), {of[0].lower(): of[0]}):
                joined.append((of[0], shown))
            if header and header != of[0]:
                contradicted.append(f"{shown}: PatientID {image.patient}")
    if unclear:
        found.wrong.append(unclear_ids("images", unclear, table))
    note(
        findings,
        "id-contradicted",
        "images whose DICOM header names another subject of the table than their folder or file, which counts",
        contradicted,
        severity="warning",
        advice="Find out whose images these are before you trust any result.",
    )
    note_joined(joined, findings)
    unknown = map(files.shown, (image.path for image in strangers))
    note(findings, "image-without-row", "images that belong to no row in use, left out", unknown, dropped="scans")
    note_similar(_similar(reading, strangers, [who for who in own if not own[who]]), "an image's name", findings)
    if not any(own.values()):
        found.wrong.append(
            f"{files.folder}: no image belongs to a row of {table.name}. Its first ids are "
            f"{first_ten(map(repr, ids.iloc[:3]))}: folders or files should be called so (mind leading zeros, which "
            "spreadsheets drop), or a column should name each row's image."
        )
    found.count, folder = len(images), files.folder
    several, unwanted, unused, along = [], [], list[Image](), 0
    for who, theirs in own.items():
        chosen = wanted.among(theirs, folder)
        if not theirs:
            found.absent[lines[who]] = f"{who} (line {lines[who]})"
        elif not chosen:
            unwanted.append(f"{who}: {first_ten(image.problem or image.shown(folder) for image in theirs)}")
            along += len(theirs)
        elif len(chosen) == 1 and chosen[0].problem:
            found.wrong.append(f"{who} (line {lines[who]}): {chosen[0].problem}")
        elif len(chosen) > 1 and not all(image.picture or is_picture(image.path) for image in chosen):
            several.append(f"{who} (line {lines[who]}): {first_ten(image.shown(folder) for image in chosen)}")
        else:
            found.images[lines[who]] = chosen
            unused += [image for image in theirs if image not in chosen]
    asked = wanted if wanted.choose else f" that is called {wanted.name!r}"
    message = f"subjects without a series{asked}, left out"
    note(findings, "other-series", message, unwanted, dropped="subjects", along=along)
    note_unused(unused, wanted, folder, findings)
    if several:
        found.wrong.append(f"{len(several)} subjects have several volumes{wanted}: {first_ten(several)}. {CHOOSE}")
    return found


def key_of(joined: Joined) -> Callable[[str], str]:
    """What makes two ids of rows and names of files one: without capitals, or as ``join_ids`` says."""
    return alike if joined.alike else str.lower


def _similar(reading: Reading, images: Sequence[Image], ids: Iterable[str]) -> dict[str, str]:
    """Ids without an image -> an image of no row, from whose name only their spelling tells them apart."""
    known = {alike(who): who for who in ids}
    found: dict[str, str] = {}
    for image in images:
        for who in ids_in(parts_of(image.path, reading.files.folder), known, alike):
            found.setdefault(who, reading.files.shown(image.path))
    return found


def _lines(
    table: Path, ids: pd.Series, wrong: list[str], key: Callable[[str], str]
) -> tuple[dict[str, int], dict[str, str]]:
    rows: dict[str, list[tuple[int, str]]] = {}
    for line, who in ids.items():
        rows.setdefault(key(who), []).append((int(str(line)), who))
    twice = [f"{same[0][1]} (lines {first_ten(line for line, _ in same)})" for same in rows.values() if len(same) > 1]
    if twice:
        wrong.append(
            f"{table}, column {ids.name!r}: {len(twice)} subjects have several rows: {first_ten(twice)}. Keep "
            "one row for each, or name each row's image in a column, such as 'image'."
        )
    return {same[0][1]: same[0][0] for same in rows.values()}, {lower: same[0][1] for lower, same in rows.items()}


def unclear_ids(what: str, unclear: list[str], table: Path) -> str:
    """Say that paths name several ids."""
    return (
        f"{len(unclear)} {what} could be of several subjects of {table.name}: {first_ten(unclear)}. Give each subject "
        f"a folder called as the id, or name {what} in a column of the table."
    )


def parts_of(path: Path, folder: Path) -> tuple[str, ...]:
    """Folders below the data folder and the name without suffix, topmost first."""
    *above, last = path.relative_to(folder).parts if path != folder else ("",)
    return (*above, last if path.is_dir() else stem(Path(last)))


def scan_ids(reading: Reading, images: list[Image | None], lines: pd.Index, rows: pd.Index) -> list[str]:
    """Name the scans: by the scan column, with the subject before it where it repeats.

    Without a scan column by the subject, and where a subject has several scans, by what else the images are named by,
    or by their paths.
    """
    own, joined = reading.own, reading.joined
    subjects = reading.subjects
    if not isinstance(own.images, Pattern) and (isinstance(own.images, Named) or not own.scan):
        counts = Counter(subjects.loc[lines])
        return [
            who if counts[who] == 1 or image is None else f"{who}:{reading.files.shown(image.path)}"
            for who, image in zip(subjects.loc[lines], images, strict=True)
        ]
    subjects = subjects.loc[rows]  # each has one image, or there is a problem
    names = [own.scan] if own.scan else [name for name in columns_of(own.images) if name != own.subject]
    parts = [joined.cells(name).loc[rows] for name in names if name in joined.homes]
    whole = pd.Series(["_".join(dict.fromkeys(cells)) for cells in zip(subjects, *parts, strict=True)], rows)
    plain = parts[0] if own.scan and parts else subjects
    ids = plain if plain.is_unique else whole
    what, advice = ("scan", "Correct them.") if own.scan else ("subject", 'Name the scan with scan = "column".')
    twice = ids[ids.duplicated(keep=False)]
    repeated = [f"{what} {text!r} on lines {first_ten(lines)}" for text, lines in twice.groupby(twice).groups.items()]
    if repeated:
        listed = first_ten(repeated)
        reading.problems.add(f"{joined.path}: {len(repeated)} {what}s are in several rows: {listed}. {advice}")
    return list(ids)


def ids_in(parts: Sequence[str], ids: Mapping[str, str], key: Callable[[str], str] = str.lower) -> list[str]:
    """Find the ids (by their ``key`` -> as the table writes it) that a path's parts name; several if any may be meant.

    A folder or file called exactly as an id counts first, the topmost one (``7/2/slice.dcm`` is of patient 7). Else the
    deepest name that holds an id between other words: at its beginning (``7_2.png`` is of patient 7), or anywhere.
    ``P1`` is not found in ``P12``, nor in ``P1-2`` if that is an id too.
    """
    for part in parts:
        if key(part) in ids:
            return [ids[key(part)]]
    return next(filter(None, (_between_words(part, ids, key) for part in reversed(parts))), [])


def _between_words(part: str, ids: Mapping[str, str], key: Callable[[str], str]) -> list[str]:
    part = part.lower() if key is str.lower else unicodedata.normalize("NFKC", part)  # no letter without its accent
    words = list(re.finditer(r"[^\W_]+", part))[:_MOST_WORDS]
    pairs = [(first.start(), last.end()) for i, first in enumerate(words) for last in words[i:]]
    spans = [(start, end) for start, end in pairs if key(part[start:end]) in ids]
    at_start = [span for span in spans if span[0] == words[0].start()]
    if at_start:
        spans = [max(at_start, key=lambda span: span[1])]
    outer = [s for s in spans if not any(s != o and o[0] <= s[0] and s[1] <= o[1] for o in spans)]
    return sorted({ids[key(part[start:end])] for start, end in outer})
