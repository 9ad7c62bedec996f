"""Out-of-fold predictions of a baseline within the training subjects, and which columns they need."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline, require_folds, with_images
from fusekit.baselines.images import ReadLater
from fusekit.baselines.inner_cv import inner_folds, subject_weights
from fusekit.data import Classes, Column, Target
from fusekit.data.target.follow_up import labels_table
from fusekit.errors import DataError

#: Rows that are predicted at a time when columns are permuted: enough to be quick, and some 50 MB of a wide table.
ROWS = 20_000


@dataclass(frozen=True)
class CrossFit:
    """What a baseline says about subjects that it was not fitted on."""

    answers: np.ndarray  # (n, A) of each scan, by a fit that saw no scan of its subject: of classes probabilities
    folds: np.ndarray  # (n,), the inner fold that held the scan out
    #: Index column, one column per inner fold: by how much ``Target.surprise`` of the held-out subjects rises, in nats,
    #: when the column says nothing about them. Empty if it was not asked for.
    importance: pd.DataFrame


def cross_fit(
    make: Callable[[], Baseline],
    values: pd.DataFrame,
    columns: Sequence[Column],
    labels: np.ndarray,
    subjects: np.ndarray,
    seed: int,
    *,
    folds: int = 5,
    importance_repeats: int = 3,
    target: Target | None = None,
    images: Sequence[np.ndarray] | None = None,
) -> CrossFit:
    """Fit a new baseline in each inner fold, and predict the subjects that the fold holds out.

    In-sample predictions of a flexible model are near the labels, and whatever is fitted on top of them would learn to
    trust them; these are as good as those for new subjects.

    The importance of a column of the table (with its categories and its gaps) is Breiman's (Random Forests, 2001): the
    increase of the subject-weighted ``Target.surprise``, of classes the log loss, when the column's cells are permuted
    between the held-out subjects, mean over repeats. All scans of a subject get the cells of one other's, in order:
    permuted scan by scan, a genotype would differ within a subject, and a subject would often get its own back.

    Args:
        make: makes an unfitted baseline.
        values, columns, labels, subjects, seed: as for ``Baseline.fit``; n scans.
        folds: inner folds, at most; fewer if a class has fewer subjects.
        importance_repeats: permutations of each column in each fold; 0 leaves the importance out.
        target: what is predicted, fitted on these scans; None: as many classes as there are labels.
        images: of the scans, for a baseline that reads them.

    Raises:
        DataError: a class has one subject, or a fit refuses the values.
    """
    require_folds(folds)
    labels, subjects = np.asarray(labels), np.asarray(subjects, dtype=object)
    target = target or Classes(tuple(map(str, range(int(labels.max()) + 1))))
    of_subject = target.strata(labels_table(subjects, labels))
    strata = labels if target.classes else of_subject.loc[subjects].to_numpy()
    fold = inner_folds(strata, subjects, folds, seed)
    if fold is None:
        count = of_subject.value_counts()
        where = "of every class, and class" if target.classes else "in every part that folds are balanced by, and part"
        raise DataError(
            f"cross-fitting needs two training subjects {where} {count.idxmin()} has {count.min()}. Add subjects, or "
            "leave out what is built on a baseline's predictions."
        )
    found = np.zeros((len(labels), len(target.columns)))
    importance: dict[str, pd.Series] = {}
    scans = _Scans(values, labels, subjects, subject_weights(subjects), images, target)
    for held in range(fold.max() + 1):
        tested = fold == held
        part = scans.some(tested)
        if part.images is not None:
            part = part._replace(images=list(part.images))  # read once: each is predicted many times
        fitted = _fitted(make, scans.some(~tested), columns, seed)
        found[tested] = part.predicted(fitted, part.table, 1)
        if importance_repeats:
            importance[f"fold {held + 1}"] = _importance(fitted, part, importance_repeats, (seed, held))
    names = pd.Index([column.name for column in columns], name="column")
    return CrossFit(found, fold, pd.DataFrame(importance, index=names if importance else names[:0]))


class _Fit(NamedTuple):
    baseline: Baseline | None  # None where the training part has one class
    columns: np.ndarray  # of the answers that it gives: those of its classes, ascending


class _Scans(NamedTuple):
    """What is known of n scans."""

    table: pd.DataFrame
    labels: np.ndarray
    subjects: np.ndarray
    weights: np.ndarray  # so that subjects count alike
    images: Sequence[np.ndarray] | None
    target: Target

    def some(self, which: np.ndarray) -> _Scans:
        """Those for which ``which`` (n,) is true; their images are not read yet."""
        rows, images = np.flatnonzero(which), self.images
        shown = None if images is None else ReadLater(lambda number: images[int(rows[number])], len(rows))
        own = (self.labels[rows], self.subjects[rows], self.weights[rows])  # no subject is in two parts
        return _Scans(self.table.iloc[rows], *own, shown, self.target)

    def predicted(self, fit: _Fit, values: pd.DataFrame, copies: int) -> np.ndarray:
        """Answers (copies * n, A) about so many copies of the scans, with other values."""
        found = np.zeros((len(values), len(self.target.columns)))
        images = None if self.images is None else [*self.images] * copies
        own = fit.baseline
        found[:, fit.columns] = 1.0 if own is None else own.answers(values, **with_images(own, images))
        return found

    def surprise(self, answers: np.ndarray) -> float:
        """Mean over subjects of what answers (n, A) miss the labels by."""
        return float(np.average(self.target.surprise(self.labels, answers), weights=self.weights))


def _fitted(make: Callable[[], Baseline], scans: _Scans, columns: Sequence[Column], seed: int) -> _Fit:
    """Fit on the classes that are there: where a subject changes its class, a part may lack one."""
    labels, places = scans.labels, np.arange(len(scans.target.columns))
    if scans.target.classes:
        places, labels = np.unique(labels, return_inverse=True)
        if len(places) == 1:
            return _Fit(None, places)
    baseline = make()
    baseline.target = scans.target
    baseline.fit(scans.table, columns, labels, scans.subjects, seed, **with_images(baseline, scans.images))
    return _Fit(baseline, places)


def _importance(fit: _Fit, part: _Scans, repeats: int, seed: tuple[int, int]) -> pd.Series:
    """Increase of the surprise by column; permuted copies of the table are stacked, as each call has its price."""
    names = list(part.table.columns)
    as_it_is = part.surprise(part.predicted(fit, part.table, 1))
    each = max(1, ROWS // (len(part.labels) * repeats))  # columns at a time
    losses = []
    for start in range(0, len(names), each):
        moved = [
            (name, source)
            for name in names[start : start + each]
            for source in _sources(part.subjects, name, repeats, seed)
        ]
        stacked = part.predicted(fit, _stacked(part.table, moved), len(moved))
        losses += [part.surprise(own) for own in np.split(stacked, len(moved))]
    means = np.reshape(losses, (len(names), repeats)).mean(axis=1)
    return pd.Series(means - as_it_is, index=names)


def _stacked(values: pd.DataFrame, moved: Sequence[tuple[str, np.ndarray]]) -> pd.DataFrame:
    """One copy of the table below the other, each with one column's cells from other rows."""
    copies = len(moved)
    cells = {name: np.tile(own.to_numpy(), copies).reshape(copies, -1) for name, own in values.items()}
    for copy, (name, source) in enumerate(moved):
        cells[name][copy] = cells[name][copy][source]
    index = pd.Index(np.tile(values.index.to_numpy(), copies), name=values.index.name)
    return pd.DataFrame({name: own.ravel() for name, own in cells.items()}, index=index)


def _sources(subjects: np.ndarray, name: str, repeats: int, seed: tuple[int, int]) -> Iterator[np.ndarray]:
    """From which scan each scan (n,) gets its cell. A column's draws do not depend on which others there are."""
    draw = np.random.default_rng((*seed, zlib.crc32(name.encode())))
    _, of_scan, counts = np.unique(subjects.astype(str), return_inverse=True, return_counts=True)
    by_subject, starts = np.argsort(of_scan, kind="stable"), np.cumsum(counts) - counts
    turn = np.empty(len(subjects), dtype=np.int64)  # of a scan among its subject's
    turn[by_subject] = np.arange(len(subjects)) - starts[of_scan[by_subject]]
    for _ in range(repeats):
        donor = draw.permutation(len(counts))[of_scan]
        yield by_subject[starts[donor] + turn % counts[donor]]
