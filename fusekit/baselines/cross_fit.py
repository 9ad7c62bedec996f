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
from fusekit.baselines.inner_cv import inner_folds, log_loss, subject_weights
from fusekit.data import Column
from fusekit.errors import DataError

#: Rows that are predicted at a time when columns are permuted: enough to be quick, and some 50 MB of a wide table.
ROWS = 20_000


@dataclass(frozen=True)
class CrossFit:
    """What a baseline says about subjects that it was not fitted on."""

    probabilities: np.ndarray  # (n, K) of each scan, by a fit that saw no scan of its subject
    folds: np.ndarray  # (n,), the inner fold that held the scan out
    #: Index column, one column per inner fold: by how much the log loss of the held-out subjects rises, in nats, when
    #: the column says nothing about them. Empty if it was not asked for.
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
    images: Sequence[np.ndarray] | None = None,
) -> CrossFit:
    """Fit a new baseline in each inner fold, and predict the subjects that the fold holds out.

    In-sample predictions of a flexible model are near the labels, and whatever is fitted on top of them would learn to
    trust them; these are as good as those for new subjects.

    The importance of a column of the table (with its categories and its gaps) is Breiman's (Random Forests, 2001): the
    increase of the subject-weighted log loss when the column's cells are permuted between the held-out subjects, mean
    over repeats. All scans of a subject get the cells of one other's, in order: permuted scan by scan, a genotype would
    differ within a subject, and a subject would often get its own back.

    Args:
        make: makes an unfitted baseline.
        values, columns, labels, subjects, seed: as for ``Baseline.fit``; n scans.
        folds: inner folds, at most; fewer if a class has fewer subjects.
        importance_repeats: permutations of each column in each fold; 0 leaves the importance out.
        images: of the scans, for a baseline that reads them.

    Raises:
        DataError: a class has one subject, or a fit refuses the values.
    """
    require_folds(folds)
    labels, subjects = np.asarray(labels), np.asarray(subjects, dtype=object)
    fold = inner_folds(labels, subjects, folds, seed)
    if fold is None:
        count = pd.Series(labels).groupby(subjects).first().value_counts()
        raise DataError(
            f"cross-fitting needs two training subjects of every class, and class {count.idxmin()} has "
            f"{count.min()}. Add subjects, or leave out what is built on a baseline's predictions."
        )
    found = np.zeros((len(labels), int(labels.max()) + 1))
    importance: dict[str, pd.Series] = {}
    scans = _Scans(values, labels, subjects, images, found.shape[1])
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
    classes: np.ndarray  # that it has, ascending


class _Scans(NamedTuple):
    """What is known of n scans."""

    table: pd.DataFrame
    labels: np.ndarray
    subjects: np.ndarray
    images: Sequence[np.ndarray] | None
    classes: int  # K, of all scans

    def some(self, which: np.ndarray) -> _Scans:
        """Those for which ``which`` (n,) is true; their images are not read yet."""
        rows, images = np.flatnonzero(which), self.images
        shown = None if images is None else ReadLater(lambda number: images[int(rows[number])], len(rows))
        return _Scans(self.table.iloc[rows], self.labels[rows], self.subjects[rows], shown, self.classes)

    def predicted(self, fit: _Fit, values: pd.DataFrame, copies: int) -> np.ndarray:
        """Probabilities (copies * n, K) of so many copies of the scans, with other values."""
        found = np.zeros((len(values), self.classes))
        images = None if self.images is None else [*self.images] * copies
        of_classes = (
            1.0 if fit.baseline is None else fit.baseline.probabilities(values, **with_images(fit.baseline, images))
        )
        found[:, fit.classes] = of_classes
        return found


def _fitted(make: Callable[[], Baseline], scans: _Scans, columns: Sequence[Column], seed: int) -> _Fit:
    """Fit on the classes that are there: where a subject changes its class, a part may lack one."""
    classes, numbers = np.unique(scans.labels, return_inverse=True)
    if len(classes) == 1:
        return _Fit(None, classes)
    baseline = make()
    baseline.fit(scans.table, columns, numbers, scans.subjects, seed, **with_images(baseline, scans.images))
    return _Fit(baseline, classes)


def _importance(fit: _Fit, part: _Scans, repeats: int, seed: tuple[int, int]) -> pd.Series:
    """Increase of the log loss by column; permuted copies of the table are stacked, as each call has its price."""
    weights, names = subject_weights(part.subjects), list(part.table.columns)
    as_it_is = log_loss(part.labels, part.predicted(fit, part.table, 1), weights)
    each = max(1, ROWS // (len(part.labels) * repeats))  # columns at a time
    losses = []
    for start in range(0, len(names), each):
        moved = [
            (name, source)
            for name in names[start : start + each]
            for source in _sources(part.subjects, name, repeats, seed)
        ]
        stacked = part.predicted(fit, _stacked(part.table, moved), len(moved))
        losses += [log_loss(part.labels, own, weights) for own in np.split(stacked, len(moved))]
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
