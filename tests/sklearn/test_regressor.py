"""Numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from fusekit.errors import DataError
from fusekit.sklearn import FuseKitRegressor


def test_a_planted_slope_is_found_in_the_unit_of_y() -> None:
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(120, 2)), columns=["a", "b"])
    y = pd.Series(300 + 50 * X["a"] + draw.normal(size=120), name="volume")
    fitted = FuseKitRegressor(
        image=None, image_size=32, fusion="clinical-only", epochs=40, lr=0.02, device="cpu", random_state=1
    ).fit(X[:80], y[:80])
    line = LinearRegression().fit(X[:80], y[:80]).predict(X[80:])
    said = fitted.predict(X[80:])
    assert np.corrcoef(said, line)[0, 1] > 0.9
    assert abs(said.mean() - line.mean()) < 15
    assert fitted.score(X[80:], y[80:]) > 0.7
    assert fitted.bundle_.target.title == "volume"


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_a_y_of_text_is_refused_with_what_to_take(kind: type) -> None:
    X = pd.DataFrame({"a": range(4)})
    with pytest.raises(DataError, match=r"y holds text, such as 'low' at position 0, .*FuseKitClassifier"):
        FuseKitRegressor(image=None, baseline="ridge").fit(X, kind(["low", "high", "low", "high"]))
