"""The weights of slices, and the explanations of a model that joins them, on a cohort with a planted sign."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data.store.scan_rows import ScanRows
from fusekit.evaluation import prediction_table
from fusekit.explain import Fold, explain_fold
from fusekit.explain.slice_weights import heaviest
from fusekit.models import ConcatHead, FusionModel, ImageWidths, MLPEncoder
from fusekit.models.pools.attention import GatedAttention
from fusekit.models.probe import shaken
from fusekit_rbca import RBCAInjector
from tests.explain.conftest import Cohort, Small, bundle_of, encoding_of, fold_of, make_cohort


@pytest.fixture(scope="module", params=["concat", "rbca"])
def pooled(request: pytest.FixtureRequest) -> tuple[Bundle, Cohort, Fold]:
    """Two slices of each scan, one of which is dropped from every third."""
    made = make_cohort(in_image=True, in_table=True)
    kept = np.array([row for row in range(len(made.rows)) if row % 6 != 5])
    rows = made.rows.iloc[kept].reset_index(drop=True).rename_axis("row")
    cohort = Cohort(made.images[kept], made.squares[kept], made.table.iloc[kept], rows)
    torch.manual_seed(0)
    backbone, widths = Small(), ImageWidths(8, 8)
    encoder = MLPEncoder(len(encoding_of(cohort).features), width=16)
    injector = RBCAInjector(backbone.sites, 16) if request.param == "rbca" else None
    pool = GatedAttention(widths, 16, hidden=4)
    head, known = ConcatHead(widths, 16, 2), {"classes": 2}
    model = shaken(FusionModel(backbone, encoder, injector, head, pool=pool, description=known))
    bundle = bundle_of(model, cohort)
    return bundle, cohort, replace(fold_of(bundle, cohort), scans=ScanRows(rows["scan"].tolist()))


@pytest.fixture(scope="module")
def written(pooled: tuple[Bundle, Cohort, Fold], tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle, cohort, fold = pooled
    assert fold.scans is not None
    middle = fold.scans.middle
    said = bundle.probabilities(fold.samples[middle], bundle.encode(cohort.table.iloc[middle]))
    predictions = prediction_table(cohort.rows.iloc[middle], bundle.target.predict(said))
    folder = tmp_path_factory.mktemp("pooled") / "fold-0"
    ablations = explain_fold(fold, predictions, folder, seed=1)
    assert ablations is not None
    ablations.to_csv(folder / "ablations.csv", index=False)
    predictions.to_csv(folder / "predictions.csv", index=False)
    return folder


def test_every_slice_has_the_weight_that_the_model_gives_it(written: Path, pooled: tuple[Bundle, Cohort, Fold]) -> None:
    bundle, cohort, _ = pooled
    table, pool = pd.read_csv(written / "slice_weights.csv"), bundle.model.pool
    assert isinstance(pool, GatedAttention)
    assert table["row"].tolist() == cohort.rows.index.tolist()
    np.testing.assert_allclose(table.groupby("scan")["weight"].sum(), 1, atol=1e-6)
    scan = cohort.rows.index[cohort.rows["scan"] == "s00"]
    columns = torch.from_numpy(bundle.encode(cohort.table.iloc[:1]))
    vectors: list[np.ndarray] = []
    for row in scan:  # slice by slice, without the code that packs scans
        image = bundle.pixels.to_tensor(cohort.images[[row]])[None]
        with torch.no_grad():
            found = bundle.model.output(image, columns).image
        assert found is not None
        vectors.append(found.vector[0].double().numpy())
    v, u, w = (layer.weight.detach().double().numpy() for layer in (pool.content, pool.gate, pool.score))
    scores = [float(w[0] @ (np.tanh(v @ h) / (1 + np.exp(-(u @ h))))) for h in vectors]
    np.testing.assert_allclose(table["weight"][:2], np.exp(scores) / np.exp(scores).sum(), atol=1e-5)


def test_examples_show_the_heaviest_slice(written: Path) -> None:
    weights, examples = (pd.read_csv(written / f"{name}.csv") for name in ("slice_weights", "examples"))
    highest = weights.groupby("scan")["weight"].max()
    own = weights.set_index("row").loc[examples["row"], "weight"]
    np.testing.assert_allclose(own, highest.loc[examples["scan"]])
    maps, images = np.load(written / "grad_cam.npy"), np.load(written / "images.npy")
    assert maps.shape == (len(examples), 24, 24)
    assert images.shape == (len(examples), 1, 24, 24)


def test_nothing_taken_away_is_what_predictions_say(written: Path) -> None:
    predictions, ablations = (pd.read_csv(written / f"{name}.csv") for name in ("predictions", "ablations"))
    whole = ablations[ablations["condition"] == "as-is"].set_index("subject")
    np.testing.assert_allclose(whole.loc[predictions["subject"], "p_1"], predictions["p_1"], atol=1e-6)
    blank = ablations[ablations["condition"] == "both:drop"]
    assert len(set(blank["p_1"])) == 1


def test_attributions_sum_to_what_the_table_changes(written: Path, pooled: tuple[Bundle, Cohort, Fold]) -> None:
    bundle, cohort, fold = pooled
    table = pd.read_csv(written / "attributions.csv").groupby("subject")["attribution"].sum()
    for subject in table.index[:4]:
        row = int(np.flatnonzero(cohort.rows["subject"] == subject)[0])
        image, values = fold.of(pd.Index([row]))
        assert image is not None
        (encoded,) = bundle.encode(values)
        said = bundle.probabilities(np.repeat(image, 2), np.stack([encoded, np.zeros_like(encoded)]))
        odds = np.log(said[:, 1] / said[:, 0])
        assert table[subject] == pytest.approx(odds[0] - odds[1], rel=0.15, abs=0.05)


def test_of_equal_weights_the_middle_one_is_shown() -> None:
    table = pd.DataFrame({"scan": ["a"] * 5 + ["b"] * 2, "slice": [3, 4, 5, 6, 7, 1, 2]}, index=range(10, 17))
    table["weight"] = [0.2] * 5 + [0.4, 0.6]
    assert heaviest(table).to_dict("index") == {"a": {"row": 12, "slice": 5}, "b": {"row": 16, "slice": 2}}
