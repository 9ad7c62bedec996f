"""Several images of a row, such as T1 and FLAIR: each is found by itself, and a row is kept that has all of them."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fusekit.data.own.description import Named, OwnImage, columns_of
from fusekit.data.own.ids import named_images
from fusekit.data.own.images.matches import Matches, match_images, open_series
from fusekit.data.own.join import Reading, note_joined, note_similar
from fusekit.errors import first_ten


@dataclass(frozen=True)
class Found:
    """The images of the rows."""

    first: Matches  # of the first image; it also lacks what any other lacks
    others: Mapping[str, Mapping[int, Path]]  # name -> line of the main table -> path


def find_images(reading: Reading, rows: pd.Index) -> Found:
    """Find each image of the rows; what cannot be taken goes to the problems."""
    own, joined = reading.own, reading.joined
    first, *others = own.every_image
    found = _match(reading, first, rows)
    further = {other.name: _match(reading, other, rows) for other in others}
    every = (found, *further.values())
    note_joined([pair for matches in every for pair in matches.joined], reading.findings)
    similar = {wanted: other for matches in every for wanted, other in matches.similar.items()}
    note_similar(similar, "the images' names", reading.findings)
    wrong = [*found.wrong, *(text for matches in further.values() for text in matches.wrong)]
    if further:
        wrong += list(_unclear(reading, {first.name: found, **further}))
        _combine(reading, first.name, found, further)
    reading.problems.add_some(wrong, f"{joined.path}: {len(wrong)} images in all cannot be taken.")
    paths = {
        name: {line: images[0].path for line, images in matches.images.items()} for name, matches in further.items()
    }
    return Found(found, paths)


def _match(reading: Reading, image: OwnImage, rows: pd.Index) -> Matches:
    own, joined = reading.own, reading.joined
    if not set(columns_of(image.place)) <= set(joined.homes):
        return Matches()  # the missing column is reported already
    if isinstance(image.place, Named):
        asked = copy(reading)
        asked.own = replace(own, series=image.series)
        column = image.place.column
        return named_images(asked, (reading.subjects if column == own.subject else joined.cells(column)).loc[rows])
    found = match_images(joined, image.place, reading.folder, rows, own.blanks)
    if image.series is not None:
        open_series(found, joined, columns_of(image.place)[0], reading.folder, image.series, reading.findings)
        used = {part for images in found.images.values() for part in (images[0].path, images[0].path.parent)}
        found.unused = [reading.files.shown(path) for path in reading.files.images if path not in used]
    return found


def _unclear(reading: Reading, found: Mapping[str, Matches]) -> Iterable[str]:
    """Sentences on files that are two images, and on rows with several where one is needed."""
    owners: dict[Path, list[str]] = {}
    for name, matches in found.items():
        for line, images in matches.images.items():
            owners.setdefault(images[0].path, []).append(f"{name} of line {line}")
            if len(images) > 1:
                listed = first_ten(image.shown(reading.folder) for image in images)
                yield (
                    f"{reading.joined.path}, line {line}: there are {len(images)} images for {name}: {listed}. Where "
                    f"scans have several images, each row needs one of each. {_CHOOSE}"
                )
    for path, both in owners.items():
        if len({text.rpartition(" of ")[0] for text in both}) > 1:  # shared by rows alone, it is said already
            shown = path.relative_to(reading.folder).as_posix()
            yield f"{reading.joined.path}: {shown} is {' and '.join(both)}. Each image needs a file of its own."


_CHOOSE = 'Choose by a part of the name: {named_after = "...", series = "..."}.'


def _combine(reading: Reading, name: str, first: Matches, further: Mapping[str, Matches]) -> None:
    """Move what any image lacks to the first one's matches, and forget as unused what is used by another."""
    findings = reading.findings
    every = {name: first, **further}
    first.absent = {line: f"{name} of {why}" for line, why in first.absent.items()}
    first.lost = {line: f"{name}: {why}" for line, why in first.lost.items()}
    for other, matches in further.items():
        for line, why in matches.absent.items():
            first.absent.setdefault(line, f"{other} of {why}")
        for line, why in matches.lost.items():
            first.lost.setdefault(line, f"{other}: {why}")
    taken = {image for matches in every.values() for images in matches.images.values() for image in images}
    paths = {image.path.relative_to(reading.folder).as_posix() for image in taken}
    used = paths | {image.shown(reading.folder) for image in taken}
    used |= {Path(path).parent.as_posix() for path in paths}
    first.unused = [path for matches in every.values() for path in matches.unused if path not in used]
    first.unused = list(dict.fromkeys(first.unused))
    first.partly = {line for line in first.absent if any(line in matches.images for matches in every.values())}
    there = set.intersection(*(set(matches.images) for matches in every.values()))
    first.images = {line: images for line, images in first.images.items() if line in there}
    first.count = None  # rows are counted, each of which has several
    for number, finding in enumerate(findings):
        if finding.code in ("unused-series", "image-without-row"):  # what is another image of the scan is used
            kept = tuple(item for item in finding.items if item not in used)
            findings[number] = replace(finding, items=kept, dropped="", along=None)
    findings[:] = [finding for finding in findings if finding.items]
