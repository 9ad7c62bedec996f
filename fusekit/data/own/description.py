"""What a TOML or a task says about people's own data: nothing has been looked at yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fusekit.data.absence import Modality, united
from fusekit.data.clinical.tables import MISSING
from fusekit.data.images.channels import IMAGE
from fusekit.data.own.attributes import Known
from fusekit.data.own.images.series import Wanted
from fusekit.data.own.places import Pattern
from fusekit.data.target import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.data.task import Preset


@dataclass(frozen=True, slots=True)
class Named:
    """Images whose folder or file is called after the id in a column."""

    column: str


#: Where a row's image is; text is a column of paths.
Place = Pattern | Named | str


@dataclass(frozen=True, slots=True)
class OwnImage:
    """One of the images of a scan."""

    name: str
    place: Place
    series: Wanted | None = None  # None: the headers of DICOM files are not looked at


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """A clinical column; an empty kind is found out from the values."""

    name: str
    kind: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    signed: bool = False
    categories: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    attribute: Known | None = None  # then nothing else needs to be said


@dataclass(frozen=True, slots=True)
class Further:
    """A further table: one row for each value of its key, joined to the main table's columns ``to``."""

    file: str
    key: tuple[str, ...]
    to: tuple[str, ...]
    columns: tuple[str, ...]  # empty: all
    optional: bool  # whether a row may be without a partner there; its cells are then empty
    sheet: str = ""  # of the file, if it is a workbook with several


class Timed(NamedTuple):
    """The column of the time to an event, beside that of the event, and what is written in that one."""

    column: str
    seen: tuple[str, ...] = ()  # empty: 1, yes, true, ...
    censored: tuple[str, ...] = ()  # empty: 0, no, false, ...
    entry: str = ""  # the column of the time from which on someone is under observation; empty: from the start


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """Images, a table, and what its columns are."""

    path: Path  # the TOML, or what else messages begin with
    folder: Path
    title: str
    table: str
    sheet: str = ""  # of the table, if it is a workbook with several
    images: Place
    masks: Place | None
    subject: str
    scan: str = ""
    label: str
    classes: dict[str, tuple[str, ...]]  # empty where something else is predicted
    number: Number | None = None
    event: TimeToEvent | None = None
    timed: Timed | None = None  # of the event
    ordered: bool = False  # whether the classes have an order, the lowest first
    leave_out: tuple[str, ...]
    columns: tuple[OwnColumn, ...]
    groups: tuple[str, ...] = ()
    subgroups: tuple[str, ...]
    tables: tuple[Further, ...] = ()
    #: "refuse" rows without an image; "leave out" them; "leave out empty" cells, but no wrong paths; "keep" those.
    without_image: str
    without_table: str = "gaps"  # "keep" rows without any clinical value as rows without a table
    metrics: tuple[str, ...]
    preset: Preset
    join_alike: bool = False  # whether ids that only their spelling tells apart are one (``fusekit.data.identity``)
    series: Wanted | None = None  # of the first image; None: headers of DICOM files are not looked at
    name: str = IMAGE  # of the first image
    further: tuple[OwnImage, ...] = ()  # after the first
    without_subject: bool = False  # whether rows without a subject are left out rather than refused
    blanks: frozenset[str] = MISSING  # cells that hold no path and no value, in lower case
    advice: str = ""  # what to do about labels of no class

    @property
    def target(self) -> Target:
        """What is predicted."""
        classes = Ordered if self.ordered else Classes
        return self.number or self.event or classes(tuple(self.classes))

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns that hold what is predicted."""
        return (self.label, self.timed.column) if self.timed else (self.label,)

    @property
    def entered(self) -> tuple[str, ...]:
        """The column that says when people came under observation, if one does."""
        return (self.timed.entry,) if self.timed and self.timed.entry else ()

    @property
    def absent(self) -> tuple[Modality, ...]:
        """What scans may lack."""
        return united(["image"] * (self.without_image == "keep"), ["table"] * (self.without_table == "keep"))

    @property
    def every_image(self) -> tuple[OwnImage, ...]:
        """The images of a scan, in order."""
        return (OwnImage(self.name, self.images, self.series), *self.further)

    @property
    def searched(self) -> bool:
        """Whether all that lies below the folder is looked at."""
        images = self.every_image
        named = any(isinstance(place, Named) for place in (*(image.place for image in images), self.masks))
        return named or any(image.series is not None for image in images)

    def identifying(self) -> Iterable[str]:
        """Every column of the tables by which rows, or what belongs to them, are known or grouped."""
        places = (*(image.place for image in self.every_image), self.masks)
        found = (name for place in places if place for name in columns_of(place))
        return dict.fromkeys((self.subject, *filter(None, [self.scan]), *self.groups, *found))

    def named(self) -> Iterable[str]:
        """Every column of the tables that it names."""
        for place in (*(image.place for image in self.every_image), self.masks):
            yield from columns_of(place) if place else ()
        yield from (name for name in (self.subject, self.scan, *self.labels, *self.entered) if name)
        yield from (column.name for column in self.columns)
        yield from self.groups


def columns_of(place: Place) -> tuple[str, ...]:
    """The columns of the table by which a place is found."""
    return place.columns if isinstance(place, Pattern) else (place.column if isinstance(place, Named) else place,)
