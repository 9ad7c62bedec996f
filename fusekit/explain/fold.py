"""What a fold's model looks at, written while the model is there: ``RUN/explanations/fold-K/``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pandas as pd

from fusekit.errors import attempt
from fusekit.explain.explanations import Explanations
from fusekit.explain.tested import Fold
from fusekit.progress import Progress, Quiet


def explain_fold(
    fold: Fold,
    predictions: pd.DataFrame,
    folder: Path,
    *,
    seed: int,
    template: str | None = None,
    slices: int | None = None,
    asked: int | None = None,
    failed: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame | None:
    """Write a fold's explanations, and return its ablations.

    Which files there are depends on what the model reads; docs/reference/files.md describes them.

    Args:
        fold: model and tested slices.
        predictions: of these slices, as in predictions.csv.
        folder: to write into; it is made.
        seed: of the ablations' draws.
        template: the task's, if it names one.
        slices: so many of a scan's slices are ablated, evenly spread; None: all, so that ``as-is`` is what predictions
            say. Where the table enters the backbone an ablation costs about 30 passes over them, elsewhere 4. Arms are
            compared on the same number.
        asked: the class to explain; None: the positive of two, of more that which each slice is called.
        failed: gets a sentence for each part that cannot be made, and the others are; without it, errors are raised.
        progress: shows the parts.

    Returns:
        The rows of ablations.csv; None if they failed.
    """
    made = Explanations(fold, predictions, folder, asked, template if fold.oriented else None, progress or Quiet())
    model = fold.bundle.model

    def part(what: str) -> AbstractContextManager[None]:
        return attempt(what, failed) if failed else nullcontext()

    if model.reads_image:
        with part("maps"):
            made.maps()
        with part("gates"):
            made.gates()
    with part("examples"):
        made.write_examples()
    if model.reads_clinical:
        with part("attributions"):
            made.attributions()
        with part("what-if answers"):
            made.what_if()
    made.facts()
    with part("ablations"):
        return made.ablations(seed, slices)
    return None
