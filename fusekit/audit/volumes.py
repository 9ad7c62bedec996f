"""Volumes unlike the others of the cohort: another protocol, a turned axis, a cut-off head."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from fusekit.audit.case import Case, note
from fusekit.data.cohort import Finding

#: Fewer volumes than this are no measure of what is usual.
FEWEST = 10

#: Robust standard deviations from the median beyond which a volume is unusual: 1 in 1.7 million of a normal cohort.
FAR = 5.0

#: The least that one robust standard deviation is taken for, so that nearly equal volumes are no outliers of each
#: other: 5 % of a length, a tenth of the grey levels' range, 10 % of the foreground's share.
LENGTH, GREY, SHARE = np.log(1.05), 0.1, np.log(1.1)

#: An orientation that at most this share of the scans has is unusual, from the number of scans on at which that is one.
RARE, RARE_FROM = 0.05, 20


def unusual_volumes(case: Case) -> Iterator[Finding]:
    """Warn of volumes with unusual voxel size, field of view, orientation or grey levels, or too little foreground."""
    for image, volumes, _ in case.volumes():
        if len(volumes) < FEWEST:
            continue
        for check in (_lengths, _orientation, _grey_levels, _foreground):
            for found in check(volumes):
                yield replace(found, message=f"{image}: {found.message}") if image else found


def robust_z(values: pd.Series, least: float) -> pd.Series:
    """Distance from the median in robust standard deviations (1.4826 MAD), each taken for ``least`` or more."""
    distance = values - values.median()
    return distance / max(1.4826 * float(distance.abs().median()), least)


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values.to_numpy(dtype=float)), values.index)


def _lengths(volumes: pd.DataFrame) -> Iterator[Finding]:
    """Compare voxel size and field of view in mm by ratio."""
    spacing = volumes[["spacing_x", "spacing_y", "spacing_z"]]
    extent = spacing * volumes[["shape_x", "shape_y", "shape_z"]].to_numpy()
    resampled = (
        "Look whether they are another sequence or were resampled. Slices by millimetres (slices.space=mm) compare; "
        "slices by voxels do not."
    )
    cut = "Look at them: part of the body may be cut off, or another part of it shown."
    for code, what, lengths, advice in (
        ("unusual-spacing", "voxel size", spacing, resampled),
        ("unusual-extent", "field of view", extent, cut),
    ):
        usual = " x ".join(f"{value:.3g}" for value in lengths.median())
        far = lengths.apply(lambda length: robust_z(_log(length), LENGTH)).abs().max(axis=1) > FAR
        sizes = lengths.apply(lambda row: " x ".join(f"{value:.3g}" for value in row) + " mm", axis=1)
        yield from _report(code, f"volumes with another {what} than the cohort's ({usual} mm).", far, sizes, advice)


def _orientation(volumes: pd.DataFrame) -> Iterator[Finding]:
    if len(volumes) < RARE_FROM:
        return
    codes = volumes["orientation"].replace("", "not recorded")
    shares = codes.value_counts(normalize=True)
    usual = ", ".join(f"{code} {share:.0%}" for code, share in shares[shares > RARE].items())
    message = f"volumes stored in an orientation that few have (others: {usual or 'none'})."
    advice = "They are turned upright before use. Look at one slice of each: a wrong header turns it the wrong way."
    yield from _report("unusual-orientation", message, codes.map(shares) <= RARE, codes, advice)


def _grey_levels(volumes: pd.DataFrame) -> Iterator[Finding]:
    """Compare the level (low), the logarithm of the range (low to high), and where the median lies in it."""
    span = (volumes["high"] - volumes["low"]).clip(lower=1e-12)
    measures = [
        robust_z(volumes["low"] / float(span.median()), GREY),
        robust_z(_log(span), GREY),
        robust_z((volumes["median"] - volumes["low"]) / span, GREY),
    ]
    levels = volumes[["low", "median", "high"]]
    usual = ", ".join(f"{value:.4g}" for value in levels.median())
    yield from _report(
        "unusual-intensity",
        f"volumes with unusual grey levels (1st, 50th and 99th percentile of the foreground; cohort: {usual}).",
        pd.concat(measures, axis=1).abs().max(axis=1) > FAR,
        levels.apply(lambda row: ", ".join(f"{value:.4g}" for value in row), axis=1),
        "Look at them: another sequence, a missing rescale, a contrast agent, or a mask in place of the image.",
    )


def _foreground(volumes: pd.DataFrame) -> Iterator[Finding]:
    share = volumes["foreground"].clip(lower=1e-6)
    message = f"volumes with too little in them (foreground; cohort: {share.median():.0%} of the voxels)."
    shown = volumes["foreground"].map("{:.1%}".format)
    advice = "Look at them: the brain may be cut off, stripped away, or the volume empty."
    yield from _report("little-foreground", message, robust_z(_log(share), SHARE) < -FAR, shown, advice)


def _report(code: str, message: str, flagged: pd.Series, shown: pd.Series, advice: str) -> Iterator[Finding]:
    return note(code, message, [f"{scan}: {text}" for scan, text in shown[flagged].items()], advice)
