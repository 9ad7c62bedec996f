"""Check a baseline."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from fusekit.baselines import Baseline
from fusekit.baselines.baseline import with_images
from fusekit.data import Column, Number, TimeToEvent
from fusekit.data.target.follow_up import labelled

#: Of a cohort that holds what real ones do: gaps, an empty column, a rare category, subjects with several scans.
_COLUMNS = (
    Column("AGE", unit="years"),
    Column("TAU", unit="pg/mL", low=0),
    Column("SEX", kind="category", categories=("Female", "Male")),
    Column("GENE", kind="category"),
    Column("NEVER"),
)
_SUBJECTS = 40


def check_baseline(build: Callable[[], Baseline], *, classes: int = 2) -> np.ndarray:
    """Fit the baseline that ``build`` makes on invented scans; check and return its probabilities (N, K) of others.

    One that reads images gets them, of one slice or two. One that predicts a number gets numbers, and gives (N, 1);
    one of times to an event gets times of which some are censored, and gives risk and survival at two horizons (N, 3).
    """
    values, labels, subjects = invented(classes)
    targets, make = getattr(build(), "targets", ()), build
    check: Callable[[np.ndarray, int, int], None] = _check_probabilities
    if Number.kind in targets:
        labels, classes, check = labels + values["AGE"].fillna(70).to_numpy() / 10, 1, _check_numbers
    elif TimeToEvent.kind in targets:
        number = np.array([int(subject[1:]) for subject in subjects])
        labels, classes, check = labelled(1.0 + number * 7 % 31, number % 3 > 0), 3, _check_survival

        def make() -> Baseline:
            built = build()
            built.target = TimeToEvent("death", (10.0, 20.0))
            return built

    train = subjects < f"s{_SUBJECTS // 2:02d}"
    given, others = values[train], values[~train]
    baseline = make()
    assert isinstance(baseline, Baseline), f"it is no Baseline but {type(baseline).__name__}"
    before = given.copy(), labels[train].copy()
    images = _images(len(values))
    shown, hidden = [image for image, own in zip(images, train, strict=True) if own], images[train.sum() :]

    def probabilities(values: pd.DataFrame, images: list[np.ndarray] = hidden) -> np.ndarray:
        return np.asarray(baseline.answers(values, **with_images(baseline, images)))

    baseline.fit(given, _COLUMNS, labels[train], subjects[train], 0, **with_images(baseline, shown))
    pd.testing.assert_frame_equal(given, before[0], obj="the values after fit(), which must leave them alone")
    assert np.array_equal(labels[train], before[1]), "fit() changes the labels that it is given"
    found = probabilities(others)
    check(found, len(others), classes)
    assert np.array_equal(found, probabilities(others)), "asked a second time, it gives other probabilities"
    alone = np.concatenate([probabilities(others.iloc[[row]], [hidden[row]]) for row in range(len(others))])
    assert np.allclose(alone, found), "a scan's probabilities depend on the others that are asked about"
    again = make()
    again.fit(given, _COLUMNS, labels[train], subjects[train], 0, **with_images(again, shown))
    baseline = again
    assert np.array_equal(found, probabilities(others)), "fitted again with the same seed, it comes out otherwise"
    if baseline.late_entry:
        baseline, late = make(), np.column_stack([labels[train], np.zeros(train.sum())])
        baseline.fit(given, _COLUMNS, late, subjects[train], 0, **with_images(baseline, shown))
        same = np.allclose(found, probabilities(others))
        assert same, "it sets late_entry, and comes out otherwise where everyone enters at 0"
    strange = others.assign(GENE="never seen", AGE=np.nan, TAU=np.nan, SEX=None)
    check(probabilities(strange), len(others), classes)
    return found


def invented(classes: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Values with gaps (index scan), labels and subjects: 40 subjects, every third with two scans."""
    draw = np.random.default_rng(0)
    subjects = np.array([f"s{s:02d}" for s in range(_SUBJECTS) for _ in range(1 + (s % 3 == 0))], dtype=object)
    labels = np.array([int(subject[1:]) % classes for subject in subjects])
    age, tau = draw.normal(70, 8, len(subjects)), draw.lognormal(4, 0.5, len(subjects)) * (1 + labels)
    age[draw.random(len(subjects)) < 0.2] = np.nan
    tau[draw.random(len(subjects)) < 0.3] = np.nan
    gene = draw.choice(np.array(["e2", "e3", "e4", None], dtype=object), len(subjects))
    values = pd.DataFrame(
        {
            "AGE": age,
            "TAU": tau,
            "SEX": draw.choice(np.array(["Female", "Male"], dtype=object), len(subjects)),
            "GENE": gene,
            "NEVER": np.full(len(subjects), np.nan),
        },
        index=pd.Index([f"scan{row}" for row in range(len(subjects))], name="scan"),
    )
    return values, labels, subjects


def _images(scans: int) -> list[np.ndarray]:
    """Grey levels (slices, 1, 12, 10) of scans, some without any content."""
    draw = np.random.default_rng(1)
    drawn = [draw.integers(0, 256, (1 + scan % 2, 1, 12, 10), dtype=np.uint8) for scan in range(scans)]
    return [image * (scan % 7 > 0) for scan, image in enumerate(drawn)]


def _check_numbers(found: np.ndarray, rows: int, columns: int) -> None:
    assert found.shape == (rows, columns), f"its answers have shape {found.shape}, not {(rows, columns)}"
    assert np.isfinite(found).all(), "a number is not finite where values are missing or new"


def _check_survival(found: np.ndarray, rows: int, columns: int) -> None:
    _check_numbers(found, rows, columns)
    assert ((found >= 0) & (found <= 1)).all(), "a risk or a survival is not between 0 and 1"
    assert (np.diff(found[:, 1:], axis=1) <= 0).all(), "survival rises from one horizon to the next"


def _check_probabilities(found: np.ndarray, rows: int, classes: int) -> None:
    assert found.shape == (rows, classes), f"its probabilities have shape {found.shape}, not {(rows, classes)}"
    assert np.isfinite(found).all(), "a probability is not finite where values are missing or new"
    assert (found >= 0).all(), "a probability is negative"
    assert np.allclose(found.sum(axis=1), 1), "the probabilities of a scan do not sum to one"
