"""The archive's tables: their names, where each is found, and which file is which, whatever its prefix and dates."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from fusekit.data import Finding
from fusekit.data.clinical.tables import read_header, read_table
from fusekit.data.own.problems import note
from fusekit.errors import DataError

#: ``[PREFIX_]NAME[_MM_DD_YY][_DDMonYYYY][ (1)].csv[.gz]``. Some tables have the date of their revision in the second
#: form too; a single date of that form is that of the export. A browser numbers what it downloads again.
_DATED = (
    r"(?:_(?P<revised>\d{2}_\d{2}_\d{2}|\d{1,2}[A-Z][a-z]{2}\d{4}))??(?:_(?P<exported>\d{1,2}[A-Z][a-z]{2}\d{4}))?"
    r"(?: ?\((?P<copy>\d{1,3})\))?\.csv(?:\.gz)?"
)
#: What begins the names of other tables, such as RMT_CDR and URMC_LABDATA, and might be taken for a cohort's name.
_OTHERS = ("RMT_", "REMOTE_", "URMC_")


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """A table of the archive."""

    name: str  # of today
    under: str  # heading on the page "Study Files"
    also: tuple[str, ...] = ()  # earlier names
    note: str = ""
    signs: tuple[frozenset[str], ...] = ()  # columns in upper case, see archive.toml

    @property
    def names(self) -> tuple[str, ...]:
        """Today's first."""
        return (self.name, *self.also)

    @property
    def where(self) -> str:
        """Its names, and where it is found."""
        known = [f"earlier {' and '.join(self.also)}"] * bool(self.also) + [self.note] * bool(self.note)
        named = f"{self.name} ({'; '.join(known)})" if known else self.name
        return f"{named}: Search & Download > ARC Builder > {self.name}, or Study Files > {self.under}"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that a task reads."""

    what: str
    tables: tuple[str, ...] = ()  # any of them; today's first
    at: str = ""  # where the archive has it, if it is no table
    needed: bool = False


#: What ADNI's tasks read. Of ``CLINICAL`` one at least is needed.
PIECES = {
    "images": Piece(
        "T1-weighted MRI (MP-RAGE or IR-SPGR)",
        at="Search & Download > Advanced Image Search, modality MRI, weighting T1, downloaded as NIfTI or DICOM",
        needed=True,
    ),
    "lists": Piece(
        "visit and field strength of each image",
        at="Search & Download > ARC Builder > Key_MRI, or the .csv of an image collection",
    ),
    "diagnosis": Piece("diagnosis at each visit", ("DXSUM", "ADNIMERGE"), needed=True),
    "people": Piece("age, sex, education", ("PTDEMOG", "ADNIMERGE")),
    "genotype": Piece("APOE e4 alleles", ("APOERES", "ADNIMERGE")),
    "spinal": Piece("cerebrospinal fluid", ("UPENNBIOMK_ROCHE_ELECSYS", "UPENNBIOMK_MASTER", "UPENNBIOMK9")),
    "plasma": Piece(
        "plasma",
        (
            *("UPENN_PLASMA_FUJIREBIO_QUANTERIX", "C2N_PRECIVITYAD2_PLASMA"),
            *("BLENNOWPLASMANFL", "adni_plasma_qc_multiplex"),
        ),
    ),
    "laboratory": Piece("laboratory values", ("LABDATA",)),
    "dictionary": Piece("units and codes", ("DATADIC",)),
}
CLINICAL = ("people", "genotype", "spinal", "plasma", "laboratory")


@cache
def archive() -> dict[str, ArchiveTable]:
    """The tables that are read, or named where another is read instead, by today's name."""
    entries = tomllib.loads(Path(__file__).with_name("archive.toml").read_text(encoding="utf-8"))
    tables = {}
    for name, entry in entries.items():
        signs = tuple(frozenset(column.upper() for column in sign) for sign in entry.get("signs", ()))
        also = tuple(entry.get("also", ()))
        tables[name] = ArchiveTable(name, entry["under"], also, entry.get("note", ""), signs)
    return tables


def place(piece: str) -> str:
    """Where a piece is found."""
    wanted = PIECES[piece]
    if not wanted.tables:
        return wanted.at
    first, *others = (archive()[name] for name in wanted.tables)
    instead = f"; else {' or '.join(other.name for other in others)}, if you have it" if others else ""
    return first.where + instead


def get(piece: str) -> str:
    """Where a piece is found, as a sentence of a refusal."""
    return f"For {PIECES[piece].what} get {place(piece)}."


