"""What each clinical column adds to what a baseline says: Shapley values, by permutations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from fusekit.baselines.prior import TablePrior
from fusekit.bundle.bundle import Bundle
from fusekit.data import ClinicalEncoding

#: Orders in which columns are brought in, each followed by its reverse. Of a prior that adds columns up, one is exact.
ORDERS = 2


def prior_shares(prior: TablePrior, encoding: ClinicalEncoding, values: pd.DataFrame, *, seed: int = 0) -> np.ndarray:
    """Share the prior's log probabilities of N patients between the columns: (N, columns, K).

    A patient's shares sum to what the prior says of the patient minus what it says of the encoding's ``reference``,
    exactly; between the columns they are Shapley values over ``2 * ORDERS`` random orders (Strumbelj and Kononenko
    2014, antithetic).

    Args:
        encoding: its columns are the table's, in this order.
        values: typed values, N lines.
    """
    return shapley(prior.transform, encoding, values, seed=seed)


def shapley(
    says: Callable[[pd.DataFrame], np.ndarray],
    encoding: ClinicalEncoding,
    values: pd.DataFrame,
    *,
    seed: int = 0,
    orders: int = ORDERS,
) -> np.ndarray:
    """``prior_shares`` of anything that is said of tables: ``says`` gives W numbers (n, W) of n lines of values.

    Returns (N, columns, W). Where each number is a sum over columns, as the log odds of ``logistic`` of two classes,
    one order is exact.
    """
    names, count = [column.name for column in encoding.columns], len(values)
    values, empty = values[names].reset_index(drop=True), encoding.reference()
    draw = np.random.default_rng(seed)
    gains = []
    for _ in range(orders):
        order = draw.permutation(len(names))
        gains += [_gains(says, values, empty, one) for one in (order, order[::-1])]
    return np.mean(gains, axis=0).reshape(count, len(names), -1)  # type: ignore[no-any-return]


def shares_of(bundle: Bundle, values: pd.DataFrame) -> np.ndarray | None:
    """``prior_shares`` of a bundle; None if it has no prior."""
    if bundle.prior is None or bundle.encoding is None:
        return None
    return prior_shares(bundle.prior, bundle.encoding, values)


def _gains(
    says: Callable[[pd.DataFrame], np.ndarray], values: pd.DataFrame, empty: pd.DataFrame, order: np.ndarray
) -> np.ndarray:
    """What each column adds (N * columns, K) when it comes in after those before it in the order."""
    count, width = values.shape
    place = np.argsort(order)  # of each column in the order
    step = np.tile(np.arange(width + 1), count)  # so many columns of the order are the patient's
    owner = np.repeat(np.arange(count), width + 1)
    table = {}
    for number, name in enumerate(values.columns):
        own, other = values[name].to_numpy()[owner], empty[name].to_numpy()[0]
        table[name] = np.where(step > place[number], own, other)
    said = says(pd.DataFrame(table)).astype(np.float64).reshape(count, width + 1, -1)
    return np.diff(said, axis=1)[:, place].reshape(count * width, -1)
