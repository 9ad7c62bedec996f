"""A recipe held against a cohort: the same scans in the same order, and where the two differ, subject by subject."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from fusekit.data.cohort import Cohort, Column, Finding
from fusekit.data.recipe.digests import IMAGE, LABEL, MASK, VALUES, table_of
from fusekit.data.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Difference:
    """A way in which a rebuilt cohort is not the recipe's; it holds no value."""

    kind: str  # such as other-voxels or column-absent; docs/how-to/share-a-cohort.md lists them
    subject: str = ""  # of the recipe, as visit and scan; empty where it concerns no single one
    visit: str = ""
    scan: str = ""
    what: str = ""  # the table or the column
    message: str = ""  # what a person reads

    def __str__(self) -> str:
        """``002_S_0413 bl: values of UPENNBIOMK_MASTER differ``."""
        where = " ".join(filter(None, [self.subject, self.visit or self.scan]))
        return f"{where}: {self.message}" if where else self.message


def pair(theirs: pd.DataFrame, mine: pd.DataFrame) -> dict[str, str]:
    """Match scans of two tables (index scan, maybe a column image_id) by scan id, else by image id: theirs -> mine."""
    own = set(mine.index)
    pairs = {str(scan): str(scan) for scan in theirs.index if scan in own}
    if "image_id" in theirs and "image_id" in mine:
        free = mine[~mine.index.isin(list(pairs))]
        free = free[~free["image_id"].duplicated(keep=False)]
        by_image = dict(zip(free["image_id"].map(str), free.index.map(str), strict=True))
        open_ = theirs[~theirs.index.isin(list(pairs))].drop_duplicates("image_id")
        pairs |= {str(s): by_image[image] for s, image in open_["image_id"].items() if image in by_image}
    return pairs


def select(cohort: Cohort, recipe: Recipe) -> Cohort:
    """Keep the recipe's scans, in the recipe's order, with its columns first and in its order.

    A column that the recipe does not have is dropped where no kept scan has a value: the scans left out brought it.
    """
    if not (cohort.scans.index.is_unique and cohort.scans.index.equals(cohort.clinical.index)):
        cohort.check()
    pairs = pair(recipe.scans, cohort.scans)
    kept = [pairs[scan] for scan in recipe.scans.index if scan in pairs]
    clinical = cohort.clinical.loc[kept]
    order = {column.name: place for place, column in enumerate(recipe.columns)}
    columns = sorted(
        (c for c in cohort.columns if c.name in order or not kept or clinical[c.name].notna().any()),
        key=lambda column: order.get(column.name, len(order)),
    )
    others = cohort.scans.index.difference(kept)
    lost = len(set(cohort.scans["subject"]) - set(cohort.scans.loc[kept, "subject"]))
    message = "scans that the recipe does not have, left out."
    left_out = Finding("not-in-recipe", message, tuple(map(str, others)), dropped="scans", along=lost)
    return replace(
        cohort,
        findings=(*cohort.findings, left_out) if len(others) else cohort.findings,
        scans=cohort.scans.loc[kept],
        clinical=clinical[[column.name for column in columns]],
        columns=tuple(columns),
    )


def compare(theirs: Recipe, mine: Recipe, others: pd.DataFrame | None = None) -> list[Difference]:
    """List where a rebuilt cohort (after ``select``) differs from a recipe: columns first, then subject by subject.

    Label and values of a scan can be compared only where the images have the same voxels, which key their digests.
    ``others`` are further scans that the data offer, to say which image a visit has instead: index scan; columns
    subject, and visit and image_id if there are any.
    """
    found = [*_columns(theirs, mine)]
    pairs = pair(theirs.scans, mine.scans)
    there = mine.scans if others is None else pd.concat([mine.scans, others])
    subjects, comparable = set(there["subject"].map(str)), _comparable(theirs, mine)
    own = {str(scan): row for scan, row in mine.scans.iterrows()}
    for subject, scans in theirs.scans.groupby("subject", sort=True):
        if subject not in subjects and not set(scans.index) & set(pairs):
            message = f"the subject is absent ({len(scans)} scan{'s' * (len(scans) > 1)})"
            found.append(Difference("subject-absent", str(subject), message=message))
            continue
        for scan, row in scans.iterrows():
            place = {"subject": str(subject), "visit": str(row.get("visit", "")), "scan": str(scan)}
            if scan in pairs:
                found += _scan(row, own[pairs[str(scan)]], place, comparable)
            else:
                found.append(_absent(row, there[~there.index.isin(list(pairs.values()))], place))
    return found


def count_subjects(differences: list[Difference]) -> int:
    """How many subjects differ."""
    return len({difference.subject for difference in differences if difference.subject})


