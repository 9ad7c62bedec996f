"""The null model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.baselines import Prevalence


def test_everybody_gets_the_training_subjects_shares() -> None:
    ours = Prevalence()
    subjects = np.array(["a", "b", "b", "b", "c", "d"], dtype=object)
    ours.fit(pd.DataFrame(index=subjects), (), np.array([0, 1, 1, 1, 0, 2]), subjects, 0)
    found = ours.probabilities(pd.DataFrame(index=["x", "y"]))
    assert found == pytest.approx(np.array([[0.5, 0.25, 0.25]] * 2))  # subjects, not scans
