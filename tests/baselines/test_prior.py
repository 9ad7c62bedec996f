"""How far cross-fitted predictions are trusted, by statsmodels' and literal slopes."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from fusekit.baselines.prior import trust
from fusekit.data import Classes, Number, TimeToEvent
from fusekit.data.target.follow_up import labelled

DRAW = np.random.default_rng(1)
N = 3000


@pytest.mark.parametrize(("too_sure", "expected"), [(1.0, 1.0), (2.5, 0.4), (0.5, 1.0)])
def test_of_classes_it_is_the_calibration_slope_one_at_most(too_sure: float, expected: float) -> None:
    odds = DRAW.normal(0, 1.5, N)
    labels = (DRAW.uniform(size=N) < expit(odds)).astype(int)
    p = expit(too_sure * odds)
    outputs = Classes(("a", "b")).outputs_of(np.stack([1 - p, p], axis=1))
    slope = sm.Logit(labels, outputs[:, [1]] - outputs[:, [0]]).fit(disp=0).params[0]
    found = trust(Classes(("a", "b")), outputs, labels)
    assert found == pytest.approx(min(1, slope), abs=1e-3)
    assert found == pytest.approx(expected, abs=0.1)


def test_of_a_number_it_is_the_slope_of_least_squares() -> None:
    said = DRAW.normal(size=N)
    labels = 50 + 10 * (0.6 * said + DRAW.normal(size=N))
    target = Number("score", mean=50.0, deviation=10.0)
    slope = sm.OLS((labels - 50) / 10, said).fit().params[0]
    assert trust(target, said[:, None], labels) == pytest.approx(slope, abs=1e-4)


@pytest.mark.parametrize(("effect", "too_sure", "expected"), [(1.0, 1.0, 1.0), (1.0, 2.0, 0.5), (0.0, 1.0, 0.05)])
def test_of_times_it_is_a_slope_around_the_mean_hazard(effect: float, too_sure: float, expected: float) -> None:
    """Small hazards of everyone are not what is trusted less: hazards move to their mean, not to one half."""
    sign = DRAW.normal(size=N)
    target = TimeToEvent("death", (10.0,), "", 4, (2.5, 5.0, 7.5, 10.0)).of_prior
    hazards = expit(-3.0 + effect * sign)
    interval = DRAW.geometric(hazards)  # from 1 on
    labels = labelled(np.minimum(interval * 2.5 - 1.25, 10.0), interval <= 4)
    outputs = np.repeat(-3.0 + too_sure * sign[:, None], 4, axis=1)
    assert logit(hazards).mean() == pytest.approx(-3.0, abs=0.1)
    assert trust(target, outputs, labels) == pytest.approx(expected, abs=0.12)
