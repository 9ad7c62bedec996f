"""Headers of DICOM files: each is read once, however many series lie in its folder."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from fusekit.data.images.dicom.files import is_dicom, read_dataset
from fusekit.data.images.dicom.frames import NEEDED, Frame, as_text, frames_of, naming
from fusekit.data.images.dicom.mosaic import tiles
from fusekit.data.images.dicom.picture import is_picture
from fusekit.errors import DataError

_TEXTS = (
    *("SeriesInstanceUID", "SeriesDescription", "SeriesNumber", "Modality", "ImageType", "PatientID"),
    *("Manufacturer", "ManufacturerModelName"),
)
#: Files whose headers are kept; the folder that was looked at longest ago is forgotten first.
_KEPT = 2**16


@dataclass(frozen=True, slots=True)
class Header:
    """What is kept of a header: texts by keyword ("" where absent), and its slices, or that it is a picture."""

    path: Path
    texts: dict[str, str]
    kind: str  # name of the storage class
    image: bool  # whether it has pixels
    picture: bool = False
    frames: tuple[Frame, ...] = ()
    refusal: str = ""  # why it has no slices

    @property
    def series(self) -> str:
        """The UID of its series, and of whom it is: tools that take names away may give all series one UID."""
        return f"{self.texts['SeriesInstanceUID']} {self.texts['PatientID']}".strip()

    def slices(self) -> tuple[Frame, ...]:
        """Its slices; DataError if they have no place in the body."""
        if self.refusal:
            raise DataError(self.refusal)
        return self.frames


@dataclass
class _Folder:
    lock: Lock = field(default_factory=Lock)
    changed: int = -1  # when a file last came or went, as it was before the files were looked at
    files: dict[str, tuple[tuple[int, ...], Header | DataError | None]] = field(default_factory=dict)  # by name


_folders: OrderedDict[Path, _Folder] = OrderedDict()
_lock = Lock()


def headers_in(folder: Path) -> dict[Path, Header | DataError]:
    """The headers of a folder's DICOM files, in the order of their names; for a file that cannot be read, why."""
    with _looking_at(folder) as known:
        _refresh(folder, known)
        return {folder / name: found for name, (_, found) in sorted(known.files.items()) if found is not None}


def series_of(path: Path) -> dict[Path, Header | DataError]:
    """``headers_in`` of a file's folder, without those of other series."""
    with _looking_at(path.parent) as known:
        if known.changed != path.parent.stat().st_mtime_ns:
            _refresh(path.parent, known)
        own = _header(path, known)
        if isinstance(own, DataError):
            raise own
        assert own is not None  # is_dicom
        found: dict[Path, Header | DataError] = {}
        for name, (_, before) in sorted(known.files.items()):
            if isinstance(before, DataError) or (before is not None and before.series == own.series):
                now = _header(path.with_name(name), known)
                if isinstance(now, DataError) or (now is not None and now.series == own.series):
                    found[path.with_name(name)] = now
        return found


def header_of(path: Path) -> Header:
    """The header of one file."""
    with _looking_at(path.parent) as known:
        found = _header(path, known)
    if isinstance(found, Header):
        return found
    raise found or DataError(f"{path}: the file is no DICOM file.")


@contextmanager
def _looking_at(folder: Path) -> Iterator[_Folder]:
    """A folder's headers, for one thread at a time."""
    folder = folder.absolute()
    with _lock:
        known = _folders.setdefault(folder, _Folder())
        _folders.move_to_end(folder)
        while len(_folders) > 1 and sum(len(each.files) for each in _folders.values()) > _KEPT:
            _folders.popitem(last=False)
    with known.lock:
        yield known


def _refresh(folder: Path, known: _Folder) -> None:
    known.changed = folder.stat().st_mtime_ns
    names = {entry.name for entry in folder.iterdir()}
    for name in set(known.files) - names:
        del known.files[name]
    for name in sorted(names):
        _header(folder / name, known)


def _header(path: Path, known: _Folder) -> Header | DataError | None:
    stamp: tuple[int, ...] = ()
    try:
        stat = path.stat()
        stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except OSError:  # it goes meanwhile, or is a link to nowhere
        pass
    before = known.files.get(path.name)
    if before is None or before[0] != stamp or not stamp:
        known.files[path.name] = stamp, _read(path) if is_dicom(path) else None
    return known.files[path.name][1]


def _read(path: Path) -> Header | DataError:
    try:
        dataset = read_dataset(path, keywords=(*_TEXTS, *NEEDED))
        with naming(path):
            texts = {keyword: as_text(dataset.get(keyword)).replace("\\", " ") for keyword in _TEXTS}
            uid = dataset.get("SOPClassUID")
            kind, image = str(getattr(uid, "name", uid or "unknown class")), dataset.get("Rows") is not None
            if is_picture(dataset):
                return Header(path, texts, kind, image, picture=True)
    except DataError as error:
        return error
    try:
        with naming(path):
            frames = frames_of(path, dataset)
            if "MOSAIC" in (dataset.get("ImageType") or ()):
                frames = tiles(frames[0])
            return Header(path, texts, kind, image, frames=frames)
    except DataError as error:
        return Header(path, texts, kind, image, refusal=str(error))
