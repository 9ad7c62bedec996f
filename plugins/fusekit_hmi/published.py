"""What was published for microvascular invasion, to stand beside our own."""

from __future__ import annotations

from fusekit.data import Published

_NOTE = (
    "Five-fold cross-validation on a private cohort of 139 patients, without intervals; the list of 29 clinical values "
    "is not published. By these figures 67 to 68 % are positive, and which class that is, is not said. PPV and NPV do "
    "not follow from accuracy, sensitivity and specificity (they differ by up to 9.8 points in this table): each seems "
    "to be the mean of the folds' own, and a mean of ratios is not the ratio of means."
)


def _row(arm: str, fusion: str, *percent: float) -> Published:
    names = ("accuracy", "sensitivity", "specificity", "ppv", "npv")
    scores = {name: round(value / 100, 4) for name, value in zip(names, percent, strict=True)}
    return Published(arm=arm, fusion=fusion, scores=scores, source="Yang et al. 2021, table 3", note=_NOTE)


MVI = (
    _row("Image Only", "image-only", 71.18, 88.32, 34.76, 74.23, 48.57),
    _row("Image+Clinical", "concat", 75.47, 90.09, 46.12, 77.24, 69.11),
    _row("Full Model", "rbca", 79.17, 88.84, 58.91, 81.76, 78.89),
)
