"""Nine people made by hand, and what a report knows of two arms that predicted them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import TimeToEvent
from fusekit.data.target.follow_up import labelled
from fusekit.evaluation import Rule
from fusekit.report.evidence import Arm, Evidence

DEATH = TimeToEvent("death", (10.0, 20.0), "months")
#: Nine people of one fold: times, whether death was seen, risks; the first three have the lowest.
TIMES, SEEN = [12.0, 20.0, 25.0, 4.0, 8.0, 25.0, 2.0, 6.0, 9.0], [0, 1, 0, 1, 0, 0, 1, 1, 0]
RISKS = [0.1, 0.15, 0.2, 0.4, 0.45, 0.5, 0.8, 0.85, 0.9]
SUBJECTS = pd.DataFrame(
    {
        "subject": list("abcdefghi"),
        "fold": 0,
        "label": labelled(np.array(TIMES), np.array(SEEN, dtype=bool)),
        "risk": RISKS,
        "survival_10": 1 - np.array(RISKS),
        "survival_20": 0.9 - np.array(RISKS),
    }
)


def evidence(subjects: pd.DataFrame = SUBJECTS) -> Evidence:
    """An arm that ranks by these risks, and one to which all are alike."""
    run: Any = SimpleNamespace(seed=0, subjects=subjects, rule=Rule())
    constant: Any = SimpleNamespace(seed=0, subjects=subjects.assign(risk=0.5), rule=Rule())
    arms = (Arm("ranks", "fusion", frozenset(), (run,)), Arm("alike", "baseline", frozenset(), (constant,)))
    return Evidence("t", "T", DEATH, True, {}, "mean", arms, pd.DataFrame())
