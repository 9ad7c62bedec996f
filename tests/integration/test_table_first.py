"""A fusion with a prior and chosen columns, from the command's settings to a shipped model and its explanations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import torch

import fusekit
from fusekit import Run
from fusekit.baselines import GradientBoosting
from fusekit.baselines.cross_fit import cross_fit
from fusekit.data.target.classes import log_odds
from fusekit.errors import DataError, OptionError
from fusekit.evaluation.arms.contribution import AS_IS
from fusekit.experiment.run.fit.table import fit_table
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.explain.attribution import attribute
from fusekit.explain.prior import shares_of
from fusekit.progress import Quiet
from tests.shared import made_once

SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "fusion": "table-first",
    "backbone": "test_resnet",
    "epochs": 2,
    "image_size": 32,
    "batch_size": 8,
    "options": {"synthetic": {"subjects": 40}, "columns": {"most": 3, "least": 0.0}, "prior": {"trees": 20}},
}


@pytest.fixture(scope="module")
def run(_without_report: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    def make(folder: Path) -> None:
        fusekit.run(**SMALL, out=folder / "first", progress=Quiet())

    return Run(made_once(tmp_path_factory, "table-first", make) / "first")


def logs(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.clip(probabilities, 1e-4, 1)), dtype=np.float32)


def patients(run: Run) -> pd.DataFrame:
    """The tested people as a table of text with paths, as a clinic would bring them."""
    plan = make_plan(Settings.of(SMALL))
    cohort = gather(plan.config, plan.task, plan.slices, Quiet()).cohort
    scans = run.predictions["scan"].drop_duplicates()
    text = cohort.clinical.loc[scans].astype(object).map(lambda value: "" if pd.isna(value) else str(value))
    return text.assign(subject=cohort.scans.loc[scans, "subject"], image=cohort.scans.loc[scans, "image"].map(str))


def test_the_shipped_model_gives_the_run_s_numbers_with_its_prior(run: Run) -> None:
    bundle = fusekit.load(run.folder)
    assert bundle.prior is not None
    assert isinstance(bundle.prior.baseline, GradientBoosting)
    people = patients(run).reset_index()
    predicted = bundle.predict(people).slices.set_index(["scan", "slice"])["p_1"]
    expected = run.predictions.set_index(["scan", "slice"])["p_1"]
    np.testing.assert_allclose(predicted.loc[expected.index], expected, atol=1e-6)


def test_training_reads_cross_fitted_predictions_and_testing_those_of_a_fit_on_all(run: Run) -> None:
    plan = make_plan(Settings.of(SMALL))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    rows = gathered.sides(0, 0.0, 0).train
    table = fit_table(plan, gathered, rows, Quiet())
    scans = gathered.cohort.scans.loc[rows["scan"].unique()]
    clinical, labels, subjects = gathered.cohort.clinical.loc[scans.index], scans["label"], scans["subject"]
    given = (clinical, gathered.cohort.columns, labels.to_numpy(), subjects.to_numpy(), 0)
    found = cross_fit(lambda: GradientBoosting(trees=20), *given, importance_repeats=0)
    expected = pd.DataFrame(logs(found.answers), index=scans.index).loc[rows["scan"]]
    np.testing.assert_array_equal(table.inputs[:, -2:], expected)
    said = logs(found.answers)
    slope = (
        sm.Logit(labels.to_numpy(), (said[:, [1]] - said[:, [0]]).astype(float)).fit(disp=0).params[0]
    )  # no intercept
    assert table.trust == pytest.approx(np.clip(slope, 0.05, 1), abs=1e-4)
    whole = GradientBoosting(trees=20)
    whole.fit(*given)
    assert table.prior is not None
    np.testing.assert_array_equal(table.prior.transform(clinical), logs(whole.probabilities(clinical)))
    own = np.log(np.clip(whole.probabilities(clinical), 1e-4, 1))[np.arange(len(labels)), labels]
    held = expected.groupby(level=0).first().loc[scans.index].to_numpy()[np.arange(len(labels)), labels]
    assert own.mean() > held.mean()  # surer of those that it was fitted on, which training must not read


def test_a_prior_that_knows_nothing_hardly_counts_at_first() -> None:
    options = {**SMALL["options"], "synthetic": {"subjects": 80, "table_effect": 0.0}}
    plan = make_plan(Settings.of({**SMALL, "options": options}))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    assert fit_table(plan, gathered, gathered.sides(0, 0.0, 0).train, Quiet()).trust < 0.4


def test_where_no_column_matters_prior_and_image_are_left(tmp_path: Path) -> None:
    """As image-only+gbdt: no encoder, no gates; the whole is shipped, and predicts what the run did."""
    options = {**SMALL["options"], "columns": {"most": 3, "least": 1.0}}
    run = fusekit.run(**{**SMALL, "options": options}, out=tmp_path / "run", progress=Quiet())
    (record,) = run.manifest["evaluation"]["table"].values()
    assert record["columns"] == []
    bundle = run.bundle
    assert (bundle.model.encoder, bundle.model.injector) == (None, None)
    assert bundle.prior is not None
    predicted = bundle.predict(patients(run).reset_index()).slices.set_index(["scan", "slice"])["p_1"]
    expected = run.predictions.set_index(["scan", "slice"])["p_1"]
    np.testing.assert_allclose(predicted.loc[expected.index], expected, atol=1e-6)


def test_a_head_that_reads_columns_gets_one_however_little_it_says() -> None:
    options = {"synthetic": {"subjects": 40}, "columns": {"most": 2, "least": 1.0}}
    plan = make_plan(Settings.of({**SMALL, "fusion": "concat", "options": options}))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    table = fit_table(plan, gathered, gathered.sides(0, 0.0, 0).train, Quiet())
    assert len(table.encoding.columns) == 1
    assert table.reads == tuple(range(len(table.encoding.features)))


def test_the_record_says_what_was_chosen_and_what_the_prior_weighs(run: Run) -> None:
    (record,) = run.manifest["evaluation"]["table"].values()
    names = [one["column"] for one in record["columns"]]
    assert len(set(names)) == 3
    assert all(0 <= one["chosen"] <= one["folds"] for one in record["columns"])
    assert record["prior"]["name"] == "gbdt"
    bundle = run.bundle
    assert bundle.encoding is not None
    assert bundle.model.reads is not None
    read = {bundle.encoding.features[place].removesuffix(" observed").partition("=")[0] for place in bundle.model.reads}
    assert read == set(names)


def test_attributions_are_those_of_network_and_prior_together(run: Run) -> None:
    bundle = run.bundle
    assert bundle.encoding is not None
    people = patients(run).head(4)
    values = bundle.encoding.parse(people.reset_index(drop=True), "the table")
    columns = torch.from_numpy(bundle.encode(values))
    image = torch.rand(4, 1, 32, 32)
    shares = attribute(bundle.model, bundle.encoding, image, columns, prior=shares_of(bundle, values), steps=200)
    nobody = torch.from_numpy(bundle.encode(pd.concat([bundle.encoding.reference()] * 4)))
    with torch.no_grad():
        gain = log_odds(bundle.model(image, columns)) - log_odds(bundle.model(image, nobody))
    np.testing.assert_allclose(shares.sum(axis=1), gain.numpy(), atol=5e-3)


def test_without_a_table_nothing_of_it_is_left_in_the_prior(run: Run) -> None:
    ablations = run.ablations
    assert ablations is not None
    without = ablations[ablations["condition"] == "both:drop"]["p_1"]
    assert without.min() == without.max()  # everybody is nobody
    as_they_are = ablations[ablations["condition"] == AS_IS]["p_1"]
    assert as_they_are.min() < as_they_are.max()


def test_a_prior_that_is_missing_or_another_s_is_refused(run: Run, tmp_path: Path) -> None:
    for change in ("gone", "other"):
        folder = tmp_path / change
        shutil.copytree(run.folder / "bundle", folder)
        if change == "gone":
            (folder / "prior.skops").unlink()
        else:
            (folder / "prior.skops").write_bytes(b"something else")
        with pytest.raises(DataError, match=r"prior\.skops is missing, or was changed or damaged"):
            fusekit.load(folder)


def test_without_a_prior_a_model_needs_its_chosen_columns_alone() -> None:
    options = {"synthetic": {"subjects": 40}, "columns": {"most": 2, "least": 0.0}}
    plan = make_plan(Settings.of({**SMALL, "fusion": "concat", "options": options}))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    table = fit_table(plan, gathered, gathered.sides(0, 0.0, 0).train, Quiet())
    assert len(table.encoding.columns) == 2
    assert table.reads == tuple(range(len(table.encoding.features)))
    assert table.prior is None


def test_a_prior_that_reads_images_is_refused() -> None:
    with pytest.raises(OptionError, match="a prior reads the table alone, and gbdt-components reads the image"):
        make_plan(Settings.of({**SMALL, "fusion": "concat+gbdt-components", "options": {}}))