def find_table(name: str, paths: list[Path], also: tuple[str, ...] = ()) -> tuple[Path | None, list[Path]]:
    """The newest file of a table by its name without prefix and dates (``also``: other names), and the older files.

    A prefix is a cohort's name (``All_Subjects_DXSUM_12Feb2026.csv``). Of equal dates the file without one counts, then
    the last copy.
    """
    names = "|".join(map(re.escape, (name, *also)))
    found = []
    for path in paths:
        match = re.fullmatch(f"(?P<prefix>.+_)?(?P<name>{names}){_DATED}", path.name, flags=re.IGNORECASE)
        if match and not f"_{match['prefix'] or ''}".upper().endswith(tuple(f"_{other}" for other in _OTHERS)):
            dates = _day(match["exported"], "%d%b%Y"), _day(match["revised"], "%m_%d_%y")
            found.append((*dates, match["prefix"] is None, int(match["copy"] or 0), path))
    found.sort(key=lambda item: item[:4])
    return (found[-1][4], [path for *_, path in found[:-1]]) if found else (None, [])


def note_others(name: str, path: Path, others: Iterable[Path], findings: list[Finding]) -> None:
    """Note the files of a table beside the one that is read: older ones, and those of its day that differ from it."""
    note(
        findings,
        "older-table",
        f"older exports of {name}, not used: {path} is the newest",
        [other for other in others if _dates(other) != _dates(path)],
    )
    note(
        findings,
        "differing-table",
        f"exports of {name} of one day that differ; the one without a prefix counts, then the last copy",
        [
            f"{path} is read, {other} is not"
            for other in others
            if _dates(other) == _dates(path) and not _equal(other, path)
        ],
        severity="warning",
        advice="Keep one of them.",
    )


def name_of(path: Path, names: tuple[str, ...]) -> str:
    """Under which of its names a table lies in a file that was found."""
    return next(name for name in names if find_table(name, [path])[0])


def undated(path: Path) -> str:
    """The name of the table in a file, without dates."""
    match = re.fullmatch(f"(?P<name>.+?){_DATED}", path.name, flags=re.IGNORECASE)
    return match["name"] if match else path.stem


def note_unread(
    paths: list[Path], findings: list[Finding], also: Iterable[str] = (), others: Iterable[Path] = ()
) -> None:
    """Note files that look like a table of the archive, by columns or name, and are not read; ``also`` names more.

    A file that is found by a name is read, or named as older. ``others`` are known by their names alone.
    """
    names = [*(name for table in archive().values() for name in table.names), *also]
    matched = {path for name in names for found, older in [find_table(name, paths)] for path in (found, *older)}
    looks = []
    for path in sorted(set(paths) - matched):
        columns = {column.upper() for column in read_header(path)}
        like = [table.name for table in archive().values() if any(sign <= columns for sign in table.signs)]
        if like := like or [name for name in names if _is_like(path, name)]:
            looks.append(f"{path}: {like[0]}?")
    like_others = ((path, next((name for name in names if _is_like(path, name)), "")) for path in sorted(others))
    looks += [f"{path}: {name}? Save it as .csv" for path, name in like_others if name]
    message = (
        "files that look like a table, by their columns or part of their names, and are not read; rename what is one"
    )
    note(findings, "unread-table", message, looks, severity="warning")


def _is_like(path: Path, name: str) -> bool:
    """Whether a table's name is part of a file's, which is neither another laboratory's nor a description of it."""
    stem, before = path.stem.upper(), "".join(f"(?<!{other})" for other in ("[A-Z0-9]", *_OTHERS))
    there = re.search(rf"{before}{re.escape(name.upper())}(?![A-Z0-9])", stem)
    return bool(there) and not re.search("DICT|DATADIC|METHODS|README|NOTES", stem)


def _equal(path: Path, other: Path) -> bool:
    try:
        return read_table(path).equals(read_table(other))
    except DataError:  # of the one that is read it is raised elsewhere
        return False


def _dates(path: Path) -> tuple[datetime, datetime]:
    """Of the export in a file's name, and of the table's revision."""
    match = re.fullmatch(f".+?{_DATED}", path.name, flags=re.IGNORECASE)
    exported, revised = (match["exported"], match["revised"]) if match else (None, None)
    return _day(exported, "%d%b%Y"), _day(revised, "%m_%d_%y")


def _day(text: str | None, pattern: str) -> datetime:
    """A date in a file's name; the earliest one there is where it is missing or impossible."""
    try:
        return datetime.strptime(text or "", pattern)
    except ValueError:
        return datetime.min
