"""Networks that are trained alike and averaged: what they predict, ship, explain and resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.bundle.average import AverageBundle
from fusekit.cli.console import averaged_words
from fusekit.disk import read_json
from fusekit.errors import OptionError
from fusekit.experiment.run.fit import network, training
from fusekit.experiment.run.fit.fitted import Fitted
from fusekit.experiment.run.history import History
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.explain.model import Averaged, Predictor
from fusekit.progress import Quiet
from tests.shared import made_once

P = ["p_0", "p_1"]

pytestmark = pytest.mark.usefixtures("_without_report")


def asked(members: int = 3, **changes: Any) -> dict[str, Any]:
    options = {
        "synthetic": {"subjects": 30},
        "columns": {"most": 3, "least": 0.0},
        "prior": {"trees": 20},
        "training": {"members": members},
    }
    small = {"task": "adni-ad", "fusion": "table-first", "backbone": "test_resnet", "epochs": 2, "image_size": 32}
    return {**small, "batch_size": 8, "explain": "none", "options": options, **changes}


@pytest.fixture(scope="module")
def runs(_without_report: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """One network, and three that are averaged."""

    def make(folder: Path) -> None:
        fusekit.run(**asked(1), out=folder / "one", progress=Quiet())
        fusekit.run(**asked(3, explain="fast"), out=folder / "three", progress=Quiet())

    folder = made_once(tmp_path_factory, "members", make)
    return Run(folder / "one"), Run(folder / "three")


def answers_of(run: Run) -> np.ndarray:
    """What each shipped network says of the tested slices (networks, slices, 2)."""
    plan = make_plan(Settings.of(asked()))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    scans = run.predictions["scan"].drop_duplicates()
    rows = gathered.rows.loc[run.predictions["row"]]
    owners = pd.Index(scans).get_indexer(pd.Index(rows["scan"]))
    values, images = gathered.cohort.clinical.loc[scans], gathered.images[rows.index.to_numpy()]
    return np.stack([one.answering(values)(images, owners.tolist()) for one in run.bundle.each])


def test_predictions_are_the_mean_of_the_members_and_the_first_is_the_network_alone(runs: tuple[Run, Run]) -> None:
    one, three = runs
    each = answers_of(three)
    assert len(each) == 3
    np.testing.assert_allclose(three.predictions[P], each.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(one.predictions[P], each[0], rtol=1e-5)
    assert not np.allclose(each[0], each[1], atol=1e-4)
    assert not np.allclose(each[1], each[2], atol=1e-4)
    pd.testing.assert_frame_equal(  # of the first; seconds differ
        one.history.filter(regex="loss"), three.history.filter(regex="loss")
    )


def test_the_average_is_shipped_with_its_rule_and_columns(runs: tuple[Run, Run]) -> None:
    one, three = runs
    bundle = three.bundle
    assert isinstance(bundle, AverageBundle)
    assert averaged_words(bundle).startswith("3 models, trained on the same subjects; ")
    assert averaged_words(bundle).endswith("The average was tested.")
    assert [model.rule for model in bundle.models] == [bundle.rule] * 3
    assert bundle.encoding == one.bundle.encoding
    assert bundle.description == one.bundle.description
    known = three.manifest["evaluation"]["table"]["0"]
    assert known["columns"] == one.manifest["evaluation"]["table"]["0"]["columns"]
    weights = [model.model.prior.weight.item() for model in bundle.models if model.model.prior is not None]
    assert known["prior"]["weight"] == pytest.approx(np.mean(weights))


def test_ablations_are_of_the_average(runs: tuple[Run, Run]) -> None:
    _, three = runs
    facts = read_json(three.folder / "explanations" / "fold-0" / "explanation.json", dict[str, Any])
    assert facts["networks"] == 3
    plan = make_plan(Settings.of(asked()))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    rows = gathered.rows.loc[three.predictions["row"][:6]]
    images, values = gathered.images[rows.index.to_numpy()], gathered.values(rows).reset_index(drop=True)
    whole = Averaged([Predictor(one, images=images) for one in three.bundle.each])
    np.testing.assert_allclose(whole(images, values), three.predictions[P][:6], rtol=1e-5)
    blank = np.zeros_like(images)
    each = [Predictor(one)(blank, values) for one in three.bundle.each]
    np.testing.assert_allclose(whole(blank, values), np.mean(each, axis=0), rtol=1e-6)


def test_an_average_over_folds_holds_every_member(tmp_path: Path) -> None:
    run = fusekit.run(**asked(2, folds=2, ship="folds", fusion="clinical-only", options=flat()), out=tmp_path / "run")
    assert isinstance(run.bundle, AverageBundle)
    assert len(run.bundle.models) == 4
    assert averaged_words(run.bundle).startswith("4 models, 2 of each fold; ")
    assert averaged_words(run.bundle).endswith("The average itself was not tested.")
    plan = make_plan(Settings.of(asked(2, fusion="clinical-only", options=flat())))
    clinical = gather(plan.config, plan.task, plan.slices, Quiet()).cohort.clinical
    for fold in (0, 1):
        tested = run.predictions[run.predictions["fold"] == fold].drop_duplicates("scan")
        said = [one.answering(clinical.loc[tested["scan"]])(None, range(len(tested))) for one in run.bundle.models]
        np.testing.assert_allclose(tested[P], np.mean(said[2 * fold : 2 * fold + 2], axis=0), rtol=1e-5)


def test_members_that_were_finished_are_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, broken, epochs, add = training.train_network, [True], list[int](), History.add

    def breaking(*given: Any, member: int = 0, **rest: Any) -> Fitted:
        if member == 2 and broken:
            raise KeyboardInterrupt
        return train(*given, member=member, **rest)

    def counted(self: History, epoch: int, scores: dict[str, float]) -> None:
        epochs.append(epoch)
        add(self, epoch, scores)

    monkeypatch.setattr(network, "train_network", breaking)
    monkeypatch.setattr(History, "add", counted)
    settings = asked(3, fusion="clinical-only", options=flat(3))
    with pytest.raises(KeyboardInterrupt):
        fusekit.run(**settings, out=tmp_path / "run", progress=Quiet())
    assert epochs == [1, 2]
    broken.clear()
    resumed = fusekit.run(out=tmp_path / "run", resume=True, progress=Quiet())
    assert epochs == [1, 2] * 3
    whole = fusekit.run(**settings, out=tmp_path / "whole", progress=Quiet())
    assert (resumed.folder / "predictions.csv").read_bytes() == (whole.folder / "predictions.csv").read_bytes()


def test_what_a_search_chose_is_trained_by_every_member(tmp_path: Path) -> None:
    settings = asked(2, fusion="clinical-only", options=flat(), search={"lr": (1e-3, 1e-2)}, validation=0.3)
    run = fusekit.run(**settings, out=tmp_path / "run", progress=Quiet())
    choice = run.manifest["evaluation"]["choice"]["0"]
    alone = asked(2, fusion="clinical-only", options=flat(), validation=0.3, **choice)
    again = fusekit.run(**alone, out=tmp_path / "again", progress=Quiet())
    np.testing.assert_allclose(run.predictions[P], again.predictions[P], rtol=1e-6)


def flat(members: int = 2) -> dict[str, Any]:
    return {"synthetic": {"subjects": 30}, "training": {"members": members}}


def test_what_members_do_not_go_with_is_refused() -> None:
    with pytest.raises(OptionError, match=r"training\.members takes 1 network or more, not 0"):
        make_plan(Settings.of(asked(0)))
    with pytest.raises(OptionError, match=r"stacks gbdt on one network: leave training\.members out"):
        make_plan(Settings.of(asked(2, fusion="gbdt-network", options=flat())))
    with pytest.raises(OptionError, match=r"says nothing of training\.members"):
        make_plan(Settings.of(asked(1, search={"training.members": (1, 2)}, validation=0.3)))
