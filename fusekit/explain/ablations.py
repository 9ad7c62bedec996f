"""What a prediction is worth without a part of its input: the rows of ``ablations.csv``."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fusekit.data import Column, Target
from fusekit.data.target.follow_up import label_columns
from fusekit.evaluation import Rule
from fusekit.evaluation.arms.contribution import AS_IS
from fusekit.progress import Progress, Quiet

#: Images (N, C, H, W), or None where none are read, and clinical values (N rows) -> answers (N, A).
Predict = Callable[[np.ndarray | None, pd.DataFrame], np.ndarray]

#: Shares of the clinical values that are hidden at test time; none are in ``AS_IS``.
HIDDEN = (0.1, 0.3, 0.5, 0.7, 0.9)


class Condition(NamedTuple):
    """One way to take something away; None leaves a modality as it is."""

    name: str
    table: Callable[[np.random.Generator], pd.DataFrame] | None = None
    images: Callable[[np.random.Generator], np.ndarray] | None = None
    drops_image: bool = False  # nothing of it is left
    drops_table: bool = False


def ablate(
    predict: Predict,
    images: np.ndarray | None,
    values: pd.DataFrame,
    rows: pd.DataFrame,
    columns: Sequence[Column],
    *,
    target: Target,
    seed: int,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    grey: Sequence[float] = (0.0,),
    reads_image: bool = True,
    reads_clinical: bool = True,
    single: Collection[str] | None = None,
    hidden: Sequence[float] = HIDDEN,
    permuted: bool = True,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Predict a fold's tested subjects as they are, and without one part of what is known about them at a time.

    Whatever is permuted goes from subject to subject, never from a subject to itself: a subject gets the values (of all
    its scans) or the slices of one other subject of the fold, drawn at random. Nothing is fitted.

    Args:
        predict: the model; called with one line of images and values per row.
        images: (N, C, H, W) or (N, C, S, S, S) of the rows, or (N,) with all slices of each row's scan, (n, C, H, W);
            None if ``reads_image`` is False.
        values: typed clinical values, one line per row.
        rows: N lines, one per slice: subject, scan, fold (one fold), label, and entry if delayed.
        columns: describe ``values``; a block is the table that columns were read from.
        target: what is predicted.
        grey: what an image without content holds everywhere, by channel: the grey level that the model takes for 0.
        reads_image, reads_clinical: what the model reads; it is not run for what cannot change its prediction.
        single: names of the columns to permute one by one; None: all.
        hidden: shares of the values that are hidden at random.
        permuted: whether blocks are permuted too, and not only left out.

    Returns:
        One row per condition and subject: fold, condition, subject, label, entry if delayed, and what is predicted
        (p_0, p_1, ...).
    """
    rows = rows.reset_index(drop=True)
    values = values.reset_index(drop=True)
    images = images if reads_image else None
    source = _Sources(images, values, rows, grey)
    found: dict[str, np.ndarray] = {AS_IS: predict(images, values)}
    conditions = list(_conditions(source, columns, single, hidden, permuted))
    one_block = len({column.block for column in columns}) == 1  # a block that is the whole table is a condition twice
    for condition in (progress or Quiet()).track(conditions, "ablations", len(conditions), "conditions"):
        twin = f"table:{condition.name.rpartition(':')[2]}" if condition.name.startswith("block:") and one_block else ""
        changed_values = condition.table if reads_clinical else None
        changed_images = condition.images if reads_image else None
        if changed_values is None and changed_images is None:
            found[condition.name] = found[AS_IS]
        elif twin in found:
            found[condition.name] = found[twin]
        else:
            draw = np.random.default_rng((seed, zlib.crc32(condition.name.encode())))
            given = values if changed_values is None else changed_values(draw)
            # The very array where it is unchanged: a predictor may know what to make of it.
            shown = images if changed_images is None else changed_images(draw)
            # Where nothing is left to go by, all are one: predicted once, as rounding may depend on the batch.
            left = (reads_image and not condition.drops_image) or (reads_clinical and not condition.drops_table)
            if not left:
                shown, given = None if shown is None else shown[:1], given.iloc[:1]
            found[condition.name] = predict(shown, given)
    return pd.concat([_subjects(rule, rows, name, target.predict(found[name])) for name in found], ignore_index=True)


def _conditions(
    source: _Sources, columns: Sequence[Column], single: Collection[str] | None, hidden: Sequence[float], permuted: bool
) -> Iterator[Condition]:
    every = [column.name for column in columns]
    several = len(source.by_subject) > 1  # a permutation needs another subject
    without = partial(source.without, every)
    yield Condition("table:drop", table=without, drops_table=True)
    if several:
        yield Condition("table:permute", table=partial(source.of_other_tables, every))
    yield Condition("both:drop", table=without, images=source.blank, drops_image=True, drops_table=True)
    for block in dict.fromkeys(column.block for column in columns):
        names = [column.name for column in columns if column.block == block]
        yield Condition(f"block:{block}:drop", table=partial(source.without, names), drops_table=names == every)
        if several and permuted:
            yield Condition(f"block:{block}:permute", table=partial(source.of_other_tables, names))
    for share in hidden:
        yield Condition(f"hidden:{share:g}", table=partial(source.hidden, share))
    for name in every if several else ():
        if single is None or name in single:
            yield Condition(f"column:{name}:permute", table=partial(source.of_other_tables, [name]))
    yield Condition("image:drop", images=source.blank, drops_image=True)
    if several:
        yield Condition("image:permute", images=source.of_others)


