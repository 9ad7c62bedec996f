"""How often tests and intervals are right, in thousands of simulated cohorts: ``docs/explanation/statistics.md``.

Run from the repository's root: ``python -m benchmarks.statistics``.
"""

from __future__ import annotations

import numpy as np

from tests.evaluation.simulate import (
    Cohort,
    band,
    chances,
    covered_differences,
    covered_scores,
    false_families,
)


def main(times: int = 2000) -> None:
    """Print the figures of the documentation."""
    print(f"{times} cohorts each; band of 5 %: {[n / times for n in band(0.05, times)]}")
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
        power = {name: (p < 0.05).mean() for name, p in chances(cohort, times, 2).items()}
        print(f"planted AUC +{planted[0]:.3f}, accuracy +{planted[1]:.3f}: found {power}")
    for subjects, folds in ((120, 5), (120, 1), (40, 5), (24, 1), (400, 5)):
        for effects in ((0.5, 0.2), (1.2, 0.8), (2.3, 1.8)):
            cohort = Cohort(subjects, folds, effects=effects)
            alone, apart = covered_scores(cohort, times, 3), covered_differences(cohort, times, 4)
            shares = [{name: hits / times for name, hits in of.items()} for of in (alone, apart)]
            area = cohort.areas()[0]
            print(f"coverage {subjects=} {folds=} AUC {area:.2f}: score {shares[0]}, difference {shares[1]}")
    cohort = Cohort(seeds=3, of_seed=0.5, effects=(1.2, 0.8))
    joint = {name: hits / times for name, hits in covered_differences(cohort, times, 4).items()}
    print(f"coverage of three seeds: difference {joint}")


if __name__ == "__main__":
    main()
