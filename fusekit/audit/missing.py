"""Gaps that know the answer: who was examined depends on what was suspected."""

from collections.abc import Iterator

import numpy as np

from fusekit.audit.association import beyond_chance, held_out_probabilities
from fusekit.audit.case import LEVEL, Case, note
from fusekit.data.cohort import Finding
from fusekit.evaluation.delong import auc, auc_interval

#: With fewer subjects of a class nothing can be said.
FEWEST = 10

_ADVICE = (
    "The model sees which values are missing, and may learn who was examined instead of who is ill. Leave the columns "
    "out, or keep only subjects who were all asked to have them measured; compare with and without."
)


def telling_gaps(case: Case) -> Iterator[Finding]:
    """Warn where the gaps of all columns together predict the label: logistic regression, cross-validated."""
    masks, names = _masks(case)
    sides = list(case.sides())
    if not names or min(min(cases.sum(), (~cases).sum()) for _, cases in sides) < FEWEST:
        return
    confidence = 1 - LEVEL / len(sides)
    for name, cases in sides:
        scores = held_out_probabilities(masks, cases)
        low, high = auc_interval(cases, scores, confidence)
        if low > 0.5:
            yield from note(
                "telling-gaps",
                f"which values are missing predicts {name} without any value: AUC {auc(cases, scores):.2f}, "
                f"{100 * confidence:.3g} % interval {low:.2f} to {high:.2f} (logistic regression on "
                f"{len(names)} patterns of gaps, cross-validated over {len(cases)} subjects).",
                [", ".join(pattern) for pattern in names],
                _ADVICE,
            )


def telling_gaps_of_columns(case: Case) -> Iterator[Finding]:
    """Warn where the gaps of one column go with the label: Fisher's exact test, corrected for their number (Holm)."""
    from scipy.stats import fisher_exact

    masks, names = _masks(case)
    counts = {
        (pattern, name): [[int((mask[side] == gap).sum()) for gap in (1, 0)] for side in (cases, ~cases)]
        for pattern, mask in zip(names, masks.T, strict=True)
        for name, cases in case.sides()
    }
    found = []
    for key, p in beyond_chance({key: float(fisher_exact(table).pvalue) for key, table in counts.items()}).items():
        (pattern, name), (own, rest) = key, (missing / (missing + there) for missing, there in counts[key])
        found.append(f"{', '.join(pattern)}: missing in {own:.0%} of {name} and {rest:.0%} of the rest (p = {p:.2g})")
    message = "clinical columns that are missing more often in one class than in another."
    yield from note("telling-gap", message, found, _ADVICE)


def _masks(case: Case) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Distinct patterns of gaps (subjects, patterns), 1 where missing, and which columns share each."""
    patterns: dict[bytes, list[str]] = {}
    gaps = case.clinical.isna().to_numpy()
    for column, mask in zip(case.cohort.columns, gaps.T, strict=True):
        if 0 < mask.sum() < len(mask):
            patterns.setdefault(mask.tobytes(), []).append(column.name)
    masks = np.frombuffer(b"".join(patterns), dtype=bool).reshape(len(patterns), len(case.first)).T
    return masks.astype(float), [tuple(names) for names in patterns.values()]
