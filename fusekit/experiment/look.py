"""What a cohort looks like to a network: a few scans, cut and scaled as a training would have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import Cohort, SlicePolicy, Task, build_store
from fusekit.errors import DataError, OptionError
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.extension.registry import suggest
from fusekit.progress import Bars, Progress
from fusekit.report.drawing.contact_sheet import Strip, contact_sheet
from fusekit.report.drawing.picture import Picture


@dataclass(frozen=True)
class Look:
    """A contact sheet, and what is on it."""

    picture: Picture
    strips: tuple[Strip, ...]
    cohort: Cohort
    synthetic: bool

    def _repr_png_(self) -> bytes:
        """For notebooks."""
        return self.picture.png


def look(
    task: str,
    *,
    subjects: str | Sequence[str] = (),
    count: int = 8,
    slices: int = 5,
    progress: Progress | None = None,
    **settings: Any,
) -> Look:
    """Cut a few scans as a training would, and draw them.

    Nothing is audited, trained or kept.

    Args:
        task: its name, or a TOML.
        subjects: whose scans, all of them: ids, or one as text; empty: ``count`` subjects, as many of each class as of
            the others, drawn by ``seed``, a scan of each.
        slices: of a scan, at most, evenly spread.
        settings: as for ``fusekit.run``: data, options, image_size, seed.

    Raises:
        OptionError: a number is below 1.
        DataError: the cohort cannot be read, a subject is not in it, or no scan has an image.
    """
    _refuse_below_one(count=count, slices=slices)
    progress = progress or Bars()
    config = Settings.of({"task": task, **settings})
    opened = open_task(config.task, config.options)
    cohort = read_cohort(config, opened, progress)
    return contact(config, opened, cohort, subjects, count, slices, progress)


def contact(
    config: Settings,
    opened: Task,
    cohort: Cohort,
    subjects: str | Sequence[str],
    count: int,
    slices: int,
    progress: Progress,
) -> Look:
    """``look`` at a cohort that was read."""
    _refuse_below_one(count=count, slices=slices)
    subjects = (subjects,) if isinstance(subjects, str) else subjects
    policy = _decided(config.slice_policy(opened), cohort)
    scans = _chosen(cohort, subjects, count, config.seed)
    outlined = scans["mask"].notna() if policy.mask == "choose" and "mask" in scans else pd.Series(False, scans.index)
    found: dict[str, Strip] = {}
    for with_line in (False, True):  # where nothing else is done with a mask, its edge is shown
        own = scans[outlined == with_line]
        if own.empty:
            continue
        cut = replace(policy, mask="channel") if with_line else policy
        with TemporaryDirectory() as folder:
            store = build_store(own, cut, config.image_size, Path(folder), progress, images=cohort.images)
            channels = store.channels[: len(store.channels) - with_line]
            for scan, line in own.iterrows():
                name = str(scan)
                rows = store.rows[store.rows["scan"] == name]
                chosen = _spread(store.images[rows.index.to_numpy()], rows["slice"].to_numpy(), slices)
                label = cohort.target.spelled(line["label"])
                found[name] = Strip(line["subject"], name, label, *_parted(*chosen, with_line))
    strips = tuple(found[scan] for scan in scans.index)
    caption, synthetic = _caption(policy, config.image_size, bool(outlined.any())), config.data is None
    return Look(contact_sheet(strips, channels, caption=caption, synthetic=synthetic), strips, cohort, synthetic)


def _refuse_below_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise OptionError(f"--{name} takes 1 or more, not {number}.")


def _decided(policy: SlicePolicy, cohort: Cohort) -> SlicePolicy:
    """With what the masks of the whole cohort decide."""
    if policy.mask != "auto":
        return policy
    every = "mask" in cohort.scans and bool(cohort.scans["mask"].notna().all())
    return replace(policy, mask="crop" if every else "choose")


def _chosen(cohort: Cohort, subjects: Sequence[str], count: int, seed: int) -> pd.DataFrame:
    """The scans that are shown, with an image each."""
    shown = cohort.scans[cohort.present["image"]]
    if shown.empty:
        raise DataError("no scan of this cohort has an image.")
    if subjects:
        for name in subjects:
            if name not in set(shown["subject"]):
                known = sorted(set(shown["subject"]))
                raise DataError(f"no subject of the cohort with an image is called {name!r}; {suggest(name, known)}")
        return shown[shown["subject"].isin(list(subjects))]
    first = shown.drop_duplicates("subject").set_index("subject", drop=False).rename_axis(None)
    parts = [own.index[own] for own in cohort.target.parts(first["label"]).values() if own.any()]
    draw = np.random.default_rng(seed)
    each = [draw.permutation(part.to_numpy(dtype=object)) for part in parts]
    turns = [name for turn in range(max(map(len, each))) for part in each for name in part[turn : turn + 1]]
    wanted = set(turns[:count])
    own = shown.drop_duplicates("subject")
    own = own[own["subject"].isin(list(wanted))]
    return own.sort_values(["label", "subject"])


def _spread(images: np.ndarray, places: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Some of a scan's slices (n, C, H, W), from the first to the last, and their places; of a volume along z."""
    if images.ndim == 5:
        images = np.moveaxis(images[0], 1, 0)
        places = np.arange(len(images))
    chosen = np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(int))
    return np.asarray(images[chosen]), places[chosen]


def _parted(images: np.ndarray, places: np.ndarray, with_line: bool) -> tuple[list[int], np.ndarray, np.ndarray | None]:
    """Places, images without the mask, which is their last channel, and where it is."""
    if not with_line:
        return places.tolist(), images, None
    return places.tolist(), images[:, :-1], images[:, -1] > 127


def _caption(policy: SlicePolicy, size: int, outlined: bool) -> str:
    """How the slices were made."""
    plane = "Whole volumes" if policy.plane == "volume" else f"{policy.plane.capitalize()} slices"
    window = ", ".join(f"width {width:g}, level {level:g}" for width, level in policy.windows if width)
    levels = f"window: {window}" if window else "black and white at percentiles of each volume"
    crop = {"brain": ", cut to the brain"}.get(policy.crop, "")
    mask = {"crop": ", cut to the mask", "zero": ", black outside the mask"}.get(policy.mask, "")
    line = "; the line is the edge of the mask" if outlined else ""
    return f"{plane} at {size} pixels{crop}{mask}; {levels}; numbers count slices along the volume's axis{line}."
