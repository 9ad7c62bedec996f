"""The baseline that a shipped network starts from, in a file of its own beside the weights."""

from pathlib import Path

import numpy as np

from fusekit.baselines.prior import TablePrior
from fusekit.baselines.shipping import load, save
from fusekit.bundle.format import DESCRIPTION, PRIOR, Description
from fusekit.bundle.schema import PriorJson
from fusekit.disk import checksum_of
from fusekit.errors import DataError


def save_prior(prior: TablePrior | None, folder: Path) -> PriorJson | None:
    """Write a prior's file and return what the description says of it; DataError if its baseline cannot be shipped."""
    if prior is None:
        return None
    save(prior.baseline, folder / PRIOR)
    return {"name": prior.name, "checksum": checksum_of(folder / PRIOR)}


def load_prior(known: Description, folder: Path) -> TablePrior | None:
    """Read the prior that a description names; DataError if its file does not fit, or does not say what it should."""
    path = folder / PRIOR
    if known.prior is None or known.encoding is None:
        return None
    if not path.is_file() or checksum_of(path) != known.prior["checksum"]:
        raise DataError(f"{path} is missing, or was changed or damaged after it was written. Get the bundle again.")
    prior = TablePrior(known.prior["name"], load(path))
    try:
        said = prior.transform(known.encoding.reference())
    except Exception as error:  # whatever a baseline raises at a table that it was not made for
        raise DataError(
            f"{path} does not read the table of {DESCRIPTION} ({type(error).__name__}: {error})."
        ) from error
    if said.shape != (1, len(known.classes)) or not np.isfinite(said).all():
        raise DataError(f"{path} does not give one probability for each of the {len(known.classes)} classes.")
    return prior
