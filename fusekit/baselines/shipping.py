"""A fitted baseline as one file, which may come from anywhere: numbers and a few known types, and no code."""

from __future__ import annotations

import json
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline
from fusekit.baselines.skops_file import CONTENT_KINDS, LARGEST, canonical, check
from fusekit.disk import OPEN, read_named, write_bytes
from fusekit.disk.schema import parse_json
from fusekit.errors import DataError, FusekitError, UnknownName
from fusekit.extension import catalog


@with_config(OPEN)
class _Description(TypedDict):
    format: Literal[1]
    baseline: str  # as it is registered
    versions: dict[str, str]
    state: dict[str, Any]  # what of it is plain


def save(baseline: Baseline, path: Path) -> None:
    """Write a fitted baseline to a file, whole or not at all; the same baseline gives the same bytes.

    Raises:
        FusekitError: it cannot be shipped: it does not say what it consists of, or holds other types, or is not
            registered under a name.
        OSError: the file cannot be written.
    """
    import skops.io

    state = baseline.shipped()
    parts = {name: value for name, value in state.items() if not _is_plain(value)}
    description: _Description = {
        "format": 1,
        "baseline": name_of(baseline),
        "versions": {name: version(name) for name in ("fusekit", "scikit-learn", "skops")},
        "state": {name: value for name, value in state.items() if name not in parts},
    }
    try:
        text = json.dumps(description, allow_nan=False)
        content = canonical(skops.io.dumps({"description": text, "parts": parts}))
        check(content)
    except (DataError, TypeError, ValueError) as error:
        raise FusekitError(
            f"{type(baseline).__name__} cannot be shipped: {error} Baseline.shipped gives {CONTENT_KINDS}."
        ) from error
    write_bytes(path, content)


def load(path: Path) -> Baseline:
    """Read a baseline that ``save`` wrote: it predicts the same to the last bit, and is not fitted again.

    Warns where it was saved with another version of scikit-learn.

    Raises:
        DataError: the file is none of these, damaged, too large, or holds a type that is not listed.
        UnknownName: no plugin registers the baseline.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    content = read_named(path, LARGEST + 1)
    other = ""
    try:
        check(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # it is said below
            found = skops.io.loads(content)
        known = parse_json(found["description"], _Description, "its description")
        saved, here = known["versions"].get("scikit-learn", "an unknown version"), version("scikit-learn")
        if saved != here:
            other = f" It was saved with scikit-learn {saved}, and this is {here}."
        restored = _class(known["baseline"]).restored({**known["state"], **found["parts"]})
    except UnknownName as error:
        raise UnknownName(f"{path}: {error}") from error
    except FusekitError as error:
        raise DataError(f"{path}: {error}{other}") from error
    except Exception as error:  # whatever a library raises at content that it was not made for
        raise DataError(f"{path} is no baseline, or a damaged one ({type(error).__name__}: {error}).{other}") from error
    if other:
        warnings.warn(f"{path}:{other} Probabilities may differ in their last digits.", stacklevel=2)
    return restored


def name_of(baseline: Baseline) -> str:
    """The name under which its class is registered; FusekitError if no plugin registers it."""
    known = catalog().baselines
    for name in known.names():
        if known.get(name) is type(baseline):
            return name
    raise FusekitError(
        f"{type(baseline).__name__} cannot be shipped: no plugin registers the class as a baseline, so that a file "
        "could not name it."
    )


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int | float | list | tuple | dict)


def _class(name: str) -> type[Baseline]:
    found = catalog().baselines.get(name)
    if not (isinstance(found, type) and issubclass(found, Baseline)):
        raise DataError(f"the baseline {name!r} is not registered as a class, and cannot be restored.")
    return found
