"""From slices to volumes: which slices belong together, in which order, and where they lie."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from fusekit.data.images.dicom.frames import ONE_EACH, SOMETIMES, TRAITS, Frame
from fusekit.errors import DataError, first_ten

#: Distances between neighbouring slices may differ by this share before a slice counts as missing.
TOLERANCE = 0.1
#: Degrees below which a shear is rounding.
_UPRIGHT = 0.1

Volumes = list[list[Frame]]


def parted(frames: Sequence[Frame]) -> Volumes:
    """The volumes of a series, in the order of their first slices.

    Slices whose echo time, kernel, b-value or temporal position differs are never one volume. Where slices still lie
    at the same places, the attribute (or two of them) that parts them into the fewest volumes does. What nothing parts
    stays together, to be refused.
    """
    found = []
    for group in _by(frames, ONE_EACH):
        if not _repeated(group):
            found.append(group)
            continue
        differing = [name for name in SOMETIMES if len(_by(group, [name])) > 1]
        for together in (1, 2):
            ways = [_by(group, names) for names in combinations(differing, together)]
            ways = [way for way in ways if not any(map(_repeated, way)) and _stacked(group, way)]
            if ways:
                fewest: Volumes = min(ways, key=len)
                found += fewest
                break
        else:
            found.append(group)
    return found


def choices(volumes: Volumes) -> str:
    """What volumes can be chosen by: the attributes in which they differ, their values, and counts of slices."""
    listed = []
    for name in TRAITS:
        values = [{frame.traits.get(name, "") for frame in volume} for volume in volumes]
        if all(len(own) == 1 for own in values) and len(set().union(*values)) > 1:
            counts: dict[str, int] = {}
            for (value,), volume in zip(values, volumes, strict=True):
                counts[value or "(absent)"] = counts.get(value or "(absent)", 0) + len(volume)
            listed.append(f"{name} {first_ten(f'{value} ({n} slices)' for value, n in counts.items())}")
    return "; ".join(listed[:3])


def how_to_choose(volumes: Volumes) -> str:
    """A sentence on how one of them is chosen, by an attribute in which they differ."""
    traits = volumes[0][0].traits
    differing = [name for name in traits if len({volume[0].traits.get(name) for volume in volumes}) > 1]
    if not differing:
        return "Take the others away."
    name, value = differing[0], traits[differing[0]]
    mark = "" if _number(value) is not None else "'" if "\\" in value else '"'
    return f"Choose one: in a TOML choose = {{{name} = {mark}{value}{mark}}}, or -o task.choose={name}={value}."


def fits(volume: Sequence[Frame], chosen: Sequence[tuple[str, str | float]]) -> bool:
    r"""Whether all slices of a volume have the chosen values; of several values (``A\B``), one of them counts too."""
    return all(_is(frame.traits.get(name, ""), value) for name, value in chosen for frame in volume)


def in_order(path: Path, frames: Sequence[Frame]) -> tuple[list[Frame], np.ndarray, list[str]]:
    """Sort slices along their normal; also the step (3,) from one to the next in mm, and notes."""
    first = frames[0]
    for frame in frames:
        same = np.allclose(frame.axes, first.axes, atol=1e-3) and np.allclose(frame.pixel, first.pixel, rtol=1e-3)
        if not same or frame.shape != first.shape:
            raise DataError(
                f"{path}: the slices {first} and {frame} differ in size, spacing or direction; "
                "they are no single volume (a localiser?)."
            )
    normal = np.cross(*first.axes)
    ordered = sorted(frames, key=lambda frame: float(frame.position @ normal))
    if len(ordered) == 1:
        if not first.thickness:
            raise DataError(f"{path}: one slice without SliceThickness; its extent is unknown.")
        return ordered, normal * first.thickness, _tilts(ordered, 0.0)
    places = np.array([frame.position for frame in ordered])
    steps = np.diff(places, axis=0)  # (n - 1, 3)
    gaps = steps @ normal
    typical = np.median(gaps)
    for below, above, gap in zip(ordered, ordered[1:], gaps, strict=False):
        if not gap > TOLERANCE * typical:
            raise DataError(
                f"{path}: the slices {below} and {above} lie at the same position. The folder holds an image twice, or "
                "several time points that no attribute tells apart."
            )
        if abs(gap - typical) > TOLERANCE * typical:
            raise DataError(
                f"{path}: slices are missing: {below} and {above} are {gap:.3g} mm apart, where {typical:.3g} mm is "
                f"usual. Download the series again.{_differing(ordered)}"
            )
    step = steps.mean(axis=0)
    off = places - places[0] - np.arange(len(ordered))[:, None] * step  # (n, 3) from where the affine has them
    along = off @ normal
    aside = np.linalg.norm(off - along[:, None] * normal, axis=1)
    if aside.max() > max(first.pixel) / 2:
        worst = int(aside.argmax())
        raise DataError(
            f"{path}: the slice {ordered[worst]} lies {aside[worst]:.3g} mm beside the line on which the others lie, "
            f"so they are no single volume. {_RESAMPLE}"
        )
    notes = []
    if np.abs(along).max() > typical / 2:
        notes.append(
            f"slices are spaced unevenly: they lie up to {np.abs(along).max():.2g} mm from where one spacing has them"
        )
    shear = float(np.degrees(np.arctan2(np.linalg.norm(step - step @ normal * normal), step @ normal)))
    return ordered, step, [*notes, *_tilts(ordered, shear)]


_RESAMPLE = "dcm2niix writes such a series as a NIfTI volume with straight axes."


def _tilts(frames: Sequence[Frame], shear: float) -> list[str]:
    tilt = max((abs(frame.tilt) for frame in frames), default=0.0)
    if shear > _UPRIGHT:
        said = f"GantryDetectorTilt {tilt:g}" if tilt > _UPRIGHT else "the gantry was tilted, as it seems"
        return [
            f"each slice is shifted against the one below, by an angle of {shear:.1f} degrees ({said}): the volume "
            "keeps this shear, and is not resampled"
        ]
    if tilt > _UPRIGHT:
        straight = ", and the slices lie straight above each other" * (len(frames) > 1)
        return [f"the gantry was tilted (GantryDetectorTilt {tilt:g}){straight}"]
    return []


def _differing(frames: Sequence[Frame]) -> str:
    several = ("AcquisitionNumber", "ImageType", "ReconstructionDiameter")
    names = [name for name in several if len(_by(frames, [name])) > 1]
    return f" Its slices differ in {' and '.join(names)}: are they several images?" if names else ""


def _by(frames: Sequence[Frame], names: Sequence[str]) -> Volumes:
    groups: dict[tuple[str, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(tuple(frame.traits.get(name, "") for name in names), []).append(frame)
    return list(groups.values())


def _stacked(frames: Sequence[Frame], way: Volumes) -> bool:
    """Whether a way to part slices leaves some together: where each has a time of its own, none tells volumes apart."""
    return max(map(len, way)) > 1 or len({tuple(np.round(frame.position, 2)) for frame in frames}) == 1


def _repeated(frames: Sequence[Frame]) -> bool:
    places = {(*np.round(frame.position, 2), *np.round(frame.axes, 2).ravel(), frame.shape) for frame in frames}
    return len(places) < len(frames)


def _is(text: str, value: str | float) -> bool:
    wanted, number = str(value).strip().lower(), _number(value)
    for part in (text, *text.split("\\")):
        own = _number(part)
        if number is not None and own is not None:
            if abs(own - number) <= 1e-4 * max(abs(number), 1e-3):
                return True
        elif part.strip().lower() == wanted:
            return True
    return False


def _number(value: str | float) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
