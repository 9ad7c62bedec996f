"""Gaps that know the answer: who was examined depends on what was suspected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusekit.audit.association import auc, auc_interval, held_out_probabilities, holm
from fusekit.audit.case import LEVEL, Case
from fusekit.data.cohort import Finding

#: Fewer subjects of a class than this are too few to tell.
FEWEST = 10

_ADVICE = (
    "The model sees which values are missing, and may learn who was examined instead of who is ill. Leave the columns "
    "out, or keep only subjects who were all asked to have them measured; compare with and without."
)


def telling_gaps(case: Case) -> Iterator[Finding]:
    """Warn where the gaps of all columns together predict the label: logistic regression, cross-validated."""
    masks, names = _masks(case)
    sides = list(case.sides())
    if not len(names) or min(_smaller(cases) for _, cases in sides) < FEWEST:
        return
    for name, cases in sides:
        scores = held_out_probabilities(masks, cases)
        value = auc(scores, cases)
        low, high = auc_interval(scores, cases, 1 - LEVEL / len(sides))
        if low > 0.5:
            yield Finding(
                "telling-gaps",
                f"which values are missing predicts {name} without any value: AUC {value:.2f}, "
                f"{100 * (1 - LEVEL / len(sides)):.3g} % interval {low:.2f} to {high:.2f} (logistic regression on "
                f"{len(names)} patterns of gaps, cross-validated over {len(cases)} subjects).",
                tuple(", ".join(pattern) for pattern in names),
                "warning",
                _ADVICE,
            )


def telling_gaps_of_columns(case: Case) -> Iterator[Finding]:
    """Warn where the gaps of one column go with the label: Fisher's exact test, corrected for their number (Holm)."""
    from scipy.stats import fisher_exact

    masks, names = _masks(case)
    pairs = [(pattern, mask, name, cases) for pattern, mask in zip(names, masks.T, strict=True)
             for name, cases in case.sides()]  # fmt: skip
    p = [float(fisher_exact(_counts(mask, cases)).pvalue) for _, mask, _, cases in pairs]
    found = [
        f"{', '.join(pattern)}: missing in {mask[cases].mean():.0%} of {name} and {mask[~cases].mean():.0%} of the "
        f"rest (p = {adjusted:.2g})"
        for (pattern, mask, name, cases), adjusted in zip(pairs, holm(p), strict=True)
        if adjusted < LEVEL
    ]
    if found:
        yield Finding(
            "telling-gap",
            "clinical columns that are missing more often in one class than in another.",
            tuple(found),
            "warning",
            _ADVICE,
        )


def _masks(case: Case) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Distinct patterns of gaps (subjects, patterns), 1 where missing, and which columns share each."""
    patterns: dict[bytes, list[str]] = {}
    gaps = case.clinical.isna().to_numpy()
    for column, mask in zip(case.cohort.columns, gaps.T, strict=True):
        if 0 < mask.sum() < len(mask):
            patterns.setdefault(mask.tobytes(), []).append(column.name)
    masks = np.frombuffer(b"".join(patterns), dtype=bool).reshape(len(patterns), len(case.first)).T
    return masks.astype(float), [tuple(names) for names in patterns.values()]


def _counts(mask: np.ndarray, cases: np.ndarray) -> list[list[int]]:
    missing = mask > 0
    return [[int((missing & side).sum()), int((~missing & side).sum())] for side in (cases, ~cases)]


def _smaller(cases: np.ndarray) -> int:
    return int(min(cases.sum(), (~cases).sum()))
