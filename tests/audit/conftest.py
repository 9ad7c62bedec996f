"""Cohorts made by hand, with nothing to find in them unless a test plants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from fusekit.audit.case import Case
from fusekit.data import Classes, Cohort, Column, SliceStore, Task
from fusekit.progress import Progress

MakeCase = Callable[..., Case]


class Plain(Task):
    """A task that calls one column leaky."""

    title = "A or B"
    classes: tuple[str, ...] = ("A", "B")

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        raise NotImplementedError

    def reason_to_leave_out(self, column: str) -> str | None:
        return "a criterion of the diagnosis" if column == "MMSE" else None


def make_cohort(
    clinical: Mapping[str, Any] | None = None,
    groups: Mapping[str, Any] | None = None,
    *,
    labels: Any = None,
    subjects: Any = None,
    classes: tuple[str, ...] = ("A", "B"),
    sources: Mapping[str, str] | None = None,
    count: int = 60,
) -> Cohort:
    """A cohort of ``count`` scans, of alternating label and one per subject unless given."""
    index = pd.Index([f"scan{i}" for i in range(count)], name="scan")
    scans = pd.DataFrame(
        {
            "subject": [f"s{i:03}" for i in range(count)] if subjects is None else subjects,
            "image": [Path(f"{i}.nii") for i in range(count)],
            "label": np.arange(count) % len(classes) if labels is None else labels,
            **(groups or {}),
        },
        index=index,
    )
    values = pd.DataFrame(dict(clinical or {}), index=index)
    columns = tuple(
        Column(
            str(name),
            "number" if pd.api.types.is_numeric_dtype(values[name]) else "category",
            source=(sources or {}).get(str(name), ""),
        )
        for name in values
    )
    return Cohort(scans, values, columns, Classes(classes), tuple(groups or ()))


def make_store(volumes: pd.DataFrame, thumbnails: np.ndarray | None = None) -> SliceStore:
    """What the audit looks at of a store."""
    return cast(SliceStore, SimpleNamespace(volumes=volumes, thumbnails=thumbnails))


def make_volumes(scans: pd.Index, **changed: Any) -> pd.DataFrame:
    """Volumes of one scanner, a little apart, all different; ``changed`` replaces columns."""
    rng, count = np.random.default_rng(0), len(scans)
    table = pd.DataFrame(
        {
            "image": "image",
            **dict.fromkeys(("shape_x", "shape_y", "shape_z"), 256),
            **dict.fromkeys(("spacing_x", "spacing_y", "spacing_z"), 1.0),
            "orientation": "RAS",
            "low": rng.normal(100, 5, count),
            "median": rng.normal(400, 20, count),
            "high": rng.normal(900, 50, count),
            "foreground": rng.normal(0.3, 0.02, count),
            "digest": [f"digest{i}" for i in range(count)],
        },
        index=scans,
    )
    return table.assign(**changed)


@pytest.fixture
def case() -> MakeCase:
    """``make_cohort``'s arguments, with ``folds`` and ``store``, to a case."""

    def make(*args: Any, folds: pd.Series | None = None, store: SliceStore | None = None, **kwargs: Any) -> Case:
        return Case(make_cohort(*args, **kwargs), folds, Plain(), store)

    return make
