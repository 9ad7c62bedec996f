"""Volumes: an image file becomes a float array in a known orientation, or an error that names the file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.contents import what_is
from fusekit.disk import regular
from fusekit.errors import DataError, PluginError, first_ten
from fusekit.extension import Plugin, catalog

IDENTITY_AFFINE = (
    "the affine is the identity, as programs write that know none: the voxels are taken as 1 mm and the axes as right, "
    "anterior, superior, and no figure names the patient's sides"
)

#: Deflate cannot pack more than so many bytes into one, so a header that claims more is damaged.
DEFLATE_LIMIT = 1032


@dataclass(frozen=True)
class Volume:
    """A volume in closest-canonical orientation: its axes run to the right, to the front and upwards (RAS).

    Args:
        data: float32 (X, Y, Z), finite; in colour (X, Y, Z, 3): red, green, blue.
        affine: (4, 4), from voxel indices to world coordinates in mm.
        notes: on the file, as clauses without a full stop.
        path: the file, for messages; None if it came from none.
        orientation: where the axes of the file itself run to, one letter each, e.g. ``PIR``; empty where the file does
            not say, so that RAS is a guess: then nothing may be said of the patient's left and right.
    """

    data: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...] = ()
    path: Path | None = None
    orientation: str = ""

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """The size of a voxel along each axis, in mm."""
        x, y, z = (float(size) for size in np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)))
        return x, y, z


def read(path: Path) -> Volume:
    """Read an image through the plugins' ``read_image`` hooks: the first that knows the file wins.

    A plugin's refusal is kept while the other plugins are asked, and raised if none of them reads the file. FuseKit's
    own readers are asked about kinds of files that no plugin knows. What a plugin reads is checked, and turned to RAS.
    A file that is missing, damaged or unknown is a DataError; a plugin that fails or returns something else than a
    sound Volume a PluginError.
    """
    try:
        regular(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such image.") from error
    except OSError as error:
        raise DataError(f"{path}: the image cannot be read: {error.strerror}.") from error
    host, refusals = catalog().host, list[DataError]()
    readers = host.implementing("read_image")
    for plugin in readers:
        if plugin.bundled and refusals:
            break
        try:
            volume = host.call(plugin, "read_image", path=path)
        except DataError as refusal:
            refusals.append(refusal)
            continue
        if volume is not None:
            return volume if plugin.bundled else _checked(volume, path, plugin)
    if refusals:
        raise refusals[0]
    asked = ", ".join(f"{plugin.name} ({plugin.distribution} {plugin.version})" for plugin in readers)
    what = _within(path) if path.is_dir() else what_is(path)
    advice = what[:1].upper() + what[1:] or "Convert it to NIfTI (.nii.gz), or install a plugin for it"
    raise DataError(f"{path}: no plugin reads this kind of image; asked: {asked or 'none'}. {advice}.")


def _within(folder: Path) -> str:
    """What to do about a folder that is no DICOM series: name one of the folders in it, if there are any."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    listed = f"it holds no DICOM files itself, but the folders {first_ten(names)}"
    return f"{listed}: name one of them, or an image in it" if names else ""


