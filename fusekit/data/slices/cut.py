"""Cut slices, or the whole, out of a volume: which ones, how bright, which way up."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fusekit.data.images import masks
from fusekit.data.images.masks import largest_slices, mask_box, near, refuse_other_grid
from fusekit.data.images.volume import Volume
from fusekit.data.slices.brain_box import brain_box, crop
from fusekit.data.slices.percentiles import as_stored, percentiles_above
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.slices.resize import fit_slice, fit_volume
from fusekit.errors import DataError, OptionError

#: Percentiles of the foreground that become black and white.
BLACK, WHITE = 0.5, 99.5
#: Of the colours of a picture, which are taken as they are stored.
WHITEST = 255.0

_DIRECTIONS = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))


def cut(volume: Volume, policy: SlicePolicy, size: int, mask: Volume | None = None) -> tuple[np.ndarray, list[int]]:
    """Cut the slices that a policy names out of an image of one channel, as ``cut_channels`` does.

    Returns:
        Images (n, size, size), or (1, size, size, size) of a whole volume, without a channel of the mask; and the n
        indices along the volume's axis.
    """
    images, indices = cut_channels([volume], policy, size, mask)
    return images[:, 0], indices


def cut_channels(
    volumes: Sequence[Volume], policy: SlicePolicy, size: int, mask: Volume | None = None
) -> tuple[np.ndarray, list[int]]:
    """Cut the slices that a policy names, as a hospital workstation shows them.

    Radiological display: coronal slices have superior up and the patient's left on the viewer's right; axial slices
    anterior up and the patient's left on the viewer's right; sagittal slices superior up and anterior to the left. A
    whole volume has the axes (z, y, x) in the same directions: item[k] is an axial slice, the topmost first; item[:, j]
    a coronal one, the foremost first; item[:, :, i] a sagittal one, that of the patient's right side first.

    Brightness: the policy's window in image units; without one, the 0.5th and 99.5th percentiles of the volume's
    foreground become black and white, with the values beyond them clipped. The foreground is every voxel brighter than
    the darkest value, which in skull-stripped, masked and CT volumes is the background's fill. The scale is one for
    the whole volume (after cropping), so slices compare; each image has its own. Colours (``colour="rgb"``) of a
    picture that lie in 0 to 255 stay as they are, as torchvision and timm read them.

    Size: a bilinear filter as wide as the shrinkage (no aliasing); see ``SlicePolicy.fit`` for the proportions.

    Args:
        volumes: the channels, on one grid, in closest-canonical orientation; their order is that of ``channels_of``.
        policy: which slices. Of an image that is a single slice, that slice is used, whatever the range.
        size: height and width (and depth) of the result in pixels.
        mask: on the same grid; looked at only if the policy asks for the largest slices, or for more of the mask.

    Returns:
        Images (n, C, size, size), or (1, C, size, size, size) of a whole volume: grey levels 0 to 255, uint8 (rounded)
        or float16 by ``policy.depth``; a mask's channel is the last, 0 and 255. And the n indices along the volume's
        axis, in increasing order; [0] of a whole volume. They count within the box if the policy crops to the brain
        (of the first channel) or to the mask.

    Raises:
        DataError: the range is not inside the volume, or holds no slice; the mask is empty or on another grid; the
            image is a single slice of another plane. The message names file and extent.
    """
    _refuse_flat(volumes[0], policy)
    marked = mask if policy.masked else None
    if marked is not None:
        refuse_other_grid(volumes[0], marked)
    box = None
    if policy.crop == "brain":
        box = brain_box(volumes[0])
    elif marked is not None and policy.mask == "crop":
        box = mask_box(marked, policy.margin)
    if box is not None:
        volumes, marked = [crop(volume, box) for volume in volumes], None if marked is None else crop(marked, box)
    if marked is not None and policy.mask == "zero":
        kept = near(marked, policy.margin)
        volumes = [_blackened(volume, kept, policy) for volume in volumes]
    if policy.plane == "volume":
        indices = [0]
    elif marked is not None and policy.largest:
        indices = largest_slices(marked, policy.axis, policy.largest)
    else:
        indices = choose(volumes[0], policy)
    windows = _windows(volumes, policy)
    if marked is not None and policy.mask == "channel":
        volumes = [*volumes, replace(marked, data=masks.marked(marked).astype(np.float32))]
        windows.append((0.0, 1.0))
    pairs = zip(volumes, windows, strict=True)
    channels = [_pixels(volume, *window, indices, policy, size) for volume, window in pairs]
    levels = np.stack(channels, axis=1) * np.float32(255)
    return np.rint(levels).astype(np.uint8) if policy.depth == "uint8" else levels.astype(np.float16), indices


def _pixels(
    volume: Volume, black: float, white: float, indices: list[int], policy: SlicePolicy, size: int
) -> np.ndarray:
    """One channel's slices (n, size, size), or the whole (1, size, size, size), 0 to 1."""
    if policy.plane == "volume":
        chosen = volume.data.transpose(2, 1, 0)[::-1, ::-1, ::-1]  # (Z, Y, X)
    else:
        slab = np.moveaxis(volume.data, policy.axis, 0)[indices]  # (n, A, B)
        # RAS arrays run to the right, to the front and upwards; rows run down and columns to the viewer's right.
        chosen = slab.transpose(0, 2, 1)[:, ::-1, ::-1]  # (n, B, A)
    grey = (np.clip(chosen, black, white) - np.float32(black)) / np.float32(white - black)
    if policy.plane == "volume":
        x, y, z = volume.spacing
        return fit_volume(grey, size, (z, y, x), policy.fit)[None]
    across, down = (volume.spacing[axis] for axis in range(3) if axis != policy.axis)
    return np.stack([fit_slice(image, size, (down, across), policy.fit) for image in grey])


