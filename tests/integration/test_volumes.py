"""Whole volumes from a folder to a prediction: three-dimensional items, batches, attention and bundles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.data import Cohort, SliceStore, cut, read
from fusekit.progress import Quiet
from tests.conftest import SMALL_OPTIONS

VOLUME = {"plane": "volume", "depth": "float16", "fit": "pad"}


def _run(out: Path, fusion: str, explain: Literal["none", "fast"]) -> Run:
    return fusekit.run(
        "adni-ad",
        fusion=fusion,
        backbone="mc3_18",
        image_size=16,
        epochs=1,
        batch_size=8,
        options={**SMALL_OPTIONS, "slices": VOLUME},
        explain=explain,
        out=out,
        progress=Quiet(),
    )


@pytest.fixture(scope="module")
def run(_surroundings: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _run(tmp_path_factory.mktemp("volumes") / "rbca", "rbca", explain="none")


def test_a_run_on_volumes_has_one_row_a_scan(run: Run) -> None:
    assert run.predictions["scan"].is_unique
    assert (run.predictions["slice"] == 0).all()
    assert run.bundle.model.description["recipe"]["options"]["injector"]["spatial_dims"] == 3


def test_the_bundle_gives_the_run_s_probabilities_from_the_store_and_from_files(run: Run, small_cohort: Cohort) -> None:
    bundle = fusekit.load(run.folder)
    assert {name: bundle.slices.as_json()[name] for name in VOLUME} == VOLUME
    cohort = small_cohort
    scans = run.predictions["scan"].head(2)
    expected = run.predictions[["p_0", "p_1"]].head(2)
    text = cohort.clinical.loc[scans].astype(object).map(lambda value: "" if pd.isna(value) else str(value))
    predicted = bundle.predict(text.assign(image=cohort.scans.loc[scans, "image"].map(str))).slices
    np.testing.assert_allclose(predicted[["p_0", "p_1"]], expected, atol=1e-5)

    items = np.concatenate([cut(read(path), bundle.slices, 16)[0] for path in cohort.scans.loc[scans, "image"]])
    assert items.shape == (2, 16, 16, 16)
    columns = bundle.encode(cohort.clinical.loc[scans])
    np.testing.assert_allclose(bundle.probabilities(items, columns), expected, atol=1e-5)
    folder = Path(os.environ["FUSEKIT_CACHE"]) / "slices"
    stores = [SliceStore.open(path) for path in folder.glob("slices-*") if path.suffix != ".partial"]
    stored = next(store for store in stores if store.images.ndim == 5)
    assert stored.images.dtype == np.float16
    rows = stored.rows.index[stored.rows["scan"].isin(scans)]
    np.testing.assert_array_equal(np.sort(stored.images[rows][:, 0], axis=0), np.sort(items, axis=0))


def test_image_only_runs_on_the_same_store(run: Run, tmp_path: Path) -> None:
    alone = _run(tmp_path / "image", "image-only", explain="fast")
    assert alone.predictions["scan"].tolist() == run.predictions["scan"].tolist()
    assert not np.allclose(alone.predictions["p_1"], run.predictions["p_1"])
