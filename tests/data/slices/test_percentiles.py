"""Percentiles by brackets are those of sorting everything."""

from __future__ import annotations

import numpy as np
import pytest

from fusekit.data.slices.percentiles import as_stored, percentiles_above

PERCENTS = [0, 0.5, 1, 37.3, 50, 99, 99.5, 100]


def _values(kind: str, count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    sampled = np.arange(count) % 61 == 0
    values: np.ndarray = {
        "normal": rng.normal(0, 1, count),
        "integers": rng.integers(0, 900, count),
        "mostly background": np.where(rng.random(count) < 0.6, 0, rng.gamma(2, 100, count)),
        "heavy tail": rng.exponential(1, count) ** 5,
        "two values": rng.integers(0, 2, count) + (np.arange(count) == 0) * -1.0,
        "sorted": np.sort(rng.normal(0, 1, count)),
        "with the period of the sample": np.where(sampled, rng.normal(900, 1, count), rng.random(count)),
    }[kind].astype(np.float32)
    return values


@pytest.mark.parametrize("count", [300, 200_003])
@pytest.mark.parametrize(
    "kind",
    [
        "normal",
        "integers",
        "mostly background",
        "heavy tail",
        "two values",
        "sorted",
        "with the period of the sample",
    ],
)
def test_they_equal_numpys_to_the_last_bit(kind: str, count: int) -> None:
    values = _values(kind, count)
    for threshold in (float(values.min()), float(np.quantile(values, 0.3)) - 1e-3):
        expected = np.percentile(values[values > threshold], PERCENTS)
        np.testing.assert_array_equal(percentiles_above(values, threshold, PERCENTS), expected)


def test_not_everything_is_sorted_unless_the_sample_misled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("everything was sorted")

    monkeypatch.setattr(np, "percentile", refuse)
    percentiles_above(_values("mostly background", 400_001), 0.0, [0.5, 99.5])
    with pytest.raises(AssertionError, match="everything was sorted"):
        percentiles_above(_values("with the period of the sample", 400_001), 0.0, [0.5, 50])


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_turned_and_flipped_arrays_are_looked_at_without_a_copy(turn: tuple[int, ...], flips: tuple[int, ...]) -> None:
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    seen = data.transpose(turn)[tuple(slice(None, None, flip) for flip in flips)]
    np.testing.assert_array_equal(as_stored(seen), np.arange(60))
    assert np.shares_memory(as_stored(seen), data)
    assert sorted(as_stored(data[::2, ::2])) == sorted(data[::2, ::2].ravel())