def choose(volume: Volume, policy: SlicePolicy) -> list[int]:
    """Return the indices of a policy's slices along its axis; of a single-slice image, that slice."""
    count = volume.data.shape[policy.axis]
    if count == 1:
        return [0]
    if policy.space == "voxel":
        places, low, high, unit = np.arange(count, dtype=float), 0.0, float(count), ""
    elif policy.space == "fraction":
        places, low, high, unit = (np.arange(count) + 0.5) / count, 0.0, 1.0, ""
    else:
        places, low, high, unit = *_in_mm(volume, policy.axis), " mm"
    ends = f"{' to '.join(_DIRECTIONS[policy.axis])}, " if volume.orientation else ""
    apart = f"{count} slices of {volume.spacing[policy.axis]:g} mm"
    extent = f"the volume reaches from {low:g} to {high:g}{unit} ({ends}{apart})"
    asked = f"{policy.plane} slices from {policy.start:g} to {policy.stop:g}{unit} in {policy.space} space"
    where = f"{volume.path}: " if volume.path else ""
    if policy.start < low or policy.stop > high:
        raise DataError(f"{where}{asked} are not all inside: {extent}. Set slices.start, slices.stop or slices.space.")
    chosen = np.flatnonzero((places >= policy.start) & (places < policy.stop))[:: policy.step]
    if not len(chosen):
        raise DataError(f"{where}there are no {asked}: {extent}. Widen the range.")
    return [int(index) for index in chosen]


def grey_window(data: np.ndarray, window: tuple[float, ...] = ()) -> tuple[float, float]:
    """Return the grey values that become black and white: those of a width and level, or of the data."""
    if window:
        width, level = window
        return level - width / 2, level + width / 2
    darkest = as_stored(data).min()
    if darkest == data.max():  # the box around a solid mask: all of it is white
        return float(darkest) - 1, float(darkest)
    black, white = percentiles_above(data, darkest, (BLACK, WHITE))
    # A mask has one foreground value: it is white, and the background black.
    return (float(black), float(white)) if white > black else (float(darkest), float(white))


def _windows(volumes: Sequence[Volume], policy: SlicePolicy) -> list[tuple[float, float]]:
    """Black and white of each channel; the colours of an image have one scale, or its hues would be lost."""
    each = 3 if policy.colour == "rgb" else 1
    images = [volumes[start : start + each] for start in range(0, len(volumes), each)]
    windows: tuple[tuple[float, ...], ...] = policy.windows or ((),)
    if len(windows) not in (1, len(images)):
        raise OptionError(
            f"slices.window has {len(windows)} pairs of width and level, and a scan {len(images)} images. Give one "
            "pair, or one for each image."
        )
    found: list[tuple[float, float]] = []
    for image, window in zip(images, windows * (len(images) // len(windows)), strict=True):
        given = window if any(window[:1]) else ()
        data = image[0].data if each == 1 else np.stack([band.data for band in image], axis=-1)
        if each == 3 and not given and 1 in data.shape[:3] and data.min() >= 0 and data.max() <= WHITEST:
            given = (WHITEST, WHITEST / 2)
        found += [grey_window(data, given)] * each
    return found


def _blackened(volume: Volume, kept: np.ndarray, policy: SlicePolicy) -> Volume:
    """What is not kept becomes the volume's darkest value, or what is black in every window."""
    fill = min([float(volume.data.min()), *(level - width / 2 for width, level in policy.windows if width)])
    return replace(volume, data=np.where(kept, volume.data, np.float32(fill)))


def _refuse_flat(volume: Volume, policy: SlicePolicy) -> None:
    """Refuse to cut a single-slice image along another plane, or to take it for a whole volume."""
    shape = volume.data.shape
    if 1 not in shape or (policy.plane != "volume" and shape[policy.axis] == 1):
        return
    flat = shape.index(1)
    plane = ("sagittal", "coronal", "axial")[flat]
    what = f"a single {plane} slice" if volume.orientation else "a single slice"
    pixels = " x ".join(str(count) for axis, count in enumerate(shape) if axis != flat)
    asked = "it is no whole volume" if policy.plane == "volume" else f"no {policy.plane} slices can be cut from it"
    raise DataError(f"{volume.path or 'the image'} is {what} of {pixels} pixels: {asked}. Set slices.plane={plane}.")


def _in_mm(volume: Volume, axis: int) -> tuple[np.ndarray, float, float]:
    """World coordinate of every slice's centre, and of the volume's two outer faces."""
    count = volume.data.shape[axis]
    centre = (np.array(volume.data.shape) - 1) / 2
    line = np.append(centre, 1.0) * np.ones((count, 1))
    line[:, axis] = np.arange(count)
    # A micrometre's rounding: headers store single precision, and 3.9999998 mm means 4 mm.
    places = np.round(line @ volume.affine[axis], 3)
    half = abs(volume.affine[axis, axis]) / 2
    return places, round(float(places[0] - half), 3), round(float(places[-1] + half), 3)
