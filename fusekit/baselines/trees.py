"""Boosted trees as arrays: what is left of a fitted model, to predict with and to ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Self

import numpy as np

from fusekit.errors import DataError

#: Words of 32 bits that say which of a column's categories go left.
_WORDS = 8


@dataclass(frozen=True)
class Trees:
    """The trees of a ``HistGradientBoosting...`` estimator, walked by scikit-learn's own code: the same bits.

    The whole estimator would ship with the functions that it prepares its columns with, and a file that names functions
    to call cannot be trusted. Those are not needed: ``GradientBoosting`` prepares the columns.
    """

    start: np.ndarray  # (T,) scores before the first tree: T is 1 for a number or two classes, of more their number
    trees: tuple[Any, ...]  # scikit-learn's TreePredictor, round by round, T in each
    categories: tuple[int, ...]  # of the first columns; the others are numbers

    @classmethod
    def of(cls, model: Any, categories: Sequence[int]) -> Self:
        """Take them from a fitted model whose first columns hold categories 0, 1, ..., so many each, or NaN."""
        return cls(model._baseline_prediction.ravel(), tuple(chain.from_iterable(model._predictors)), tuple(categories))

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        """Probabilities (N, K) of inputs (N, F) float64, with NaN for gaps."""
        from scipy.special import expit
        from sklearn.utils.extmath import softmax

        scores = self.scores(inputs)
        if len(self.start) > 1:
            return np.asarray(softmax(scores, copy=False))
        positive = expit(scores[:, 0])
        return np.stack([1 - positive, positive], axis=1)

    def scores(self, inputs: np.ndarray) -> np.ndarray:
        """Sums (N, T) of what the trees say of inputs (N, F) float64, with NaN for gaps; of a number, the number."""
        known = np.zeros((len(self.categories), _WORDS), dtype=np.uint32)
        for own, count in zip(known, self.categories, strict=True):
            for category in range(count):
                own[category // 32] |= np.uint32(1 << category % 32)
        places = np.zeros(inputs.shape[1], dtype=np.uint32)
        places[: len(known)] = np.arange(len(known))
        scores: np.ndarray = np.zeros((len(inputs), len(self.start)), order="F") + self.start
        for number, tree in enumerate(self.trees):
            scores[:, number % len(self.start)] += tree.predict(inputs, known, places, 1)
        return scores

    def as_arrays(self) -> dict[str, np.ndarray]:
        """All of them in a few arrays, trees one after the other."""
        return {
            "start": self.start,
            "nodes": np.concatenate([tree.nodes for tree in self.trees]),
            "node_counts": np.array([len(tree.nodes) for tree in self.trees]),
            "bitsets": np.concatenate([tree.raw_left_cat_bitsets for tree in self.trees]),
            "bitset_counts": np.array([len(tree.raw_left_cat_bitsets) for tree in self.trees]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], features: int, categories: Sequence[int]) -> Self:
        """The way back, exact, for inputs of so many features.

        scikit-learn's code checks no index: DataError if a tree would be walked in a circle or out of its arrays, or if
        a number is none.
        """
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
        from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

        start, given, bitsets = (np.asarray(arrays[name]) for name in ("start", "nodes", "bitsets"))
        _require(start.dtype == np.float64 and start.ndim == 1 and len(start) > 0 and len(start) != 2, "start")
        _require(bool(np.isfinite(start).all()), "start")
        _require(bitsets.dtype == np.uint32 and bitsets.ndim == 2 and bitsets.shape[1] == _WORDS, "bitsets")
        if given.ndim != 1 or given.dtype.names is None or {*PREDICTOR_RECORD_DTYPE.names} - {*given.dtype.names}:
            raise DataError("the nodes of its trees are not those that this scikit-learn knows.")
        nodes = np.zeros(len(given), dtype=PREDICTOR_RECORD_DTYPE)
        for name in PREDICTOR_RECORD_DTYPE.names:
            nodes[name] = given[name]
            _require(np.array_equal(nodes[name], given[name], equal_nan=True), f"nodes ({name})")  # no number is cut
        ends = [_ends(arrays[f"{of}_counts"], len(all_), of) for of, all_ in (("node", nodes), ("bitset", bitsets))]
        _require(len(ends[0]) == len(ends[1]) and (len(ends[0]) - 1) % len(start) == 0, "node_counts")
        trees = []
        for (first, last), (low, high) in zip(*map(pairwise, ends), strict=True):
            own, left = nodes[first:last].copy(), np.ascontiguousarray(bitsets[low:high])
            _check(own, features, len(categories), len(left))
            trees.append(TreePredictor(own, left, left))  # those of bins are not asked: inputs are no bins
        return cls(start, tuple(trees), tuple(categories))


def _ends(counts: Any, total: int, what: str) -> list[int]:
    counts = np.asarray(counts)
    fine = counts.ndim == 1 and counts.dtype.kind == "i" and (counts >= 0).all() and (counts <= total).all()
    _require(bool(fine) and sum(counts.tolist()) == total, f"{what}_counts")
    return [0, *np.cumsum(counts).tolist()]


def _check(nodes: np.ndarray, features: int, categorical: int, bitsets: int) -> None:
    """Refuse nodes that a walk from the first one to a leaf could leave, or never end in."""
    _require(len(nodes) > 0, "nodes (a tree without any)")
    for flag in ("is_leaf", "is_categorical", "missing_go_to_left"):
        _require(bool((nodes[flag] <= 1).all()), f"nodes ({flag})")
    leaves = nodes["is_leaf"] == 1
    _require(bool(np.isfinite(nodes["value"][leaves]).all()), "nodes (value)")
    inner, place = nodes[~leaves], np.flatnonzero(~leaves)
    for child in ("left", "right"):  # each further on than its parent, so that every walk ends
        _require(bool(((inner[child] > place) & (inner[child] < len(nodes))).all()), f"nodes ({child})")
    feature, by_category = inner["feature_idx"], inner["is_categorical"] == 1
    _require(bool(((feature >= 0) & (feature < features)).all()), "nodes (feature_idx)")
    _require(bool(((feature < categorical) == by_category).all()), "nodes (is_categorical)")
    _require(bool((inner["bitset_idx"][by_category] < bitsets).all()), "nodes (bitset_idx)")
    _require(not np.isnan(inner["num_threshold"][~by_category]).any(), "nodes (num_threshold)")


def _require(fine: bool, what: str) -> None:
    if not fine:
        raise DataError(f"its trees are damaged: {what}. Get the file again.")
