"""What was published for ADNI's tasks, to stand beside our own."""

from __future__ import annotations

from fusekit.data import Published

_NOTE = (
    "Five-fold cross-validation, without intervals; neither the subjects nor the list of {columns} clinical values is "
    "published. PPV and NPV do not follow from accuracy, sensitivity and specificity (they differ by up to {points:g} "
    "points in this table): each seems to be the mean of the folds' own, and a mean of ratios is not the ratio of "
    "means."
)


def _row(table: int, columns: int, points: float, arm: str, fusion: str, *percent: float) -> Published:
    names = ("accuracy", "sensitivity", "specificity", "ppv", "npv")
    scores = {name: round(value / 100, 4) for name, value in zip(names, percent, strict=True)}
    note = _NOTE.format(columns=columns, points=points)
    return Published(arm=arm, fusion=fusion, scores=scores, source=f"Yang et al. 2021, table {table}", note=note)


#: AD against normal cognition, ADNI1.
AD = (
    _row(1, 237, 0.5, "Image Only", "image-only", 66.73, 54.29, 73.68, 53.05, 74.64),
    _row(1, 237, 0.5, "Image+Clinical", "concat", 92.70, 86.18, 95.74, 90.35, 93.74),
    _row(1, 237, 0.5, "Full Model", "rbca", 95.52, 92.41, 96.96, 93.25, 96.53),
)

#: Progressive against stable MCI, ADNI2.
CONVERTERS = (
    _row(2, 234, 19.6, "Image Only", "image-only", 67.41, 42.92, 82.33, 79.25, 71.25),
    _row(2, 234, 19.6, "Image+Clinical", "concat", 70.63, 50.42, 83.00, 75.67, 73.67),
    _row(2, 234, 19.6, "Full Model", "rbca", 74.06, 55.73, 85.13, 78.06, 77.38),
)
