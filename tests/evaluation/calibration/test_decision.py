"""Net benefit by the definition's own words, on a table made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusekit.evaluation.calibration.decision import net_benefit

LABELS = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
P = np.array([0.9, 0.6, 0.2, 0.7, 0.3, 0.2, 0.1, 0.1, 0.0, 0.0])


def test_net_benefit_by_hand() -> None:
    table = net_benefit(LABELS, P, np.array([0.2, 0.5, 0.8]))
    # Who is as likely as the threshold is treated.
    assert table["model"].tolist() == pytest.approx([3 / 10 - 3 / 10 * (0.2 / 0.8), 2 / 10 - 1 / 10, 1 / 10])
    assert table["all"].tolist() == pytest.approx([0.3 - 0.7 * (0.2 / 0.8), 0.3 - 0.7, 0.3 - 0.7 * (0.8 / 0.2)])
    assert (table["none"] == 0).all()


def test_net_benefit_by_its_definition() -> None:
    # Vickers and Elkin 2006 (Medical Decision Making 26, 565-574): TP / n - FP / n * (t / (1 - t)).
    table = net_benefit(LABELS, P)
    assert len(table) == 99
    for t, model in table[["threshold", "model"]].to_numpy():
        acted = t <= P
        true, false = (acted & (LABELS == 1)).sum(), (acted & (LABELS == 0)).sum()
        assert model == pytest.approx(true / 10 - false / 10 * t / (1 - t))


def test_acting_on_everybody_breaks_even_at_the_prevalence() -> None:
    table = net_benefit(LABELS, P, np.array([0.29, 0.3, 0.31]))
    assert table["all"].iloc[1] == pytest.approx(0)
    assert table["all"].iloc[0] > 0 > table["all"].iloc[2]


def test_the_band_is_that_of_drawn_subjects() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 150)
    p = np.clip(0.5 * labels + rng.random(300) / 2, 0.0, 1.0) * 0.9
    table = net_benefit(labels, p, np.array([0.3, 0.5]), band=True)
    for t, model, low, high in table[["threshold", "model", "low", "high"]].to_numpy():
        acted = p >= t
        rates = acted[labels == 1].mean(), acted[labels == 0].mean()
        odds = t / (1 - t)
        variance = sum(w**2 * r * (1 - r) / 150 for w, r in zip((0.5, 0.5 * odds), rates, strict=True))
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)
        assert low <= model <= high
    assert net_benefit(labels, p, band=True).equals(net_benefit(labels, p, band=True))
    assert net_benefit(labels, p)["model"].equals(net_benefit(labels, p, band=True)["model"])
