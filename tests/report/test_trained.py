"""What is said of trainings, from histories made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.report.page.verdict import verdict
from fusekit.report.trained import doubts, judged
from tests.report.conftest import evidence_of, run_of

EPOCHS = np.arange(1, 31)
SETTLED = 0.7 * np.exp(-0.3 * EPOCHS) + 0.1
FALLING = 0.7 - 0.01 * EPOCHS


def history(loss: np.ndarray, **more: Any) -> pd.DataFrame:
    """Two folds alike."""
    one = pd.DataFrame({"epoch": np.arange(1, len(loss) + 1), "loss": loss, **more})
    return pd.concat([one.assign(fold=fold) for fold in (0, 1)])


RISES_AND_FALLS = np.where(EPOCHS < 8, 0.5 + 0.04 * EPOCHS, 0.82 - 0.004 * EPOCHS)


@pytest.mark.parametrize(
    ("table", "more", "kind"),
    [
        (history(SETTLED), {}, ""),
        (history(SETTLED), {"steps": 600.0}, ""),
        (history(SETTLED), {"steps": 20.0}, "few"),
        (history(FALLING), {}, "falling"),
        (history(np.linspace(0.70, 0.69, 30)), {}, "unlearned"),
        (history(SETTLED[:1]), {}, ""),  # one epoch says nothing of a loss
        (history(SETTLED[:1]), {"steps": 8.0}, "few"),
        (history(SETTLED, validation_auc=RISES_AND_FALLS), {}, "overfitted"),
        (history(SETTLED, validation_r2=RISES_AND_FALLS), {}, "overfitted"),
        (history(SETTLED, validation_auc=RISES_AND_FALLS), {"selected": True}, ""),  # its best epoch was kept
        (history(SETTLED, validation_auc=0.9 - 0.5 * np.exp(-0.3 * EPOCHS)), {}, ""),
        (history(FALLING, validation_auc=RISES_AND_FALLS), {}, "overfitted"),  # and more steps are no advice
        (history(SETTLED, accuracy=1.0), {"held_out": 0.76}, "by heart"),
        (history(SETTLED, accuracy=1.0), {"held_out": 0.95}, ""),
        (history(SETTLED, accuracy=0.9), {"held_out": 0.76}, ""),
        (pd.DataFrame(columns=["fold", "epoch", "loss", "accuracy"]), {}, ""),
    ],
)
def test_each_kind_of_history_is_known(table: pd.DataFrame, more: dict[str, Any], kind: str) -> None:
    assert judged(table, **more) == kind


def test_the_headline_names_the_arms_and_says_what_to_try() -> None:
    timed = history(SETTLED[:10], seconds=1.0, images_per_second=32.0)  # 10 steps of 32 images a fold
    runs = {name: run_of(history=table, manifest={"config": {"batch_size": 32}}) for name, table in
            {"a": timed, "b": history(FALLING), "c": history(FALLING), "d": pd.DataFrame()}.items()}  # fmt: skip
    evidence = evidence_of(runs)
    assert [(doubt.arms, doubt.briefly) for doubt in doubts(evidence)] == [
        ("a", "had too few training steps"),
        ("b and c", "stopped too early"),
    ]
    answer = verdict(evidence)
    assert answer.call.endswith("But a had too few training steps; b and c stopped too early.")
    assert "training.steps" in answer.sentences[-1]
