"""What is planted is found again by literal models of sign and marker, and nothing where nothing is planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.miscmodels.ordinal_model import OrderedModel

from fusekit_planted.people import Strengths, draw_image, draw_people

PLANTED, NULL = Strengths(0.8, 0.5, 0.3), Strengths(0, 0, 0)


def coefficients(strengths: Strengths, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Of sign, marker and their product, with standard errors, from 4,000 people."""
    people = draw_people(1, 4000, strengths)
    inputs = np.column_stack([people["sign"], people["marker"], people["sign"] * people["marker"]])
    if target == "ill":
        fitted = sm.Logit((people["ill"] == "yes").astype(int), sm.add_constant(inputs)).fit(disp=0)
        return fitted.params.to_numpy()[1:], fitted.bse.to_numpy()[1:]
    if target == "score":
        fitted = sm.OLS(people["score"], sm.add_constant(inputs)).fit()
        return fitted.params.to_numpy()[1:] / 4, fitted.bse.to_numpy()[1:] / 4
    if target == "grade":
        order = pd.Series(pd.Categorical(people["grade"], ["low", "middle", "high"], ordered=True))
        fitted = OrderedModel(order, inputs, distr="logit").fit(method="bfgs", disp=0)
        return fitted.params.to_numpy()[:3], fitted.bse.to_numpy()[:3]
    fitted = PHReg(people["months"], inputs, status=(people["seen"] == "yes").astype(int)).fit()
    return fitted.params, fitted.bse


@pytest.mark.parametrize("target", ["ill", "score", "grade", "months"])
@pytest.mark.parametrize("strengths", [PLANTED, NULL], ids=["planted", "null"])
def test_effects_are_what_was_planted(strengths: Strengths, target: str) -> None:
    found, errors = coefficients(strengths, target)
    expected = np.array([strengths.image, strengths.table, strengths.interaction])
    assert (np.abs(found - expected) < 3.5 * errors).all()
    assert (errors < 0.06).all()


def test_about_a_third_is_censored_and_nobody_is_followed_longer() -> None:
    people = draw_people(0, 4000, PLANTED)
    assert 0.25 < (people["seen"] == "no").mean() < 0.45
    assert people["months"].between(0, 60).all()


def test_the_disc_is_the_brighter_the_larger_the_sign() -> None:
    images = [draw_image(np.random.default_rng(3), sign).astype(float) for sign in (-1.0, 1.0)]
    apart = images[1] - images[0]
    inside = apart > 5
    assert apart[inside].mean() == pytest.approx(24, abs=1)
    assert 350 < inside.sum() < 480  # pi * 12^2 is 452, some of it saturated
    assert not apart[~inside].any()
