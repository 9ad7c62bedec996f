"""What the tests of pictures share: the figures that were drawn, and predictions of subjects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures in the order in which they were saved, each once."""
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **kwargs: Any) -> None:
        if not any(self is other for other in kept):
            kept.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def subject_table(subjects: int = 60, folds: int = 3, classes: int = 2, strength: float = 1.0, seed: int = 0) -> Any:
    """One row a subject; scores of each fold lie on a scale of their own, and some are equal."""
    rng = np.random.default_rng(seed)
    labels = np.arange(subjects) % classes
    fold = rng.permutation(subjects) % folds
    logits = rng.normal(size=(subjects, classes)) + strength * np.eye(classes)[labels]
    logits[:, -1] += 2 * fold  # a model that is surer of the last class than the others
    p = np.exp(logits.round(1))
    p /= p.sum(axis=1, keepdims=True)
    table = pd.DataFrame({"subject": [f"s{n:03}" for n in range(subjects)], "fold": fold, "label": labels})
    return table.assign(**{f"p_{k}": p[:, k] for k in range(classes)})
