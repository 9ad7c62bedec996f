"""Differences of scores of different people, and shares of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.evaluation.cohorts.two_cohorts import beside_training, prevalence
from fusekit.evaluation.statistics import wilson


def _row(value: float | None, low: float, high: float, metric: str = "auc") -> dict[str, object]:
    return {"level": "subject", "metric": metric, "value": value, "low": low, "high": high, "rows": 9, "subjects": 9}


def test_newcombes_example() -> None:
    """Newcombe 1998, table II, contrast (a): 56/70 minus 48/80, method 10: 0.2000, 0.0524 to 0.3339."""
    external, internal = (_row(p, *wilson(p, n)) for p, n in ((56 / 70, 70), (48 / 80, 80)))
    row = beside_training([internal], pd.DataFrame([external])).iloc[0]
    assert row["difference"] == pytest.approx(0.2)
    assert (row["low"], row["high"]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_what_the_bundle_does_not_tell_is_not_invented() -> None:
    external = pd.DataFrame([_row(0.8, 0.7, 0.9), _row(0.6, 0.5, 0.7, "brier")])
    table = beside_training([_row(None, 0.1, 0.2)], external)
    assert table["external"].tolist() == [0.8, 0.6]
    assert table[["internal", "difference", "low", "high"]].isna().to_numpy().tolist() == [
        [True] * 4,
        [True] * 4,
    ]
    assert beside_training([], external)["difference"].isna().all()


def test_shares_of_classes() -> None:
    subjects = pd.Series([0, 0, 0, 1], index=list("abcd"))
    table = prevalence(("CN", "AD"), {"CN": 10, "AD": 30}, subjects).set_index("class")
    assert list(table.loc["AD", ["training_share", "share", "subjects"]]) == [0.75, 0.25, 1]
    assert list(table.loc["AD", ["low", "high"]]) == list(wilson(0.25, 4))
    unknown = prevalence(("CN", "AD"), {}, subjects)
    assert np.isnan(unknown["training_share"]).all()
