"""A baseline that reads images gets each scan's own, in training, prediction and ablations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.baselines import GradientBoostingComponents
from fusekit.data import Classes, Column
from fusekit.evaluation import Rule, prediction_table
from fusekit.experiment.run.fit.classical import fit_baseline
from fusekit.experiment.run.fit.fitted import Fitted
from fusekit.experiment.setup.gathered import Gathered, Sides, gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet

OPTIONS: dict[str, Any] = {"trees": 8, "rows": 2, "rate": 0.3, "components": 4, "size": 8}


def gathered(baseline: str, **options: Any) -> tuple[Fitted, Gathered, Sides]:
    config = Settings.of(
        {
            "task": "adni-ad",
            "baseline": baseline,
            "folds": 2,
            "image_size": 32,
            "options": {"synthetic": {"subjects": 24}, "baseline": options},
        }
    )
    plan = make_plan(config)
    found = gather(config, plan.task, plan.slices, Quiet())
    clinical = pd.DataFrame({"SAME": 1.0}, index=found.cohort.clinical.index)  # so that images are all there is
    found = replace(found, cohort=replace(found.cohort, columns=(Column("SAME"),), clinical=clinical))
    sides = found.sides(0, 0, 0)
    return fit_baseline(plan, found, sides, Quiet()), found, sides


@pytest.fixture(scope="module")
def components() -> tuple[Fitted, Gathered, Sides]:
    return gathered("gbdt-components", **OPTIONS)


def images_of(found: Gathered, rows: pd.DataFrame) -> list[np.ndarray]:
    """The slices of each scan, written out."""
    return [found.store.images[rows.index[rows["scan"] == scan]] for scan in rows["scan"].unique()]


def by_hand(found: Gathered, train: pd.DataFrame) -> GradientBoostingComponents:
    scans = found.cohort.scans.loc[train["scan"].unique()]
    made = GradientBoostingComponents(**OPTIONS)
    values, labels = found.cohort.clinical.loc[scans.index], scans["label"].to_numpy()
    subjects = scans["subject"].to_numpy()
    made.fit(values, found.cohort.columns, labels, subjects, 0, images=images_of(found, train))
    return made


def test_predictions_are_those_of_each_scans_own_slices(components: tuple[Fitted, Gathered, Sides]) -> None:
    fitted, found, sides = components
    rows = sides.test.sample(frac=1, random_state=0)  # in whatever order
    scans = rows["scan"].unique()
    own = by_hand(found, sides.train).probabilities(found.cohort.clinical.loc[scans], images=images_of(found, rows))
    expected = pd.DataFrame(own, index=scans).loc[rows["scan"]].to_numpy()
    assert (rows["scan"].value_counts() > 1).any()  # a scan has several slices
    np.testing.assert_array_equal(fitted.predict(rows), expected)
    assert np.ptp(expected[:, 1]) > 0.1


def test_ablations_take_the_image_away(components: tuple[Fitted, Gathered, Sides]) -> None:
    fitted, found, sides = components
    rows = sides.test
    table = fitted.explain(rows, pd.DataFrame(), 0.0, Rule(), print)
    assert table is not None
    of = {str(name): own.set_index("subject")["p_1"] for name, own in table.groupby("condition")}
    subjects = (
        Rule()
        .subjects(prediction_table(rows, Classes(("no", "yes")).predict(fitted.predict(rows))))
        .set_index("subject")["p_1"]
    )
    pd.testing.assert_series_equal(of["as-is"], subjects)
    values = found.cohort.clinical.loc[rows["scan"].unique()]
    nothing = [np.zeros_like(image) for image in images_of(found, rows)]
    blank = by_hand(found, sides.train).probabilities(values, images=nothing)[:, 1]
    means = pd.Series(blank, index=found.cohort.scans.loc[values.index, "subject"]).groupby(level=0).mean()
    pd.testing.assert_series_equal(of["image:drop"], means, check_names=False)
    assert not of["image:drop"].equals(of["as-is"])
    assert not of["image:permute"].equals(of["as-is"])
    assert np.ptp(of["both:drop"]) == 0
    assert np.ptp(of["table:drop"]) > 0  # the image is left


def test_one_that_reads_the_table_alone_is_not_asked_without_the_image() -> None:
    fitted, _, sides = gathered("prevalence")
    table = fitted.explain(sides.test, pd.DataFrame(), 0.0, Rule(), print)
    assert table is not None
    wide = table.pivot_table(index="subject", columns="condition", values="p_1")
    assert (wide["image:drop"] == wide["as-is"]).all()
