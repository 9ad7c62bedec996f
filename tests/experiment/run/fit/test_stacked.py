"""Boosted trees on a network: what they are fitted on comes from networks that saw none of the subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import logit
from sklearn.metrics import roc_auc_score

import fusekit
from fusekit import Run
from fusekit.baselines import Logistic
from fusekit.data import Classes, Column, assign_folds
from fusekit.errors import DataError, OptionError, UnknownName
from fusekit.evaluation import Rule, prediction_table
from fusekit.experiment.run.fit.fitted import Fitted
from fusekit.experiment.run.fit.network import fit_network
from fusekit.experiment.run.fit.stacked import cross_fit_network, fit_stacked
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup.gathered import Gathered, Sides, gather
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from fusekit.training import Checkpoint

SMALL: dict[str, Any] = {
    "fusion": "gbdt-network",
    "preset": "paper",
    "backbone": "test_resnet",
    "epochs": 10,
    "lr": 3e-3,
    "batch_size": 16,
    "image_size": 32,
    "folds": 1,
}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sixty people, of whom the ill have a bright half of the picture, most of them."""
    folder = tmp_path_factory.mktemp("own")
    written, draw = write_cohort(folder, 60), np.random.default_rng(5)
    for number in range(60):
        pixels = draw.integers(0, 200, (32, 32), dtype=np.uint8)
        pixels[:, 16 * ((number + (draw.random() < 0.15)) % 2) :][:, :16] //= 4
        Image.fromarray(pixels).save(folder / f"p{number:02}.png")
    return str(written)


def plan_of(task: str, **changes: Any) -> Plan:
    return make_plan(Settings.of({"task": task, **SMALL, **changes}))


