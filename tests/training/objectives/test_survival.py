"""Losses of times to an event: literal likelihoods, and statsmodels' Cox regression."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from statsmodels.duration.hazard_regression import PHReg

from fusekit.data import TimeToEvent
from fusekit.data.target.follow_up import entries_of, events_of, labelled, summed_hazard, surprise, times_of
from fusekit.training.objectives import Cox, Hazards

LOGITS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def test_hazards_are_the_literal_likelihood() -> None:
    """Gensheimer and Narasimhan: who is censored between two ends survives the share of the interval."""
    passed = [0.4, 1.0, 2.7, 3.0, -0.0, -1.0, -1.25, -3.0]
    h = LOGITS.double().sigmoid().tolist()
    chances = [
        h[0][0],
        h[1][0],
        (1 - h[2][0]) * (1 - h[2][1]) * h[2][2],
        (1 - h[3][0]) * (1 - h[3][1]) * h[3][2],
        1.0,
        1 - h[5][0],
        (1 - h[6][0]) * (1 - h[6][1]) ** 0.25,
        (1 - h[7][0]) * (1 - h[7][1]) * (1 - h[7][2]),
    ]
    found = Hazards().term(LOGITS.double(), torch.tensor(passed))
    assert float(found) == pytest.approx(-np.mean(np.log(chances)))


def test_hazards_in_half_precision_are_summed_in_single() -> None:
    labels = torch.tensor([0.5, -2.0, 2.5, -0.5, 1.0, -3.0, 3.0, 0.1])
    half = Hazards().term(LOGITS.bfloat16(), labels)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, Hazards().term(LOGITS.bfloat16().float(), labels))


def test_hazards_are_best_at_the_shares_of_those_who_reach_an_interval() -> None:
    labels = torch.tensor([0.5, 0.5, -1.0, 1.5, -2.0, -2.0])  # 2 of 6, then 1 of 3
    outputs = torch.full((2,), 1 / 3).logit().requires_grad_()
    (slope,) = torch.autograd.grad(Hazards().term(outputs.expand(6, 2), labels), [outputs])
    torch.testing.assert_close(slope, torch.zeros(2), atol=1e-6, rtol=0)
    for other in (0.2, -0.2):  # it is convex
        assert Hazards().term((outputs + other).expand(6, 2), labels) > Hazards().term(outputs.expand(6, 2), labels)


DRAW = np.random.default_rng(2)
TIED = torch.from_numpy(labelled(DRAW.integers(1, 7, 40) / 2, DRAW.uniform(size=40) < 0.6))


def test_cox_is_efron_s_partial_likelihood_of_statsmodels_per_event() -> None:
    """With many ties, of events and of censored samples."""
    risks = torch.from_numpy(DRAW.normal(size=40)).requires_grad_()
    found = Cox().term(risks[:, None], TIED)
    times, events = times_of(TIED.numpy()), events_of(TIED.numpy())
    model = PHReg(times, np.eye(40), status=events, ties="efron")
    expected = -model.loglike(risks.detach().numpy()) / events.sum()
    assert found.item() == pytest.approx(expected)
    (slope,) = torch.autograd.grad(found, [risks])
    np.testing.assert_allclose(slope, -model.score(risks.detach().numpy()) / events.sum(), atol=1e-8)


def test_cox_counts_ranks_alone_and_not_how_high_all_risks_are() -> None:
    risks = torch.from_numpy(DRAW.normal(size=(40, 1)))
    torch.testing.assert_close(Cox().term(risks + 7, TIED), Cox().term(risks, TIED))
    torch.testing.assert_close(Cox().term(risks, 3 * TIED), Cox().term(risks, TIED))


def test_a_batch_without_an_event_teaches_nothing() -> None:
    risks = torch.randn(5, 1, requires_grad=True)
    loss = Cox().term(risks, -torch.arange(1.0, 6.0))
    (slope,) = torch.autograd.grad(loss, [risks])
    assert loss.item() == 0
    assert not slope.any()


def test_cox_in_half_precision_and_with_large_risks_is_finite() -> None:
    risks = (100 * torch.randn(40, 1, generator=torch.Generator().manual_seed(1))).bfloat16()
    found = Cox().term(risks, TIED)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, Cox().term(risks.float(), TIED))
    assert bool(found.isfinite())


def test_samples_without_the_modality_are_in_no_risk_set() -> None:
    risks, there = torch.from_numpy(DRAW.normal(size=(40, 1))), torch.from_numpy(DRAW.uniform(size=40) < 0.5)
    torch.testing.assert_close(Cox().term(risks, TIED, there), Cox().term(risks[there], TIED[there]))


def test_a_network_that_it_trains_puts_out_one_log_hazard_ratio() -> None:
    plain = TimeToEvent("death", (12.0, 36.0), "months", 3)
    assert Cox().trained(plain).outputs == 1
    assert Cox().trained(plain).unfitted == plain
    assert Hazards().trained(plain) == plain


def test_hazards_of_who_enters_late_are_the_literal_likelihood() -> None:
    """Intervals before the entry do not count; that of the entry counts from there on, of a constant hazard."""
    passed, entered = [2.7, 1.8, 3.0, -2.25, -1.5, -3.0], [1.0, 1.25, 0.5, 0.75, 1.25, 0.0]
    h = LOGITS.double().sigmoid().tolist()
    chances = [
        (1 - h[0][1]) * h[0][2],
        1 - (1 - h[1][1]) ** 0.75,  # both in the second interval, the event at its end
        (1 - h[2][0]) ** 0.5 * (1 - h[2][1]) * h[2][2],
        (1 - h[3][0]) ** 0.25 * (1 - h[3][1]) * (1 - h[3][2]) ** 0.25,
        (1 - h[4][1]) ** 0.25,
        (1 - h[5][0]) * (1 - h[5][1]) * (1 - h[5][2]),
    ]
    labels = torch.tensor([passed, entered]).T
    found = Hazards().term(LOGITS[:6].double(), labels)
    assert float(found) == pytest.approx(-np.mean(np.log(chances)))
    surprised = surprise(labels.numpy().astype(float), LOGITS[:6].double().sigmoid().numpy())
    np.testing.assert_allclose(surprised, -np.log(chances))


def test_hazards_of_late_entries_are_finite_at_the_ends_of_intervals_and_of_outputs() -> None:
    outputs = torch.tensor([[-200.0, -200.0], [200.0, 200.0], [0.0, 0.0]]).requires_grad_()
    labels = torch.tensor([[0.9, 0.3], [1.0, 1.0 - 1e-7], [2.0, 1.0]])
    loss = Hazards().term(outputs, labels)
    (slope,) = torch.autograd.grad(loss, [outputs])
    assert bool(loss.isfinite())
    assert bool(slope.isfinite().all())


LATE = DRAW.integers(0, 4, 40) / 2 * (DRAW.uniform(size=40) < 0.5)
ENTERED = torch.stack([torch.copysign(TIED.abs() + torch.from_numpy(LATE), TIED), torch.from_numpy(LATE)], dim=1)


def test_cox_of_late_entries_is_the_partial_likelihood_of_statsmodels_per_event() -> None:
    risks = torch.from_numpy(DRAW.normal(size=40)).requires_grad_()
    found = Cox().term(risks[:, None], ENTERED)
    times, events = times_of(ENTERED.numpy()), events_of(ENTERED.numpy())
    # statsmodels has who enters at a time at risk then; here, as in R, one is at risk after the entry.
    model = PHReg(times, np.eye(40), status=events, entry=LATE + 1e-9 * (LATE > 0), ties="efron")
    assert found.item() == pytest.approx(-model.loglike(risks.detach().numpy()) / events.sum())
    (slope,) = torch.autograd.grad(found, [risks])
    np.testing.assert_allclose(slope, -model.score(risks.detach().numpy()) / events.sum(), atol=1e-8)


def test_what_is_scaled_and_breslows_hazard_know_the_entry() -> None:
    """Events over the summed ratios of those at risk, by a loop; in intervals of 2."""
    target = TimeToEvent("death", (2.0, 4.0), edges=(2.0, 4.0), intervals=2)
    labels = ENTERED.numpy()
    scaled = target.scaled(labels)
    entries = entries_of(scaled)
    assert entries is not None
    np.testing.assert_allclose(entries, np.minimum(LATE, 4.0) / 2)
    np.testing.assert_allclose(times_of(scaled), np.minimum(times_of(labels), 4.0) / 2)
    ratios, weights = np.exp(DRAW.normal(size=40)), DRAW.uniform(0.5, 1, 40)
    times, expected = times_of(labels), np.zeros(2)
    for row in np.flatnonzero(events_of(labels) & (times <= 4)):
        at_risk = (times >= times[row]) & (times[row] > LATE)
        expected[0 if times[row] <= 2 else 1] += weights[row] / (weights * ratios)[at_risk].sum()
    np.testing.assert_allclose(summed_hazard(scaled, ratios, weights, 2), expected)
