"""Gaps that know the answer: who was examined depends on what was suspected."""

from collections.abc import Iterator

import numpy as np

from fusekit.audit.association import beyond_chance, fisher_p, held_out_probabilities
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
    masks, names = _masks(case)
    sides = dict(case.sides())
    tested = {name: fisher_p(masks == 1, cases) for name, cases in sides.items()}
    found = []
    p = {(k, name): float(tested[name][k]) for k in range(len(names)) for name in sides}
    for (k, name), corrected in beyond_chance(p).items():
        own, rest = (masks[side, k].mean() for side in (sides[name], ~sides[name]))
        what = f"missing in {own:.0%} of {name} and {rest:.0%} of the rest (p = {corrected:.2g})"
        found.append(f"{', '.join(names[k])}: {what}")
    message = "clinical columns that are missing more often in one class than in another."
    yield from note("telling-gap", message, found, _ADVICE)


def telling_absence(case: Case) -> Iterator[Finding]:
    """Warn where scans without image, or without table, are more frequent in one class: Fisher's exact test (Holm)."""
    asked = list(case.cohort.absent)
    if not asked:
        return
    lacking = ~case.cohort.present.loc[case.first.index, asked].to_numpy()
    sides = dict(case.sides())
    tested = {name: fisher_p(lacking, cases) for name, cases in sides.items()}
    found = []
    p = {(k, name): float(tested[name][k]) for k in range(len(asked)) for name in tested}
    for (k, name), corrected in beyond_chance(p).items():
        own, rest = (lacking[side, k].mean() for side in (sides[name], ~sides[name]))
        found.append(f"no {asked[k]} in {own:.0%} of {name} and {rest:.0%} of the rest (p = {corrected:.2g})")
    yield from note(
        "telling-absence",
        "whether there is an image or a table goes with the label; a network that takes scans without one sees it.",
        found,
        "Look at the scores of those who have both; leave the others out, or match the classes so that they agree.",
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
