"""Circumstances that go with the label: where, when and on what subjects were scanned, and how old they were."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fusekit.audit.association import as_text, beyond_chance, furthest, held_out_rates, rank_test, table_test
from fusekit.audit.case import Case, note
from fusekit.data.clinical.dates import to_days
from fusekit.data.cohort import Finding
from fusekit.evaluation.delong import auc, auc_interval
from fusekit.evaluation.statistics import UNDEFINED, interval_text

#: With fewer subjects nothing can be said, and with fewer of a class nothing of a number's ranks.
FEWEST, FEWEST_RANKED = 20, 5

#: A scan later than this after the diagnosis shows a disease that was known, and perhaps treated, for half a year.
LATE_DAYS = 180

#: Groups of a cohort that give days, and are looked at by ``scans_after_diagnosis``.
ACQUIRED, DIAGNOSED = "acquired", "diagnosis_date"


def confounded_groups(case: Case) -> Iterator[Finding]:
    """Warn of groups of the cohort, such as site, scanner, sex and age, that go with the label."""
    groups = {name: case.first[name] for name in case.cohort.groups if name in case.first}
    yield from _confounded(case, groups)


def confounded_geometry(case: Case) -> Iterator[Finding]:
    """Warn if the volumes' orientation, voxel size or field of view goes with the label: another scanner's trace."""
    groups: dict[str, pd.Series] = {}
    for image, measured, _ in case.volumes():
        volumes, of = measured.loc[case.first.index], f" of {image}" * bool(image)
        rounded = volumes[["spacing_x", "spacing_y", "spacing_z"]].round(2).astype(str)
        groups |= {
            f"orientation of the file{of}": volumes["orientation"].replace("", "not recorded"),
            f"voxel size{of}": rounded.agg(" x ".join, axis=1),
            f"matrix{of}": volumes[["shape_x", "shape_y", "shape_z"]].astype(str).agg(" x ".join, axis=1),
        }
    if groups:
        yield from _confounded(case, groups)


def _confounded(case: Case, groups: Mapping[str, pd.Series]) -> Iterator[Finding]:
    if len(case.first) < FEWEST:
        return
    tested: dict[str, tuple[float, float, pd.Series]] = {}
    for name, values in groups.items():
        if _is_number(values):
            numbers = values.astype(float)
            tested[name] = (*rank_test(case.labels, numbers, FEWEST_RANKED), numbers)
        elif 2 <= values.map(str).nunique() <= len(values) / 2:  # else it is one value, or an id or a date
            text = as_text(values)
            tested[name] = (*table_test(text.to_numpy(), case.labels), text)
    beyond = beyond_chance({name: p for name, (p, _, _) in tested.items()})
    found = [_say(case, name, p, *tested[name][1:]) for name, p in beyond.items()]
    yield from note(
        "confounded-group",
        "circumstances that go with the label; a model can read them from the image and pass for a diagnosis.",
        found,
        "Match or restrict the classes so that they agree in it, hold out whole groups of it for testing, or report "
        "scores within its levels.",
    )


def _is_number(values: pd.Series) -> bool:
    """Whether values are numbers of many levels; 1.5 and 3 tesla are two levels."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return numeric and values.nunique() > 12


def _say(case: Case, name: str, p: float, strength: float, values: pd.Series) -> str:
    """A clause with the numbers: how strong, how far it predicts alone, and where it is worst."""
    numeric = pd.api.types.is_numeric_dtype(values)
    alone = {label: _alone(values, cases) for label, cases in case.sides()}
    label, (value, low, high) = max(alone.items(), key=lambda item: np.nan_to_num(item[1][0], nan=-1))
    area = UNDEFINED if np.isnan(value) else f"{value:.2f}"
    reach = f"AUC of it alone {area} {interval_text(low, high)} for {label}; p = {p:.2g}"
    if not numeric:
        return f"{name}: Cramer's V {strength:.2f}; {reach}; {_worst(case, values)}"
    medians = ", ".join(f"{values[case.labels == n].median():.4g} in {of}" for n, of in enumerate(case.classes))
    return f"{name}: median {medians}; {reach}"


def _alone(values: pd.Series, cases: np.ndarray) -> tuple[float, float, float]:
    """AUC of the group alone with its 95 % limits: numbers as they are, names cross-validated."""
    if pd.api.types.is_numeric_dtype(values):
        seen = values.notna().to_numpy()
        scores, cases = values[seen].to_numpy(), cases[seen]
        scores = scores if auc(cases, scores) >= 0.5 else -scores
    else:
        scores = held_out_rates(values.to_numpy(), cases)
    return auc(cases, scores), *auc_interval(cases, scores)


def _worst(case: Case, values: pd.Series) -> str:
    level, label, table = furthest(values.to_numpy(), case.labels)
    share = table[label].sum() / table.to_numpy().sum()
    name = case.classes[int(label)]
    return f"{level!r} has {table.loc[level, label]} {name} of {table.loc[level].sum()}, against {share:.0%} in all"


def _as_text(day: Any) -> str:
    return "" if pd.isna(day) else str(day)


def scans_after_diagnosis(case: Case) -> Iterator[Finding]:
    """Warn of scans made long after the diagnosis, where the cohort knows both days."""
    scans = case.cohort.scans
    if not {ACQUIRED, DIAGNOSED} <= set(scans):
        return
    read = {name: to_days(scans[name].map(_as_text)) for name in (ACQUIRED, DIAGNOSED)}
    said = [f"{name}: {days.said}" for name, days in read.items() if days.said]
    yield from note("date-order", "dates that may be read in two ways.", said, severity="note")
    days = (read[ACQUIRED].days - read[DIAGNOSED].days).dt.days
    late = days[days > LATE_DAYS].sort_values(ascending=False, kind="stable")
    if late.empty:
        return
    groups = pd.Series(case.cohort.target.groups(scans["label"])[0], scans.index)
    labels = groups.loc[late.index].value_counts().sort_index()
    listed = ", ".join(f"{count} of {case.classes[int(str(label))]}" for label, count in labels.items())
    yield from note(
        "scan-after-diagnosis",
        f"scans made more than {LATE_DAYS} days after the diagnosis ({listed}; of {days.notna().sum()} scans with both "
        f"days; at most {late.iloc[0] / 365.25:.1f} years): they show a disease that is known and perhaps treated.",
        [f"{scan}: {int(count)} days" for scan, count in late.items()],
        "For a question about undiagnosed people keep the scans up to the diagnosis.",
    )
