"""Intervals of time with a constant hazard in each: where they end, how far people get, and what survival follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def ends_at_quantiles(seen: np.ndarray, last: float, most: int, least: int) -> tuple[float, ...]:
    """Ends of intervals between quantiles of times of events (N,), up to ``last``: ``most``, or as many as differ.

    Where events share their times, as at visits, quantiles coincide: the longest intervals are halved until there are
    ``least``.
    """
    inner = np.quantile(seen, np.arange(1, most) / most, method="inverted_cdf")
    ends = sorted({float(end) for end in inner if 0 < end < last} | {float(last)})
    while len(ends) < least:
        widths = np.diff(ends, prepend=0.0)
        longest = int(widths.argmax())
        ends.insert(longest, ends[longest] - widths[longest] / 2)
    return tuple(ends)


def passed(times: np.ndarray, seen: np.ndarray, ends: Sequence[float]) -> np.ndarray:
    """Intervals that were passed at times (N,) up to the last end, with the share of the last one.

    An event (``seen``) at time 0 is in the first interval.
    """
    own = np.searchsorted(ends, times, side="left")
    begins = np.concatenate([[0.0], ends])[own]
    share = (times - begins) / (np.asarray(ends)[own] - begins)
    return np.asarray(np.where(seen & (times == 0), 1e-6, own + share))


def risk_and_survival(lost: Tensor, ends: Sequence[float], horizons: Sequence[float]) -> Tensor:
    """Logarithms of the chance to pass each interval (B, W) -> risk and survival at the horizons (B, 1 + H).

    The risk is 1 - the area below the curve up to the last end / that end.
    """
    import torch

    edges = np.asarray(ends)
    widths = np.diff(edges, prepend=0)
    share = np.clip((np.asarray(horizons)[None] - (edges - widths)[:, None]) / widths[:, None], 0, 1)
    survival = (lost @ lost.new_tensor(share)).exp()
    after = lost.cumsum(dim=1).exp()
    before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], dim=1)
    # Mean of an exponential curve within an interval; where it is level, (1 - S) / -log S has the limit 1.
    level = lost > -1e-4
    mean = torch.where(level, 1 + lost / 2, torch.expm1(lost) / torch.where(level, -1.0, lost))
    restricted = (before * mean) @ lost.new_tensor(widths)
    return torch.cat([(1 - restricted / ends[-1]).clamp(0, 1)[:, None], survival], dim=1)