def _absent(row: pd.Series, there: pd.DataFrame, place: dict[str, str]) -> Difference:
    if "visit" in row and "visit" in there:
        same = there[(there["subject"].map(str) == place["subject"]) & (there["visit"].map(str) == place["visit"])]
        if len(same):
            here = ", ".join(dict.fromkeys(map(str, same.get("image_id", same.index))))
            wanted = row.get("image_id", place["scan"])
            return Difference("other-image", **place, message=f"the visit has the image {here}, not {wanted}")
    called = f"the image {row['image_id']}" if "image_id" in row else f"the scan {place['scan']}"
    return Difference("scan-absent", **place, message=f"{called} is absent")


def _scan(row: pd.Series, own: pd.Series, place: dict[str, str], comparable: list[str]) -> Iterator[Difference]:
    if row["subject"] != own["subject"] or ("visit" in row and "visit" in own and row["visit"] != own["visit"]):
        here = " ".join(filter(None, [own["subject"], own.get("visit", "")]))
        yield Difference("other-visit", **place, message=f"the image is that of {here} here")
    if row[IMAGE] != own[IMAGE]:
        rest = "label and values cannot be compared"
        ids = row.get("image_id"), own.get("image_id")
        if None not in ids and ids[0] != ids[1]:
            yield Difference("other-image", **place, message=f"the visit has the image {ids[1]}, not {ids[0]}; {rest}")
            return
        what = f"the image {ids[0]} has other voxels (processed again?)"
        if None in ids:
            what = "the image has other voxels (another image, or processed again?)"
        yield Difference("other-voxels", **place, message=f"{what}; {rest}")
        return
    for name in [name for name in row.index if name.startswith(f"{IMAGE}:") and name in own]:
        if row[name] != own[name]:
            image = name.removeprefix(f"{IMAGE}:")
            yield Difference("other-voxels", **place, what=image, message=f"the image {image} has other voxels")
    if row.get(MASK, "") != own.get(MASK, ""):
        yield Difference("other-mask", **place, message="the mask differs")
    if row["subject"] != own["subject"]:
        return  # the subject is part of what is digested
    if row[LABEL] != own[LABEL]:
        yield Difference("other-label", **place, message="the label differs")
    for name in comparable:
        if row[name] != own[name]:
            table = name.removeprefix(VALUES)
            message = f"values of {table or 'the clinical table'} differ"
            yield Difference("other-values", **place, what=table, message=message)


def _comparable(theirs: Recipe, mine: Recipe) -> list[str]:
    """Digests of the tables that have the same columns in both."""

    def tables(recipe: Recipe) -> dict[str, list[tuple[str, str]]]:
        by_table: dict[str, list[tuple[str, str]]] = {}
        for column in recipe.columns:
            by_table.setdefault(table_of(column), []).append((column.name, column.kind))
        return {table: sorted(columns) for table, columns in by_table.items()}

    first, second = tables(theirs), tables(mine)
    return [VALUES + table for table in first if first[table] == second.get(table)]


def _columns(theirs: Recipe, mine: Recipe) -> Iterator[Difference]:
    if theirs.classes != mine.classes:
        message = f"the classes are {', '.join(mine.classes)}, not {', '.join(theirs.classes)}"
        yield Difference("other-classes", message=message)
    names, here = ([n for n in map(str, recipe.scans) if n.startswith(f"{IMAGE}:")] for recipe in (theirs, mine))
    if names != here:
        listed, wanted = (", ".join(n.removeprefix(f"{IMAGE}:") for n in of) or "none" for of in (here, names))
        yield Difference("other-images", message=f"beside the first, scans have the images {listed}, not {wanted}")
    first, second = ({column.name: column for column in recipe.columns} for recipe in (theirs, mine))
    yield from _only(first, second, "absent", "is absent")
    yield from _only(second, first, "additional", "is not in the recipe")
    for name in [name for name in first if name in second]:
        pairs = zip(asdict(first[name]).items(), asdict(second[name]).values(), strict=True)
        rules = [f"{rule} {_shown(here)}, not {_shown(there)}" for (rule, there), here in pairs if here != there]
        if rules:
            yield Difference("column-differs", what=name, message=f"the column {name!r} has {'; '.join(rules)}")


def _only(one: dict[str, Column], other: dict[str, Column], kind: str, what: str) -> Iterator[Difference]:
    """Columns of one side alone; a whole table of them is one difference."""
    tables = {table_of(column) for column in other.values()}
    whole: dict[str, int] = {}
    for name, column in one.items():
        table = table_of(column)
        if name in other:
            continue  # perhaps read from another table: a difference of the column
        if table and table not in tables:
            whole[table] = whole.get(table, 0) + 1
        else:
            yield Difference(f"column-{kind}", what=name, message=f"the column {name!r} {what}")
    for table, count in whole.items():
        message = f"the table {table} {what} ({count} column{'s' * (count > 1)})"
        yield Difference(f"table-{kind}", what=table, message=message)


def _shown(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
