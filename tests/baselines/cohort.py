"""An invented cohort for the tests of baselines: rounded numbers, gaps, categories, one scan a subject."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.data import Column

COLUMNS = (
    Column("AGE"),
    Column("TAU"),
    Column("SEX", kind="category", categories=("Female", "Male")),
    Column("GENE", kind="category"),
)


def invented(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Values, labels, subjects (sorted by id)."""
    draw = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    age = draw.normal(70, 5, rows).round(-1) + 3 * labels
    tau = (draw.lognormal(4, 0.5, rows) * (1 + labels)).round(-2)
    tau[draw.random(rows) < 0.3] = np.nan
    values = pd.DataFrame(
        {
            "AGE": age,
            "TAU": tau,
            "SEX": draw.choice(np.array(["Female", "Male"], dtype=object), rows),
            "GENE": draw.choice(np.array(["e2", "e3", "e4", None], dtype=object), rows),
        },
        index=pd.Index([f"scan{row:03d}" for row in range(rows)], name="scan"),
    )
    return values, labels, np.array([f"s{row:03d}" for row in range(rows)], dtype=object)