@pytest.fixture(scope="module")
def known(task: str) -> Gathered:
    """Thirty subjects with two scans each: of one class, as numbers that are 2 apart are."""
    plan = plan_of(task)
    found = gather(plan.config, plan.task, plan.slices, Quiet())
    number = found.cohort.scans["subject"].str[1:].astype(int)
    scans = found.cohort.scans.assign(subject="s" + (number // 4).astype(str) + (number % 2).astype(str))
    cohort = replace(found.cohort, scans=scans)
    assert (cohort.subjects.index.is_unique, len(cohort.subjects)) == (True, 30)
    return replace(found, cohort=cohort, folds=assign_folds(cohort.subjects, 5, 0))


def working(folder: Path) -> Path:
    (folder / CHECKPOINTS).mkdir(parents=True)
    return folder


def test_numbers_are_those_of_a_cross_fit_by_hand(task: str, known: Gathered, tmp_path: Path) -> None:
    sides = known.sides(0, 0.0, 0)
    plan = plan_of(task, options={"stack": {"by": "logistic"}})
    fitted = fit_stacked(plan, known, sides, 0, working(tmp_path / "stack"), Quiet(), lambda *_: None)

    def of_network(name: str, train: pd.DataFrame, asked: pd.DataFrame) -> dict[str, float]:
        """Scan (of one slice) -> log odds, by a network of its own."""
        folder, own = working(tmp_path / name), plan_of(task, fusion="image-only")
        network = fit_network(own, known, Sides(train, asked[:0], asked), 0, folder, Quiet(), lambda *_: None)
        return dict(zip(asked["scan"], logit(network.predict(asked)[:, 1]), strict=True))

    train, test = sides.train, sides.test
    scans = known.cohort.scans.loc[train["scan"]]
    inner = assign_folds(scans.groupby("subject")["label"].first(), 3, 0)
    said: dict[str, float] = {}
    for part in range(3):
        held = train["subject"].map(inner) == part
        said |= of_network(f"without-{part}", train[~held], train[held])
    values, baseline = known.cohort.clinical, Logistic()
    beside = values.loc[scans.index].assign(LOGIT=[said[scan] for scan in scans.index])
    columns = (*known.cohort.columns, Column("LOGIT"))
    baseline.fit(beside, columns, scans["label"].to_numpy(), scans["subject"].to_numpy(), 0)
    of_all = of_network("all", train, test)
    tested = values.loc[test["scan"]].assign(LOGIT=test["scan"].map(of_all).to_numpy())
    predicted = fitted.predict(test)
    np.testing.assert_allclose(predicted, baseline.probabilities(tested), atol=1e-9)
    assert np.ptp(predicted[:, 1]) > 0.1

    ablations = fitted.explain(test, pd.DataFrame(), 0.0, Rule(), print)
    assert ablations is not None
    of = {str(name): own.set_index("subject")["p_1"] for name, own in ablations.groupby("condition")}
    subjects = (
        Rule().subjects(prediction_table(test, Classes(("no", "yes")).predict(predicted))).set_index("subject")["p_1"]
    )
    pd.testing.assert_series_equal(of["as-is"], subjects, atol=1e-6)
    assert np.ptp(of["both:drop"]) == 0
    assert not of["image:permute"].equals(of["as-is"])


class Memorises:
    """Trainings of a network that is sure of the subjects that it was trained on, and guesses those of others."""

    def __init__(self) -> None:
        self.seen: list[tuple[set[str], set[str]]] = []  # trained on, asked about

    def __call__(self, plan: Plan, gathered: Gathered, sides: Sides, *_: Any, **__: Any) -> Fitted:
        trained, draw = set(sides.train["subject"]), np.random.default_rng(len(self.seen))

        def predict(rows: pd.DataFrame) -> np.ndarray:
            self.seen.append((trained, set(rows["subject"])))
            guess = draw.uniform(0.01, 0.99, len(rows))
            second = np.where(rows["subject"].isin(trained), np.where(rows["label"] == 1, 0.99, 0.01), guess)
            return np.stack([1 - second, second], axis=1)

        nothing = dict.fromkeys(("target", "images", "slices", "image_size", "pixels", "task", "encoding"))
        return Fitted(predict, lambda *_: None, cast(Any, SimpleNamespace(**nothing)))


def test_trees_never_read_what_a_network_says_of_its_own_subjects(
    task: str, known: Gathered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that memorises and knows nothing must be worth nothing to the trees."""
    memorises = Memorises()
    monkeypatch.setattr("fusekit.experiment.run.fit.stacked.fit_network", memorises)
    clinical = pd.DataFrame({"SAME": 1.0}, index=known.cohort.clinical.index)
    found = replace(known, cohort=replace(known.cohort, columns=(Column("SAME"),), clinical=clinical))
    sides = found.sides(0, 0.0, 0)
    fitted = fit_stacked(plan_of(task), found, sides, 0, tmp_path, Quiet(), lambda *_: None)
    for trained, asked in memorises.seen:
        assert trained.isdisjoint(asked)
    asked_about = [subject for _, asked in memorises.seen for subject in asked]
    assert sorted(asked_about) == sorted(set(sides.train["subject"]))  # each of them once
    tested = fitted.predict(sides.test)[:, 1]
    prevalence = sides.train.drop_duplicates("subject")["label"].mean()
    assert np.abs(tested - prevalence).max() < 0.25

    # What the same trees make of in-sample log odds: they believe every guess.
    monkeypatch.setattr(
        "fusekit.experiment.run.fit.stacked.cross_fit_network",
        lambda plan, gathered, sides, *_: (
            pd.DataFrame({0: np.where(sides.train["label"] == 1, 4.6, -4.6)}, index=sides.train["scan"])
            .groupby(level=0)
            .first()
        ),
    )
    leaking = fit_stacked(plan_of(task), found, sides, 0, tmp_path, Quiet(), lambda *_: None)
    assert np.abs(leaking.predict(sides.test)[:, 1] - prevalence).max() > 0.4


def test_on_noise_labels_a_network_memorises_and_what_is_stacked_stays_at_chance(task: str, tmp_path: Path) -> None:
    plan = plan_of(task, epochs=25, lr=1e-2)
    found = gather(plan.config, plan.task, plan.slices, Quiet())
    shuffled = np.random.default_rng(1).permutation(found.cohort.scans["label"].to_numpy())
    found = replace(found, cohort=replace(found.cohort, scans=found.cohort.scans.assign(label=shuffled)))
    sides = Sides(found.rows, found.rows[:0], found.rows[:0])
    given = plan, found, sides, None, working(tmp_path / "noise"), Quiet(), lambda *_: None
    said = cross_fit_network(*given)
    labels = found.cohort.scans["label"]
    in_sample = fit_network(*given).predict(sides.train)[:, 1]
    assert roc_auc_score(sides.train["label"], in_sample) > 0.95
    assert 0.3 < roc_auc_score(labels, said.loc[labels.index, 0]) < 0.7


class KilledError(BaseException):
    """What a test kills a run with."""


BRIEF: Mapping[str, Any] = {**SMALL, "epochs": 2, "explain": "none", "progress": Quiet()}


@pytest.fixture(scope="module")
def undisturbed(task: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fusekit.run(task, **BRIEF, out=tmp_path_factory.mktemp("runs") / "undisturbed")


@pytest.mark.parametrize("after", [3, 8])  # in the second inner training, and in the last
def test_a_run_that_is_killed_resumes_and_repeats_no_finished_training(
    task: str, undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    real, saved = Checkpoint.save, list[str]()

    def killed(self: Checkpoint, place: Any) -> None:
        assert self.path is not None
        saved.append(self.path.stem)
        if len(saved) == after:
            raise KilledError
        real(self, place)

    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KilledError):
        fusekit.run(task, **BRIEF, out=tmp_path / "run")
    done = fusekit.run(out=tmp_path / "run", resume=True, progress=Quiet())
    pd.testing.assert_frame_equal(done.predictions, undisturbed.predictions, check_exact=True)
    assert len(saved) == 4 * 2 + 1  # the epoch under way alone was trained twice
    assert saved[after - 1] == saved[after] == ("inner-1" if after == 3 else "training")

    assert done.manifest["kind"] == "fusion"
    assert sorted(done.manifest["reads"]) == ["image", "table"]


def test_any_fusion_takes_a_stack_and_what_does_not_fit_is_refused(task: str) -> None:
    assert plan_of(task, fusion="concat", options={"stack": {"by": "logistic", "folds": 4}}).stack.folds == 4
    assert not plan_of(task, fusion="concat").stack.by
    assert plan_of(task).stack.by == "gbdt"
    assert not plan_of(task, options={"stack": {"by": ""}}).stack.by
    with pytest.raises(OptionError, match="a stack reads the table and the network, and gbdt-components reads the im"):
        plan_of(task, options={"stack": {"by": "gbdt-components"}})
    with pytest.raises(UnknownName, match=r"no baseline is called 'gdbt'; did you mean 'gbdt'"):
        plan_of(task, options={"stack": {"by": "gdbt"}})
    with pytest.raises(OptionError, match=r"--search does not apply to gbdt-network with stack\.by"):
        plan_of(task, search={"lr": [1e-3, 1e-4]})
    with pytest.raises(OptionError, match=r"--search does not apply to concat with stack\.by"):
        plan_of(task, fusion="concat", search={"stack.by": ["", "gbdt"]})


def test_a_class_of_one_subject_is_refused(task: str, known: Gathered, tmp_path: Path) -> None:
    sides = known.sides(0, 0.0, 0)
    ill = sides.train.loc[sides.train["label"] == 1, "subject"].unique()
    train = sides.train[~sides.train["subject"].isin(ill[1:])]
    with pytest.raises(DataError, match="a class has one training subject, and a stack needs two"):
        fit_stacked(plan_of(task), known, sides._replace(train=train), 0, tmp_path, Quiet(), lambda *_: None)
