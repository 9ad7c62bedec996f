"""What ablations of numbers and times are weighed by, against literal loops, literal resampling and scikit-survival."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sksurv.metrics import concordance_index_ipcw
from sksurv.util import Surv

from fusekit.data.target.follow_up import events_of, labelled, times_of
from fusekit.evaluation.arms.contribution import contribution, missingness, shapley
from fusekit.evaluation.arms.worth import worth_of

RISKS = ["risk", "survival_12", "survival_24"]
CONDITIONS = {"as-is": 1.0, "image:drop": 3.0, "table:drop": 2.0, "both:drop": 0.0, "hidden:0.5": 1.5}


def numbers(subjects: int = 30, folds: int = 2, seed: int = 0) -> pd.DataFrame:
    """What is predicted is the true value with as much noise as a condition says; of none it is a constant."""
    draw = np.random.default_rng(seed)
    tables = []
    for fold in range(folds):
        labels = draw.normal(20, 5, subjects)
        for condition, noise in CONDITIONS.items():
            said = labels + draw.normal(0, noise, subjects) if noise else np.full(subjects, 20.0)
            named = {"fold": fold, "condition": condition, "subject": [f"s{fold}{n:02}" for n in range(subjects)]}
            tables.append(pd.DataFrame({**named, "label": labels, "predicted": said}))
    return pd.concat(tables, ignore_index=True)


def times(subjects: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels with ties of events and none of both, and risks with ties."""
    draw = np.random.default_rng(seed)
    eta = draw.normal(size=subjects)
    died, left = draw.exponential(20 * np.exp(-eta)).round() + 0.5, draw.uniform(5, 40, subjects)
    return labelled(np.minimum(died, left), died <= left), 1 / (
        1 + np.exp(-(eta + draw.normal(size=subjects)).round(1))
    )


def mae(table: pd.DataFrame, condition: str) -> float:
    part = table[table["condition"] == condition]
    return float(np.abs(part["label"] - part["predicted"]).mean())  # folds of one size


def test_numbers_lose_as_much_as_their_error_rises() -> None:
    table = numbers()
    found: Any = contribution(table).set_index("condition")
    for condition in CONDITIONS:
        assert found.loc[condition, "value"] == pytest.approx(mae(table, condition))
        assert found.loc[condition, "drop"] == pytest.approx(mae(table, condition) - mae(table, "as-is"))
    assert 0 < found.loc["image:drop", "low"] < found.loc["image:drop", "drop"] < found.loc["image:drop", "high"]
    shares = shapley(table).set_index("modality")["value"]
    assert shares.sum() == pytest.approx(mae(table, "both:drop") - mae(table, "as-is"))
    alone = (mae(table, "both:drop") - mae(table, "table:drop")) / 2
    assert shares["image"] == pytest.approx(alone + (mae(table, "image:drop") - mae(table, "as-is")) / 2)
    curve = missingness(table)
    assert curve["value"].tolist() == pytest.approx([mae(table, "as-is"), mae(table, "hidden:0.5")])


def test_a_perfect_prediction_of_a_number_has_no_error_and_no_invented_limit() -> None:
    table = numbers().query("condition == 'as-is'")
    line = missingness(table.assign(predicted=table["label"])).iloc[0]
    assert line[["value", "low", "high"]].tolist() == [0, 0, 0]


def test_intervals_of_numbers_are_those_of_paired_differences() -> None:
    """A mean of many differences is normal, and a bootstrap's limits are then those of its standard error."""
    table = numbers(subjects=200, folds=1)
    wide = table.assign(error=(table["label"] - table["predicted"]).abs())
    wide = wide.pivot_table(index="subject", columns="condition", values="error")
    apart = wide["image:drop"] - wide["as-is"]
    found = contribution(table).set_index("condition").loc["image:drop"]
    half = 1.96 * apart.std() / np.sqrt(200)
    assert [found["low"], found["high"]] == pytest.approx([apart.mean() - half, apart.mean() + half], abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_times_are_ranked_as_by_scikit_survival(seed: int) -> None:
    labels, risks = times(seed=seed)
    known = Surv.from_arrays(events_of(labels), times_of(labels))
    expected = concordance_index_ipcw(known, known, risks, tau=24.0, tied_tol=0)[0]
    worth = worth_of(RISKS)
    answers = np.column_stack([risks, 1 - risks, 1 - risks])[None]
    found = worth.values(labels, answers, np.ones((1, len(labels))))
    assert found[0] == pytest.approx(expected, abs=1e-9)
    assert worth.pairs is not None
    assert worth.pairs(labels) == events_of(labels).sum()


def test_a_resample_counts_each_pair_as_often_as_both_are_drawn() -> None:
    labels, risks = times(14)
    drawn = np.random.default_rng(1).integers(0, 3, (5, 14)).astype(float)
    answers = np.stack([np.column_stack([r, 1 - r, 1 - r]) for r in (risks, risks[::-1])])
    found = worth_of(RISKS).values(labels, answers, drawn)
    at, seen = times_of(labels), events_of(labels)
    for times_drawn, value in zip(drawn, found, strict=True):
        won = met = 0.0
        for i in range(14):
            if not seen[i] or at[i] >= 24:
                continue
            followed = 1.0  # Kaplan-Meier of the follow-up, of all subjects, just before
            for end in sorted(at[~seen & (at < at[i])]):
                followed *= 1 - 1 / np.sum(at >= end)
            for j in range(14):
                if at[j] > at[i] or (at[j] == at[i] and not seen[j]):
                    weight = times_drawn[i] * times_drawn[j] / followed**2
                    met += weight
                    won += weight * np.mean([(np.sign(one[i] - one[j]) + 1) / 2 for one in (risks, risks[::-1])])
        assert value == pytest.approx(won / met)


def test_times_have_shares_above_chance_and_paired_limits() -> None:
    labels, risks = times(120)
    draw = np.random.default_rng(0)
    tables = []
    for condition, noise in {"as-is": 0.0, "image:drop": 0.3, "table:drop": 0.2, "both:drop": None}.items():
        said = np.full(120, 0.5) if noise is None else np.clip(risks + draw.normal(0, noise, 120), 0, 1)
        tables.append(pd.DataFrame({"fold": 0, "condition": condition, "subject": [f"s{n:03}" for n in range(120)],
                                    "label": labels, **dict.fromkeys(RISKS[1:], 1 - said), "risk": said}))  # fmt: skip
    table = pd.concat(tables, ignore_index=True)
    found: Any = contribution(table).set_index("condition")
    assert found.loc["both:drop", "value"] == 0.5
    assert (found["low"] <= found["drop"]).all()
    assert (found["drop"] <= found["high"]).all()
    assert shapley(table)["value"].sum() == pytest.approx(found.loc["as-is", "value"] - 0.5)
