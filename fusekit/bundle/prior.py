"""A baseline in a file of its own beside the description: what a network starts from, or what predicts by itself."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline, with_images
from fusekit.baselines.prior import TablePrior
from fusekit.baselines.shipping import load, name_of, save
from fusekit.bundle.description import Described
from fusekit.bundle.formats import DESCRIPTION, PRIOR, Network
from fusekit.bundle.schema import PriorJson
from fusekit.data import Target
from fusekit.disk import checksum_of
from fusekit.errors import DataError


def save_baseline(baseline: Baseline, path: Path) -> PriorJson:
    """Write its file and return what the description says of it; FusekitError if it cannot be shipped."""
    save(baseline, path)
    return {"name": name_of(baseline), "checksum": checksum_of(path)}


def load_baseline(
    known: Described,
    said: PriorJson,
    path: Path,
    read: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
    *,
    target: Target | None = None,
) -> Baseline:
    """Read the file that a description names; DataError if it does not fit, or does not say what it should.

    ``read`` makes of clinical values what the baseline reads; ``target`` is what it predicts, if not that of the model.
    """
    target = target or known.target
    if not path.is_file() or checksum_of(path) != said["checksum"]:
        raise DataError(f"{path} is missing, or was changed or damaged after it was written. Get the bundle again.")
    baseline, width = load(path), len(target.columns)
    if name_of(baseline) != said["name"]:
        raise DataError(f"{path} holds the baseline {name_of(baseline)}, and {DESCRIPTION} says {said['name']}.")
    if target.kind not in baseline.targets:
        raise DataError(f"{path} predicts {' or '.join(baseline.targets)}, and {DESCRIPTION} {target.kind}.")
    dims = 3 if known.slices.plane == "volume" else 2
    shape = (1, len(known.slices.channels(known.names)), *[known.image_size] * dims)
    nobody = known.encoding.reference() if known.encoding else pd.DataFrame(index=[0])
    try:
        shown = with_images(baseline, [np.zeros(shape, dtype=np.uint8)] if baseline.reads_image else None)
        found = np.asarray(baseline.answers(read(nobody), **shown), dtype=float)
    except Exception as error:  # whatever a baseline raises at a table that it was not made for
        raise DataError(
            f"{path} does not read the table of {DESCRIPTION} ({type(error).__name__}: {error})."
        ) from error
    if found.shape != (1, width) or not np.isfinite(found).all():
        what = f"one probability for each of the {width} classes" if target.classes else target.words
        raise DataError(f"{path} does not give {what}.")
    return baseline


def load_prior(known: Network, folder: Path) -> TablePrior | None:
    """Read the prior of a network; None if it starts from nothing."""
    if known.prior is None:
        return None
    target = known.target.of_prior
    baseline = load_baseline(known, known.prior, folder / PRIOR, target=target)
    if baseline.reads_image:
        raise DataError(f"{folder / PRIOR} holds a baseline that reads images, and a prior reads the table alone.")
    return TablePrior(known.prior["name"], baseline, target)
