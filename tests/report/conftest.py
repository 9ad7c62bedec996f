"""What the tests of pictures share: the figures that were drawn, predictions of subjects, evidence, explanations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.data import Classes, Target
from fusekit.evaluation import Rule
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.explanations.folder import Explained

NOTHING = pd.DataFrame()


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


def run_of(**known: Any) -> Any:
    """A run of seed 0 that knows some tables."""
    return SimpleNamespace(**{"seed": 0, "rule": Rule(), "history": NOTHING, "scores": NOTHING, **known})


def evidence_of(
    arms: Mapping[str, Any], classes: tuple[str, ...] = ("CN", "AD"), target: Target | None = None, **rest: Any
) -> Evidence:
    """Evidence of arms, each with its runs (or one run)."""
    runs = {name: own if isinstance(own, list) else [own] for name, own in arms.items()}
    scores = pd.DataFrame({"arm": [], "level": [], "metric": []})
    given: dict[str, Any] = {"synthetic": False, "metrics": {}, "scores": scores, **rest}
    made = tuple(Arm(name, "fusion", frozenset(), tuple(own)) for name, own in runs.items())
    return Evidence(task="t", title="T", target=target or Classes(classes), aggregate="mean", arms=made, **given)


@pytest.fixture
def explained(tmp_path: Path) -> Callable[..., Explained]:
    """Write tables and arrays of an arm "a", by their names without endings."""

    def write(tables: Mapping[str, pd.DataFrame], arrays: Mapping[str, np.ndarray], **rest: Any) -> Explained:
        for path in tmp_path.iterdir():
            path.unlink()
        for name, table in tables.items():
            table.to_csv(tmp_path / f"{name}.csv", index=False)
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        target = rest.pop("target", Classes(("CN", "AD")))
        facts: dict[str, Any] = {"synthetic": False, "plane": "", "injected": True, "groups": target.classes, **rest}
        return Explained(tmp_path, "a", "a", target=target, meaning=target.meaning(1), **facts)

    return write
