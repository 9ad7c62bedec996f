"""What a fold's model looks at, written while the model is there: ``RUN/explanations/fold-K/``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from fusekit.errors import attempt
from fusekit.evaluation import Rule
from fusekit.explain.explanations import Explanations
from fusekit.explain.tested import Fold
from fusekit.progress import Progress, Quiet


def explain_fold(
    fold: Fold,
    predictions: pd.DataFrame,
    folder: Path,
    *,
    seed: int,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    template: str | None = None,
    slices: int | None = None,
    asked: int | None = None,
    work: float | None = None,
    failed: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame | None:
    """Write a fold's explanations, and return its ablations.

    Which files there are depends on what the model reads; docs/reference/files.md describes them.

    Args:
        predictions: of these slices, as in predictions.csv.
        folder: to write into; it is made.
        rule: the fold's: how slices become subjects, and what is called.
        template: the task's, if it names one.
        slices: ablated per scan, evenly spread; None: all, so that ``as-is`` is what predictions say. Where the table
            enters the backbone an ablation costs about 30 passes over them, elsewhere 4.
        asked: the class to explain; None: the positive of two, of more that which each slice is called.
        work: forward passes of a slice that all of it may take; None: as many as it takes.
        failed: gets a sentence for each part that cannot be made, and the others are; without it, errors are raised.

    Returns:
        The rows of ablations.csv; None if they failed.
    """
    made = Explanations(fold, predictions, rule, folder, work, asked, template, progress or Quiet())
    model = fold.bundle.model

    if model.reads_image:
        with attempt("maps", failed):
            made.maps()
        with attempt("gates", failed):
            made.gates()
    with attempt("examples", failed):
        made.write_examples()
    if model.reads_clinical:
        with attempt("attributions", failed):
            made.attributions()
        with attempt("what-if answers", failed):
            made.what_if()
    made.facts()
    with attempt("ablations", failed):
        return made.ablations(seed, slices)
    return None