def _subjects(rule: Rule, rows: pd.DataFrame, name: str, predicted: pd.DataFrame) -> pd.DataFrame:
    """Join slices and scans; a single line of predictions is everybody's, to the last bit."""
    table, names = rows[["subject", "scan", "fold", *label_columns(rows)]].copy(), list(map(str, predicted))
    table[names] = np.broadcast_to(predicted.to_numpy(), (len(rows), len(names)))
    subjects = rule.subjects(table).assign(condition=name)
    if len(predicted) == 1:
        subjects[names] = np.broadcast_to(rule.subjects(table.head(1))[names], (len(subjects), len(names)))
    return subjects[["fold", "condition", "subject", *label_columns(rows), *names]]


class _Sources:
    """The fold's images and values, and what they are replaced with."""

    def __init__(self, images: np.ndarray | None, values: pd.DataFrame, rows: pd.DataFrame, grey: Sequence[float]):
        self.images, self.values, self.grey = images, values, grey
        self.by_subject: dict[str, np.ndarray] = {
            str(subject): part.to_numpy() for subject, part in rows.groupby("subject").groups.items()
        }
        self._scans = rows["scan"].to_numpy()
        # A row of each of a subject's scans; which of them each of its rows belongs to.
        of = {subject: self._scans[own] for subject, own in self.by_subject.items()}
        self._firsts = {s: own[np.unique(of[s], return_index=True)[1]] for s, own in self.by_subject.items()}
        self._numbers = {subject: pd.factorize(scans)[0] for subject, scans in of.items()}

    def blank(self, _: np.random.Generator) -> np.ndarray:
        """Images without content; one view of one image, as all are alike."""
        assert self.images is not None
        scans = self.images.dtype == object  # all slices of each; of empty ones, one is as many
        items = self.images[0][None, :1] if scans else self.images
        one = np.empty((1, *items.shape[1:]), dtype=np.float32)
        one[:] = np.reshape(self.grey, (-1, *[1] * (items.ndim - (3 if scans else 2))))
        return np.broadcast_to(one, (len(self.images), *items.shape[1:]))

    def of_others(self, draw: np.random.Generator) -> np.ndarray:
        """Another subject's slices, in their order, again from the first where they are fewer."""
        assert self.images is not None
        source = np.empty(len(self.images), dtype=np.int64)
        for subject, donor in self._donors(draw).items():
            own, given = self.by_subject[subject], self.by_subject[donor]
            source[own] = given[np.arange(len(own)) % len(given)]
        changed: np.ndarray = self.images[source]
        return changed

    def without(self, names: list[str], _: np.random.Generator) -> pd.DataFrame:
        """Values of the columns missing."""
        return self._with({name: _nothing(self.values[name]) for name in names})

    def of_other_tables(self, names: list[str], draw: np.random.Generator) -> pd.DataFrame:
        """Another subject's values in the columns, scan by scan."""
        source = np.empty(len(self.values), dtype=np.int64)
        for subject, donor in self._donors(draw).items():
            firsts = self._firsts[donor]
            source[self.by_subject[subject]] = firsts[self._numbers[subject] % len(firsts)]
        return self._with({name: self.values[name].to_numpy()[source] for name in names})

    def hidden(self, share: float, draw: np.random.Generator) -> pd.DataFrame:
        """Each value of each scan missing with a probability, independently of all else."""
        number, scans = pd.factorize(self._scans)
        gone = (draw.random((len(scans), self.values.shape[1])) < share)[number]
        each = zip(self.values.items(), gone.T, strict=True)
        return self._with({name: own.where(~mask, _nothing(own)) for (name, own), mask in each})

    def _with(self, changed: Mapping[Any, Any]) -> pd.DataFrame:
        """Put other columns in place, all at once: one by one, some hundred take pandas a second."""
        return pd.DataFrame({**self.values, **changed}, index=self.values.index)

    def _donors(self, draw: np.random.Generator) -> dict[str, str]:
        """A subject for each subject, never itself, each one once: one random circle through all."""
        order = draw.permutation(np.array(sorted(map(str, self.by_subject)), dtype=object))
        return dict(zip(order, np.roll(order, 1), strict=True))


def _nothing(values: pd.Series) -> pd.Series:
    """As many missing values of the same kind."""
    if not pd.api.types.is_numeric_dtype(values):
        return pd.Series([None] * len(values), index=values.index, dtype=object)
    return pd.Series(np.nan, index=values.index, dtype=float)
