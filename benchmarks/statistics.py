"""How often tests and intervals are right, in thousands of simulated cohorts: ``docs/explanation/statistics.md``.

Run from the repository's root: ``python -m benchmarks.statistics --target number``. Each takes a quarter
to half an hour of a core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from unittest.mock import patch

import numpy as np

from fusekit.evaluation.arms import differences
from tests.evaluation.simulations.classes import Cohort
from tests.evaluation.simulations.grades import Grades
from tests.evaluation.simulations.numbers import Numbers
from tests.evaluation.simulations.simulation import (
    Held,
    Simulation,
    band,
    chances,
    compared,
    covered_differences,
    covered_scores,
    false_families,
    found_if_known,
    held,
)
from tests.evaluation.simulations.times import Times

#: Subjects and folds of each row.
SIZES = ((24, 1), (60, 5), (120, 5), (500, 5))

#: Of the sign-flip test, in place of 9999: its level is the same, it finds hardly less, and takes a tenth of the time.
FLIPS = 399

#: Columns of the first table of each target.
TESTS = (
    *("subjects, folds", "measure", "called different", "any of 3 pairs", "found"),
    *("found if its error were known", "limits hold it"),
)

#: What is alike in the first is apart in the second: by target, of each table.
PLANTED: Mapping[str, Mapping[str, tuple[Simulation, Simulation]]] = {
    "number": {
        title: (
            Numbers(explained=(0.5,) * 3, degrees=degrees, shifts=shifts),
            Numbers(explained=(0.5, 0.6), degrees=degrees, shifts=shifts),
        )
        for title, degrees, shifts in (
            ("normal", np.inf, Numbers.shifts),
            ("with 5 degrees of freedom", 5.0, (0.0,) * 5),
        )
    },
    "ordered": {"": (Grades(steps=(1.0,) * 3), Grades(steps=(1.0, 1.4)))},
    "time": {
        f"{share:.0%} censored, horizons {horizons}": (
            Times(noises=(0.7,) * 3, censored=share, horizons=horizons),
            Times(noises=(0.7, 1.4), censored=share, horizons=horizons),
        )
        for share, horizons in ((0.1, (12.0, 36.0)), (0.3, (12.0, 36.0)), (0.7, (12.0, 36.0)), (0.7, (6.0, 12.0)))
    },
}


def main() -> None:
    """Print the figures of the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=("classes", *PLANTED), default="classes")
    parser.add_argument("--times", type=int, default=2000, help="cohorts of alike arms (default: %(default)s)")
    asked = parser.parse_args()
    print(f"{asked.times} cohorts each; band of 5 %: {[n / asked.times for n in band(0.05, asked.times)]}")
    if asked.target == "classes":
        of_classes(asked.times)
        return
    with patch.object(differences, "FLIPS", FLIPS):
        for title, (alike, apart) in PLANTED[asked.target].items():
            print(f"\n{asked.target} {title}: truth {apart.truth()}", flush=True)
            show(TESTS, ["---"] * len(TESTS))
            for size in SIZES:
                tests(alike, apart, size, asked.times)
            show(("subjects, folds", *apart.metrics), ["---"] * (1 + len(apart.metrics)))
            for size in SIZES:
                intervals(apart, size, asked.times)


def tests(alike: Simulation, apart: Simulation, size: tuple[int, int], times: int) -> None:
    """How often alike arms are called different; planted differences are found, and their limits hold the truth.

    Of an eighth as many cohorts of 500 subjects; planted differences of half as many.
    """
    subjects, folds = size
    times //= 8 if subjects > 120 else 1
    null = compared(replace(alike, subjects=subjects, folds=folds), times, 1)
    planted = compared(replace(apart, subjects=subjects, folds=folds), times // 2, 2)
    for name, of_null in null.items():
        p, found, truth = of_null[..., 3], planted[name][:, 0], apart.truth()[name]
        shares = np.mean(p[:, 0] < 0.05), false_families(p).mean(), np.mean(found[:, 3] < 0.05)
        cells = [f"{100 * value:.1f}" for value in (*shares, found_if_known(found[:, 0]))]
        show((f"{subjects}, {folds}", name, *cells, share(held(found[:, 1:3], truth[0] - truth[1]), times // 2)))


def intervals(simulation: Simulation, size: tuple[int, int], times: int) -> None:
    """How often limits hold the truth; of a quarter as many cohorts, and a sixteenth as many of 500 subjects."""
    subjects, folds = size
    times //= 16 if subjects > 120 else 4
    found = covered_scores(replace(simulation, subjects=subjects, folds=folds), times, 3)
    show((f"{subjects}, {folds}", *(share(of, times) for of in found.values())))


def show(*rows: Sequence[str]) -> None:
    """Print rows of a table as Markdown."""
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def share(of: Held, times: int) -> str:
    """Say how many of the defined intervals hold the truth, and how many are defined where not all are."""
    if of.defined < 0.01 * times:
        return "none"
    seen = "" if of.defined > 0.995 * times else f" (in {of.defined / times:.0%})"
    return f"{100 * of.hits / of.defined:.1f}{seen}"


def of_classes(times: int) -> None:
    """Print the figures of two classes."""
    for subjects, folds, seeds in ((120, 5, 1), (120, 1, 1), (40, 5, 1), (400, 5, 1), (120, 5, 3)):
        arms = 4 if seeds == 1 else 2  # thousands of sign-flip tests take their time
        cohort = Cohort(subjects, folds, seeds=seeds, of_seed=0.5 * (seeds > 1), effects=(1.2,) * arms)
        for name, values in chances(cohort, times, 1).items():
            rate, family = (values[:, 0] < 0.05).mean(), false_families(values).mean()
            pairs = values.shape[1]
            print(f"null {subjects=} {folds=} {seeds=} {name}: {rate:.4f}, any of {pairs} after Holm {family:.4f}")
    for effects in ((1.2, 1.6), (1.2, 2.0), (1.2, 2.4)):
        cohort = Cohort(effects=effects)
        planted = -np.subtract(*cohort.areas()), -np.subtract(*cohort.accuracies())
        found = {name: of[:, 0] for name, of in compared(cohort, times, 2).items()}
        power = {name: ((of[:, 3] < 0.05).mean(), found_if_known(of[:, 0])) for name, of in found.items()}
        print(f"planted AUC +{planted[0]:.3f}, accuracy +{planted[1]:.3f}: found, and if its error were known {power}")
    for subjects, folds in ((120, 5), (120, 1), (40, 5), (24, 1), (400, 5)):
        for effects in ((0.5, 0.2), (1.2, 0.8), (2.3, 1.8)):
            cohort = Cohort(subjects, folds, effects=effects)
            alone, apart = covered_scores(cohort, times, 3), covered_differences(cohort, times, 4)
            shares = [{name: share(hits, times) for name, hits in of.items()} for of in (alone, apart)]
            area = cohort.areas()[0]
            print(f"coverage {subjects=} {folds=} AUC {area:.2f}: score {shares[0]}, difference {shares[1]}")
    cohort = Cohort(seeds=3, of_seed=0.5, effects=(1.2, 0.8))
    joint = {name: share(hits, times) for name, hits in covered_differences(cohort, times, 4).items()}
    print(f"coverage of three seeds: difference {joint}")


if __name__ == "__main__":
    main()