def _checked(volume: Any, path: Path, plugin: Plugin) -> Volume:
    """Check what a plugin read, and turn it as FuseKit's own readers do."""
    if not isinstance(volume, Volume):
        raise PluginError(f"{plugin} returned {type(volume).__name__} from read_image, not a fusekit.Volume.")
    for name, value, shape in (("data", volume.data, "(X, Y, Z)"), ("affine", volume.affine, "(4, 4)")):
        real = isinstance(value, np.ndarray) and value.dtype.kind in "iufb"
        sound = real and value.size > 0 and (value.ndim == 3 or (value.ndim == 4 and value.shape[3] == 3))
        if not (real and value.shape == (4, 4) if name == "affine" else sound):
            given = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise PluginError(f"{plugin} read {path} as a Volume whose {name} is {given}, not numbers {shape}.")
    axes, notes = volume.orientation, volume.notes
    if axes != "" and not (isinstance(axes, str) and sorted("LRPAIS".find(axis) // 2 for axis in axes) == [0, 1, 2]):
        raise PluginError(f"{plugin} read {path} in the orientation {axes!r}, not one like 'RAS', or '' for unknown.")
    if not isinstance(notes, tuple | list) or not all(isinstance(note, str) for note in notes):
        raise PluginError(f"{plugin} read {path} with the notes {notes!r}; a tuple of text is needed.")
    values, affine = partial(np.asarray, volume.data, np.float32), volume.affine.astype(np.float64)
    turned = canonical(path, values, affine, notes, oriented=bool(axes))
    return replace(turned, path=volume.path or path, orientation=turned.orientation and axes)


def canonical(
    path: Path, load: Callable[[], np.ndarray], affine: np.ndarray, notes: Sequence[str] = (), *, oriented: bool = True
) -> Volume:
    """Check an array and its affine, and turn them to closest-canonical orientation.

    Refused are volumes that hold NaN or one value only, and affines that are not finite or flatten an axis.

    Args:
        path: for messages.
        load: returns the voxels, (I, J, K); called only when the affine is sound.
        affine: (4, 4), voxel indices to RAS world coordinates in mm.
        notes: of the reader; a note on an identity affine is added.
        oriented: whether the affine was read from the file; an identity affine never counts as read.
    """
    import nibabel

    turns: Any = nibabel.orientations  # has no types

    if not np.isfinite(affine).all():
        raise DataError(f"{path}: the affine is not finite, so the voxels' place in the body is unknown.")
    with np.errstate(all="ignore"):
        sizes = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
        flat = not np.isfinite(sizes).all() or not (sizes > 0).all()
        # The volume of a voxel whose edges have unit length: 1 if they are at right angles, 0 if two coincide.
        flat = flat or not abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-3
    if flat:
        listed = " x ".join(f"{size:g}" for size in sizes)
        raise DataError(f"{path}: the affine gives voxels without volume ({listed} mm). Correct the header's spacing.")
    try:
        with np.errstate(all="ignore"):  # what overflows is found below
            data = load()
    except DataError:
        raise
    except Exception as error:  # truncated streams raise what their decompressor likes
        raise damaged(path, error) from error
    with np.errstate(all="ignore"):
        lowest, highest = data.min(), data.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):  # NaN is the minimum of what holds one
        bad = data.size - np.count_nonzero(np.isfinite(data))
        raise DataError(
            f"{path}: {bad / data.size:.2%} of the voxels are NaN or infinite. Replace them by the background value."
        )
    if lowest == highest:
        raise DataError(f"{path}: every voxel is {data.flat[0]:g}; the image is empty.")
    if oriented and np.array_equal(affine, np.eye(4)):
        notes, oriented = (*notes, IDENTITY_AFFINE), False
    turn = turns.io_orientation(affine)
    turned, to_world = turns.apply_orientation(data, turn), affine @ turns.inv_ornt_aff(turn, data.shape)
    return Volume(turned, to_world, tuple(notes), path, "".join(turns.ornt2axcodes(turn)) if oriented else "")


def first_bytes(path: Path, count: int) -> bytes:
    """Read what a file begins with; refuse one that is empty or cannot be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(count)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    if not magic:
        raise DataError(f"{path}: the file is empty. Get it again.")
    return magic


def refuse_overclaimed(path: Path, claimed: int, packed: int, harmless: int = 0, room: int | None = None) -> None:
    """Believe the size that a header claims, in bytes, only if the file, packed so many times, can hold it.

    Up to ``harmless`` bytes are believed of any file; ``room`` is the size of another file that holds the voxels.
    """
    room = path.stat().st_size if room is None else room
    if claimed > max(harmless, room * packed):
        raise DataError(
            f"{path}: the header claims {claimed:,} bytes of pixels, but the file has only {room:,}. It is truncated "
            "or damaged; get it again."
        )


def damaged(path: Path, error: Exception) -> DataError:
    """What to raise of a file whose content a library cannot read."""
    return DataError(
        f"{path}: the image cannot be read; it is truncated or damaged. Get it again. ({type(error).__name__}: {error})"
    )
